// SPDX-License-Identifier: Apache-2.0
/// StarRocks' window_funnel (be/src/exprs/agg/window_funnel.h): ClickHouse's one pass over rows by
/// (second, condition), where a violation drops the chain and goes on. One row may fill several
/// steps. A DATETIME counts in whole seconds. With deduplication or fixed, increase does not look
/// between the first two steps, because the time of step 1 is not kept there.
#include "engine/dialect/dialect_spec.h"

#define SECOND_US INT64_C(1000000)

enum starrocks_mode { STARROCKS_DEDUPLICATION = 0, STARROCKS_FIXED, STARROCKS_INCREASE };
static const char *const STARROCKS_MODES[] = {"deduplication", "fixed", "increase", NULL};
static const char *const STARROCKS_MODE_RULES[] = {
    "a second row for a step that is reached drops the chain; later ones count",
    "a step whose predecessor is missing drops the chain; later ones count",
    "each step must lie in a later second; beside another mode only from step 3 on"};

struct starrocks_walk {
    const struct match_event *events;
    uint32_t step_count;
    int64_t window_us;
    bool deduplication;
    bool fixed;
    bool increase;
    bool entered;   ///< some event of step 1 was seen
    uint32_t level; ///< of the present chain
    struct match_result *best;
    struct dialect_chain chains[FUNNEL_STEP_COUNT_MAX];
};

static int64_t second_of(int64_t time_us)
{
    return time_us / SECOND_US - (time_us % SECOND_US < 0);
}

static void keep_best(struct starrocks_walk *walk)
{
    if (walk->level > walk->best->level) {
        dialect_chain_report(&walk->chains[walk->level - 1], walk->level, walk->best);
    }
}

/// A violation: the chain is noted and dropped.
static void drop(struct starrocks_walk *walk)
{
    keep_best(walk);
    for (; walk->level > 0; walk->level--) {
        walk->chains[walk->level - 1].set = false;
    }
}

static void promote(struct starrocks_walk *walk, uint32_t step, uint32_t event)
{
    const struct dialect_chain *from = &walk->chains[step - 1];
    int64_t second = second_of(walk->events[event].time_us);
    bool first_time_lost = step == 1 && (walk->deduplication || walk->fixed);
    bool in_time = (second - second_of(from->first_us)) <= walk->window_us / SECOND_US;
    bool later = second_of(from->last_us) < second || first_time_lost;
    if (in_time && (later || !walk->increase)) {
        dialect_chain_extend(&walk->chains[step], from, step, walk->events, event);
        walk->level = step + 1 > walk->level ? step + 1 : walk->level;
    }
}

static void take(struct starrocks_walk *walk, uint32_t step, uint32_t event)
{
    if (step == 0) {
        dialect_chain_start(&walk->chains[0], walk->events, event);
        walk->level = walk->level == 0 ? 1 : walk->level;
        walk->entered = true;
    } else if (walk->deduplication && walk->chains[step].set) {
        drop(walk);
    } else if (walk->chains[step - 1].set) {
        promote(walk, step, event);
    } else if (walk->fixed && walk->entered) {
        drop(walk);
    }
}

/// The end of the events that lie in the second of events[first].
static uint32_t second_end(const struct match_event *events, uint32_t event_count, uint32_t first)
{
    int64_t second = second_of(events[first].time_us);
    uint32_t end = first + 1;
    while (end < event_count && second_of(events[end].time_us) == second) {
        end++;
    }
    return end;
}

static void take_second(struct starrocks_walk *walk, uint32_t first, uint32_t end)
{
    for (uint32_t step = 0; step < walk->step_count; step++) {
        for (uint32_t event = first; event < end && walk->level < walk->step_count; event++) {
            if ((walk->events[event].steps >> step & 1) != 0) {
                take(walk, step, event);
            }
        }
    }
}

static void match(const struct funnel *funnel, const struct match_rule *rule,
                  const struct match_event *events, uint32_t event_count,
                  struct match_result *result)
{
    (void)rule;
    struct starrocks_walk walk;
    walk.events = events;
    walk.step_count = funnel->step_count;
    walk.window_us = funnel->window_us;
    walk.deduplication = dialect_has(funnel, STARROCKS_DEDUPLICATION);
    walk.fixed = dialect_has(funnel, STARROCKS_FIXED);
    walk.increase = dialect_has(funnel, STARROCKS_INCREASE);
    walk.entered = false;
    walk.level = 0;
    walk.best = result;
    for (uint32_t step = 0; step < funnel->step_count; step++) {
        walk.chains[step].set = false;
    }
    for (uint32_t first = 0; first < event_count && walk.level < walk.step_count;) {
        uint32_t end = second_end(events, event_count, first);
        take_second(&walk, first, end);
        first = end;
    }
    keep_best(&walk);
}

static enum corong_status set(struct funnel *funnel, struct corong_error *error)
{
    struct funnel target = dialect_plain(funnel);
    target.range_inside = true;
    return dialect_set_plain(funnel, &target, error);
}

static struct dialect_needs needs(const struct funnel *funnel)
{
    (void)funnel;
    return (struct dialect_needs){.matcher = true, .time_only = true};
}

const struct dialect_spec starrocks_spec = {
    .name = "starrocks",
    .summary = "window_funnel, with its modes",
    .modes = STARROCKS_MODES,
    .rule = "one pass over rows by second and step; a row may fill several steps",
    .mode_rules = STARROCKS_MODE_RULES,
    .set = set,
    .needs = needs,
    .match = match,
};
