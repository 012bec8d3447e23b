// SPDX-License-Identifier: Apache-2.0
/// PostHog's funnels as its own engine counts them, over one unit's events in canonical order.
/// Where its rules contradict ours they are kept: a tainted furthest attempt removes the unit, the
/// first completed attempt ends the search, a group's gaps are zero.
///
/// Source of the rules: PostHog's funnel-udf (steps, unordered_steps, trends, unordered_trends) and
/// its queries for breakdowns, time to convert and correlation; written anew from what they say.
/// Thread: pure functions over the caller's memory, but for a list that posthog_match() and
/// posthog_trend() allocate for an unordered funnel: 4 bytes per event, freed before they return.
#pragma once

#include "engine/funnel/funnel.h"

#define POSTHOG_TIE_WINDOW_US INT64_C(50000)
#define POSTHOG_VALUE_NONE UINT32_MAX
#define POSTHOG_STEP_NONE UINT32_MAX

struct posthog_rule {
    uint32_t step_count;
    int64_t window_us; ///< FUNNEL_WINDOW_NONE: none
    enum funnel_order order;
    int64_t tie_window_us; ///< ordered funnels without exclusions; 0: only one instant is a tie
    uint32_t optional;     ///< bit k: step k + 1 may be skipped
    uint32_t value_step;   ///< step, from 0, whose event must have the value; POSTHOG_STEP_NONE
    uint32_t from_step;    ///< trends: a unit enters with this step, from 0
    uint32_t to_step;      ///< trends: and has converted with this one
};

struct posthog_event {
    int64_t time_us;
    int64_t bucket_us; ///< trends only: where its interval begins
    uint32_t steps;    ///< bit k: may fill step k + 1
    uint32_t forbids;  ///< bit k: an exclusion while step k + 1 is waited for
    uint32_t value;    ///< number of its breakdown value
};

/// What a unit did. `level` 0: nothing, or removed by an exclusion.
struct posthog_match {
    uint32_t level;                          ///< furthest step; any order: how many are filled
    uint32_t made;                           ///< bit k: step k + 1 (any order: rank k + 1)
    bool removed;                            ///< its furthest attempt is tainted
    uint32_t events[FUNNEL_STEP_COUNT_MAX];  ///< by step or rank, where `made`
    int64_t times_us[FUNNEL_STEP_COUNT_MAX]; ///< likewise; tied events have their group's time
    uint8_t steps[FUNNEL_STEP_COUNT_MAX];    ///< any order: which step, from 0, has the rank
};

/// The steps that an exclusion between steps `after` and `before` (from 1) forbids, as bits.
static inline uint32_t posthog_forbids(uint32_t after, uint32_t before)
{
    uint32_t below_before = before >= 32 ? UINT32_MAX : (UINT32_C(1) << before) - 1;
    return below_before & ~((UINT32_C(1) << after) - 1);
}

/// The attempt that PostHog reports of a unit. `value`: the group it is asked for (used with
/// `value_step` only).
void posthog_match(const struct posthog_rule *rule, const struct posthog_event *events,
                   uint32_t event_count, uint32_t value, struct posthog_match *match_out);

/// Called once per interval in which the unit enters.
typedef void posthog_entry_function(void *context, int64_t bucket_us, bool converted);

/// Where a unit enters and whether it converts, by intervals.
void posthog_trend(const struct posthog_rule *rule, const struct posthog_event *events,
                   uint32_t event_count, uint32_t value, posthog_entry_function *entry,
                   void *context);
