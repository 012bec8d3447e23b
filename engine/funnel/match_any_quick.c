// SPDX-License-Identifier: Apache-2.0
/// Order any where no two events are simultaneous and each fills one step: per step its latest
/// event is all that a later instant needs to know. No memory, O(events + steps²).
#include "engine/funnel/match_any.h"

/// What has been seen of each step.
struct quick_scan {
    const struct match_event *events;
    uint32_t seen;                           ///< steps that had an event
    uint32_t latest[FUNNEL_STEP_COUNT_MAX];  ///< its last one
    int64_t times_us[FUNNEL_STEP_COUNT_MAX]; ///< and the time of that
    uint32_t level;                          ///< the highest so far,
    uint32_t entry;                          ///< the latest entry that leads to it,
    uint32_t last;                           ///< the event that first completed it
};

static bool quick_rule(const struct match_rule *rule)
{
    return rule->order == FUNNEL_ORDER_ANY && rule->attempts == FUNNEL_ATTEMPTS_BEST &&
           rule->ties == FUNNEL_TIES_ANY && rule->anchor_first == 0 && rule->anchor_last == 0 &&
           rule->exclusion_count == 0 && rule->tie_tolerance_us == 0;
}

/// The steps with an event within the window are filled; more than ever before, or nothing changes.
/// At the first such instant no step less is filled from the latest entry: that is the earliest of
/// their latest events.
static void quick_note(struct quick_scan *scan, uint32_t event, int64_t earliest_us)
{
    uint32_t level = 0;
    uint32_t entry = event;
    for (uint32_t steps = scan->seen; steps != 0; steps &= steps - 1) {
        uint32_t step = (uint32_t)__builtin_ctz(steps);
        if (scan->times_us[step] >= earliest_us) {
            level++;
            entry = scan->latest[step] < entry ? scan->latest[step] : entry;
        }
    }
    if (level > scan->level) {
        scan->level = level;
        scan->entry = entry;
        scan->last = event;
    }
}

/// False at what this path cannot judge.
static bool quick_walk(struct quick_scan *scan, const struct match_rule *rule, uint32_t event_count)
{
    int64_t window_us = rule->window_us < MATCH_WINDOW_MAX ? rule->window_us : MATCH_WINDOW_MAX;
    const struct match_event *events = scan->events;
    for (uint32_t i = 0; i < event_count; i++) {
        uint32_t steps = events[i].steps;
        int64_t time_us = events[i].time_us;
        bool joins = i > 0 && events[i - 1].time_us == time_us;
        if (steps == 0 || (steps & (steps - 1)) != 0 || !events[i].entry_allowed || joins) {
            return false;
        }
        uint32_t step = (uint32_t)__builtin_ctz(steps);
        // A step that the window held already fills no more than before.
        bool held = (scan->seen & steps) != 0 && scan->times_us[step] >= time_us - window_us;
        scan->seen |= steps;
        scan->latest[step] = i;
        scan->times_us[step] = time_us;
        if (!held && scan->level < rule->step_count) {
            quick_note(scan, i, time_us - window_us);
        }
    }
    return true;
}

/// From the entry, the first event of each step not yet filled.
static void quick_choose(const struct quick_scan *scan, struct match_result *result)
{
    uint32_t filled = 0;
    uint32_t rank = 0;
    for (uint32_t event = scan->entry; event <= scan->last; event++) {
        uint32_t step = scan->events[event].steps;
        if ((filled & step) == 0) {
            filled |= step;
            result->steps[rank] = (uint8_t)__builtin_ctz(step);
            result->events[rank] = event;
            result->times_us[rank++] = scan->events[event].time_us;
        }
    }
}

bool match_any_quick(const struct match_rule *rule, const struct match_event *events,
                     uint32_t event_count, struct match_result *result)
{
    struct quick_scan scan = {.events = events};
    if (!quick_rule(rule) || event_count == 0 || !quick_walk(&scan, rule, event_count)) {
        return false;
    }
    uint32_t level = scan.level;
    result->level = level;
    result->entered = 1;
    result->ended = level;
    result->score = level;
    result->made = UINT32_MAX >> (FUNNEL_STEP_COUNT_MAX - level);
    result->won = level == rule->step_count;
    result->out = false;
    result->best_level = 0;
    quick_choose(&scan, result);
    // Any event may be an entry, so the last one keeps the unit open longest.
    int64_t last_us = events[event_count - 1].time_us;
    bool settled = result->won && level >= rule->score_floor;
    result->open =
        !settled && rule->as_of_us < rule->until_us &&
        (rule->window_us >= MATCH_WINDOW_MAX || rule->as_of_us <= last_us + rule->window_us);
    return true;
}
