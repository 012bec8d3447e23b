// SPDX-License-Identifier: Apache-2.0
/// Apache Pinot's funnel functions over one group's rows. Their quirks are kept: a row counts for
/// its first matching condition only, the window's end is exclusive, and once the last row has been
/// pulled into a window no later start inside it is tried.
///
/// Source of the rules: Pinot's funnel aggregation functions (window and set based), written anew.
/// Thread: pure functions over the caller's memory; rows are sorted in place. pinot_max_step()
/// allocates 4 bytes per row, which are free again when it returns.
#pragma once

#include "engine/funnel/funnel.h"

#define PINOT_STEP_NONE (-1)

enum pinot_mode {
    PINOT_STRICT_DEDUPLICATION = 1, ///< a repeat of the step just matched ends the window
    PINOT_STRICT_ORDER = 2,         ///< any other step ends it
    PINOT_STRICT_INCREASE = 4,      ///< rows at the time of the matched one are passed over
    PINOT_KEEP_ALL = 8              ///< rows that match nothing are seen
};

struct pinot_rule {
    uint32_t step_count;
    int64_t window_us;            ///< exclusive; FUNNEL_WINDOW_NONE: none
    int64_t max_step_duration_us; ///< between neighbouring rows of a window; 0: none
    uint32_t modes;               ///< of enum pinot_mode
};

/// `step` counts from 0; PINOT_STEP_NONE: matches nothing (rows of KEEP_ALL only).
struct pinot_row {
    int64_t time_us;
    int32_t step;
    uint32_t event; ///< the caller's
};

/// The step of a row that matches `steps` (bit k: condition k + 1).
static inline int32_t pinot_step(uint32_t steps)
{
    return steps == 0 ? PINOT_STEP_NONE : __builtin_ctz(steps);
}

/// By time, then step: the order in which Pinot takes rows. Stable.
void pinot_sort(struct pinot_row *rows, uint32_t row_count);

/// What one window or the best of all windows reached.
struct pinot_match {
    uint32_t level;
    uint32_t rows[FUNNEL_STEP_COUNT_MAX]; ///< by step, `level` entries: index of the sorted row
};
/// funnelMaxStep, and the first window that reaches it. funnelMatchStep is `level` ones and then
/// zeros. Rows are sorted.
void pinot_max_step(const struct pinot_rule *rule, const struct pinot_row *rows, uint32_t row_count,
                    struct pinot_match *match_out);
/// funnelCompleteCount.
uint64_t pinot_complete_count(const struct pinot_rule *rule, const struct pinot_row *rows,
                              uint32_t row_count);

/// FUNNEL_COUNT: steps 1 to `level` all occur, at any time and in any order.
struct pinot_set {
    uint32_t level;
    int64_t times_us[FUNNEL_STEP_COUNT_MAX]; ///< when steps 1 to k had all occurred first
    uint32_t events[FUNNEL_STEP_COUNT_MAX];  ///< the event that made it so
};
void pinot_funnel_count(const struct pinot_rule *rule, const struct match_event *events,
                        uint32_t event_count, struct pinot_set *set_out);

/// Durations from step k + 1 to step k + 2 over the windows that complete, for
/// funnelStepDurationStats. Lists are sorted.
struct pinot_durations {
    bool matched;                         ///< some window completed
    uint32_t counted;                     ///< bit k: COUNT of step k + 1 is 1
    int64_t *list[FUNNEL_STEP_COUNT_MAX]; ///< durations from step k + 1 on
    uint32_t count[FUNNEL_STEP_COUNT_MAX];
    uint32_t capacity[FUNNEL_STEP_COUNT_MAX];
};
void pinot_durations(const struct pinot_rule *rule, const struct pinot_row *rows,
                     uint32_t row_count, struct pinot_durations *durations_out);
void pinot_durations_deinit(struct pinot_durations *durations);
/// Mean; 0 where there is none.
double pinot_durations_mean(const struct pinot_durations *durations, uint32_t step);
/// The first value whose rank is above `quantile` (0 to 1) of all, the greatest for 1; 0 where
/// there is none.
double pinot_durations_quantile(const struct pinot_durations *durations, uint32_t step,
                                double quantile);
