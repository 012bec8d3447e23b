// SPDX-License-Identifier: Apache-2.0
/// windowFunnel's strict_once with strict_order or strict_deduplication. ClickHouse then keeps
/// every chain with the rows it is made of; alone that is our own rule, so only the moments at
/// which the other modes end the pass have to be found.
#include "engine/dialect/clickhouse.h"
#include "storage/base/memory.h"

/// No level 1 yet, no end yet.
#define NEVER_US INT64_MAX

/// Where a pass ends: before the entries of condition `step` (from 1) at `time_us`.
struct once_end {
    int64_t time_us;
    uint32_t step;
};

/// Without strict_deduplication. reached[k]: the first instant at which a chain of k + 1 steps is
/// complete, looking at events up to there only; a chain of k steps uses the conditions 1..k only,
/// which come before all others of their time.
static void find_reached(const struct match_rule *rule, const struct match_event *events,
                         uint32_t event_count, int64_t *reached)
{
    struct match_rule part = *rule;
    for (uint32_t level = 1; level <= rule->step_count; level++) {
        struct match_summary summary;
        part.step_count = level;
        funnel_match_level(&part, events, event_count, &summary);
        reached[level - 1] = summary.level == level ? summary.completed_us : NEVER_US;
    }
}

/// The condition at which events [first, end) of one time end the pass, from 0 for a row of no
/// condition; UINT32_MAX where they do not.
static uint32_t ending_step(const struct funnel *funnel, const struct match_event *events,
                            uint32_t first, uint32_t end, const int64_t *reached)
{
    int64_t time_us = events[first].time_us;
    uint32_t all = 0;
    for (uint32_t event = first; event < end; event++) {
        uint32_t steps = events[event].steps & dialect_step_mask(funnel);
        if (steps == 0 && reached[0] < time_us) {
            return 0;
        }
        all |= steps;
    }
    if (dialect_has(funnel, CLICKHOUSE_REENTRY) || reached[0] > time_us) {
        return UINT32_MAX;
    }
    for (uint32_t later = all & ~1u; later != 0; later &= later - 1) {
        uint32_t step = (uint32_t)__builtin_ctz(later);
        if (reached[step - 1] > time_us) {
            return step + 1;
        }
    }
    return UINT32_MAX;
}

static struct once_end find_end(const struct funnel *funnel, const struct match_event *events,
                                uint32_t event_count, const int64_t *reached)
{
    for (uint32_t first = 0; first < event_count;) {
        uint32_t end = dialect_instant_end(events, event_count, first);
        uint32_t step = ending_step(funnel, events, first, end, reached);
        if (step != UINT32_MAX) {
            return (struct once_end){events[first].time_us, step};
        }
        first = end;
    }
    return (struct once_end){NEVER_US, 0};
}

static void match_in_order(const struct funnel *funnel, const struct match_rule *rule,
                           const struct match_event *events, uint32_t event_count,
                           struct match_result *result)
{
    int64_t reached[FUNNEL_STEP_COUNT_MAX];
    find_reached(rule, events, event_count, reached);
    struct once_end end = find_end(funnel, events, event_count, reached);
    uint32_t level = 0;
    while (
        level < funnel->step_count && reached[level] != NEVER_US &&
        (reached[level] < end.time_us || (reached[level] == end.time_us && level + 1 < end.step))) {
        level++;
    }
    if (level == 0) {
        return;
    }
    struct match_rule part = *rule;
    part.step_count = level;
    uint32_t count = 0;
    while (count < event_count && events[count].time_us <= reached[level - 1]) {
        count++;
    }
    funnel_match(&part, events, count, result);
}

/// With strict_deduplication a level is reached by one entry only, so its chains differ in their
/// first event only. Of those that began before this instant the latest is as good as all; of
/// those that begin now as many as there are steps are, because each later step uses one row.
struct once_level {
    struct dialect_chain chains[FUNNEL_STEP_COUNT_MAX + 1];
    uint32_t count;
};

struct once_walk {
    const struct funnel *funnel;
    const struct match_event *events;
    uint32_t level; ///< highest reached
    struct once_level levels[FUNNEL_STEP_COUNT_MAX];
};

static bool uses(const struct dialect_chain *chain, uint32_t step_count, uint32_t event)
{
    bool used = false;
    for (uint32_t step = 0; step < step_count; step++) {
        used = used || chain->events[step] == event;
    }
    return used;
}

