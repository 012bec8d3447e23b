// SPDX-License-Identifier: Apache-2.0
/// Intervals of a ratio without assuming a distribution. Private to tools/bench/compare.
/// Thread: any.
#pragma once

#include "storage/base/arena.h"

#include <stdbool.h>
#include <stdint.h>

#define COMPARE_SAMPLE_COUNT_MAX 50u ///< of a side; more are thinned out evenly

/// A value with its 95 % interval; `low > high`: none is known.
struct compare_estimate {
    double value;
    double low;
    double high;
};
struct compare_ratio {
    double ratio;
    double low;
    double high;
    double p; ///< two-sided, of no change
    bool known;
};

/// after/before of two samples (all positive): Hodges and Lehmann's estimate, with the bounds of
/// the Mann-Whitney test inverted (Lehmann 1963), exact. Not known where there are too few: 4 and 4
/// are enough.
struct compare_ratio compare_statistics_ranks(const double *before, uint32_t before_count,
                                              const double *after, uint32_t after_count,
                                              struct arena *arena);
/// after/before of two independent estimates (all positive), by the method of variance estimates
/// recovery on logarithms.
struct compare_ratio compare_statistics_combine(struct compare_estimate before,
                                                struct compare_estimate after);
/// A quantile of ascending (value, count) pairs with the binomial bounds of its rank.
/// `independent`: how many of the values count as drawn apart from each other, at most all.
struct compare_estimate compare_statistics_quantile(const double *values, const double *counts,
                                                    uint32_t pair_count, double share,
                                                    double independent);
/// Middle value; sorts `samples`.
double compare_statistics_median(double *samples, uint32_t count);
/// Benjamini and Hochberg: sets `found` where the p-value is a discovery at the rate given.
void compare_statistics_discover(const double *p, uint32_t count, double rate, bool *found,
                                 struct arena *arena);
