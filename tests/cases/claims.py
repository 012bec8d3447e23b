#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What engine/SEMANTICS.md claims, through the whole product: JSON lines → replay → store → question. Each
claim is a function named like a sentence; the tables of examples are run as well.

    claims.py BIN_FOLDER [WORD...]     only claims with one of these words in their names"""
import json
import math
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
WORDS = [word for word in sys.argv[1:] if not word.startswith("--")]
CORONG = str(pathlib.Path(WORDS[0] if WORDS else "build/release/bin").resolve() / "corong")
BASE = 1767225600 * 10**6  # 2026-01-01T00:00:00Z in microseconds
MINUTE, HOUR, DAY = 60 * 10**6, 3600 * 10**6, 86400 * 10**6
MAPPING = {"format": "json", "user": "u", "time": {"path": "t", "unit": "us"}, "name": "n", "sequence": "s",
           "received": {"path": "r", "unit": "us"}, "revenue": {"amount": "m", "currency": "c"},
           "attributes": {"a": "a", "b": "b", "k": {"path": "k", "type": "number"}}}
claims = []


def claim(function):
    claims.append(function)
    return function


def same(found, expected, what=""):
    if found != expected:
        raise AssertionError(f"{what} expected {expected}, found {found}")


class Shop:
    """A store in a folder of its own and the questions asked of it."""

    def __init__(self, events, **mapping):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="corong-claims-"))
        self.mapping = {**MAPPING, **mapping}
        log = self.folder / "log.jsonl"
        log.write_text("".join(event if isinstance(event, str) else json.dumps(event) + "\n" for event in events))
        self.books = self.run("replay", "--quiet", "--format", "json", log)

    def configure(self, funnel=None):
        path = self.folder / "corong.yaml"
        config = {"mapping": self.mapping, **({"funnels": {"f": funnel}} if funnel else {})}
        path.write_text(json.dumps(config))  # JSON is YAML
        return path

    def call(self, verb, *arguments, funnel=None):
        command = [CORONG, verb, "--config", self.configure(funnel), "--store", self.folder / "store", *arguments]
        return subprocess.run(list(map(str, command)), capture_output=True, text=True)

    def run(self, verb, *arguments, funnel=None):
        done = self.call(verb, *arguments, funnel=funnel)
        if done.returncode != 0:
            raise AssertionError(f"{verb} {arguments}: exit {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    def funnel(self, steps, *arguments, **rules):
        return self.run("funnel", "f", "--format", "json", *arguments, funnel=definition(steps, rules))

    def refused(self, steps, *arguments, **rules):
        done = self.call("funnel", "f", *arguments, funnel=definition(steps, rules))
        same(done.returncode, 2, "exit status:")
        return done.stderr

    def sessions(self, *arguments):
        return self.run("sessions", "--format", "json", *arguments)["total"]

    def remove(self):
        shutil.rmtree(self.folder)


def definition(steps, rules):
    """'A B C', or a list of step objects."""
    listed = steps.split() if isinstance(steps, str) else steps
    return {"steps": [{"event": step} if isinstance(step, str) else step for step in listed], **rules}


def events_of(text, user="ann", **more):
    """'A@0 B@5#2': name, microseconds, sequence number."""
    events = []
    for word in text.split():
        name, _, rest = word.partition("@")
        time, _, sequence = rest.partition("#")
        events.append({"u": user, "t": BASE + int(time), "n": name, **more})
        if sequence:
            events[-1]["s"] = int(sequence)
    return events


def ask(events, steps, *arguments, mapping=None, **rules):
    shop = Shop(events, **(mapping or {}))
    try:
        return shop.funnel(steps, *arguments, **rules)
    finally:
        shop.remove()


def levels(answer):
    return [step["reached"] for step in answer["total"]["steps"]]


def level(text, steps, *arguments, **rules):
    return sum(levels(ask(events_of(text), steps, *arguments, **rules)))


def ends(answer):
    total = answer["total"]
    return total["won"], total["open"], total["lost"]


def time(us):
    """An instant for --from, --to and --as-of."""
    seconds, rest = divmod(BASE + us, 10**6)
    stamp = subprocess.run(["date", "-u", "-d", f"@{seconds}", "+%Y-%m-%dT%H:%M:%S"], capture_output=True,
                           text=True, check=True).stdout.strip()
    return f"{stamp}.{rest:06}Z"


# ---- SEMANTICS 10


@claim
def a_thousand_visitors_a_hundred_carts_ten_confirmations_and_one_order():
    events = []
    for user in range(1000):
        depth = 1 + (user % 10 == 0) + (user % 100 == 0) + (user == 0)
        events += [{"u": f"u{user}", "t": BASE + user + step, "n": "VCKO"[step]} for step in range(depth)]
    steps = ask(events, "V C K O")["total"]["steps"]
    same([step["reached"] for step in steps], [1000, 100, 10, 1])
    same([step["of_previous"] for step in steps], [None, 0.1, 0.1, 0.1])
    same([step["of_first"] for step in steps], [1, 0.1, 0.01, 0.001])
    same([step["dropped"] for step in steps], [900, 90, 9, 0])


@claim
def orders_of_100_1000_and_10000_average_to_3700():
    events = [{"u": f"u{amount}", "t": BASE, "n": "O", "m": amount, "c": "EUR"} for amount in (100, 1000, 10000)]
    same(ask(events, "O")["total"]["steps"][0]["money"],
         [{"currency": "EUR", "revenue": "11100.0000", "orders": 3, "average": "3700.0000",
           "repeat": {"revenue": "0.0000", "orders": 0}}])


@claim
def steps_a_a_and_a_single_a_are_level_one():
    same(level("A@0", "A A"), 1)
    same(level("A@0 A@0", "A A"), 2)


@claim
def b_at_the_end_of_the_window_counts_and_one_microsecond_later_does_not():
    for window, us in (("10us", 10), ("30m", 30 * MINUTE), ("7d", 7 * DAY)):
        same(level(f"A@0 B@{us}", "A B", window=window), 2, window)
        same(level(f"A@0 B@{us + 1}", "A B", window=window), 1, window)
    same(level(f"A@0 B@{7 * DAY}", "A B"), 2, "the default window")
    same(level(f"A@0 B@{7 * DAY + 1}", "A B"), 1, "the default window")


@claim
def simultaneous_b_and_a_are_level_two():
    same(level("B@0 A@0", "A B"), 2)
    same(level("B@0 A@0", "A B", ties="strict"), 1)
    same(level("B@0#1 A@0#2", "A B"), 1, "a sequence number orders them:")


@claim
def the_best_entry_need_not_be_the_first():
    same(level("A@0 A@3 B@5 C@12", "A B C", window="10us"), 3)
    same(level("A@0 A@3 B@5 C@12", "A B C", window="10us", attempts="first"), 2)


@claim
def what_does_not_go_together_is_refused_in_words():
    shop = Shop(events_of("A@0 X@5 B@5 C@6"))
    gap = {"event": "C", "max_gap": "5us"}
    skipped = {"event": "B", "optional": True}
    anchored = {"event": "A", "anchor": "first"}
    between = [{"event": "X", "after": 1, "before": 2}]
    for steps, words, rules in (
            (["A", "B", gap], "'order: any' does not go with max_gap", {"order": "any"}),
            (["A", skipped, "C"], "'order: any' does not go with optional", {"order": "any"}),
            ("A B C", "'order: any' does not go with 'entry: open'", {"order": "any", "entry": "open"}),
            ("A B C", "'order: any' does not go with an exclusion", {"order": "any", "exclude": between}),
            ("A B C", "'order: strict' does not go with 'entry: open'", {"order": "strict", "entry": "open"}),
            ("A B C", "'tie_tolerance' does not go with", {"ties": "strict", "tie_tolerance": "1s"}),
            ("A B C", "'scope' and 'repeat' say what 'order: strict'", {"scope": "funnel"}),
            ([anchored, "B"], "an anchor needs 'order: any'", {}),
            ([skipped, "C"], "first and the last step cannot be optional", {})):
        message = shop.refused(steps, window="10us", **rules)
        same(words in message, True, f"{words}: {message}")
    shop.remove()


@claim
def where_hides_events_from_the_steps_and_not_from_exclusions():
    events = events_of("A@0 B@2", a="x") + events_of("X@1", a="y")
    rules = {"window": "10us", "exclude": [{"event": "X"}]}
    same(levels(ask(events, "A B", **rules)), [1, 0])
    same(levels(ask(events, "A B", "--where", "a = 'x'", **rules)), [1, 0])
    same(levels(ask(events, "A B", "--where", "a = 'y'", **rules)), [0, 0])


@claim
def an_excluded_event_closes_an_attempt_that_nothing_can_win_any_more():
    rules = {"window": "10us", "exclude": [{"event": "X"}]}
    same(ends(ask(events_of("A@0 X@1 B@2") + events_of("Z@3", user="bob"), "A B", **rules)), (0, 0, 1))
    same(ends(ask(events_of("B@0 A@0#1 X@1") + events_of("Z@1", user="bob"), "A B", **rules)), (0, 1, 0),
         "an event at T itself is not after X:")
    same(ends(ask(events_of("B@0 A@0#1 X@1 A@2") + events_of("Z@3", user="bob"), "A B", **rules)), (0, 1, 0))


@claim
def a_unit_whose_best_assignments_are_all_hit_is_removed():
    exclusion = [{"event": "X", "effect": "remove"}]
    same(levels(ask(events_of("A@0 X@1 B@2"), "A B", window="10us", exclude=exclusion)), [0, 0])
    same(levels(ask(events_of("A@0 X@1 A@2 B@3"), "A B", window="10us", exclude=exclusion)), [1, 1])
    same(levels(ask(events_of("B@0 A@0#1 X@1"), "A B", window="10us", exclude=exclusion)), [1, 0])


@claim
def a_gap_that_is_over_closes_an_attempt():
    steps = [{"event": "A"}, {"event": "B", "max_gap": "5us"}]
    late = lambda at: events_of("A@0") + events_of(f"B@0 Z@{at}", user="bob")
    same(ends(ask(late(5), steps, window="10us")), (0, 1, 0))
    same(ends(ask(late(6), steps, window="10us")), (0, 0, 1))
    waiting = [{"event": "A"}, {"event": "B", "min_gap": "5us"}]
    same(ends(ask(late(5), waiting, window="5us")), (0, 1, 0))
    same(ends(ask(late(1), waiting, window="4us")), (0, 0, 1), "the least gap is longer than the window:")


@claim
def range_inside_asks_everything_inside():
    text = "A@0 B@5"
    same(level(text, "A B", "--to", time(5), range="entry", window="10us"), 2)
    same(level(text, "A B", "--to", time(5), range="inside", window="10us"), 1)
    same(level(text, "A B", "--to", time(6), "--range", "inside", window="10us"), 2)
    same(ends(ask(events_of("B@0 A@0#1 Z@4"), "A B", "--to", time(5), "--range", "inside", window="10us")), (0, 1, 0))
    same(ends(ask(events_of("B@0 A@0#1 Z@5"), "A B", "--to", time(5), "--range", "inside", window="10us")), (0, 0, 1))


@claim
def attempts_last_looks_at_the_last_entry_only():
    same(level("A@0 B@1 A@2", "A B", window="10us", attempts="last"), 1)
    same(level("A@0 A@2 B@3", "A B", "--attempts", "last", window="10us"), 2)
    same(ends(ask(events_of("A@0 B@1 A@2"), "A B", window="10us", attempts="last")), (0, 1, 0))

# ---- hold constant


@claim
def units_held_constant_convert_per_user_and_value_and_events_without_one_are_counted():
    events = [{**event, "k": None} for event in events_of("A@0 B@1")]
    for event, value in zip(events, ("x", "y")):
        event["a"] = value
    events += [{**event, "a": "x"} for event in events_of("B@2")] + events_of("A@3")
    for event in events:
        event.pop("k", None)
    answer = ask(events, "A B", window="10us", unit=["a"])
    same(levels(answer), [1, 1], "one unit per value:")
    same(answer["provenance"]["events_outside"], 1, "events without a value:")
    same(levels(ask(events, "A B", window="10us")), [1, 1], "the user alone:")


@claim
def an_excluded_event_may_have_a_filter_of_its_own():
    events = [{**event, "a": "x"} for event in events_of("A@0 X@1 B@2")]
    for value, reached in (("x", [1, 0]), ("y", [1, 1])):
        exclude = [{"event": "X", "where": f"a = '{value}'"}]
        same(levels(ask(events, "A B", window="10us", exclude=exclude)), reached, value)


@claim
def strict_order_sees_events_that_where_hides():
    events = [{**event, "a": "x" if event["n"] == "X" else "y"} for event in events_of("A@0 X@1 B@2")]
    rules = {"window": "10us", "order": "strict"}
    same(levels(ask(events, "A B", "--where", "a = 'y'", **rules)), [1, 0], "scope all:")
    same(levels(ask(events, "A B", "--where", "a = 'y'", **rules, scope="funnel")), [1, 1], "scope funnel:")


@claim
def an_open_entry_says_who_began_where():
    answer = ask(events_of("A@0 B@1") + events_of("B@0", user="bob"), "A B", window="10us", entry="open")
    steps = answer["total"]["steps"]
    same([step["entered"] for step in steps], [1, 1], "entered:")
    same([step["of_previous"] for step in steps], [None, 1], "of those who came from the step before:")


@claim
def flags_say_what_keys_say():
    shop = Shop(events_of("A@0 X@1 C@2 B@5"))
    keys = shop.funnel([{"event": "A"}, {"event": "B", "optional": True}, {"event": "C", "max_gap": "2us"}],
                       window="10us", exclude=[{"event": "X", "after": 1, "before": 3, "effect": "remove"}])
    flags = shop.funnel("A B C", "--optional", "B", "--max-gap", "C=2us", "--exclude", "X after 1 before C remove",
                        window="10us")
    same(flags["provenance"]["result_digest"], keys["provenance"]["result_digest"], "digests:")
    same(levels(flags), [0, 0, 0])
    shop.remove()


@claim
def thirty_two_steps_go_with_sixteen_exclusions_and_not_with_seventeen():
    steps = [f"S{step}" for step in range(32)]
    text = " ".join(f"{name}@{index * 2}" for index, name in enumerate(steps))
    excluded = [{"event": f"E{index}", "after": index + 1, "before": index + 2} for index in range(16)]
    events = events_of(text) + events_of("E15@29", user="bob") + events_of("E15@31", user="cy")
    for user in ("bob", "cy"):
        events += events_of(text, user=user)
    events += events_of(" ".join(f"E{index}@0" for index in range(16)), user="dan")  # all are known
    shop = Shop(events)
    same(levels(shop.funnel(steps, exclude=excluded, window="1s"))[15:18], [3, 2, 2], "cy's is between 16 and 17:")
    refused = shop.refused(steps, exclude=excluded + [{"event": "E15"}], window="1s")
    same("17 exclusions (at most 16)" in refused, True, refused)
    shop.remove()


# ---- the tables of engine/SEMANTICS.md


def table_rows(heading):
    inside = False
    for line in (HERE.parent.parent / "engine" / "SEMANTICS.md").read_text().splitlines():
        inside = line == f"## {heading}" if line.startswith("## ") else inside
        if inside and line.startswith("| `"):
            yield [cell.strip().strip("`") for cell in line.strip("|").split("|")]


def table_rules(options, steps):
    """The funnel's rules; gaps go to their steps."""
    rules = {}
    for option in options.split(", "):
        key, _, value = option.partition(" ")
        words = value.split()
        if key in ("max_gap", "min_gap"):
            steps[int(words[0]) - 1][key] = f"{words[1]}us"
            continue
        if key == "exclude":
            rules[key] = [{"event": words[0], "after": int(words[1]), "before": int(words[2]), "effect": words[3]}]
            continue
        if key == "optional":
            steps[int(value) - 1][key] = True
            continue
        if key == "anchor":
            steps[int(words[1]) - 1][key] = words[0]
            continue
        if key == "tie_tolerance":
            value += "us"
        rules[key] = f"{value}us" if key == "window" and value not in ("none", "0") else value
    if rules["window"] == "0":
        rules["window"] = "0us"
    return rules


