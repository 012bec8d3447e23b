// SPDX-License-Identifier: Apache-2.0
// funnelStepDurationStats: durations between the rows at which the window's steps appear first.
#include "engine/dialect/pinot_window.h"

#include "storage/base/memory.h"

#include <stdlib.h>

static void add_duration(struct pinot_durations *durations, uint32_t step, int64_t duration_us)
{
    if (durations->count[step] == durations->capacity[step]) {
        durations->capacity[step] =
            durations->capacity[step] == 0 ? 4 : durations->capacity[step] * 2;
        durations->list[step] = memory_resize_array(
            durations->list[step], durations->capacity[step], sizeof(*durations->list[step]));
    }
    durations->list[step][durations->count[step]++] = duration_us;
}

/// A row whose step is not below the number of times so far adds its time, whichever step it is:
/// so Pinot does it, also beyond the row that completed the run.
static void add_window(struct pinot_durations *durations, const struct pinot_window *window)
{
    int64_t times_us[FUNNEL_STEP_COUNT_MAX];
    uint32_t count = 0;
    for (uint32_t at = window->begin; at < window->end && count < FUNNEL_STEP_COUNT_MAX; at++) {
        if (window->rows[at].step >= (int32_t)count) {
            times_us[count++] = window->rows[at].time_us;
        }
    }
    for (uint32_t step = 0; step + 1 < count; step++) {
        add_duration(durations, step, times_us[step + 1] - times_us[step]);
        durations->counted |= UINT32_C(1) << step;
    }
    durations->counted |= UINT32_C(1) << (window->rule->step_count - 1);
}

static int compare_times(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

void pinot_durations(const struct pinot_rule *rule, const struct pinot_row *rows,
                     uint32_t row_count, struct pinot_durations *durations_out)
{
    struct pinot_window window = {.rule = rule, .rows = rows, .count = row_count};
    *durations_out = (struct pinot_durations){.matched = false};
    while (window.end < window.count && pinot_window_fill(&window)) {
        uint32_t matched[FUNNEL_STEP_COUNT_MAX];
        uint32_t level = pinot_window_match(&window, matched);
        if (level == rule->step_count) {
            add_window(durations_out, &window);
            durations_out->matched = true;
        } else {
            durations_out->counted |= (UINT32_C(1) << level) - 1;
        }
        window.begin++;
    }
    for (uint32_t step = 0; step < rule->step_count; step++) {
        if (durations_out->count[step] > 1) {
            qsort(durations_out->list[step], durations_out->count[step], sizeof(int64_t),
                  compare_times);
        }
    }
}

void pinot_durations_deinit(struct pinot_durations *durations)
{
    for (uint32_t step = 0; step < FUNNEL_STEP_COUNT_MAX; step++) {
        memory_free(durations->list[step]);
    }
}

double pinot_durations_mean(const struct pinot_durations *durations, uint32_t step)
{
    __int128 sum = 0;
    for (uint32_t i = 0; i < durations->count[step]; i++) {
        sum += durations->list[step][i];
    }
    return durations->count[step] == 0 ? 0 : (double)sum / durations->count[step];
}

double pinot_durations_quantile(const struct pinot_durations *durations, uint32_t step,
                                double quantile)
{
    uint32_t count = durations->count[step];
    if (count == 0) {
        return 0;
    }
    uint32_t rank = 0;
    while (rank + 1 < count && rank + 1 <= quantile * count) {
        rank++;
    }
    return (double)durations->list[step][rank];
}
