// SPDX-License-Identifier: Apache-2.0
/// Exact distributions of integer durations: the mean from a 128-bit sum, percentiles by linear
/// interpolation at rank p * (n - 1). Thread: values.
#pragma once

#include "engine/query/query.h"

#include <stddef.h>
#include <stdint.h>

/// The distribution of `count` values; reorders them. No value gives all zeros.
void query_durations_of(int64_t *values, size_t count, struct query_durations *durations_out);

/// Sorts them, ascending.
void query_durations_sort(int64_t *values, size_t count);

/// Two neighbouring ranks for each percentile, in order of the percentiles.
#define QUERY_DURATION_RANK_COUNT (2u * QUERY_PERCENTILE_COUNT)
/// The ranks of the percentiles among `count` values (at least 1).
void query_durations_ranks(uint64_t count, size_t *ranks_out);
/// The percentiles from the values at these ranks.
void query_durations_interpolate(uint64_t count, const int64_t *found, double *percentiles_out);
/// The place of a duration in a histogram.
static inline uint32_t query_durations_bucket(int64_t value)
{
    uint32_t bucket = 0;
    while (bucket < QUERY_EDGE_COUNT && value >= QUERY_EDGES_US[bucket]) {
        bucket++;
    }
    return bucket;
}