def table_range(words):
    """Events marked ! lie outside the range of entries."""
    marked = [int(word.split("@")[1].split("#")[0].rstrip("!")) for word in words if word.endswith("!")]
    inside = [int(word.split("@")[1].split("#")[0]) for word in words if not word.endswith("!")]
    if not marked:
        return []
    return ["--from", time(min(inside))] if max(marked) < min(inside) else ["--to", time(min(marked))]


def matched_times(shop, steps, arguments, rules, reached):
    """The entry's time is its slice; the others follow from the times since the entry."""
    if reached == 0:
        return []
    answer = shop.funnel(steps, *arguments, "--by", "a", **rules)
    same(len(answer["slices"]), 1, "slices:")
    entry = int(answer["slices"][0]["values"][0])
    later = [step["from_entry"]["min_us"] for step in answer["total"]["steps"][1:reached]]
    return [entry] + [entry + us for us in later]


def run_row(text, names, options, expected, times):
    words = text.split()
    events = events_of(text.replace("!", ""))
    for event in events:
        event["a"] = str(event["t"] - BASE)
    every = sorted({event["n"] for event in events})
    steps = [{"event": [name for name in every if step in name] or [step], "name": f"step{index}"}
             for index, step in enumerate(names.split())]
    rules, arguments = table_rules(options, steps), table_range(words)
    shop = Shop(events)
    reached = sum(levels(shop.funnel(steps, *arguments, **rules)))
    what = f"{text} | {names} | {options}:"
    if any(word in options for word in ("attempts all", "optional", "entry open", "tie_tolerance", "grace")):
        same(reached, len(times.replace(";", "").split()), what)  # steps made; times are semantics_test's
        shop.remove()
        return
    same(reached, int(expected), what)
    same(matched_times(shop, steps, arguments, rules, reached), [int(word) for word in times.split()], what)
    shop.remove()


