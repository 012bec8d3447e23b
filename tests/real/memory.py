#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Replays and questions under --memory-limit, on input that tries to break it: the peak of resident memory stays
under the limit and the allowance that engine/README.md states, and the answers stay exact.

    memory.py BIN_FOLDER [--full] [NAME...]     --full: millions instead of hundreds of thousands"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ALLOWANCE_MIB = 64
FULL = "--full" in sys.argv
WORDS = [word for word in sys.argv[1:] if not word.startswith("--")]
BIN = pathlib.Path(WORDS[0] if WORDS else "build/release/bin").resolve()
BASE_MS = 1767225600000  # 2026-01-01
CONFIG = """\
mapping:
  format: json
  user: u
  time: { path: t, unit: ms }
  name: n
  attributes: { a: a }
funnels:
  buy: { steps: [ { event: view }, { event: click }, { event: order } ], window: 7d, live: a }
"""


def size(full, short):
    return full if FULL else short


def line(user, time_ms, name, value=None):
    extra = "" if value is None else f',"a":"{value}"'
    return f'{{"u":"{user}","t":{time_ms},"n":"{name}"{extra}}}\n'


def many_users():
    """Every user once, then every second user again: more than live memory holds."""
    count = size(3_000_000, 700_000)
    yield from (line(f"user-{i}", BASE_MS + i, "view", "x") for i in range(count))
    yield from (line(f"user-{i}", BASE_MS + count + i, "click", "y") for i in range(0, count, 2))
    return [count, count // 2, 0]


def one_user():
    """One user with everything."""
    count = size(2_000_000, 700_000)
    yield from (line("all", BASE_MS + i, ("view", "other", "click")[i % 3], "x") for i in range(count))
    return [1, 1, 0]


def many_values():
    """Every event has an attribute value of its own."""
    count = size(1_000_000, 400_000)
    yield from (line(f"u{i // 4}", BASE_MS + i, "view", f"value-{i:030}") for i in range(count))
    return [count // 4, 0, 0]


def long_lines():
    """Lines of 200,000 bytes, each with a distinct long value."""
    count = size(2000, 400)
    filler = "f" * 137_000
    for i in range(count):
        yield f'{{"u":"u{i}","t":{BASE_MS + i},"n":"view","z":"{filler}","a":"{i:062000}"}}\n'
    return [count, 0, 0]


def many_periods():
    """Times over twenty years, back and forth, so that every flush meets every period."""
    count = size(1_000_000, 200_000)
    span = 20 * 365 * 86400 * 1000
    for i in range(count):
        yield line(f"u{i % 1000}", BASE_MS - i * 7919 * 104729 % span, "view", f"a{i % 7}")
    return [1000, 0, 0]


def big_batches():
    """Many names and a reject in every second line."""
    count = size(1_000_000, 200_000)
    for i in range(count):
        yield line(f"u{i % 5000}", BASE_MS + i, f"name-{i}") if i % 2 else f'{{"u":"u{i}", broken {i:0100}\n'
    yield line("last", BASE_MS + count, "view")
    return [1, 0, 0]


INPUTS = [many_users, one_user, many_values, long_lines, many_periods, big_batches]


def write_input(path, lines):
    with path.open("w") as out:
        try:
            while True:
                out.write(next(lines))
        except StopIteration as end:
            return end.value


def run(*arguments):
    """(exit status, standard output, standard error, peak MiB of the child)."""
    child = subprocess.Popen(list(map(str, arguments)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, err = child.stdout.read(), child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, out, err, usage.ru_maxrss / 1024


def check(what, passed, detail):
    if not passed:
        sys.exit(f"memory: {what}: {detail}")


def replay(work, name, log, limit_mib, live):
    """With a live view, or as where nobody reads one: its part of the memory then is the tails'."""
    store = work / f"{name}-{limit_mib}-{live}.store"
    status, out, err, peak = run(BIN / "corong", "replay", "--quiet", "--config", work / "corong.yaml", "--store",
                                 store, "--format", "json" if live else "table", "--memory-limit",
                                 f"{limit_mib}MiB", log)
    check(name, status == 0, f"replay under {limit_mib} MiB: exit {status}: {err[-500:]}")
    balance = json.loads(out)["run"]["balance"] if live else "the books balance" in out
    check(name, balance, "the books do not balance")
    return store, peak


def ask(work, store, *arguments):
    return run(BIN / "corong", "funnel", "buy", "--config", work / "corong.yaml", "--store", store, "--format",
               "json", *arguments)


def levels(out):
    return [step["reached"] for step in json.loads(out)["total"]["steps"]]


def question_peak(work, name, store, limit_mib, expected):
    """The funnel sliced by the attribute: exact, or refused in words; never more memory than allowed."""
    status, out, err, peak = ask(work, store, "--by", "a", "--memory-limit", f"{limit_mib}MiB")
    if status == 0:
        check(name, levels(out) == expected, f"sliced: {levels(out)}, expected {expected}")
        return peak, "answered"
    check(name, status == 1 and "memory" in err, f"a question under {limit_mib} MiB: exit {status}: {err[-500:]}")
    return peak, "refused"


def stress(work, make, limit_mib, log, expected):
    name = make.__name__
    begun = time.time()
    unread_store, unread_peak = replay(work, name, log, limit_mib, False)
    subprocess.run(["rm", "-rf", str(unread_store)], check=True)
    unread = time.time()
    store, peak = replay(work, name, log, limit_mib, True)
    replayed = time.time()
    status, out, err, _ = ask(work, store)
    check(name, status == 0, f"exit {status}: {err[-500:]}")
    check(name, levels(out) == expected, f"found {levels(out)}, expected {expected}")
    asked, verdict = question_peak(work, name, store, limit_mib, expected)
    print(f"{name:13} {log.stat().st_size / 1e6:6.0f} MB, limit {limit_mib} MiB: replay {unread_peak:4.0f} MiB "
          f"in {unread - begun:4.1f} s, live {peak:4.0f} MiB in {replayed - unread:4.1f} s, question {asked:4.0f} MiB, {verdict}", flush=True)
    subprocess.run(["rm", "-rf", str(store)], check=True)
    over = max(peak, unread_peak, asked) - limit_mib
    return over


def live_state(work):
    """Bytes per live user of one sliced funnel of four steps, slack included."""
    config = work / "four.yaml"
    config.write_text(CONFIG.replace("{ event: order } ]", "{ event: pay }, { event: order } ]"))
    log, store = work / "live.jsonl", work / "live.store"
    count = size(1_000_000, 200_000)
    with log.open("w") as out_log:  # line by line: a child's peak begins at its parent's size
        out_log.writelines(line(f"user-{i}", BASE_MS + i, "view", f"c{i % 30}") for i in range(count))
    status, out, err, _ = run(BIN / "corong", "replay", "--quiet", "--config", config, "--store", store, "--format",
                              "json", "--no-compact", log)
    check("live state", status == 0, err[-500:])
    live = json.loads(out)["live"]
    each = live["live_state_bytes"] / live["users"]
    check("live state", live["users"] == count and each <= 96, f"{live['users']} users, {each:.1f} bytes each")
    print(f"live state: {count} users of a 4-step funnel with a slice, {each:.1f} bytes each, at most 96", flush=True)


def main():
    chosen = [make for make in INPUTS if len(WORDS) < 2 or make.__name__ in WORDS[1:]]
    worst = 0
    with tempfile.TemporaryDirectory(prefix="corong-memory-") as folder:
        work = pathlib.Path(folder)
        (work / "corong.yaml").write_text(CONFIG)
        live_state(work)
        for make in chosen:
            log = work / f"{make.__name__}.jsonl"
            expected = write_input(log, make())
            for limit_mib in (128, 256) if FULL else (128,):
                worst = max(worst, stress(work, make, limit_mib, log, expected))
            log.unlink()
    print(f"memory: {len(chosen)} inputs, at most {worst:.0f} MiB over the limit, {ALLOWANCE_MIB} allowed")
    sys.exit(worst > ALLOWANCE_MIB)


if __name__ == "__main__":
    main()
