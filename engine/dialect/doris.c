// SPDX-License-Identifier: Apache-2.0
/// Doris' window_funnel. For every row of the first condition the next row of each further one is
/// taken, in order of arrival; whatever does not fit ends that start, and the best start counts.
/// (aggregate_function_window_funnel.h; mode v2: window_funnel_v2 of 4.1, which no longer sees
/// rows of no condition, and whose increase remembers the last row per level.) Arrival is unknown
/// here: our canonical order stands for it, so a mapped sequence number restores it.
#include "engine/dialect/dialect_spec.h"
#include "storage/base/memory.h"

#define NO_ROW UINT32_MAX

enum doris_mode { DORIS_DEDUPLICATION = 0, DORIS_FIXED, DORIS_INCREASE, DORIS_V2 };
static const char *const DORIS_MODES[] = {"deduplication", "fixed", "increase", "v2", NULL};
static const char *const DORIS_MODE_RULES[] = {
    "a row of an earlier step between two matched ones ends that start",
    "the very next row must be the next step",
    "the next row of a step must be later than the step before, or that start ends",
    "fixed does not see rows of no step, increase remembers the last row per step"};

/// The rows of one unit, and for each where the next one of every condition is, itself included.
struct doris_rows {
    const struct funnel *funnel;
    const struct match_event *events;
    uint32_t count;
    uint32_t *next; ///< (count + 1) × step_count; NO_ROW: none
};

static uint32_t next_row(const struct doris_rows *rows, uint32_t step, uint32_t from)
{
    return rows->next[(uint64_t)from * rows->funnel->step_count + step];
}

static void find_next(struct doris_rows *rows)
{
    uint32_t step_count = rows->funnel->step_count;
    uint32_t *last = &rows->next[(uint64_t)rows->count * step_count];
    for (uint32_t step = 0; step < step_count; step++) {
        last[step] = NO_ROW;
    }
    for (uint32_t row = rows->count; row-- > 0;) {
        uint32_t *own = last - step_count;
        for (uint32_t step = 0; step < step_count; step++) {
            own[step] = (rows->events[row].steps >> step & 1) != 0 ? row : last[step];
        }
        last = own;
    }
}

/// Whether a row strictly between two is of one of the first `step` conditions.
static bool repeats(const struct doris_rows *rows, uint32_t step, uint32_t after, uint32_t before)
{
    bool repeated = false;
    for (uint32_t earlier = 0; earlier < step; earlier++) {
        repeated = repeated || next_row(rows, earlier, after + 1) < before;
    }
    return repeated;
}

/// Whether `row` continues a chain that stands before `step`.
static bool fits(const struct doris_rows *rows, const struct dialect_chain *chain, uint32_t step,
                 uint32_t row)
{
    const struct funnel *funnel = rows->funnel;
    int64_t time_us = rows->events[row].time_us;
    uint32_t before = chain->events[step - 1];
    return dialect_within(chain->first_us, time_us, funnel->window_us) &&
           !(dialect_has(funnel, DORIS_INCREASE) && time_us <= chain->last_us) &&
           !(dialect_has(funnel, DORIS_DEDUPLICATION) && repeats(rows, step, before, row)) &&
           !(dialect_has(funnel, DORIS_FIXED) && row != before + 1);
}

/// The chain that starts at a row of the first condition; returns its level.
static uint32_t follow(const struct doris_rows *rows, uint32_t start, struct dialect_chain *chain)
{
    uint32_t level = 1;
    dialect_chain_start(chain, rows->events, start);
    while (level < rows->funnel->step_count) {
        uint32_t row = next_row(rows, level, chain->events[level - 1] + 1);
        if (row == NO_ROW || !fits(rows, chain, level, row)) {
            break;
        }
        dialect_chain_extend(chain, chain, level, rows->events, row);
        level++;
    }
    return level;
}

/// As follow(), the way v2 does it under increase: per level the last row that got there.
static uint32_t follow_levels(const struct doris_rows *rows, uint32_t start,
                              struct dialect_chain *best)
{
    struct dialect_chain chains[FUNNEL_STEP_COUNT_MAX];
    const struct match_event *events = rows->events;
    uint32_t step_count = rows->funnel->step_count;
    uint32_t level = 1;
    for (uint32_t step = 0; step < step_count; step++) {
        chains[step].set = false;
    }
    dialect_chain_start(&chains[0], events, start);
    for (uint32_t row = start + 1; row < rows->count && level < step_count; row++) {
        int64_t time_us = events[row].time_us;
        if (!dialect_within(chains[0].first_us, time_us, rows->funnel->window_us)) {
            break;
        }
        for (uint32_t step = level; step > 0 && level < step_count; step--) {
            const struct dialect_chain *from = &chains[step - 1];
            if ((events[row].steps >> step & 1) != 0 && from->set && from->last_us < time_us) {
                dialect_chain_extend(&chains[step], from, step, events, row);
                level = step + 1 > level ? step + 1 : level;
            }
        }
    }
    *best = chains[level - 1];
    return level;
}

static void match(const struct funnel *funnel, const struct match_rule *rule,
                  const struct match_event *events, uint32_t event_count,
                  struct match_result *result)
{
    (void)rule;
    struct doris_rows rows = {.funnel = funnel, .events = events, .count = event_count};
    rows.next = memory_allocate(((size_t)event_count + 1) * funnel->step_count * sizeof(uint32_t));
    find_next(&rows);
    bool by_level = dialect_has(funnel, DORIS_V2) && dialect_has(funnel, DORIS_INCREASE);
    uint32_t start = next_row(&rows, 0, 0);
    while (start != NO_ROW && result->level < funnel->step_count) {
        struct dialect_chain chain;
        int64_t time_us = events[start].time_us;
        uint32_t level =
            by_level ? follow_levels(&rows, start, &chain) : follow(&rows, start, &chain);
        if (level > result->level) {
            dialect_chain_report(&chain, level, result);
        }
        // Whatever follows a start must be later there, so starts of one time are worth the same.
        do {
            start = next_row(&rows, 0, start + 1);
        } while (by_level && start != NO_ROW && events[start].time_us == time_us);
    }
    memory_free(rows.next);
}

static uint64_t bytes(const struct funnel *funnel, uint32_t event_count)
{
    return ((uint64_t)event_count + 1) * funnel->step_count * sizeof(uint32_t);
}

static enum corong_status set(struct funnel *funnel, struct corong_error *error)
{
    struct funnel target = dialect_plain(funnel);
    target.range_inside = true;
    if (dialect_has(funnel, DORIS_DEDUPLICATION) + dialect_has(funnel, DORIS_FIXED) +
            dialect_has(funnel, DORIS_INCREASE) >
        1) {
        return error_set(error, CORONG_INVALID,
                         "dialect 'doris' has one mode: deduplication, fixed or increase (and v2 "
                         "with any of them)");
    }
    return dialect_set_plain(funnel, &target, error);
}

static struct dialect_needs needs(const struct funnel *funnel)
{
    return (struct dialect_needs){.matcher = true,
                                  .every_event = dialect_has(funnel, DORIS_FIXED) &&
                                                 !dialect_has(funnel, DORIS_V2),
                                  .time_only = true};
}

const struct dialect_spec doris_spec = {
    .name = "doris",
    .summary = "window_funnel with one mode; v2: that of Doris 4.1",
    .modes = DORIS_MODES,
    .rule = "from each row of step 1 on, in order of arrival, the next row of each further step is "
            "taken; the best start counts",
    .mode_rules = DORIS_MODE_RULES,
    .set = set,
    .needs = needs,
    .match = match,
    .bytes = bytes,
};
