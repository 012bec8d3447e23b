# SPDX-License-Identifier: Apache-2.0
"""The questions, once for all engines: what is asked, as corong's words and as each rival's SQL.

The steps of a question exclude each other (no event matches two of them), so that simultaneous events need no
rule beyond `ties: any`: ClickHouse sorts them by step, DuckDB's `range` peers and `asof ... >=` see them all."""
import dataclasses

import arrays

WEEK_S = 7 * 86400
TOP = 1000  # slices listed; the others are summed up, here for the rivals


@dataclasses.dataclass(frozen=True)
class Question:
    name: str
    title: str
    steps: tuple                 # SQL predicates all engines understand, or a bare event name
    by: tuple = ()               # sliced by these attributes of the user
    where: str = ""              # a regular expression on the page that hides events from the steps
    first: bool = False          # each user's first entry only; slices by that event
    hold: str = ""               # the unit is (user, this attribute)
    any_order: bool = False
    daily: bool = False          # one funnel per day of entry
    full: bool = False           # corong answers with times, money and days too, as it does where nothing else is asked
    follows: bool = False        # which event comes next after each user's first step
    window_s: int = WEEK_S


def event_of(step):
    return step.split(" where ")[0]


def condition_of(step):
    """As SQL of either rival."""
    event, _, rest = step.partition(" where ")
    return f"event = '{event}'" + (f" and {rest}" if rest else "")


SHOP = ("view", "add_to_cart", "checkout", "order")
QUESTIONS = (
    Question("country", "4 steps by country", SHOP, by=("country",)),
    Question("full", "4 steps by country, full answer", SHOP, by=("country",), full=True),
    Question("second", "frequent second step", ("view", "click", "add_to_cart", "order")),
    Question("twelve", "12 steps", tuple(f"view where page like '%{digit}'" for digit in range(9)) +
             ("click", "add_to_cart", "checkout")),
    Question("slices", "3 slices", SHOP, by=("country", "device", "campaign"), first=True),
    Question("regex", "regex where on a page", SHOP, where="^/shop/page/0[0-4].*[1357]$"),
    Question("any", "any order", SHOP, any_order=True),
    Question("hold", "hold constant", ("view", "click", "add_to_cart"), hold="product"),
    Question("trend", "trend by day", SHOP, daily=True),
    Question("next", "next action", ("add_to_cart",), follows=True),
)


def corong_query(question):
    """The document of `corong funnel --query` for what has no flag; None where flags are enough."""
    if not question.hold and not question.any_order:
        return None
    funnel = {"steps": [{"event": step} for step in question.steps], "window": f"{question.window_s}s"}
    if question.hold:
        funnel["unit"] = [question.hold]
    if question.any_order:
        funnel["order"] = "any"
    return {"funnel": funnel}


def corong_verb(question):
    return "next" if question.follows else "funnel"


def corong_words(question):
    if question.follows:
        return ["--step", question.steps[0], "--attempts", "first", "--window", "none", "--top", str(TOP)]
    if corong_query(question):
        return ["--outputs", "counts"]
    words = [word for step in question.steps for word in ("--step", step)]
    words += [] if question.full else ["--outputs", "counts"]
    words += ["--window", f"{question.window_s}s", "--top", str(TOP)]
    if question.by:
        words += ["--by", ",".join(question.by)]
    if question.where:
        words += ["--where", f"page =~ '{question.where}'"]
    if question.first:
        words += ["--attempts", "first"]
    if question.daily:
        words += ["--trend", "day"]
    return words


def corong_answer(question, result):
    """Reached counts by slice (or day), as the rivals' SQL gives them: rows without any entry are left out."""
    if question.follows:
        return {"".join(row["path"]): [row["attempts"]] for row in result["paths"]}
    if question.daily:
        rows = {bucket["begin"][:10]: [step["reached"] for step in bucket["total"]["steps"]]
                for bucket in result["trend"]}
        return {key: counts for key, counts in rows.items() if counts[0] > 0}
    if not question.by:
        return {"": [step["reached"] for step in result["total"]["steps"]]}
    answer = {"|".join(row["values"]): [step["reached"] for step in row["steps"]] for row in result["slices"]}
    if result.get("other"):
        answer["(other)"] = [step["reached"] for step in result["other"]["steps"]]
    return answer