static void note_level(struct once_walk *walk, uint32_t level)
{
    walk->level = level > walk->level ? level : walk->level;
}

static void take_first(struct once_walk *walk, uint32_t event)
{
    struct once_level *level = &walk->levels[0];
    if (level->count < FUNNEL_STEP_COUNT_MAX + 1) {
        struct dialect_chain *chain = &level->chains[level->count++];
        dialect_chain_start(chain, walk->events, event);
        note_level(walk, 1);
    }
}

/// False ends the pass.
static bool take_later(struct once_walk *walk, uint32_t step, uint32_t event)
{
    struct once_level *from = &walk->levels[step - 1];
    struct once_level *to = &walk->levels[step];
    int64_t time_us = walk->events[event].time_us;
    bool increase = dialect_has(walk->funnel, CLICKHOUSE_INCREASE);
    if (to->count > 0) {
        return false;
    }
    if (from->count == 0) {
        return !dialect_has(walk->funnel, CLICKHOUSE_ORDER) || walk->level == 0 ||
               dialect_has(walk->funnel, CLICKHOUSE_REENTRY);
    }
    for (uint32_t i = 0; i < from->count; i++) {
        const struct dialect_chain *chain = &from->chains[i];
        if (dialect_within(chain->first_us, time_us, walk->funnel->window_us) &&
            !(increase && chain->last_us >= time_us) && !uses(chain, step, event)) {
            dialect_chain_extend(&to->chains[to->count++], chain, step, walk->events, event);
            note_level(walk, step + 1);
        }
    }
    return walk->level < walk->funnel->step_count;
}

/// Time moves on: rows of before cannot come again, so the chain that began last is enough.
static void forget_rows(struct once_level *level)
{
    uint32_t latest = 0;
    for (uint32_t i = 1; i < level->count; i++) {
        latest = level->chains[i].first_us >= level->chains[latest].first_us ? i : latest;
    }
    if (level->count > 1) {
        level->chains[0] = level->chains[latest];
        level->count = 1;
    }
}

/// Events [first, end) of one time; false ends the pass.
static bool take_instant(struct once_walk *walk, uint32_t first, uint32_t end)
{
    uint32_t mask = dialect_step_mask(walk->funnel);
    uint32_t all = 0;
    for (uint32_t event = first; event < end; event++) {
        uint32_t steps = walk->events[event].steps & mask;
        if (steps == 0 && walk->level > 0) {
            return false;
        }
        all |= steps;
    }
    for (uint32_t step = 0; step < walk->level; step++) {
        forget_rows(&walk->levels[step]);
    }
    for (; all != 0; all &= all - 1) {
        uint32_t step = (uint32_t)__builtin_ctz(all);
        for (uint32_t event = first; event < end; event++) {
            if ((walk->events[event].steps >> step & 1) == 0) {
                continue;
            }
            if (step == 0) {
                take_first(walk, event);
            } else if (!take_later(walk, step, event)) {
                return false;
            }
        }
    }
    return true;
}

static void match_without_repeats(const struct funnel *funnel, const struct match_event *events,
                                  uint32_t event_count, struct match_result *result)
{
    struct once_walk *walk = memory_allocate(sizeof(*walk));
    walk->funnel = funnel;
    walk->events = events;
    walk->level = 0;
    for (uint32_t step = 0; step < funnel->step_count; step++) {
        walk->levels[step].count = 0;
    }
    bool more = true;
    for (uint32_t first = 0; more && first < event_count;) {
        uint32_t end = dialect_instant_end(events, event_count, first);
        more = take_instant(walk, first, end);
        first = end;
    }
    if (walk->level > 0) {
        dialect_chain_report(&walk->levels[walk->level - 1].chains[0], walk->level, result);
    }
    memory_free(walk);
}

void clickhouse_once_match(const struct funnel *funnel, const struct match_rule *rule,
                           const struct match_event *events, uint32_t event_count,
                           struct match_result *result)
{
    if (dialect_has(funnel, CLICKHOUSE_DEDUPLICATION)) {
        match_without_repeats(funnel, events, event_count, result);
    } else {
        match_in_order(funnel, rule, events, event_count, result);
    }
}

uint64_t clickhouse_once_bytes(const struct funnel *funnel)
{
    return dialect_has(funnel, CLICKHOUSE_DEDUPLICATION) ? sizeof(struct once_walk) : 0;
}
