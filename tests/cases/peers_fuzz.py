#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random small histories, answered by corong-cases (decode, store and query code) and by the oracle of
peers_oracle.py: PostHog's and Pinot's rules. Usage: peers_fuzz.py BIN_FOLDER [SEED]; CORONG_TEST_SCALE times as many
vectors."""
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import peers_oracle as oracle
from run import same

BASE = 1704067200000  # a Monday, the first of a month
CASES = 260
HOUR = 3600000


def condition_holds(condition, event):
    if "any_of" in condition:
        return any(condition_holds(choice, event) for choice in condition["any_of"])
    named = condition.get("event") in (None, event["event"])
    return named and all(event["props"].get(name) == value for name, value in condition.get("where", {}).items())


def random_condition(draw, names):
    kind = draw.random()
    if kind < 0.06:
        return {"event": None, "where": {"k": draw.choice("12")}}
    if kind < 0.12:
        return {"any_of": [{"event": draw.choice(names)}, {"event": draw.choice(names), "where": {"k": "1"}}]}
    if kind < 0.25:
        return {"event": draw.choice(names), "where": {"k": draw.choice("12")}}
    return {"event": draw.choice(names)}


def random_events(draw, names, gaps):
    events = []
    for user in range(draw.randint(1, 5)):
        time = BASE + draw.randint(0, 3) * draw.choice(gaps)
        for _ in range(draw.randint(1, 14)):
            time += draw.choice(gaps)
            props = {"k": draw.choice("12")} if draw.random() < 0.6 else {}
            if draw.random() < 0.7:
                props["b"] = draw.choice(["x", "y", "z", ""])
            events.append({"user": f"u{user}", "ts_ms": time, "event": draw.choice(names + ["x"]), "props": props})
    return events


def by_user(events, keep=lambda event: True):
    users = {}
    for event in sorted(events, key=lambda event: event["ts_ms"]):
        users.setdefault(event["user"], [])
        if keep(event):
            users[event["user"]].append(event)
    return users


# ---------------------------------------------------------------- PostHog


def posthog_case(draw, number):
    count = draw.randint(1, 4)
    order = draw.choice(["ordered", "ordered", "strict", "any"])
    steps = [random_condition(draw, ["a", "b", "c", "d"][:draw.randint(2, 4)]) for _ in range(count)]
    viz = draw.choice(["steps", "steps", "breakdown", "breakdown", "trends", "time_to_convert"])
    trends = viz == "trends"
    if order != "any" and not trends and count > 2 and draw.random() < 0.3:
        steps[draw.randint(1, count - 2)]["optional"] = True
    funnel = {"function": "funnel", "steps": steps, "order": order, "mode": [], "exclusions": [], "breakdown": None,
              "viz": "steps" if viz == "breakdown" else viz}
    gaps = draw.choice([[0, 0, 10, 20, 40, 1000], [0, 1000, 5000, 10000], [0, HOUR // 2, HOUR, 20 * HOUR]])
    funnel["window_ms"] = draw.choice([gaps[-1], 2 * gaps[-1], 5 * gaps[-1], 14 * 24 * HOUR])
    if gaps[-1] == 1000 and draw.random() < 0.7:
        funnel["tie_window_ms"] = 50
    for _ in range(draw.choice([0, 0, 0, 1, 2]) if count > 1 else 0):
        first = draw.randint(0, count - 2)
        pair = (0, count - 1) if order == "any" else (first, draw.randint(first + 1, count - 1))
        funnel["exclusions"].append({**random_condition(draw, ["x", "x", "a", "b"]), "from_step": pair[0],
                                     "to_step": pair[1]})
    if viz == "breakdown" or (trends and draw.random() < 0.4):
        attribution = draw.choice(["first_touch", "last_touch", "all_events", "step"])
        funnel["breakdown"] = {"props": ["b"], "attribution": attribution}
        if attribution == "step":
            funnel["breakdown"]["step"] = 0 if order == "any" else draw.randint(0, count - 1)
        if not trends and draw.random() < 0.3:
            funnel["breakdown"]["limit"] = 2
    if trends or draw.random() < 0.3:
        funnel["date_from_ms"] = BASE + draw.randint(0, 2) * gaps[-1]
        funnel["date_to_ms"] = funnel["date_from_ms"] + draw.randint(1, 12) * gaps[-1]
        funnel["interval"] = draw.choice(["hour", "day", "week", "month"] if trends else ["day"])
    if trends:
        funnel["to_step"] = draw.randint(1, count - 1) if count > 1 else 0
        funnel["from_step"] = draw.randint(0, funnel["to_step"])
    elif viz == "time_to_convert":
        funnel["from_step"], funnel["to_step"] = 0, count - 1
        if draw.random() < 0.5:
            funnel["bin_count"] = draw.choice([1, 3, 7, 100])
    if viz == "time_to_convert" and any(step.get("optional") for step in steps):
        funnel["viz"] = "steps"
    return {"id": f"posthog-{number}", "events": random_events(draw, ["a", "b", "c", "d"], gaps), "funnel": funnel}


def posthog_histories(case):
    funnel = case["funnel"]
    low, high = funnel.get("date_from_ms", -1), funnel.get("date_to_ms", 1 << 60)
    users = by_user(case["events"], lambda event: low <= event["ts_ms"] <= high)
    for user, events in users.items():
        history = []
        for event in events:
            numbers = [index for index, step in enumerate(funnel["steps"], 1) if condition_holds(step, event)]
            forbidden = {step for rule in funnel["exclusions"] if condition_holds(rule, event)
                         for step in range(rule["from_step"] + 2, rule["to_step"] + 2)}
            numbers += [-step for step in sorted(forbidden)]
            if numbers or funnel["order"] == "strict":
                history.append({"t": event["ts_ms"], "steps": numbers, "value": event["props"].get("b", "")})
        yield user, history


def posthog_run(funnel, events, value, value_step):
    """Times by step (by rank, unordered) of what the user did, or None."""
    steps = len(funnel["steps"])
    if funnel["order"] == "any":
        times = oracle.posthog_unordered(events, steps, funnel["window_ms"], value, value_step)
        return times and dict(enumerate(times, 1))
    optional = {index for index, step in enumerate(funnel["steps"], 1) if step.get("optional")}
    chain = oracle.posthog_ordered(events, steps, funnel["window_ms"], funnel["order"] == "strict", optional,
                                   funnel.get("tie_window_ms", 0), value, value_step)
    return chain and {step: time for step, (_, time) in chain.taken.items()}


class Group:
    def __init__(self, funnel):
        self.steps = len(funnel["steps"])
        self.required = [step for step in range(1, self.steps + 1) if not funnel["steps"][step - 1].get("optional")]
        self.reached = [0] * self.steps
        self.times = [[] for _ in range(self.steps)]

    def add(self, made):
        for step in made:
            self.reached[step - 1] += 1
        taken = [step for step in self.required if step in made]
        for before, step in zip(taken, taken[1:]):
            if made[step] > made[before]:
                self.times[step - 1].append(made[step] - made[before])

    def merge(self, other):
        self.reached = [mine + its for mine, its in zip(self.reached, other.reached)]
        self.times = [mine + its for mine, its in zip(self.times, other.times)]

    def figures(self):
        mean = [sum(times) / len(times) if times else None for times in self.times]
        middle = [oracle.median(times) if times else None for times in self.times]
        return {"step_counts": self.reached, "avg_times_ms": mean, "median_times_ms": middle}


def posthog_values(funnel, events):
    breakdown = funnel["breakdown"]
    if breakdown is None:
        return [("", None, events)]
    attribution, step = breakdown["attribution"], breakdown.get("step", 0)
    values = oracle.posthog_values(events, attribution, step, funnel["order"] == "any")
    for_step = step if attribution == "step" else None
    own = attribution == "all_events"
    return [(value, for_step, [event for event in events if event["value"] == value] if own else events)
            for value in values]


def posthog_groups(case):
    funnel, groups, levels, matched, spans = case["funnel"], {}, {}, {}, []
    for user, events in posthog_histories(case):
        for value, value_step, seen in posthog_values(funnel, events) if events else []:
            made = posthog_run(funnel, seen, value, value_step)
            if made:
                groups.setdefault(value, Group(funnel)).add(made)
                levels[user], matched[user] = max(made), [made[step] for step in sorted(made)]
                if len(funnel["steps"]) in made:
                    spans.append(made[len(funnel["steps"])] - made[1])
    return groups, levels, matched, spans


def posthog_breakdown(funnel, groups):
    limit = funnel["breakdown"].get("limit", len(groups))
    ranked = sorted(groups, key=lambda value: [-count for count in groups[value].reached[::-1]] + [value])
    shown = {value: groups[value] for value in ranked[:limit]}
    if ranked[limit:]:
        shown["Other"] = Group(funnel)
        for value in ranked[limit:]:
            shown["Other"].merge(groups[value])
    return {"breakdown": {value: group.figures() for value, group in shown.items()}}


def posthog_trend(case):
    funnel, counts = case["funnel"], {}
    steps, strict = len(funnel["steps"]), funnel["order"] == "strict"
    last = funnel["to_step"] or steps - 1
    for _, events in posthog_histories(case):
        for value, value_step, seen in posthog_values(funnel, events) if events else []:
            rest = (funnel["interval"], funnel["from_step"], last, value, value_step)
            found = oracle.trend_unordered(seen, steps, funnel["window_ms"], *rest) if funnel["order"] == "any" \
                else oracle.trend_ordered(seen, steps, funnel["window_ms"], strict, *rest)
            for name, converted in found.items():
                entry = counts.setdefault(value, {}).setdefault(name, [0, 0])
                entry[0] += 1
                entry[1] += converted
    names = list(dict.fromkeys(oracle.bucket(funnel["interval"], time)
                               for time in range(funnel["date_from_ms"], funnel["date_to_ms"] + 1, HOUR // 4)))
    names += [name for name in [oracle.bucket(funnel["interval"], funnel["date_to_ms"])] if name not in names]
    if funnel["breakdown"] is None:
        counts.setdefault("", {})

    def rows(found):
        every = [(name, *found.get(name, (0, 0))) for name in names]
        return [[name, entered, won, int(10000 * won / entered + 0.5) / 100 if entered else 0]
                for name, entered, won in every]

    if funnel["breakdown"] is None:
        return {"trend": rows(counts[""])}
    return {"trend_by_breakdown": {value: rows(found) for value, found in counts.items()}}


def posthog_expected(case):
    funnel = case["funnel"]
    if funnel["viz"] == "trends":
        return posthog_trend(case)
    groups, levels, matched, spans = posthog_groups(case)
    if funnel["breakdown"] is not None:
        return posthog_breakdown(funnel, groups)
    users = {event["user"] for event in case["events"]}
    expected = groups.get("", Group(funnel)).figures()
    expected["levels_by_user"] = {user: levels.get(user, 0) for user in users}
    expected["matched_ts_by_user"] = {user: matched.get(user, []) for user in users}
    if funnel["viz"] == "time_to_convert":
        expected["bins_s"] = oracle.bins(spans, funnel.get("bin_count", 0))
    return expected


# ---------------------------------------------------------------- Pinot


MODES = ["strict_deduplication", "strict_order", "strict_increase", "keep_all"]


def pinot_case(draw, number):
    functions = ["funnelMaxStep", "funnelMatchStep", "funnelCompleteCount", "funnelStepDurationStats", "funnelCount"]
    function = draw.choice(functions)
    funnel = {"function": function, "order": "ordered", "exclusions": [], "breakdown": None,
              "steps": [random_condition(draw, ["a", "b", "c"]) for _ in range(draw.randint(1, 4))],
              "mode": [] if function == "funnelCount" else [mode for mode in MODES if draw.random() < 0.25]}
    gaps = draw.choice([[0, 1, 2, 5], [0, 0, 1], [1, 2, 10]])
    funnel["window_ms"] = None if function == "funnelCount" else draw.choice([1, 3, 5, 10, 20, 100])
    if function != "funnelCount" and draw.random() < 0.3:
        funnel["max_step_duration_ms"] = draw.choice([1, 2, 5])
    if function == "funnelStepDurationStats":
        funnel["duration_functions"] = draw.sample(["avg", "min", "max", "median", "count"], 3)
    if function in ("funnelCount", "funnelMaxStep") and draw.random() < 0.4:
        funnel["breakdown"] = {"props": ["b"]}
    if function == "funnelCount" and draw.random() < 0.4:
        funnel["correlate_by"] = ["user", "k"]
    return {"id": f"pinot-{number}", "events": random_events(draw, ["a", "b", "c"], gaps), "funnel": funnel}


def pinot_rows(funnel, events):
    rows = []
    for event in events:
        held = [index for index, step in enumerate(funnel["steps"]) if condition_holds(step, event)]
        if held or "keep_all" in funnel["mode"]:
            rows.append((event["ts_ms"], held[0] if held else -1))
    return rows


def pinot_level(funnel, events):
    steps = len(funnel["steps"])
    if funnel["function"] == "funnelCount":
        sets = [any(condition_holds(step, event) for event in events) for step in funnel["steps"]]
        return next((index for index, held in enumerate(sets) if not held), steps)
    return oracle.pinot_max_step(pinot_rows(funnel, events), steps, funnel["window_ms"], funnel["mode"],
                                 funnel.get("max_step_duration_ms", 0))


def counts_of(levels, steps):
    return [sum(1 for level in levels if level > step) for step in range(steps)]


def pinot_seen(funnel, event):
    return "keep_all" in funnel["mode"] or any(condition_holds(step, event) for step in funnel["steps"])


def pinot_expected(case):
    funnel, steps, users = case["funnel"], len(case["funnel"]["steps"]), by_user(case["events"])
    split = (["b"] if funnel["breakdown"] else []) + [key for key in funnel.get("correlate_by", []) if key != "user"]
    units = {}
    for user, events in users.items():
        for event in events:
            if pinot_seen(funnel, event):
                key = (user, *(event["props"].get(name, "") for name in split))
                # A missing value and an empty one are two units, though they are shown alike.
                key += tuple(name in event["props"] for name in split)
                units.setdefault(key, []).append(event)
    if funnel["breakdown"]:
        groups = {}
        for key, events in units.items():
            groups.setdefault(key[1], []).append(pinot_level(funnel, events))
        return {"breakdown": {value: {"step_counts": counts_of(levels, steps)} for value, levels in groups.items()}}
    expected = {"step_counts": counts_of([pinot_level(funnel, events) for events in units.values()], steps)}
    if split:
        return expected
    rest = (steps, funnel["window_ms"], funnel["mode"], funnel.get("max_step_duration_ms", 0))
    levels = {user: pinot_level(funnel, events) for user, events in users.items()}
    rows = {user: pinot_rows(funnel, events) for user, events in users.items()}
    expected["levels_by_user"] = levels
    if funnel["function"] == "funnelMatchStep":
        expected["match_by_user"] = {user: [int(step < level) for step in range(steps)]
                                     for user, level in levels.items()}
    elif funnel["function"] == "funnelCompleteCount":
        expected["complete_count_by_user"] = {user: oracle.pinot_complete_count(its, *rest)
                                              for user, its in rows.items()}
    elif funnel["function"] == "funnelStepDurationStats":
        expected["duration_stats_by_user"] = {
            user: oracle.pinot_durations(its, *rest, funnel["duration_functions"]) if its else []
            for user, its in rows.items()}
    return expected


# ---------------------------------------------------------------- comparison


def compare(runner, peer, cases):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"peer": peer, "cases": cases}, file)
        file.flush()
        out = subprocess.run([runner, file.name], capture_output=True, text=True)
    if out.returncode != 0:
        raise AssertionError(f"corong-cases failed: {out.stderr[-2000:]}")
    users = 0
    for case, line in zip(cases, map(json.loads, out.stdout.splitlines()), strict=True):
        users += len({event["user"] for event in case["events"]})
        for key, value in case["expected"].items():
            if not line["supported"] or not same(value, line[key]):
                print(json.dumps(case))
                raise AssertionError(f"{case['id']}: {key}: expected {json.dumps(value)}, found "
                                     f"{json.dumps(line.get(key, line['why']))}")
    return users


def main():
    runner = str(pathlib.Path(sys.argv[1]) / "corong-cases")
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 32)
    count = int(CASES * float(os.environ.get("CORONG_TEST_SCALE", "1")))
    draw = random.Random(seed)
    try:
        for peer, make, expect in (("posthog", posthog_case, posthog_expected), ("pinot", pinot_case, pinot_expected)):
            cases = [make(draw, number) for number in range(count)]
            for case in cases:
                case["expected"] = expect(case)
            users = compare(runner, peer, cases)
            print(f"{peer}: {count} random vectors, {users} users, 0 differences")
    except AssertionError as problem:
        sys.exit(f"seed {seed}: {problem}")


if __name__ == "__main__":
    main()