def told(text, names, options):
    """'^2' for an event that fills step 2, '+' for an entry that came to nothing, else why it was ignored."""
    steps = [{"event": step, "name": f"step{index}"} for index, step in enumerate(names.split())]
    rules = table_rules(options, steps)
    shop = Shop(events_of(text))
    answer = shop.run("trace", "ann", "f", "--format", "json", funnel=definition(steps, rules))
    shop.remove()
    return " ".join(f"^{event['step']}" if event["did"] == "matched" else
                    "+" if event["did"] == "opened" else event["because"] for event in answer["events"])


@claim
def every_example_of_a_trace_in_the_table():
    rows = [row for row in table_rows("People") if len(row) == 4]
    same(len(rows) >= 12, True, f"{len(rows)} rows:")
    for text, names, options, expected in rows:
        same(told(text, names, options), expected, f"{text} | {names} | {options}:")


@claim
def a_list_of_users_is_as_long_as_its_cell():
    shop = Shop(events_of("A@0 B@1", "ann", a="x") + events_of("A@0", "bob", a="x") + events_of("A@5 B@6", "cem", a="y"))
    rules = {"window": "10us"}
    answer = shop.funnel("A B", "--by", "a", "--top", "1", **rules)
    cells = [(answer["total"]["steps"][0]["reached"], ["--reached", "1"]),
             (answer["total"]["steps"][0]["dropped"], ["--dropped", "1"]), (answer["total"]["won"], ["--won"]),
             (answer["slices"][0]["steps"][0]["reached"], ["--reached", "1", "--slice", "x"]),
             (answer["other"]["steps"][1]["reached"], ["--reached", "2", "--slice", "(other)"])]
    for count, flags in cells:
        listed = shop.run("users", "f", "--format", "json", "--by", "a", "--top", "1", *flags,
                          funnel=definition("A B", rules))
        same((listed["count"], len(listed["users"])), (count, count), f"{flags}:")
    shop.remove()


@claim
def a_returning_customer_has_ordered_before_the_entry_and_not_in_its_instant():
    events = events_of("order@0 A@1", "ann") + events_of("A@1 order@1", "bob") + events_of("A@1 order@2", "cem")
    shop = Shop(events)
    answer = shop.funnel("A", "--by", "$customer", window="10us")
    shop.remove()
    same({slice["values"][0]: slice["steps"][0]["reached"] for slice in answer["slices"]}, {"new": 2, "returning": 1})


@claim
def dormant_begins_at_its_age_and_so_does_gone():
    shop = Shop(events_of("A@0", "ann") + events_of("A@10", "bob") + events_of("A@11", "cem") + events_of("A@20", "dee"))
    answer = shop.run("dormant", "--after", "10us", "--gone", "20us", "--format", "json")
    shop.remove()
    same([answer["total"][age] for age in ("active", "dormant", "gone")], [2, 1, 1])
    same([user["user"] for user in answer["users"]], ["bob"])


@claim
def events_so_far_pass_one_per_person_where_people_come_back():
    shop = Shop(events_of("A@0 A@1 A@2 A@3", "ann") + events_of("A@0", "bob"))
    answer = shop.run("repeat", "A", "--times", "2", "--format", "json")
    shop.remove()
    same([(time["people"], time["events_so_far"]) for time in answer["times"]], [(2, 2), (1, 3), (1, 5)])
    same(answer["times"][2]["events_so_far_per_person"], 2.5)


@claim
def every_example_of_matching_in_the_tables():
    rows = list(table_rows("Matching"))
    same(len(rows) >= 85, True, f"{len(rows)} rows:")
    for row in rows:
        run_row(*row)


