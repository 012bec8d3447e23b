// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_durations.h"

#include "storage/base/memory.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static const double shares[QUERY_PERCENTILE_COUNT] = {0.10, 0.50, 0.90, 0.95, 0.99};

Test(query_durations, no_value_gives_zeros)
{
    struct query_durations durations;
    query_durations_of(NULL, 0, &durations);
    cr_assert_eq(durations.count, 0);
    cr_assert_eq(durations.mean_us, 0.0);
    cr_assert_eq(durations.max_us, 0);
}

Test(query_durations, one_value_is_every_percentile)
{
    int64_t values[] = {7};
    struct query_durations durations;
    query_durations_of(values, 1, &durations);
    cr_assert_eq(durations.count, 1);
    for (int i = 0; i < QUERY_PERCENTILE_COUNT; i++) {
        cr_assert_eq(durations.percentiles_us[i], 7.0);
    }
    cr_assert_eq(durations.min_us, 7);
    cr_assert_eq(durations.max_us, 7);
}

Test(query_durations, percentiles_interpolate_between_ranks)
{
    int64_t values[] = {40, 10, 30, 20};
    struct query_durations durations;
    query_durations_of(values, 4, &durations);
    // Ranks 0.3, 1.5, 2.7, 2.85, 2.97 of {10, 20, 30, 40}.
    cr_assert_float_eq(durations.percentiles_us[0], 13.0, 1e-9);
    cr_assert_float_eq(durations.percentiles_us[1], 25.0, 1e-9);
    cr_assert_float_eq(durations.percentiles_us[2], 37.0, 1e-9);
    cr_assert_float_eq(durations.percentiles_us[3], 38.5, 1e-9);
    cr_assert_float_eq(durations.percentiles_us[4], 39.7, 1e-9);
    cr_assert_eq(durations.mean_us, 25.0);
}

static int compare_values(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

/// Against qsort() and the formula in doubles.
static void check_random(size_t count, int64_t span, unsigned seed)
{
    int64_t *values = memory_allocate(count * sizeof(*values));
    int64_t *sorted = memory_allocate(count * sizeof(*sorted));
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1103515245u + 12345u;
        values[i] = sorted[i] = ((int64_t)seed << 20 ^ (int64_t)(seed >> 3)) % span;
    }
    qsort(sorted, count, sizeof(*sorted), compare_values);
    struct query_durations durations;
    query_durations_of(values, count, &durations);
    cr_assert_eq(durations.min_us, sorted[0]);
    cr_assert_eq(durations.max_us, sorted[count - 1]);
    for (int i = 0; i < QUERY_PERCENTILE_COUNT; i++) {
        double rank = shares[i] * (double)(count - 1);
        size_t below = (size_t)rank;
        size_t above = below + 1 < count ? below + 1 : below;
        double expected = (double)sorted[below] +
                          (rank - (double)below) * (double)(sorted[above] - sorted[below]);
        cr_assert_float_eq(durations.percentiles_us[i], expected, 1.0 + expected * 1e-9,
                           "%zu values, percentile %d", count, i);
    }
    memory_free(values);
    memory_free(sorted);
}

Test(query_durations, random_values_agree_with_a_sort)
{
    for (unsigned seed = 1; seed < 20; seed++) {
        check_random(seed * 37, 1000, seed);
        check_random(seed * 211, INT64_C(604800000000), seed);
    }
    check_random(20000, INT64_C(1) << 50, 5);
}

Test(query_durations, huge_values_do_not_overflow)
{
    int64_t values[] = {INT64_MAX, INT64_MAX, INT64_MAX - 2};
    struct query_durations durations;
    query_durations_of(values, 3, &durations);
    cr_assert_eq(durations.max_us, INT64_MAX);
    cr_assert_float_eq(durations.mean_us, 9.223372036854775807e18, 1e4);
}
