# SPDX-License-Identifier: Apache-2.0
"""The questions in ClickHouse's arrays, without windowFunnel: each user's step events as one sorted array of numbers,
and what is known at each of them carried on by arrayFill. The better the fewer events a question leaves of a user.

An event is `time * 16 + step`: steps exclude each other, so that sorting puts simultaneous ones in the order of the
steps, as windowFunnel does. `where` and `settings` are the caller's; `conditions` are the steps' as SQL."""

STEP_BITS = 4
NONE = "0::UInt32"


def code_of(conditions):
    return "multiIf(" + ", ".join(f"{condition}, {step}" for step, condition in enumerate(conditions, 1)) + ", 0)"


def per_user(conditions, values, where, prefix="toUInt64(toUnixTimestamp(time))"):
    """Rows (values, zs: sorted numbers, ts: times, cs: steps), one per user."""
    number = f"({prefix}) * {1 << STEP_BITS} + {code_of(conditions)}"
    return (f"(select {''.join(value + ', ' for value in values)}arraySort(groupArray({number})) zs, "
            f"arrayMap(z -> toUInt32(bitAnd(bitShiftRight(z, {STEP_BITS}), 4294967295)), zs) ts, "
            f"arrayMap(z -> toUInt8(bitAnd(z, {(1 << STEP_BITS) - 1})), zs) cs from bench.events{where} group by user_id)")


def best_levels(conditions, values, shown, where, window_s):
    """Rows (shown, level): per step the latest entry that led there so far; the last step need only be met."""
    fills = ["arrayFill(x -> x > 0, arrayMap((t, c) -> if(c = 1, t, 0), ts, cs)) s1"]
    last = len(conditions)
    for step in range(2, last):
        fills.append(f"arrayFill(x -> x > 0, arrayMap((t, c, s) -> if(c = {step} and s > 0 and t - s <= {window_s}, s, 0), "
                     f"ts, cs, s{step - 1})) s{step}")
    tests = [f"arrayExists(s -> s > 0, s{step})" for step in range(1, last)]
    tests.append(f"arrayExists((t, c, s) -> c = {last} and s > 0 and t - s <= {window_s}, ts, cs, s{last - 1})")
    return (f"(select {''.join(name + ', ' for name in shown)}{', '.join(fills)}, {' + '.join(tests)} level from "
            f"{per_user(conditions, values, where)})")


def first_levels(conditions, by, where, window_s):
    """Rows (by, level) from each user's first entry: only later steps are gathered, by step."""
    later = range(2, len(conditions) + 1)
    gathered = ", ".join(f"arraySort(groupArrayIf(time, {conditions[step - 1]})) a{step}" for step in later)
    named = ", ".join(f"argMinIf({name}, time, {conditions[0]}) {name}_" for name in by)
    inner = (f"select {named}, countIf({conditions[0]}) entries, minIf(time, {conditions[0]}) t1, {gathered} "
             f"from bench.events{where} group by user_id")
    found = ", ".join(f"arrayFirst(x -> x >= t{step - 1}, a{step}) t{step}" for step in later)
    level = str(len(conditions))
    for step in reversed(later):
        level = f"if(toUnixTimestamp(t{step}) = 0 or t{step} - t1 > {window_s}, {step - 1}, {level})"
    return f"(select {', '.join(name + '_' for name in by)}, {found}, if(entries = 0, 0, {level}) level from ({inner}))"


