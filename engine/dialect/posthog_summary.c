// SPDX-License-Identifier: Apache-2.0
#include "engine/dialect/posthog_summary.h"

#include "storage/base/invariant.h"

#include <stdlib.h>

#define SECOND_US INT64_C(1000000)
#define HOUR_US (3600 * SECOND_US)
#define DAY_US (24 * HOUR_US)
#define SIGNIFICANT_COUNT 25u
#define SIGNIFICANT_PERCENT 2u
#define EDGE_DEFAULT_S 60

static int64_t floor_divide(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

static uint32_t bins_wanted(uint64_t time_count, uint32_t asked)
{
    if (asked > 0) {
        return asked < POSTHOG_BIN_COUNT_MAX ? asked : POSTHOG_BIN_COUNT_MAX;
    }
    uint32_t root = 1;
    while (root < POSTHOG_BIN_COUNT_AUTO_MAX && (uint64_t)root * root * root < time_count) {
        root++;
    }
    return root;
}

void posthog_bins(const int64_t *times_us, uint64_t time_count, uint32_t bin_count,
                  struct posthog_bins *bins_out)
{
    *bins_out = (struct posthog_bins){.count = 0};
    if (time_count == 0) {
        return;
    }
    __int128 sum = 0;
    int64_t min_us = INT64_MAX;
    int64_t max_us = INT64_MIN;
    for (uint64_t i = 0; i < time_count; i++) {
        sum += times_us[i];
        min_us = times_us[i] < min_us ? times_us[i] : min_us;
        max_us = times_us[i] > max_us ? times_us[i] : max_us;
    }
    uint32_t bins = bins_wanted(time_count, bin_count);
    int64_t min_s = floor_divide(min_us, SECOND_US);
    int64_t max_s = -floor_divide(-max_us, SECOND_US);
    int64_t width_s = (max_s - min_s + bins - 1) / bins;
    width_s = width_s > 0 ? width_s : EDGE_DEFAULT_S;
    bins_out->count = bins + 1;
    bins_out->average_us = (double)sum / (double)time_count;
    for (uint32_t i = 0; i <= bins; i++) {
        bins_out->from_s[i] = min_s + i * width_s;
    }
    for (uint64_t i = 0; i < time_count; i++) {
        bins_out->people[(times_us[i] - min_s * SECOND_US) / (width_s * SECOND_US)]++;
    }
}

double posthog_odds_ratio(const struct posthog_contingency *cells)
{
    double for_it =
        (double)(cells->success + 1) * (double)(cells->failure_total - cells->failure + 1);
    double against_it =
        (double)(cells->success_total - cells->success + 1) * (double)(cells->failure + 1);
    return for_it / against_it;
}

bool posthog_is_insignificant(const struct posthog_contingency *cells)
{
    uint64_t people = cells->success + cells->failure;
    uint64_t all = cells->success_total + cells->failure_total;
    return people < SIGNIFICANT_COUNT && people * 100 < all * SIGNIFICANT_PERCENT;
}

static int compare_times(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

void posthog_times(int64_t *times_us, uint64_t time_count, double *mean_us_out,
                   double *median_us_out)
{
    ASSERT(time_count > 0);
    __int128 sum = 0;
    qsort(times_us, time_count, sizeof(*times_us), compare_times);
    for (uint64_t i = 0; i < time_count; i++) {
        sum += times_us[i];
    }
    int64_t low_us = times_us[(time_count - 1) / 2];
    int64_t high_us = times_us[time_count / 2];
    *mean_us_out = (double)sum / (double)time_count;
    *median_us_out = (double)low_us + (double)(high_us - low_us) / 2;
}

/// Year and month of a day; the inverse of calendar_days().
static void month_of_day(int64_t day, int64_t *year_out, unsigned *month_out)
{
    int64_t year = 1970 + floor_divide(day, 366);
    while (calendar_days(year + 1, 1, 1) <= day) {
        year++;
    }
    while (calendar_days(year, 1, 1) > day) {
        year--;
    }
    unsigned month = 12;
    while (calendar_days(year, month, 1) > day) {
        month--;
    }
    *year_out = year;
    *month_out = month;
}

int64_t posthog_interval_start(enum posthog_interval interval, int64_t time_us)
{
    if (interval == POSTHOG_HOUR) {
        return floor_divide(time_us, HOUR_US) * HOUR_US;
    }
    int64_t day = floor_divide(time_us, DAY_US);
    if (interval == POSTHOG_WEEK) {
        // 1970-01-01 was a Thursday: day 3 the first Sunday.
        return (floor_divide(day - 3, 7) * 7 + 3) * DAY_US;
    }
    if (interval == POSTHOG_MONTH) {
        int64_t year;
        unsigned month;
        month_of_day(day, &year, &month);
        return calendar_days(year, month, 1) * DAY_US;
    }
    return day * DAY_US;
}

int64_t posthog_interval_next(enum posthog_interval interval, int64_t start_us)
{
    if (interval == POSTHOG_MONTH) {
        return posthog_interval_start(interval, start_us + 31 * DAY_US);
    }
    return start_us + (interval == POSTHOG_HOUR  ? HOUR_US
                       : interval == POSTHOG_DAY ? DAY_US
                                                 : 7 * DAY_US);
}
