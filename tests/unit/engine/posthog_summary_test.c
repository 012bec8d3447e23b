// SPDX-License-Identifier: Apache-2.0
#include "engine/dialect/dialect.h"

#include <criterion/criterion.h>

#define DAY_US INT64_C(86400000000)

Test(posthog_summary, test_bins_are_the_cube_root_of_how_many)
{
    int64_t times[] = {82800000000, 2220000000, 3600000000};
    struct posthog_bins bins;
    posthog_bins(times, 3, 0, &bins);
    cr_assert_eq(bins.count, 3);
    cr_assert_eq(bins.from_s[0], 2220);
    cr_assert_eq(bins.from_s[1], 42510);
    cr_assert_eq(bins.from_s[2], 82800);
    cr_assert_eq(bins.people[0], 2);
    cr_assert_eq(bins.people[2], 1);
    cr_assert_float_eq(bins.average_us, 29540000000.0, 1e-3);
}

Test(posthog_summary, test_bins_at_their_limits)
{
    int64_t same[] = {5000000, 5000000};
    struct posthog_bins bins;
    posthog_bins(same, 2, 0, &bins);
    cr_assert_eq(bins.count, 3);
    cr_assert_eq(bins.from_s[1] - bins.from_s[0], 60);
    posthog_bins(same, 2, 1000, &bins);
    cr_assert_eq(bins.count, POSTHOG_BIN_COUNT_MAX + 1);
    posthog_bins(same, 0, 0, &bins);
    cr_assert_eq(bins.count, 0);
}

Test(posthog_summary, test_odds_ratios_have_one_more_in_every_cell)
{
    struct posthog_contingency cells = {5, 0, 10, 10};
    cr_assert_eq(posthog_odds_ratio(&cells), 11);
    cr_assert(!posthog_is_insignificant(&cells));
    struct posthog_contingency few = {10, 9, 1000, 0};
    cr_assert(posthog_is_insignificant(&few));
    few.success = 11;
    cr_assert(!posthog_is_insignificant(&few));
}

Test(posthog_summary, test_median_lies_between_the_middle_two)
{
    int64_t times[] = {9, 1, 4, 2};
    double mean;
    double median;
    posthog_times(times, 4, &mean, &median);
    cr_assert_eq(mean, 4);
    cr_assert_eq(median, 3);
}

Test(posthog_summary, test_intervals)
{
    int64_t sunday_us = INT64_C(1619913600000000); // 2021-05-02
    cr_assert_eq(posthog_interval_start(POSTHOG_WEEK, sunday_us - 1), sunday_us - 7 * DAY_US);
    cr_assert_eq(posthog_interval_start(POSTHOG_WEEK, sunday_us), sunday_us);
    cr_assert_eq(posthog_interval_start(POSTHOG_MONTH, sunday_us), sunday_us - DAY_US);
    cr_assert_eq(posthog_interval_next(POSTHOG_MONTH, sunday_us - DAY_US), sunday_us + 30 * DAY_US);
    cr_assert_eq(posthog_interval_start(POSTHOG_HOUR, -1), INT64_C(-3600000000));
    cr_assert_eq(posthog_interval_start(POSTHOG_MONTH, -1), -31 * DAY_US);
    cr_assert_eq(posthog_interval_start(POSTHOG_MONTH, -36525 * DAY_US),
                 calendar_days(1869, 12, 1) * DAY_US);
}