@claim
def every_example_of_other_systems_in_the_table():
    rows = [row for row in table_rows("Other systems") if "@" in row[0]]
    same(len(rows) >= 24, True, f"{len(rows)} rows:")
    for row in rows:
        run_row(*row)


def differences(text, dialect, *arguments):
    """(user's level by our rule, by the dialect's, why) of those who differ."""
    shop = Shop(events_of(text))
    answer = shop.funnel("A B", *arguments, "--dialect-diff", dialect, window="10us")
    shop.remove()
    return [(user["level_ours"], user["level_theirs"], user["why"]) for user in answer["list"]]


@claim
def a_difference_to_a_dialect_is_told_by_the_rule_that_makes_it():
    same(differences("A@0 A@8 B@12", "mixpanel"), [(2, 1, "entry rule: not every entry is tried")])
    same(differences("A@0 A@8 B@12", "mixpanel:optimized"), [])
    same(differences("A@0 B@10", "pinot"), [(2, 1, "window: its end is not part of it")])
    same(differences("A@0 B@99", "ga4"), [(1, 2, "window: another length")])
    same(differences("A@0 B@5", "posthog", "--to", time(3)), [(2, 1, "range: what happens after it does not count")])
    same(differences("B@0 A@9", "posthog"), [(1, 2, "events within 50 ms are simultaneous")])


def matching_users(pattern, steps, *arguments):
    shop = Shop(events_of("A@0 X@1000000 B@2000000", "ann") + events_of("A@0 B@3000000 A@4000000 B@5000000", "bob"))
    words = [word for step in steps.split() for word in ("--step", step)]
    found = shop.run("pattern", pattern, *words, *arguments, "--format", "json")
    shop.remove()
    return found["users"], found["matching"], found["matches"]


@claim
def a_pattern_sees_neighbours_among_events_of_its_steps_and_counts_without_overlap():
    same(matching_users("(?1)(?2)", "A B"), (2, 2, 3))
    same(matching_users("(?1)(?2)", "A B X"), (2, 1, 2))
    same(matching_users("(?1).(?2)", "A B X"), (2, 1, 1))
    same(matching_users("(?1)(?t<=2)(?2)", "A B"), (2, 2, 2))
    same(matching_users("(?1)(?t<=2s)(?2)", "A B", "--to", time(2000000)), (2, 0, 0))


# ---- SEMANTICS 1: events and people


@claim
def finer_digits_than_microseconds_are_floored():
    mapping = {"time": "t"}
    events = [{"u": "ann", "t": "2026-01-01T00:00:00.0000019Z", "n": "A"},
              {"u": "ann", "t": "2026-01-01T00:00:00.0000020Z", "n": "B"}]
    answer = ask(events, "A B", mapping=mapping, ties="strict", window="1us")
    same(answer["total"]["steps"][1]["from_entry"]["min_us"], 1)


@claim
def a_missing_attribute_is_not_empty_not_zero_and_not_the_text_null():
    values = [None, "", "0", "null"]
    events = [{"u": "absent", "t": BASE, "n": "A"}]
    events += [{"u": f"u{index}", "t": BASE, "n": "A", "a": value} for index, value in enumerate(values)]
    shop = Shop(events)
    found = {row["values"][0]: row["steps"][0]["reached"] for row in shop.funnel("A", "--by", "a")["slices"]}
    same(found, {None: 2, "": 1, "0": 1, "null": 1})
    for where, reached in (("a is null", 2), ("a = ''", 1), ("a = '0'", 1), ("a = 'null'", 1), ("a != 'x'", 3),
                           ("not a = 'x'", 3), ("a != 'x' or a is null", 5)):
        same(levels(shop.funnel("A", "--where", where)), [reached], where)
    table = shop.call("funnel", "f", "--by", "a", funnel=definition("A", {})).stdout
    same("(none)" in table, True, "shown as (none):")
    shop.remove()


@claim
def equal_events_are_two_unless_an_event_id_says_that_they_are_one():
    twice = events_of("A@0 A@0", i="x")
    same(levels(ask(twice, "A A")), [1, 1])
    same(levels(ask(twice, "A A", mapping={"event_id": "i"})), [1, 0])
    other_time = events_of("A@0 A@1", i="x")
    same(levels(ask(other_time, "A A", mapping={"event_id": "i"})), [1, 1], "another time is another event:")
    other_user = events_of("A@0", "ann", i="x") + events_of("A@0", "bob", i="x")
    same(levels(ask(other_user, "A", mapping={"event_id": "i"})), [2], "another person is another event:")


@claim
def of_two_copies_the_smaller_stays_whichever_came_first():
    small, large = events_of("A@0", i="x", a="DE")[0], events_of("A@0", i="x", a="FR")[0]
    for events in ([small, large], [large, small]):
        answer = ask(events, "A", "--by", "a", mapping={"event_id": "i"})
        same([row["values"] for row in answer["slices"]], [["DE"]])


@claim
def the_default_as_of_is_the_latest_of_min_time_and_received():
    day = [{"u": "ann", "t": BASE, "n": "A"}, {"u": "bob", "t": BASE + 9 * HOUR, "n": "A", "r": BASE + 2 * HOUR}]
    answer = ask(day, "A")
    same(answer["provenance"]["as_of"], "2026-01-01T02:00:00Z")
    same((levels(answer), answer["provenance"]["after_as_of"]), ([1], 1), "bob's event is later than T:")
    late = [{"u": "ann", "t": BASE, "n": "A", "r": BASE + 5 * HOUR}]
    same(ask(late, "A")["provenance"]["as_of"], "2026-01-01T00:00:00Z", "a late arrival moves T by its time only:")


@claim
def future_events_never_move_as_of_and_are_counted():
    limit = BASE + DAY  # 24 h after it was received: not yet in the future
    shop = Shop([{"u": "ann", "t": BASE, "n": "A"}, {"u": "bob", "t": limit, "n": "A", "r": BASE},
                 {"u": "eve", "t": limit + 1, "n": "A", "r": BASE}, {"u": "eve", "t": BASE + 400 * DAY, "n": "A",
                                                                     "r": BASE}])
    same((shop.books["run"]["stored"], shop.books["run"]["future"]), (4, 2))
    answer = shop.funnel("A")
    same((answer["provenance"]["as_of"], levels(answer), answer["provenance"]["after_as_of"]),
         ("2026-01-01T00:00:00Z", [1], 3))
    same(levels(shop.funnel("A", "--as-of", "2028-01-01")), [3], "T can be asked for:")
    shop.remove()


@claim
def events_beyond_max_time_are_future():
    mapping = {"max_time": "2026-01-02T00:00:00Z"}
    shop = Shop(events_of(f"A@0 A@{DAY} A@{DAY + 1}"), **mapping)
    same(shop.books["run"]["future"], 1)
    same(shop.funnel("A")["provenance"]["as_of"], "2026-01-02T00:00:00Z")
    shop.remove()


@claim
def events_after_an_asked_as_of_do_not_exist_and_are_counted():
    shop = Shop(events_of("A@0 B@5 C@9"))
    for asked, expected, after in ((9, [1, 1, 1], 0), (8, [1, 1, 0], 1), (5, [1, 1, 0], 1), (4, [1, 0, 0], 2)):
        answer = shop.funnel("A B C", "--as-of", time(asked))
        same((levels(answer), answer["provenance"]["after_as_of"]), (expected, after), f"as of {asked}:")
    shop.remove()


