// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_durations.h"

#include "storage/base/memory.h"

#include <string.h>

#define RADIX_BITS 11
#define RADIX_SIZE (1u << RADIX_BITS)
#define SMALL_COUNT 64
#define SORTED_COUNT_MAX 512u ///< so few are sorted
#define NONE UINT32_MAX
#define RANK_COUNT QUERY_DURATION_RANK_COUNT

#define SECOND_US INT64_C(1000000)
#define DAY_US (86400 * SECOND_US)

const int64_t QUERY_EDGES_US[QUERY_EDGE_COUNT] = {
    SECOND_US,       10 * SECOND_US,  30 * SECOND_US,   60 * SECOND_US,
    300 * SECOND_US, 900 * SECOND_US, 3600 * SECOND_US, 21600 * SECOND_US,
    DAY_US,          3 * DAY_US,      7 * DAY_US,       30 * DAY_US};

static const uint32_t percentile_of[QUERY_PERCENTILE_COUNT] = {10, 50, 90, 95, 99};

static void insertion_sort(int64_t *values, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        int64_t value = values[i];
        size_t at = i;
        while (at > 0 && values[at - 1] > value) {
            values[at] = values[at - 1];
            at--;
        }
        values[at] = value;
    }
}

/// One stable pass by RADIX_BITS bits of the distance to `base`.
static void radix_pass(const int64_t *from, int64_t *to, size_t count, int64_t base, unsigned shift)
{
    size_t starts[RADIX_SIZE] = {0};
    for (size_t i = 0; i < count; i++) {
        starts[((uint64_t)from[i] - (uint64_t)base) >> shift & (RADIX_SIZE - 1)]++;
    }
    size_t start = 0;
    for (size_t i = 0; i < RADIX_SIZE; i++) {
        size_t bucket = starts[i];
        starts[i] = start;
        start += bucket;
    }
    for (size_t i = 0; i < count; i++) {
        to[starts[((uint64_t)from[i] - (uint64_t)base) >> shift & (RADIX_SIZE - 1)]++] = from[i];
    }
}

static void sort_values(int64_t *values, size_t count, int64_t least, int64_t largest)
{
    if (count <= SMALL_COUNT) {
        insertion_sort(values, count);
        return;
    }
    int64_t *spare = memory_allocate(count * sizeof(*spare));
    int64_t *from = values;
    int64_t *to = spare;
    uint64_t span = (uint64_t)largest - (uint64_t)least;
    for (unsigned shift = 0; shift < 64 && span >> shift != 0; shift += RADIX_BITS) {
        radix_pass(from, to, count, least, shift);
        int64_t *swapped = from;
        from = to;
        to = swapped;
    }
    if (from != values) {
        memcpy(values, from, count * sizeof(*values));
    }
    memory_free(spare);
}

void query_durations_sort(int64_t *values, size_t count)
{
    int64_t least = INT64_MAX;
    int64_t largest = INT64_MIN;
    for (size_t i = 0; i < count; i++) {
        least = values[i] < least ? values[i] : least;
        largest = values[i] > largest ? values[i] : largest;
    }
    sort_values(values, count, least, largest);
}

/// Buckets of equal width over the values' range.
struct buckets {
    uint64_t base;
    unsigned shift;
    uint32_t ends[RADIX_SIZE];   ///< values up to the bucket's end
    uint32_t picked[RADIX_SIZE]; ///< where the bucket's next value goes, or NONE
};

static inline size_t bucket_of(const struct buckets *buckets, int64_t value)
{
    return (size_t)(((uint64_t)value - buckets->base) >> buckets->shift);
}

static size_t bucket_start(const struct buckets *buckets, size_t bucket)
{
    return bucket == 0 ? 0 : buckets->ends[bucket - 1];
}

static void fill_buckets(struct buckets *buckets, const int64_t *values, size_t count,
                         int64_t least, int64_t largest)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll((uint64_t)largest - (uint64_t)least);
    buckets->base = (uint64_t)least;
    buckets->shift = bits > RADIX_BITS ? bits - RADIX_BITS : 0;
    memset(buckets->ends, 0, sizeof(buckets->ends));
    memset(buckets->picked, 0xff, sizeof(buckets->picked));
    for (size_t i = 0; i < count; i++) {
        buckets->ends[bucket_of(buckets, values[i])]++;
    }
    for (size_t i = 1; i < RADIX_SIZE; i++) {
        buckets->ends[i] += buckets->ends[i - 1];
    }
}

/// Copies the values of the buckets that hold some rank, bucket by bucket; picked[] is where each
/// of them ends then.
static void pick_values(struct buckets *buckets, const int64_t *values, size_t count,
                        const size_t *ranks, size_t rank_count, int64_t *picked)
{
    uint32_t at = 0;
    size_t bucket = 0;
    for (size_t i = 0; i < rank_count; i++) {
        while (buckets->ends[bucket] <= ranks[i]) {
            bucket++;
        }
        if (buckets->picked[bucket] == NONE) {
            buckets->picked[bucket] = at;
            at += buckets->ends[bucket] - (uint32_t)bucket_start(buckets, bucket);
        }
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t *to = &buckets->picked[bucket_of(buckets, values[i])];
        if (*to != NONE) {
            picked[(*to)++] = values[i];
        }
    }
}