# --- ClickHouse ------------------------------------------------------------------------------------------------

def clickhouse_phrases(question):
    """By windowFunnel and its like, and by arrays of each user's step events."""
    text = clickhouse_arrays(question)
    phrases = {"arrays": text + clickhouse_settings(False), "in order + arrays": text + clickhouse_settings(True)}
    if question.any_order:
        return {"bit or over a range": clickhouse_any(question), **phrases}
    if question.follows:
        return {"sequenceNextNode": clickhouse_next(question), **phrases}
    for where in ("", "step filter"):
        for order in ("", "in order"):
            name = " + ".join(word for word in (order, where) if word) or "plain"
            phrases[name] = clickhouse_funnel(question, bool(where), bool(order))
    return phrases


def clickhouse_where(question, filtered):
    words = []
    if filtered:
        words.append("event in (" + ", ".join(f"'{event_of(step)}'" for step in question.steps) + ")")
    if question.where:
        words.append(f"match(page, '{question.where}')")
    return f" where {' and '.join(words)}" if words else ""


def counts_of(question, test):
    return ", ".join(test.format(level=level) for level in range(1, len(question.steps) + 1))


def clickhouse_settings(in_order):
    return " settings max_threads = 2" + (", optimize_aggregation_in_order = 1" if in_order else "")


def clickhouse_funnel(question, filtered, in_order):
    conditions = [condition_of(step) for step in question.steps]
    source, keys, values = "bench.events", ["user_id"], []
    where = clickhouse_where(question, filtered)
    if question.first:
        source = ("(select e.*, f.first from bench.events e inner join (select user_id, min(time) first from "
                  f"bench.events where {conditions[0]} group by user_id) f using user_id where time >= first)")
        conditions[0] += " and time = first"
        values = [f"anyIf({name}, {conditions[0]}) {name}_" for name in question.by]
    elif question.by:
        values = [f"any({name}) {name}_" for name in question.by]
    if question.hold:
        keys.append(question.hold)
    if question.daily:
        days = question.window_s // 86400 + 1
        source = f"(select *, arrayJoin(arrayMap(i -> toDate(time) - i, range({days}))) day from bench.events{where})"
        where = ""
        conditions[0] += " and toDate(time) = day"
        keys.append("day")
    shown = [f"{name}_" for name in question.by] + (["toString(day)"] if question.daily else [])
    inner = (f"select {', '.join(keys + values)}, windowFunnel({question.window_s})(time, {', '.join(conditions)}) "
             f"level from {source}{where} group by {', '.join(keys)}")
    grouped = f" group by {', '.join(shown)}" if shown else ""
    counts = counts_of(question, "countIf(level >= {level})")
    return (f"select {', '.join(shown + [counts])} from ({inner}) where level >= 1{grouped}"
            f"{clickhouse_settings(in_order)}")


def clickhouse_arrays(question):
    conditions = [condition_of(step) for step in question.steps]
    where = clickhouse_where(question, True)
    if question.follows:
        return arrays.next_counts(clickhouse_order(), BY_NAME, question.steps[0])
    if question.hold:  # "sku-01234": its number
        number = f"toUInt32(right({question.hold}::String, 5))"
        return arrays.held_counts(conditions, number, where, question.window_s)
    if question.daily:
        return arrays.daily_counts(conditions, where, question.window_s)
    shown = [f"{name}_" for name in question.by]
    if question.any_order:
        rows = arrays.any_levels(conditions, where, question.window_s)
    elif question.first:
        rows = arrays.first_levels(conditions, question.by, where, question.window_s)
    else:
        values = [f"any({name}) {name}_" for name in question.by]
        rows = arrays.best_levels(conditions, values, shown, where, question.window_s)
    grouped = f" group by {', '.join(shown)}" if shown else ""
    counts = counts_of(question, "countIf(level >= {level})")
    return f"select {', '.join(shown + [counts])} from {rows} where level >= 1{grouped}"