def linked_events(text):
    """'~x@0 ann~x@5 ann<y@6 ann=bob@7': who, what is linked, when."""
    for word in text.split():
        ids, _, moment = word.partition("@")
        event = {"t": BASE + int(moment), "n": "A"}
        for sign, key in (("~", "anon"), ("<", "was"), ("=", "old")):
            if sign in ids:
                ids, _, event[key] = ids.partition(sign)
        yield {**event, **({"u": ids} if ids else {})}


LINKS = {"anonymous": "anon", "links": [{"anonymous": "anon"}, {"previous": "was"}, {"alias": "old"}]}


@claim
def the_worked_links_hold_in_any_order():
    count = 0
    for text, expected in table_rows("Who is who"):
        for events in (list(linked_events(text)), list(linked_events(text))[::-1]):
            shop = Shop(events, **LINKS)
            if expected == "two people":
                same(levels(shop.funnel("A")), [2], text)
                count += 1
            for said in expected.split(", ") if expected != "two people" else []:
                user, _, person = said.partition(" is ")
                found = shop.run("trace", user, "f", "--format", "json", funnel=definition("A", {}))
                same(found.get("ids", [{"id": user}])[0]["id"], person, f"{text}, {user}:")
                count += 1
            shop.remove()
    same(count > 25, True, f"{count} checks")


@claim
def links_after_as_of_do_not_exist():
    shop = Shop(list(linked_events("~x@0 ~y@1 ann~x@5 ann~y@7")), **LINKS)
    for asked, people in ((4, 2), (5, 2), (6, 2), (7, 1)):
        same(levels(shop.funnel("A", "--as-of", time(asked))), [people], f"as of {asked}:")
    shop.remove()


@claim
def a_linked_person_has_the_sessions_of_the_merged_events():
    gap = 20 * MINUTE
    shop = Shop(list(linked_events(f"~x@0 ann~x@{gap} ~x@{2 * gap} ann@{3 * gap}")), **LINKS)
    total = shop.sessions()
    same((total["sessions"], total["users"], total["events"]), (1, 1, 4))
    shop.remove()


# ---- SEMANTICS 2: sessions


def session_counts(times, *arguments):
    shop = Shop([{"u": "ann", "t": BASE + at, "n": "A"} for at in times])
    found = shop.sessions(*arguments)
    shop.remove()
    return found["sessions"], found["bounces"]


@claim
def exactly_thirty_minutes_stay_together_and_one_microsecond_more_does_not():
    same(session_counts([0, 30 * MINUTE]), (1, 0))
    same(session_counts([0, 30 * MINUTE + 1]), (2, 2))
    same(session_counts([0, 10 * MINUTE], "--session-timeout", "10m"), (1, 0))
    same(session_counts([0, 10 * MINUTE + 1], "--session-timeout", "10m"), (2, 2))


@claim
def midnight_splits_a_run_that_is_a_day_old_and_an_event_at_midnight_is_the_next():
    run = range(0, 2 * DAY + 1, 30 * MINUTE)  # unbroken from midnight to midnight after next
    same(session_counts(run), (3, 1), "at the first midnight the run is a day old already:")
    from_one = range(30 * MINUTE, 2 * DAY, 30 * MINUTE)
    same(session_counts(from_one), (1, 0), "split only where it was unbroken 24 h before:")
    same(session_counts([*from_one, 2 * DAY]), (2, 1), "the event at midnight:")
    broken = [at for at in run if at != 25 * HOUR]
    same(session_counts(broken), (3, 0), "a gap after the first midnight, so the second does not split:")


@claim
def a_session_belongs_to_the_range_that_holds_its_start_and_has_a_length():
    times = [23 * HOUR + 50 * MINUTE, 24 * HOUR + 5 * MINUTE, 30 * HOUR]
    shop = Shop([{"u": "ann", "t": BASE + at, "n": "A"} for at in times])
    found = shop.sessions("--to", "2026-01-02")
    same((found["sessions"], found["events"], found["length"]["max_us"]), (1, 2, 15 * MINUTE))
    found = shop.sessions("--from", "2026-01-02")
    same((found["sessions"], found["bounces"], found["length"]["max_us"]), (1, 1, 0))
    shop.remove()


@claim
def where_hides_events_from_steps_and_never_moves_session_bounds():
    events = [{"u": "ann", "t": BASE, "n": "A", "a": "x"}, {"u": "ann", "t": BASE + 20 * MINUTE, "n": "Z", "a": "y"},
              {"u": "ann", "t": BASE + 40 * MINUTE, "n": "B", "a": "x"}]
    same(levels(ask(events, "A B", "--where", "a = 'x'", unit="session")), [1, 1])
    same(levels(ask([events[0], events[2]], "A B", unit="session")), [1, 0])


# ---- SEMANTICS 3 and 4: definition and matching


@claim
def a_window_of_zero_means_simultaneous_and_a_negative_one_is_an_error():
    same(level("A@5 B@5", "A B", window="0us"), 2)
    same(level("A@5 B@6", "A B", window="0us"), 1)
    shop = Shop(events_of("A@0"))
    same("window" in shop.refused("A B", window="-1s"), True)
    shop.remove()


@claim
def thirty_two_steps_are_answered_and_thirty_three_are_refused():
    shop = Shop(events_of(" ".join(f"S{index}@{index}" for index in range(32))))
    same(levels(shop.funnel(" ".join(f"S{index}" for index in range(32)))), [1] * 32)
    same("32" in shop.refused(" ".join(f"S{index % 32}" for index in range(33))), True)
    done = shop.call("funnel", *[word for index in range(33) for word in ("--step", f"S{index % 32}")])
    same((done.returncode, "at most 32" in done.stderr), (2, True), done.stderr)
    shop.remove()


@claim
def the_entry_lies_in_the_range_and_completion_may_follow():
    shop = Shop(events_of("A@0 B@5") + events_of("A@3 B@4", "bob"))
    for arguments, expected in ((["--to", time(3)], [1, 1]), (["--from", time(3)], [1, 1]),
                                (["--from", time(0), "--to", time(4)], [2, 2]), (["--to", time(0)], [0, 0])):
        same(levels(shop.funnel("A B", *arguments)), expected, str(arguments))
    shop.remove()


@claim
def an_event_fills_one_step_of_an_attempt():
    steps = [{"event": ["A", "AB"], "name": "first"}, {"event": ["AB"], "name": "second"}]
    same(levels(ask(events_of("AB@0"), steps)), [1, 0])
    same(levels(ask(events_of("A@0 AB@0"), steps)), [1, 1])


@claim
def a_comparison_with_a_value_of_another_type_is_unknown_and_counted():
    shop = Shop([{"u": "ann", "t": BASE, "n": "A", "k": 3}])
    answer = shop.funnel([{"event": "A", "where": "k = 'three'"}])
    same((levels(answer), answer["provenance"]["type_mismatches"]), ([0], 1))
    shop.remove()


# ---- SEMANTICS 5: counts