def held_counts(conditions, number, where, window_s):
    """One row: how many (user, thing) pairs reach each level; `number` is the thing's, below 2^28. Sorted by thing,
    so that an entry of another one is told by its number."""
    prefix = f"toUInt64({number}) * 4294967296 + toUnixTimestamp(time)"
    known = "x -> x.1 > 0"
    rows = f"(select *, arrayMap(z -> toUInt32(bitShiftRight(z, {STEP_BITS + 32})), zs) ps from "\
           f"{per_user(conditions, ['user_id'], where, prefix)})"
    met = f"s.1 > 0 and s.2 = p and t - s.1 <= {window_s}"
    fills = [f"arrayFill({known}, arrayMap((t, c, p) -> if(c = 1, (t, p), ({NONE}, {NONE})), ts, cs, ps)) s1"]
    counts = ["length(arrayDistinct(arrayFilter((p, c) -> c = 1, ps, cs))) n1"]
    for step in range(2, len(conditions) + 1):
        if step < len(conditions):
            fills.append(f"arrayFill({known}, arrayMap((t, c, p, s) -> if(c = {step} and {met}, s, ({NONE}, {NONE})), "
                         f"ts, cs, ps, s{step - 1})) s{step}")
        counts.append(f"length(arrayDistinct(arrayFilter((p, t, c, s) -> c = {step} and {met}, ps, ts, cs, s{step - 1}))) "
                      f"n{step}")
    sums = ", ".join(f"sum(n{step})" for step in range(1, len(conditions) + 1))
    return f"select {sums} from (select {', '.join(fills + counts)} from {rows})"


def daily_counts(conditions, where, window_s):
    """Rows (day, users by level): per entry the earliest completion of each later step, filled in from the end."""
    last = len(conditions)
    fills = [f"arrayReverseFill(x -> x.1 > 0, arrayMap((t, c) -> if(c = {last}, tuple(t), tuple({NONE})), ts, cs)) e{last}"]
    for step in range(last - 1, 1, -1):
        after = ", ".join(f"e.{place}" for place in range(1, last - step + 1))
        nothing = ", ".join([NONE] * (last - step + 1))
        fills.append(f"arrayReverseFill(x -> x.1 > 0, arrayMap((t, c, e) -> if(c = {step}, (t, {after}), ({nothing})), "
                     f"ts, cs, e{step + 1})) e{step}")
    days = []
    for level in range(1, last + 1):
        tests = "".join(f" and e.{place} > 0 and e.{place} - t <= {window_s}" for place in range(1, level))
        days.append(f"arrayDistinct(arrayMap(t -> toUInt16(intDiv(t, 86400)), arrayFilter((t, c, e) -> c = 1{tests}, "
                    f"ts, cs, e2))) d{level}")
    pairs = ", ".join(f"arrayMap(d -> (d, {level}::UInt8), d{level})" for level in range(1, last + 1))
    counts = ", ".join(f"countIf(r.2 = {level})" for level in range(1, last + 1))
    return (f"select toString(toDate(r.1)), {counts} from (select arrayJoin(arrayConcat({pairs})) r from "
            f"(select {', '.join(fills + days)} from {per_user(conditions, [], where)})) group by r.1")


def any_levels(conditions, where, window_s):
    """Rows (level): at each event, how many steps were met at most a window ago."""
    steps = range(1, len(conditions) + 1)
    fills = ", ".join(f"arrayFill(x -> x > 0, arrayMap((t, c) -> if(c = {step}, t, 0), ts, cs)) s{step}" for step in steps)
    names = ", ".join(f"b{step}" for step in steps)
    met = " + ".join(f"(b{step} > 0 and t - b{step} <= {window_s})" for step in steps)
    last = ", ".join(f"s{step}" for step in steps)
    return f"(select {fills}, arrayMax((t, {names}) -> {met}, ts, {last}) level from {per_user(conditions, [], where)})"


def next_counts(order, events, entry):
    """Rows (event, users): what comes right after the first `entry`; `order` numbers a user's events, their place in
    `events` its lowest digit of 8."""
    names = ", ".join(f"'{name}'" for name in ("", *events))
    return (f"select [{names}][f + 1], count() from (select arraySort(groupArray({order})) z, "
            f"arrayFirstIndex(x -> x % 8 = {events.index(entry) + 1}, z) i, if(i = 0, 9, z[i + 1] % 8) f from bench.events "
            "group by user_id) where f < 9 group by f")