def clickhouse_any(question):
    """At each event, the steps seen from there to the window's end: the best of them is the user's level."""
    mask = " + ".join(f"{1 << place} * ({condition_of(step)})" for place, step in enumerate(question.steps))
    inner = (f"select user_id, bitCount(groupBitOr(toUInt32({mask})) over (partition by user_id order by "
             f"toUnixTimestamp(time) range between current row and {question.window_s} following)) level "
             f"from bench.events{clickhouse_where(question, True)}")
    counts = counts_of(question, "countIf(best >= {level})")
    return (f"select {counts} from (select user_id, max(level) best from ({inner}) group by user_id)"
            f"{clickhouse_settings(False)}")


BY_NAME = ("order", "add_to_cart", "checkout", "click", "view")


def clickhouse_order():
    """A user's events as numbers, in Corong's order of simultaneous ones, that of their columns by name: campaign,
    revenue, event. (Device would be between: two sessions of one user with one campaign, at one second, on two
    devices.) Seconds of the data's month, as sequenceNextNode knows only a number of 32 bits and no order of equals."""
    return ("toUInt32((toUnixTimestamp(time) - toUnixTimestamp('2026-01-01 00:00:00', 'UTC')) * 1600 "
            f"+ toUInt32(right(campaign, 3)) * 8 + indexOf({list(BY_NAME)}, event::String))")


def clickhouse_next(question):
    step = condition_of(question.steps[0])
    inner = (f"select ifNull(sequenceNextNode('forward', 'first_match')({clickhouse_order()}, event::String, {step}, "
             f"{step}), '') follows from bench.events group by user_id having countIf({step}) > 0")
    return (f"select follows, count() from ({inner}) group by follows settings max_threads = 2, "
            "allow_experimental_funnel_functions = 1")


# --- DuckDB ----------------------------------------------------------------------------------------------------

def duckdb_phrases(question):
    if question.any_order:
        return {"bit or over a range": duckdb_any(question)}
    if question.follows:
        return {"lead": duckdb_next(question)}
    phrases = {"asof joins": duckdb_asof(question)}
    if not (question.first or question.daily or question.hold):
        phrases["windows"] = duckdb_windows(question)
    return phrases


def duckdb_source(question):
    return "events" + (f" where regexp_matches(page, '{question.where}')" if question.where else "")


def duckdb_next(question):
    order = "partition by user_id order by time, campaign, revenue is null, device, event"
    return (f"select coalesce(follows, ''), count(*) from (select user_id, event, lead(event) over ({order}) follows, "
            f"row_number() over (partition by user_id, event order by time, campaign, device) place from events) "
            f"where {condition_of(question.steps[0])} and place = 1 group by 1")


def duckdb_any(question):
    mask = " + ".join(f"{1 << place} * ({condition_of(step)})::int" for place, step in enumerate(question.steps))
    events = ", ".join(f"'{event_of(step)}'" for step in question.steps)
    return (f"with m as (select user_id, epoch(time) t, ({mask})::uinteger mask from events where event in ({events})),"
            " w as (select user_id, bit_count(bit_or(mask) over (partition by user_id order by t range between "
            f"current row and {question.window_s} following)) level from m), u as (select user_id, max(level) best "
            f"from w group by user_id) select {counts_of(question, 'count(*) filter (best >= {level})')} from u")


