#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Answers every vector of tests/cases/*.case with corong-cases and compares; where the peers' own files are
at hand (../shared/cases), those too. Usage: run.py BIN_FOLDER"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
OURS = ["ours.case", "clickhouse_strict_once.case", "clickhouse.case", "doris.case", "starrocks.case",
        "posthog.case", "pinot.case"]
PEERS = HERE.parent.parent.parent / "shared" / "cases"


def parse_step(words):
    choices = [word.strip() for word in words.split(" or ")]
    steps = [json.loads(choice) if choice.startswith("{") else {"event": choice} for choice in choices]
    return steps[0] if len(steps) == 1 else {"any_of": steps}


def take_word(text):
    """The first word, or text in double quotes, and what follows."""
    if not text.startswith('"'):
        word, _, rest = text.partition(" ")
        return word, rest
    word, end = json.JSONDecoder().raw_decode(text)
    return word, text[end:].lstrip()


def parse_event(text):
    user, rest = take_word(text)
    time, rest = take_word(rest)
    name, props = take_word(rest)
    return {"user": user, "ts_ms": int(time), "event": name, "props": json.loads(props) if props else {}}


# Keys of a funnel that are JSON.
FUNNEL_KEYS = {"breakdown", "viz", "interval", "from_step", "to_step", "bin_count", "aggregate_by", "filter",
               "date_from_ms", "date_to_ms", "tie_window_ms", "correlate_by", "duration_functions",
               "max_step_duration_ms"}


def parse_line(case, key, rest):
    funnel, expected = case["funnel"], case["expected"]
    if key in ("note", "origin"):
        case[key] = rest
    elif key == "window":
        funnel["window_ms"] = None if rest == "none" else int(rest.removesuffix(" ms"))
    elif key in FUNNEL_KEYS:
        funnel[key] = json.loads(rest)
    elif key == "exclude":
        funnel["exclusions"].append(json.loads(rest))
    elif key == "figure":
        name, _, value = rest.partition(" ")
        expected[name] = json.loads(value)
    elif key in ("ties", "function", "pattern", "order"):
        funnel[key] = rest
    elif key == "mode":
        funnel["mode"] = rest.split()
    elif key == "step":
        funnel["steps"].append(parse_step(rest))
    elif key == "event":
        case["events"].append(parse_event(rest))
    elif key == "expect":
        user, level, *times = rest.split()
        expected.setdefault("levels_by_user", {})[user] = int(level)
        if times or int(level) == 0 and "timed" in case:
            expected.setdefault("matched_ts_by_user", {})[user] = [int(time) for time in times]
    elif key in ("match", "count"):
        user, number = rest.split()
        expected.setdefault(f"{key}_by_user", {})[user] = int(number)
    elif key == "longest":
        user, *times = rest.split()
        expected.setdefault("match_ts_by_user", {})[user] = [int(time) for time in times]
    elif key == "reached":
        expected["step_counts"] = [int(count) for count in rest.split()]
    else:
        raise ValueError(f"unknown key '{key}'")


def read_cases(path):
    """The .case form: 'peer: NAME' first, where they are not our rules; 'case ID' starts a vector; then 'key: value'
    lines; '#' comments. Returns the peer and the vectors."""
    cases, peer = [], "ours"
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("case "):
            cases.append({"id": line[5:], "events": [], "expected": {},
                          "funnel": {"function": "funnel", "steps": [], "order": "ordered", "mode": [],
                                     "exclusions": [], "breakdown": None}})
        elif line and not line.startswith("#"):
            key, _, rest = line.partition(":")
            rest = rest.lstrip()
            if key == "peer" and not cases:
                peer = rest
                continue
            if key == "times":
                cases[-1]["timed"] = True
                continue
            try:
                parse_line(cases[-1], key, rest)
            except (ValueError, IndexError) as problem:
                sys.exit(f"{path}:{number}: {problem}")
    if not cases:
        sys.exit(f"{path}: no vectors")
    return peer, cases


def answer(runner, cases, peer):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"peer": peer, "cases": cases}, file)
        file.flush()
        out = subprocess.run([runner, file.name], capture_output=True, text=True)
    if out.returncode != 0:
        sys.exit(f"corong-cases failed: {out.stderr[-2000:]}")
    return [json.loads(line) for line in out.stdout.splitlines()]


def same(expected, found):
    """Equal, figures to 12 digits; "?" is not asserted."""
    if expected == "?":
        return True
    if isinstance(expected, dict) and isinstance(found, dict):
        return expected.keys() == found.keys() and all(same(expected[key], found[key]) for key in expected)
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(same, expected, found))
    if isinstance(expected, float) and isinstance(found, (int, float)):
        return abs(expected - found) <= 1e-12 * max(1, abs(expected))
    return expected == found


def compare(name, runner, cases, must, peer="ours"):
    """Counts vectors passed; `must(case)` says which have to be supported."""
    passed = unsupported = 0
    for case, line in zip(cases, answer(runner, cases, peer), strict=True):
        if not line["supported"]:
            if must(case):
                sys.exit(f"{name}: {case['id']}: unsupported: {line['why']}")
            unsupported += 1
            continue
        for key, value in case["expected"].items():
            if not same(value, line.get(key)):
                sys.exit(f"{name}: {case['id']}: {key}: expected {value}, found {line.get(key)}")
        passed += 1
    print(f"{name}: {passed} of {len(cases)} passed, {unsupported} outside the product, 0 wrong")
    return passed


def main():
    runner = str(pathlib.Path(sys.argv[1]) / "corong-cases")
    for name in OURS:
        peer, cases = read_cases(HERE / name)
        compare(name, runner, cases, lambda case: True, peer)
    if not PEERS.is_dir():
        if os.environ.get("CI") == "true":
            sys.exit(f"{PEERS} is missing")
        print(f"SKIP peers' own vectors: {PEERS} is not here")
        return
    for name in ("ours", "clickhouse", "doris", "starrocks", "posthog", "pinot"):
        file = json.loads((PEERS / f"{name}.json").read_text())
        compare(f"{name}.json", runner, file["cases"], lambda case: True, file["peer"])


if __name__ == "__main__":
    main()