def open_at(text, steps, us, *arguments, **rules):
    """(won, open, lost) where the last event of anybody, bob's, is at `us`."""
    # The command line refuses steps whose events never occur; bob's event is one of each but the first.
    listed = [{"event": [name, "other"] if index else [name], "name": name} for index, name in enumerate(steps.split())]
    return ends(ask(events_of(text) + events_of(f"other@{us}", "bob"), listed, *arguments, **rules))


@claim
def an_attempt_is_open_while_as_of_is_within_the_window_and_lost_after():
    for window, us in (("10us", 10), ("7d", 7 * DAY)):
        same(open_at("A@0", "A B", us, window=window), (0, 1, 0), window)
        same(open_at("A@0", "A B", us + 1, window=window), (0, 0, 1), window)
    same(open_at("A@0", "A B", 400 * DAY, window="none"), (0, 1, 0), "without a window:")
    same(open_at("A@0 B@1", "A B", 400 * DAY, window="10us"), (1, 0, 0), "won stays won:")


@claim
def a_later_entry_keeps_the_reported_attempt_open():
    same(open_at("A@0 B@1 A@8", "A B C", 15, window="10us"), (0, 1, 0))
    same(open_at("A@0 B@1 A@8", "A B C", 18, window="10us"), (0, 1, 0))
    same(open_at("A@0 B@1 A@8", "A B C", 19, window="10us"), (0, 0, 1))
    same(open_at("A@0 B@1 A@8", "A B C", 15, window="10us", attempts="first"), (0, 0, 1))
    same(open_at("A@0 B@1 A@8", "A B C", 15, "--to", time(8), window="10us"), (0, 0, 1), "not in the range:")


@claim
def a_session_is_open_until_the_timeout_has_passed():
    for us, expected in ((30 * MINUTE, (0, 1, 0)), (30 * MINUTE + 1, (0, 0, 1))):
        same(open_at("A@0", "A B", us, unit="session"), expected, f"{us}, unit session:")
        same(open_at("A@0", "A B", us, window="session"), expected, f"{us}, window session:")


@claim
def everybody_with_an_entry_is_won_open_or_lost():
    events = events_of("A@0 B@1 C@2", "won") + events_of("A@0 B@1", "lost") + events_of("A@95", "open")
    answer = ask(events + events_of("C@100", "nobody"), "A B C", window="10us")
    same((levels(answer), ends(answer)), ([3, 2, 1], (1, 1, 1)))
    steps = answer["total"]["steps"]
    same([(step["dropped"], step["open"], step["lost"]) for step in steps], [(1, 1, 0), (1, 0, 1), (0, 0, 0)])
    same((answer["total"]["won_of_closed"], answer["total"]["won_of_entered"]), (0.5, 0.333333333333))


@claim
def an_empty_denominator_is_null():
    never = {"event": "A", "where": "a = 'never'", "name": "never"}
    answer = ask(events_of("A@0"), ["A", never, {**never, "name": "nor this"}])
    steps = answer["total"]["steps"]
    same([step["of_previous"] for step in steps], [None, 0, None], "of previous:")
    same((answer["total"]["won_of_closed"], answer["total"]["won_of_closed_95"]), (None, None), "all are open:")
    answer = ask(events_of("A@0"), [never, "A"])
    same([step["of_first"] for step in answer["total"]["steps"]], [None, None], "of first:")
    same(answer["total"]["won_of_entered"], None)


@claim
def throughput_counts_the_day_of_the_matched_event():
    answer = ask(events_of(f"A@{23 * HOUR} B@{25 * HOUR}") + events_of(f"A@{24 * HOUR}", "bob"), "A B")
    same(answer["days"], [{"day": "2026-01-01T00:00:00Z", "reached": [1, 0]}, {"day": "2026-01-02T00:00:00Z", "reached": [1, 1]}])


# ---- SEMANTICS 6: slices


@claim
def slices_and_other_sum_to_the_total_exactly():
    events = []
    for user in range(3000):
        for step in range(1 + user % 3):
            event = {"u": f"u{user}", "t": BASE + user + step, "n": "ABC"[step], "a": f"v{user * user % 701}"}
            if step == 2:
                event.update(m=f"0.{user:04}", c="EUR")
            events.append(event)
    shop = Shop(events)
    for top in (1, 7, 10000):
        answer = shop.funnel("A B C", "--by", "a", "--top", top)
        parts = answer["slices"] + ([answer["other"]] if answer["other"] else [])
        for key in ("won", "open", "lost"):
            same(sum(part[key] for part in parts), answer["total"][key], key)
        for step in range(3):
            for key in ("reached", "dropped", "open", "lost"):
                same(sum(part["steps"][step][key] for part in parts), answer["total"]["steps"][step][key], key)
        cents = [round(float(money["revenue"]) * 10000) for part in parts for money in part["steps"][2]["money"]]
        same(sum(cents), round(float(answer["total"]["steps"][2]["money"][0]["revenue"]) * 10000), "revenue")
        order = [(-row["steps"][0]["reached"], row["values"][0]) for row in answer["slices"]]
        same(order, sorted(order), "by reached[1], ties by value:")
    same(answer["other"], None, "all are listed:")
    shop.remove()


@claim
def a_slice_is_the_value_on_the_entry_event():
    events = [{"u": "ann", "t": BASE, "n": "A", "a": "DE", "b": "x"}, {"u": "ann", "t": BASE + 1, "n": "B", "a": "FR"}]
    found = {tuple(row["values"]): [step["reached"] for step in row["steps"]]
             for row in ask(events, "A B", "--by", "a,b")["slices"]}
    same(found, {("DE", "x"): [1, 1]})


def worked_slices():
    """The rows of the table of slices: events, steps, what is asked, slices."""
    lines = (HERE.parent.parent / "engine" / "SEMANTICS.md").read_text().splitlines()
    start = lines.index("| Events of one person | Steps | Asked | Slices |") + 2
    for line in lines[start:]:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split("|")]


@claim
def the_worked_slices_hold():
    count = 0
    for words, steps, asked, expected in worked_slices():
        events = []
        for word in words.split():
            name, _, moment = word.partition("@")
            name, _, value = name.partition(":")
            events.append({"u": "ann", "t": BASE + int(moment), "n": name, **({"a": value} if value else {})})
        events += [{"u": "zed", "t": BASE, "n": name} for name in "BX"]  # never an entry
        flag, _, value = asked.partition(" ")
        found = {row["values"][0] or "(none)": [step["reached"] for step in row["steps"]]
                 for row in ask(events, steps, "--by", "a", *([f"--{flag}", value] if flag else []))["slices"]}
        wanted = {name: list(map(int, counts)) for name, *counts in map(str.split, filter(None, expected.split(", ")))}
        same(found, wanted, f"{words}, {steps}, {asked}:")
        count += 1
    same(count > 15, True, f"{count} rows")


@claim
def a_unit_of_several_values_is_in_other_once():
    events = [{"u": "ann", "t": BASE + at, "n": "A", "a": value} for at, value in enumerate(["x", "y", "z"])]
    answer = ask(events + [{"u": "bob", "t": BASE, "n": "A", "a": "x"}], "A", "--by", "a", "--top", "1",
                 "--attribution", "each")
    same(answer["definition"]["overlap"], True)
    same([row["values"] for row in answer["slices"]], [["x"]])
    same((answer["slices"][0]["won"], answer["other"]["won"], answer["total"]["won"]), (2, 1, 2))
    same(answer["other"]["slice_count"], 2)


