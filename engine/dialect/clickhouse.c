// SPDX-License-Identifier: Apache-2.0
/// windowFunnel as ClickHouse computes it (AggregateFunctionWindowFunnel.cpp since 26.3): rows are
/// taken by (time, condition), one pass, and per level one chain is remembered, the last one that
/// got there. Hence its quirks: one row may fill several steps; under strict_increase a level that
/// is overwritten may hide the chain that would have gone on; strict_order and
/// strict_deduplication end the whole pass, later attempts included.
#include "engine/dialect/clickhouse.h"

static const char *const CLICKHOUSE_MODES[] = {"strict_deduplication", "strict_order",
                                               "strict_increase",      "strict_once",
                                               "allow_reentry",        NULL};
static const char *const CLICKHOUSE_MODE_RULES[] = {
    "a second row for a step that is reached, the first step aside, ends the pass",
    "a row of no step, or of one whose predecessor is missing, ends the pass",
    "each step must be later than the one before",
    "a row fills at most one step of a chain, and every chain is tried",
    "a step that comes too early is passed over; rows of no step still end the pass"};
static const char *const NO_MODES[] = {NULL};

struct clickhouse_walk {
    const struct match_event *events;
    uint32_t step_count;
    int64_t window_us;
    bool deduplication;
    bool order;
    bool increase;
    bool reentry;
    uint32_t level; ///< highest with a chain
    struct dialect_chain chains[FUNNEL_STEP_COUNT_MAX];
};

/// An event that satisfies the condition of `step`, from 0; false ends the pass.
static bool take(struct clickhouse_walk *walk, uint32_t step, uint32_t event)
{
    struct dialect_chain *chain = &walk->chains[step];
    int64_t time_us = walk->events[event].time_us;
    if (step > 0) {
        const struct dialect_chain *from = &walk->chains[step - 1];
        if (walk->deduplication && chain->set) {
            return false;
        }
        if (!from->set) {
            return !walk->order || walk->reentry || walk->level == 0;
        }
        if (!dialect_within(from->first_us, time_us, walk->window_us) ||
            (walk->increase && from->last_us >= time_us)) {
            return true;
        }
        dialect_chain_extend(chain, from, step, walk->events, event);
    } else {
        dialect_chain_start(chain, walk->events, event);
    }
    walk->level = step + 1 > walk->level ? step + 1 : walk->level;
    return walk->level < walk->step_count || walk->step_count == 1;
}

/// Events [first, end) of one time, by condition; false ends the pass.
static bool take_instant(struct clickhouse_walk *walk, uint32_t first, uint32_t end, uint32_t mask)
{
    uint32_t all = 0;
    for (uint32_t event = first; event < end; event++) {
        uint32_t steps = walk->events[event].steps & mask;
        // A row of no condition counts as condition 0, so it comes before those of its time.
        if (steps == 0 && walk->order && walk->level > 0) {
            return false;
        }
        all |= steps;
    }
    for (; all != 0; all &= all - 1) {
        uint32_t step = (uint32_t)__builtin_ctz(all);
        for (uint32_t event = first; event < end; event++) {
            if ((walk->events[event].steps >> step & 1) != 0 && !take(walk, step, event)) {
                return false;
            }
        }
    }
    return true;
}

static void match(const struct funnel *funnel, const struct match_rule *rule,
                  const struct match_event *events, uint32_t event_count,
                  struct match_result *result)
{
    if (dialect_has(funnel, CLICKHOUSE_ONCE)) {
        clickhouse_once_match(funnel, rule, events, event_count, result);
        return;
    }
    struct clickhouse_walk walk;
    walk.events = events;
    walk.step_count = funnel->step_count;
    walk.window_us = funnel->window_us;
    walk.deduplication = dialect_has(funnel, CLICKHOUSE_DEDUPLICATION);
    walk.order = dialect_has(funnel, CLICKHOUSE_ORDER);
    walk.increase = dialect_has(funnel, CLICKHOUSE_INCREASE);
    walk.reentry = dialect_has(funnel, CLICKHOUSE_REENTRY);
    walk.level = 0;
    for (uint32_t step = 0; step < funnel->step_count; step++) {
        walk.chains[step].set = false;
    }
    uint32_t mask = dialect_step_mask(funnel);
    bool more = true;
    for (uint32_t first = 0; more && first < event_count;) {
        uint32_t end = dialect_instant_end(events, event_count, first);
        more = take_instant(&walk, first, end, mask);
        first = end;
    }
    if (walk.level > 0) {
        dialect_chain_report(&walk.chains[walk.level - 1], walk.level, result);
    }
}

static uint64_t bytes(const struct funnel *funnel, uint32_t event_count)
{
    (void)event_count;
    return dialect_has(funnel, CLICKHOUSE_ONCE) ? clickhouse_once_bytes(funnel) : 0;
}

/// strict_once alone, or with strict_increase, is our own rule.
static bool is_our_rule(const struct funnel *funnel)
{
    return dialect_has(funnel, CLICKHOUSE_ONCE) && !dialect_has(funnel, CLICKHOUSE_ORDER) &&
           !dialect_has(funnel, CLICKHOUSE_DEDUPLICATION);
}

/// Queries filter rows by time before they are aggregated, so everything lies in the range.
static enum corong_status set(struct funnel *funnel, struct corong_error *error)
{
    struct funnel target = dialect_plain(funnel);
    target.range_inside = true;
    if (dialect_has(funnel, CLICKHOUSE_ONCE) && dialect_has(funnel, CLICKHOUSE_INCREASE)) {
        target.ties = FUNNEL_TIES_STRICT;
    }
    if (dialect_has(funnel, CLICKHOUSE_REENTRY) && !dialect_has(funnel, CLICKHOUSE_ORDER)) {
        return error_set(error, CORONG_INVALID,
                         "dialect 'clickhouse': allow_reentry needs strict_order, there as here");
    }
    return dialect_set_plain(funnel, &target, error);
}

static struct dialect_needs needs(const struct funnel *funnel)
{
    return (struct dialect_needs){.matcher = !is_our_rule(funnel),
                                  .every_event = dialect_has(funnel, CLICKHOUSE_ORDER),
                                  .time_only = true};
}

static enum corong_status set_strict_once(struct funnel *funnel, struct corong_error *error)
{
    struct funnel target = dialect_plain(funnel);
    target.range_inside = true;
    return dialect_set_plain(funnel, &target, error);
}

static struct dialect_needs needs_strict_once(const struct funnel *funnel)
{
    (void)funnel;
    return (struct dialect_needs){.time_only = true};
}

const struct dialect_spec clickhouse_spec = {
    .name = "clickhouse",
    .summary = "windowFunnel, with its modes",
    .modes = CLICKHOUSE_MODES,
    .rule = "one pass over rows by time and step; a row may fill several steps, and per step the "
            "chain that got there last is remembered",
    .mode_rules = CLICKHOUSE_MODE_RULES,
    .set = set,
    .needs = needs,
    .match = match,
    .bytes = bytes,
};

const struct dialect_spec clickhouse_strict_once_spec = {
    .name = "clickhouse_strict_once",
    .summary = "windowFunnel with strict_once: our own rule over the events of the range",
    .modes = NO_MODES,
    .rule = "the rules above, over the events of the range",
    .set = set_strict_once,
    .needs = needs_strict_once,
};
