// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/compare/compare_statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define Z_95 1.959963984540054
#define TAIL 0.025

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

double compare_statistics_median(double *samples, uint32_t count)
{
    qsort(samples, count, sizeof(*samples), by_value);
    return count % 2 == 1 ? samples[count / 2] : (samples[count / 2 - 1] + samples[count / 2]) / 2;
}

/// How many orders of n and m values have U pairs the other way round, for U from 0 to n * m: the
/// Gaussian binomial, factor by factor. Whole numbers below 2^53 where both are at most 28; beyond
/// that rounded, by far less than matters.
static double *ways(uint32_t n, uint32_t m, struct arena *arena)
{
    uint32_t size = n * m + 1;
    double *count = arena_allocate_zeroed(arena, size, sizeof(*count));
    count[0] = 1;
    for (uint32_t factor = 1; factor <= n; factor++) {
        for (uint32_t at = size; at-- > m + factor;) {
            count[at] -= count[at - m - factor];
        }
        for (uint32_t at = factor; at < size; at++) {
            count[at] += count[at - factor];
        }
    }
    return count;
}

static double sum(const double *values, uint32_t count)
{
    double total = 0;
    for (uint32_t index = 0; index < count; index++) {
        total += values[index];
    }
    return total;
}

/// Evenly spread over the sample in its order, so that a drift within a run is not cut off.
static uint32_t thin(const double *samples, uint32_t count, double *logarithms)
{
    uint32_t kept = count < COMPARE_SAMPLE_COUNT_MAX ? count : COMPARE_SAMPLE_COUNT_MAX;
    for (uint32_t index = 0; index < kept; index++) {
        logarithms[index] = log(samples[(uint64_t)index * count / kept]);
    }
    return kept;
}

/// Two-sided p of the Mann-Whitney test; simultaneous values count half, rounded against a change.
static double rank_p(const double *differences, uint32_t pair_count, const double *count,
                     double all)
{
    double above = 0;
    for (uint32_t pair = 0; pair < pair_count; pair++) {
        above += differences[pair] > 0 ? 1 : differences[pair] < 0 ? 0 : 0.5;
    }
    double less = above < pair_count / 2.0 ? above : pair_count - above;
    double p = 2 * sum(count, (uint32_t)ceil(less) + 1) / all;
    return p < 1 ? p : 1;
}

struct compare_ratio compare_statistics_ranks(const double *before, uint32_t before_count,
                                              const double *after, uint32_t after_count,
                                              struct arena *arena)
{
    double left[COMPARE_SAMPLE_COUNT_MAX];
    double right[COMPARE_SAMPLE_COUNT_MAX];
    uint32_t n = thin(before, before_count, left);
    uint32_t m = thin(after, after_count, right);
    uint32_t pair_count = n * m;
    double *differences = arena_allocate_zeroed(arena, pair_count + 1, sizeof(*differences));
    for (uint32_t pair = 0; pair < pair_count; pair++) {
        differences[pair] = right[pair % m] - left[pair / m];
    }
    struct compare_ratio ratio = {.p = 1};
    ratio.ratio = exp(compare_statistics_median(differences, pair_count));
    double *count = ways(n, m, arena);
    double all = sum(count, pair_count + 1);
    uint32_t bound = 0; // differences beyond it on either side have at most 2.5 %
    while (bound < pair_count / 2 && sum(count, bound + 1) <= TAIL * all) {
        bound++;
    }
    ratio.known = bound > 0;
    if (ratio.known) {
        ratio.low = exp(differences[bound - 1]);
        ratio.high = exp(differences[pair_count - bound]);
        ratio.p = rank_p(differences, pair_count, count, all);
    }
    return ratio;
}

struct compare_ratio compare_statistics_combine(struct compare_estimate before,
                                                struct compare_estimate after)
{
    struct compare_ratio ratio = {.ratio = after.value / before.value, .p = 1};
    ratio.known =
        before.low > 0 && after.low > 0 && before.low <= before.high && after.low <= after.high;
    if (!ratio.known) {
        return ratio;
    }
    double down = hypot(log(after.value / after.low), log(before.high / before.value));
    double up = hypot(log(after.high / after.value), log(before.value / before.low));
    ratio.low = ratio.ratio * exp(-down);
    ratio.high = ratio.ratio * exp(up);
    // The side towards 1 decides whether 1 can be the ratio.
    double width = (ratio.ratio > 1 ? down : up) / Z_95;
    ratio.p = width > 0 ? erfc(fabs(log(ratio.ratio)) / width / sqrt(2)) : ratio.ratio == 1;
    return ratio;
}

static double value_at(const double *values, const double *counts, uint32_t pair_count, double rank)
{
    double before = 0;
    for (uint32_t pair = 0; pair < pair_count; pair++) {
        before += counts[pair];
        if (before >= rank) {
            return values[pair];
        }
    }
    return pair_count > 0 ? values[pair_count - 1] : 0;
}

struct compare_estimate compare_statistics_quantile(const double *values, const double *counts,
                                                    uint32_t pair_count, double share,
                                                    double independent)
{
    double total = sum(counts, pair_count);
    double drawn = independent < total ? independent : total;
    struct compare_estimate estimate = {.low = 1, .high = 0};
    estimate.value = value_at(values, counts, pair_count, ceil(share * total));
    double spread = Z_95 * sqrt(share * (1 - share) / drawn);
    double low = share - spread - 0.5 / drawn;
    double high = share + spread + 0.5 / drawn;
    // Where too few lie beyond the quantile, its upper bound is unknown.
    if (drawn > 0 && low > 0 && high < 1) {
        estimate.low = value_at(values, counts, pair_count, floor(low * total));
        estimate.high = value_at(values, counts, pair_count, ceil(high * total) + 1);
    }
    return estimate;
}

void compare_statistics_discover(const double *p, uint32_t count, double rate, bool *found,
                                 struct arena *arena)
{
    double *sorted = arena_allocate_zeroed(arena, count + 1, sizeof(*sorted));
    memcpy(sorted, p, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), by_value);
    double limit = -1;
    for (uint32_t index = 0; index < count; index++) {
        if (sorted[index] <= rate * (index + 1) / count) {
            limit = sorted[index];
        }
    }
    for (uint32_t index = 0; index < count; index++) {
        found[index] = p[index] <= limit;
    }
}