def duckdb_asof(question):
    """A chain per step: who made it when, and the latest start that led there."""
    conditions = [condition_of(step) for step in question.steps]
    keys = ["user_id"] + ([question.hold] if question.hold else []) + (["day"] if question.daily else [])
    joined = ", ".join(keys)
    exploded = (f"(select *, (time::date - i::int) as day from {duckdb_source(question)} cross join "
                f"range({question.window_s // 86400 + 1}) r(i))")
    source = exploded if question.daily else f"(select * from {duckdb_source(question)})"
    entry = f"{conditions[0]}" + (" and day = time::date" if question.daily else "")
    begin = f"select {joined}, epoch(time) t, epoch(time) s from {source} where {entry}"
    if question.first:
        begin = f"select user_id, min(epoch(time)) t, min(epoch(time)) s from {source} where {entry} group by user_id"
    chains = [f"c1 as materialized ({begin})"]
    for level, condition in enumerate(conditions[1:], 2):
        same = " and ".join(f"e.{key} = c.{key}" for key in keys)
        chains.append(f"c{level} as materialized (select {', '.join('e.' + key for key in keys)}, e.t, c.s from "
                      f"(select {joined}, epoch(time) t from {source} where {condition}) e asof join "
                      f"c{level - 1} c on {same} and e.t >= c.t where e.t - c.s <= {question.window_s})")
    values = "".join(f", any_value({name}) {name}_" for name in question.by)
    if question.first:
        values = "".join(f", arg_min({name}, time) {name}_" for name in question.by)
    chains.append(f"u as (select {joined}{values} from {source} where {entry} group by {joined})")
    for level in range(2, len(conditions) + 1):
        chains.append(f"d{level} as (select distinct {joined} from c{level})")
    joins = "".join(f" left join d{level} on " + " and ".join(f"u.{key} = d{level}.{key}" for key in keys)
                    for level in range(2, len(conditions) + 1))
    shown = [f"u.{name}_" for name in question.by] + (["u.day::varchar"] if question.daily else [])
    counts = ["count(*)"] + [f"count(d{level}.user_id)" for level in range(2, len(conditions) + 1)]
    grouped = f" group by {', '.join(shown)}" if shown else ""
    return f"with {', '.join(chains)} select {', '.join(shown + counts)} from u{joins}{grouped}"


def duckdb_windows(question):
    """Cascaded windows: per level the latest start that completed it so far."""
    conditions = [condition_of(step) for step in question.steps]
    any_step = " or ".join(f"({condition})" for condition in conditions)
    values = "".join(f", {name}" for name in question.by)
    chain = [f"a0 as (select user_id{values}, epoch(time) t, " +
             ", ".join(f"({condition}) p{place}" for place, condition in enumerate(conditions, 1)) +
             f" from (select * from {duckdb_source(question)}) where {any_step})"]
    over = "over (partition by user_id order by t range unbounded preceding)"
    chain.append(f"a1 as (select *, max(case when p1 then t end) {over} s1 from a0)")
    for level in range(2, len(conditions)):
        chain.append(f"a{level} as (select *, max(case when p{level} and t - s{level - 1} <= {question.window_s} "
                     f"then s{level - 1} end) {over} s{level} from a{level - 1})")
    last = len(conditions)
    tests = [f"bool_or(s{level} is not null) l{level}" for level in range(1, last)]
    tests.append(f"bool_or(p{last} and t - s{last - 1} <= {question.window_s}) l{last}")
    firsts = "".join(f", any_value({name}) {name}" for name in question.by)
    chain.append(f"u as (select user_id{firsts}, {', '.join(tests)} from a{last - 1} group by user_id)")
    counts = ", ".join(f"count(*) filter (l{level})" for level in range(1, last + 1))
    grouped = f" group by {', '.join(question.by)}" if question.by else ""
    return f"with {', '.join(chain)} select {', '.join(question.by + (counts,))} from u where l1{grouped}"


def rows_answer(question, rows):
    """What a rival's SQL gave, as corong_answer() writes it."""
    keys = len(question.by) + (1 if question.daily or question.follows else 0)
    if question.by:
        rows = sorted(rows, key=lambda row: (-int(row[keys]), row[:keys]))
    listed = rows[:TOP] if question.by else rows
    answer = {"|".join(str(value) for value in row[:keys]): [int(count) for count in row[keys:]] for row in listed}
    if len(listed) < len(rows):
        answer["(other)"] = [sum(int(row[keys + step]) for row in rows[TOP:]) for step in range(len(question.steps))]
    return answer