@claim
def open_attempts_leave_the_estimate_at_their_age():
    hours = {"ann": (0, 1), "bob": (-3, 0), "cem": (-1, None), "dee": (-4, None)}
    events = []
    for user, (entry, won) in hours.items():
        events.append({"u": user, "t": BASE + 5 * HOUR + entry * HOUR, "n": "A"})
        if won is not None:
            events.append({"u": user, "t": BASE + 5 * HOUR + won * HOUR, "n": "B"})
    # ann: won after 1 h; bob: after 3 h; cem and dee wait since 2 h and 5 h.
    found = ask(events, "A B", "--survival", "--as-of", time(6 * HOUR), attempts="first")["survival"]
    points = [(point["after_us"], point["at_risk"], point["estimate"]) for point in found["points"]]
    same(points, [(HOUR, 4, 0.25), (3 * HOUR, 2, 0.625)])
    same(found["ends"]["open"], 2)
    same(found["plateau"], True)
    found = ask(events, "A B", "--survival", "--as-of", time(5 * HOUR), attempts="first", window="none")["survival"]
    same(found["plateau"], False, "without a window:")


@claim
def attempts_that_end_otherwise_compete():
    exclude = [{"event": "X", "after": 1, "before": 2, "effect": "end"}]
    log = [("ann", "A", 0), ("ann", "B", 1), ("bob", "A", 0), ("bob", "X", 2), ("bob", "B", 5), ("cem", "A", 0),
           ("cem", "B", 3), ("dee", "A", 6)]
    events = [{"u": user, "n": name, "t": BASE + hour * HOUR} for user, name, hour in log]
    found = ask(events, "A B", "--survival", "--as-of", time(10 * HOUR), attempts="first", exclude=exclude)["survival"]
    same((found["ends"]["won"], found["ends"]["excluded"], found["ends"]["open"]), (2, 1, 1))
    # 1 h: 1/4 of 4; 2 h: one of 3 is lost; 3 h: one of the 2 left, who are half of all.
    same([(point["after_us"] // HOUR, point["at_risk"], point["estimate"]) for point in found["points"]],
         [(1, 4, 0.25), (3, 2, 0.5)])
    same(found["competing"]["excluded"], 0.25)
    # Aalen and Johansen's variance, term by term: time, at risk, ended, won, share before it, share won then.
    steps = [(1, 4, 1, 1, 1.0, 0.25), (2, 3, 1, 0, 0.75, 0.25), (3, 2, 1, 1, 0.5, 0.5)]
    variance = sum((0.5 - then) ** 2 * d / (n * (n - d)) + before ** 2 * w * (n - w) / n ** 3
                   - 2 * (0.5 - then) * before * w / n ** 2 for _, n, d, w, before, then in steps)
    width = 1.959963984540054 * math.sqrt(variance) / (0.5 * abs(math.log(0.5)))
    same([round(found["final"][key], 9) for key in ("low", "high")],
         [round(1 - 0.5 ** math.exp(sign * width), 9) for sign in (-1, 1)])


@claim
def gaps_sessions_and_strict_order_are_ends_with_a_time():
    log = [("ann", "A", 0), ("ann", "X", 1), ("ann", "B", 3)]
    events = [{"u": user, "n": name, "t": BASE + hour * HOUR} for user, name, hour in log]
    for kind, rules in (("gap", {"steps": ["A", {"event": "B", "max_gap": "2h"}]}),
                        ("strict", {"steps": "A B", "order": "strict"}),
                        ("session", {"steps": "A B", "window": "session"}),
                        ("window", {"steps": "A B", "window": "2h"})):
        found = ask(events, rules.pop("steps"), "--survival", "--as-of", time(9 * DAY), attempts="first", **rules)
        same(found["survival"]["ends"][kind], 1, f"{kind}: {found['survival']['ends']}")


@claim
def one_test_against_all_other_units():
    events = []
    for index in range(200):
        value = "x" if index < 100 else "y"
        events.append({"u": f"u{index}", "t": BASE, "n": "A", "a": value})
        if index % 100 < (40 if value == "x" else 20):
            events.append({"u": f"u{index}", "t": BASE + 1, "n": "B", "a": value})
    events.append({"u": "late", "t": BASE + 30 * DAY, "n": "X"})
    rows = ask(events, "A B", "--by", "a")["slices"]
    same([round(row["p_value"], 5) for row in rows], [0.00203, 0.00203])
    same([row["q_value"] for row in rows], [row["p_value"] for row in rows])


@claim
def mix_and_rate_sum_to_the_change():
    events, number = [], 0
    for start, crowd in ((0, {"DE": (10, 4), "FR": (10, 2)}), (DAY, {"DE": (4, 1), "FR": (16, 3)})):
        for value, (entered, won) in crowd.items():
            for index in range(entered):
                number += 1
                events.append({"u": f"u{number}", "t": BASE + start, "n": "A", "a": value})
                if index < won:
                    events.append({"u": f"u{number}", "t": BASE + start + 1, "n": "B", "a": value})
    answer = ask(events, "A B", "--by", "a", "--from", time(DAY), "--compare", f"..{time(DAY)}", window="1h")
    change = answer["comparison"]["total"]["change"]
    same(round(change["mix"] + change["rate"], 12), round(4 / 20 - 6 / 20, 12))
    same(round(change["mix"], 12), round(-0.3 * (0.325 - 0.25) + 0.3 * (0.19375 - 0.25), 12))


@claim
def where_user_reads_attributes_only():
    shop = Shop(events_of("A@0"))
    same("a person has attributes only" in shop.refused("A", "--where-user", "event = 'A'"), True)
    same("did you mean" in shop.call("funnel", "--step", "A", "--where-entry", "aa = 'x'").stderr, True)
    shop.remove()


@claim
def each_and_all_attempts_exclude_each_other():
    shop = Shop(events_of("A@0"))
    refused = shop.call("funnel", "--step", "A", "--by", "a", "--attribution", "each", "--attempts", "all")
    same(refused.returncode, 2, refused.stderr)
    refused = shop.call("funnel", "--step", "A", "--by", "a", "--attribution", "step:2").stderr
    same("is no step" in refused, True, refused)
    refused = shop.call("funnel", "--step", "A", "--compare", "yesterday").stderr
    same("FROM..TO" in refused, True, refused)
    refused = shop.call("funnel", "--step", "A", "--trend", "day", "--zone", "Europe/Berln").stderr
    same("Berln" in refused, True, refused)
    shop.remove()


@claim
def a_bucket_of_the_trend_asks_for_its_own_entries_even_within_a_tolerance():
    events = events_of(f"A@{DAY - 1} A@{DAY} B@{2 * DAY}")
    trend = ask(events, "A B", "--trend", "day", window="1h", tie_tolerance="1s")["trend"]
    same([bucket["total"]["steps"][0]["reached"] for bucket in trend], [1, 1, 0])


@claim
def eight_slice_attributes_are_answered_and_nine_refused():
    shop = Shop(events_of("A@0"), attributes={name: name for name in "abcdefghi"})
    same(len(shop.funnel("A", "--by", ",".join("abcdefgh"))["slices"]), 1)
    same("at most 8" in shop.refused("A", "--by", ",".join("abcdefghi")), True)
    same("'a' is named twice" in shop.refused("A", "--by", "a,a"), True)
    shop.remove()


# ---- SEMANTICS 7: time and money


@claim
def further_orders_of_the_window_are_repeat():
    events = [{"u": "ann", "t": BASE, "n": "A"}] + [
        {"u": "ann", "t": BASE + at, "n": "B", "m": "10.5", "c": currency}
        for at, currency in ((1, "EUR"), (2, "EUR"), (3, "USD"), (11, "EUR"))]
    money = ask(events, "A B", window="10us")["total"]["steps"][1]["money"]
    found = {row["currency"]: (row["revenue"], row["orders"], row["repeat"]) for row in money}
    same(found["EUR"], ("10.5000", 1, {"revenue": "10.5000", "orders": 1}))
    same(found["USD"], ("0.0000", 0, {"revenue": "10.5000", "orders": 1}))


@claim
def percentiles_are_exact_with_rank_p_times_n_minus_1():
    events = []
    for index, seconds in enumerate((40, 10, 30, 20, 0)):
        events += events_of(f"A@0 B@{seconds * 10**6}", f"u{index}")
    found = ask(events, "A B")["total"]["steps"][1]["from_entry"]
    same((found["count"], found["mean_us"], found["min_us"], found["max_us"]), (5, 20e6, 0, 40e6), "zero counts:")
    same([found[f"p{p}_us"] for p in (10, 50, 90, 95, 99)], [4e6, 20e6, 36e6, 38e6, 39.6e6])
    same(found["histogram"], [1, 0, 2, 2] + 9 * [0], "below 1 s, from 1 s, from 10 s, from 30 s:")


@claim
def amounts_are_rounded_half_to_even_at_four_digits():
    for amount, expected in (("0.00005", "0.0000"), ("0.00015", "0.0002"), ("0.00025", "0.0002"),
                             ("0.000050001", "0.0001"), ("-0.00015", "-0.0002"), ("12.34565", "12.3456")):
        event = f'{{"u":"ann","t":{BASE},"n":"O","m":{amount},"c":"EUR"}}\n'
        same(ask([event], "O")["total"]["steps"][0]["money"][0]["revenue"], expected, amount)


@claim
def an_average_is_rounded_half_to_even():
    events = [{"u": f"u{index}", "t": BASE, "n": "O", "m": amount} for index, amount in enumerate(("0.0001", "0.0002"))]
    same(ask(events, "O")["total"]["steps"][0]["money"][0]["average"], "0.0002")
    events[1]["m"] = "0.0004"
    same(ask(events, "O")["total"]["steps"][0]["money"][0]["average"], "0.0002", "0.00025:")


@claim
def currencies_are_never_added_and_an_order_without_an_amount_is_none():
    events = [{"u": "ann", "t": BASE, "n": "O", "m": 10, "c": "EUR"}, {"u": "bob", "t": BASE, "n": "O", "m": 5, "c": "USD"},
              {"u": "cat", "t": BASE, "n": "O", "m": 7, "c": "EUR"}, {"u": "dan", "t": BASE, "n": "O", "m": 1},
              {"u": "eve", "t": BASE, "n": "O", "c": "EUR"}]
    answer = ask(events, "O")
    same([(row["currency"], row["revenue"], row["orders"]) for row in answer["total"]["steps"][0]["money"]],
         [(None, "1.0000", 1), ("EUR", "17.0000", 2), ("USD", "5.0000", 1)])


@claim
def revenue_is_that_of_the_matched_event_alone():
    events = events_of("A@0") + [{"u": "ann", "t": BASE + 1, "n": "O", "m": 10}, {"u": "ann", "t": BASE + 2, "n": "O",
                                                                                 "m": 99}]
    same(ask(events, "A O")["total"]["steps"][1]["money"][0]["revenue"], "10.0000")


@claim
def the_same_events_in_another_order_give_the_same_bytes():
    events = events_of("A@0 B@0 A@1 B@2 C@2") + events_of("C@9 B@8 A@7", "bob") + events_of("A@1", "cat", a="x")
    digests = set()
    for listed in (events, events[::-1], events[4:] + events[:4]):
        found = ask(listed, "A B C", "--by", "a")["provenance"]
        digests.add((found["result_digest"], found["store_digest"]))
    same(len(digests), 1)


# ---- limits, on both sides


def rejected(event, **mapping):
    shop = Shop([event], **mapping)
    found = shop.books["run"]
    shop.remove()
    return found["stored"], found["rejected"]


@claim
def an_id_has_at_most_1024_bytes():
    same(rejected({"u": "u" * 1024, "t": BASE, "n": "A"}), (1, {}))
    same(rejected({"u": "u" * 1025, "t": BASE, "n": "A"})[0], 0)


@claim
def an_event_name_has_at_most_1024_bytes():
    same(rejected({"u": "u", "t": BASE, "n": "n" * 1024}), (1, {}))
    same(rejected({"u": "u", "t": BASE, "n": "n" * 1025})[0], 0)


@claim
def a_value_of_an_attribute_has_at_most_65536_bytes():
    shop = Shop([{"u": "a", "t": BASE, "n": "A", "a": "v" * 65536}, {"u": "b", "t": BASE, "n": "A", "a": "v" * 65537}])
    sizes = [len(row["values"][0] or "") for row in shop.funnel("A", "--by", "a")["slices"]]
    same(sorted(sizes)[-1], 65536)
    same(65537 in sizes, False)
    shop.remove()


@claim
def json_nests_128_deep_and_no_deeper():
    def nested(depth):
        return f'{{"u":"u","t":{BASE},"n":"A","z":{"[" * (depth - 1)}{"]" * (depth - 1)}}}\n'
    same(rejected(nested(128)), (1, {}))
    same(rejected(nested(129)), (0, {"too_deep": 1}))


@claim
def a_line_has_at_most_16_mebibytes():
    def line_of(size):
        head, tail = f'{{"u":"u","t":{BASE},"n":"A","z":"', '"}'
        return head + "z" * (size - len(head) - len(tail)) + tail + "\n"
    same(rejected(line_of(16 << 20)), (1, {}))
    same(rejected(line_of((16 << 20) + 1))[0], 0)


@claim
def a_store_has_at_most_256_attributes():
    def replay(count):
        names = {f"a{index}": f"a{index}" for index in range(count)}
        mapping = {"attributes": {**{key: None for key in MAPPING["attributes"]}, **names}}
        mapping["attributes"] = names
        event = {"u": "u", "t": BASE, "n": "A", f"a{count - 1}": "x"}
        shop = Shop([event], **mapping)
        found = shop.funnel("A", "--by", f"a{count - 1}")["slices"][0]["values"]
        shop.remove()
        return found
    same(replay(256), ["x"])
    try:
        replay(257)
    except AssertionError as refusal:
        same("256" in str(refusal), True, str(refusal))
        return
    raise AssertionError("257 attributes were taken")


def main():
    chosen = [run for run in claims if len(WORDS) < 2 or any(word in run.__name__ for word in WORDS[1:])]
    failed = 0
    for run in chosen:
        try:
            run()
        except AssertionError as reason:
            failed += 1
            print(f"FAILED {run.__name__}: {reason}")
    print(f"claims: {len(chosen) - failed} of {len(chosen)} hold")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
