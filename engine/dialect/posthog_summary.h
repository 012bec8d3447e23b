// SPDX-License-Identifier: Apache-2.0
/// What PostHog derives from its users' attempts: bins of the time to convert, odds ratios of its
/// correlation, means and medians of times. Thread: pure functions.
#pragma once

#include "storage/base/calendar.h"

#include <stdbool.h>
#include <stdint.h>

#define POSTHOG_BIN_COUNT_MAX 90u
#define POSTHOG_BIN_COUNT_AUTO_MAX 60u

struct posthog_bins {
    uint32_t count;                            ///< edges: bins + 1, or 0 where nobody converted
    int64_t from_s[POSTHOG_BIN_COUNT_MAX + 1]; ///< the last one holds those at the very end
    uint64_t people[POSTHOG_BIN_COUNT_MAX + 1];
    double average_us; ///< of all times
};

/// `bin_count` 0: the cube root of how many there are, rounded up, 1 to 60; else held to 1 to 90.
/// Edges are whole seconds.
void posthog_bins(const int64_t *times_us, uint64_t time_count, uint32_t bin_count,
                  struct posthog_bins *bins_out);

/// Users with an event, of those who converted and of those who did not.
struct posthog_contingency {
    uint64_t success;
    uint64_t failure;
    uint64_t success_total;
    uint64_t failure_total;
};
/// The odds ratio with one added to each of the four cells.
double posthog_odds_ratio(const struct posthog_contingency *cells);
/// Fewer than 25 users and fewer than 2 % of all: not shown.
bool posthog_is_insignificant(const struct posthog_contingency *cells);

/// Mean and median (linear interpolation) of times; sorts them. `time_count` is at least 1.
void posthog_times(int64_t *times_us, uint64_t time_count, double *mean_us_out,
                   double *median_us_out);

enum posthog_interval {
    POSTHOG_HOUR = 0,
    POSTHOG_DAY,
    POSTHOG_WEEK, ///< from Sunday
    POSTHOG_MONTH
};
/// Where the interval of an instant begins, and the one after it; UTC.
int64_t posthog_interval_start(enum posthog_interval interval, int64_t time_us);
int64_t posthog_interval_next(enum posthog_interval interval, int64_t start_us);