static void select_ranks(int64_t *values, size_t count, const size_t *ranks, size_t rank_count,
                         int64_t *found);

/// Looks for the ranks in their buckets only.
static void select_in_buckets(struct buckets *buckets, const size_t *ranks, size_t rank_count,
                              int64_t *picked, int64_t *found)
{
    size_t bucket = 0;
    for (size_t from = 0, to = 0; from < rank_count; from = to) {
        while (buckets->ends[bucket] <= ranks[from]) {
            bucket++;
        }
        size_t inner[RANK_COUNT];
        size_t start = bucket_start(buckets, bucket);
        for (to = from; to < rank_count && ranks[to] < buckets->ends[bucket]; to++) {
            inner[to - from] = ranks[to] - start;
        }
        size_t size = buckets->ends[bucket] - start;
        select_ranks(picked + buckets->picked[bucket] - size, size, inner, to - from, found + from);
    }
}

/// The values at ascending `ranks`. Sorts few values; of many, only the parts of the range in which
/// a rank lies are looked at again. Each level narrows the range by RADIX_BITS bits.
static void select_ranks(int64_t *values, size_t count, const size_t *ranks, size_t rank_count,
                         int64_t *found)
{
    int64_t least = values[0];
    int64_t largest = values[0];
    for (size_t i = 0; i < count; i++) {
        least = values[i] < least ? values[i] : least;
        largest = values[i] > largest ? values[i] : largest;
    }
    if (count <= SORTED_COUNT_MAX || count > UINT32_MAX || least == largest) {
        sort_values(values, count, least, largest);
        for (size_t i = 0; i < rank_count; i++) {
            found[i] = values[ranks[i]];
        }
        return;
    }
    struct buckets *buckets = memory_allocate(sizeof(*buckets));
    int64_t *picked = memory_allocate(count * sizeof(*picked));
    fill_buckets(buckets, values, count, least, largest);
    pick_values(buckets, values, count, ranks, rank_count, picked);
    select_in_buckets(buckets, ranks, rank_count, picked, found);
    memory_free(picked);
    memory_free(buckets);
}

/// Ranks p * (n - 1) / 100 in integers, so that the same values give the same bits everywhere.
static uint32_t hundredths_of(uint64_t count, uint32_t percentile, uint64_t *rank_out)
{
    unsigned __int128 exact = (unsigned __int128)percentile_of[percentile] * (count - 1);
    *rank_out = (uint64_t)(exact / 100);
    return (uint32_t)(exact % 100);
}

void query_durations_ranks(uint64_t count, size_t *ranks_out)
{
    for (uint32_t i = 0; i < QUERY_PERCENTILE_COUNT; i++) {
        uint64_t rank;
        uint32_t hundredths = hundredths_of(count, i, &rank);
        ranks_out[2 * i] = (size_t)rank;
        ranks_out[2 * i + 1] = (size_t)rank + (hundredths != 0);
    }
}

void query_durations_interpolate(uint64_t count, const int64_t *found, double *percentiles_out)
{
    for (uint32_t i = 0; i < QUERY_PERCENTILE_COUNT; i++) {
        uint64_t rank;
        uint32_t hundredths = hundredths_of(count, i, &rank);
        __int128 below = found[2 * i];
        __int128 above = found[2 * i + 1];
        percentiles_out[i] = hundredths == 0
                                 ? (double)found[2 * i]
                                 : (double)(below * 100 + (above - below) * hundredths) / 100.0;
    }
}

static void fill_percentiles(int64_t *values, size_t count, double *percentiles_out)
{
    size_t ranks[RANK_COUNT];
    int64_t found[RANK_COUNT];
    query_durations_ranks(count, ranks);
    // Ranks of neighbouring percentiles of few values may cross by one.
    bool ascending = true;
    for (size_t i = 1; i < RANK_COUNT; i++) {
        ascending = ascending && ranks[i - 1] <= ranks[i];
    }
    if (ascending) {
        select_ranks(values, count, ranks, RANK_COUNT, found);
    } else {
        for (size_t i = 0; i < RANK_COUNT; i++) {
            select_ranks(values, count, &ranks[i], 1, &found[i]);
        }
    }
    query_durations_interpolate(count, found, percentiles_out);
}

void query_durations_of(int64_t *values, size_t count, struct query_durations *durations_out)
{
    *durations_out = (struct query_durations){.count = count};
    if (count == 0) {
        return;
    }
    __int128 sum = 0;
    int64_t least = values[0];
    int64_t largest = values[0];
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
        least = values[i] < least ? values[i] : least;
        largest = values[i] > largest ? values[i] : largest;
        durations_out->histogram[query_durations_bucket(values[i])]++;
    }
    durations_out->mean_us = (double)sum / (double)count;
    durations_out->min_us = least;
    durations_out->max_us = largest;
    fill_percentiles(values, count, durations_out->percentiles_us);
}
