// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_durations.h"

#include "storage/base/memory.h"

#include <string.h>

#define RADIX_BITS 11
#define RADIX_SIZE (1u << RADIX_BITS)
#define SMALL_COUNT 64
#define SORTED_COUNT_MAX 512u ///< so few are sorted
#define NONE UINT32_MAX

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

static void sort_values(int64_t *values, size_t count)
{
    if (count <= SMALL_COUNT) {
        insertion_sort(values, count);
        return;
    }
    int64_t least = values[0];
    int64_t largest = values[0];
    for (size_t i = 0; i < count; i++) {
        least = values[i] < least ? values[i] : least;
        largest = values[i] > largest ? values[i] : largest;
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

/// A rank and how far it lies towards the next one.
struct rank {
    size_t index;
    uint32_t hundredths;
};

static struct rank rank_of(uint32_t percent, size_t count)
{
    unsigned __int128 hundredths = (unsigned __int128)percent * (count - 1);
    return (struct rank){(size_t)(hundredths / 100), (uint32_t)(hundredths % 100)};
}

/// Ranks p * (n - 1) / 100 in integers, so that the same values give the same bits everywhere.
static double between(int64_t below, int64_t above, uint32_t hundredths)
{
    if (hundredths == 0) {
        return (double)below;
    }
    __int128 base = below;
    return (double)(base * 100 + ((__int128)above - base) * hundredths) / 100.0;
}

static void percentiles_of_sorted(const int64_t *sorted, size_t count, double *percentiles_out)
{
    for (size_t i = 0; i < QUERY_PERCENTILE_COUNT; i++) {
        struct rank rank = rank_of(percentile_of[i], count);
        size_t above = rank.index + (rank.hundredths != 0);
        percentiles_out[i] = between(sorted[rank.index], sorted[above], rank.hundredths);
    }
}

/// Buckets of equal width over the values' range, and which of them hold a rank that is asked for.
struct buckets {
    uint64_t base;
    unsigned shift;
    uint32_t ends[RADIX_SIZE];   ///< values up to the bucket's end
    uint32_t picked[RADIX_SIZE]; ///< where the bucket's values begin among those picked, or NONE
};

static inline size_t bucket_of(const struct buckets *buckets, int64_t value)
{
    return (size_t)(((uint64_t)value - buckets->base) >> buckets->shift);
}

static void fill_buckets(struct buckets *buckets, const int64_t *values, size_t count,
                         int64_t least, int64_t largest)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll((uint64_t)largest - (uint64_t)least);
    buckets->base = (uint64_t)least;
    buckets->shift = bits > RADIX_BITS ? bits - RADIX_BITS : 0;
    memset(buckets->ends, 0, sizeof(buckets->ends));
    for (size_t i = 0; i < count; i++) {
        buckets->ends[bucket_of(buckets, values[i])]++;
    }
    for (size_t i = 1; i < RADIX_SIZE; i++) {
        buckets->ends[i] += buckets->ends[i - 1];
    }
}

/// The bucket of a rank.
static size_t find_bucket(const struct buckets *buckets, size_t rank)
{
    size_t low = 0;
    size_t high = RADIX_SIZE - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (buckets->ends[middle] <= rank) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static size_t bucket_start(const struct buckets *buckets, size_t bucket)
{
    return bucket == 0 ? 0 : buckets->ends[bucket - 1];
}

/// Copies the values of the buckets that hold some rank to `picked`, bucket by bucket, sorted.
static void pick_buckets(struct buckets *buckets, const int64_t *values, size_t count,
                         int64_t *picked)
{
    memset(buckets->picked, 0xff, sizeof(buckets->picked));
    uint32_t at = 0;
    size_t chosen[2 * QUERY_PERCENTILE_COUNT];
    uint32_t chosen_count = 0;
    for (size_t i = 0; i < 2 * QUERY_PERCENTILE_COUNT; i++) {
        struct rank rank = rank_of(percentile_of[i / 2], count);
        size_t bucket = find_bucket(buckets, rank.index + (i % 2 != 0 && rank.hundredths != 0));
        if (buckets->picked[bucket] == NONE) {
            buckets->picked[bucket] = at;
            at += buckets->ends[bucket] - (uint32_t)bucket_start(buckets, bucket);
            chosen[chosen_count++] = bucket;
        }
    }
    for (size_t i = 0; i < count; i++) {
        size_t bucket = bucket_of(buckets, values[i]);
        if (buckets->picked[bucket] != NONE) {
            picked[buckets->picked[bucket]++] = values[i];
        }
    }
    for (uint32_t i = 0; i < chosen_count; i++) {
        size_t size = buckets->ends[chosen[i]] - bucket_start(buckets, chosen[i]);
        buckets->picked[chosen[i]] -= (uint32_t)size;
        sort_values(picked + buckets->picked[chosen[i]], size);
    }
}

static int64_t value_at(const struct buckets *buckets, const int64_t *picked, size_t rank)
{
    size_t bucket = find_bucket(buckets, rank);
    return picked[buckets->picked[bucket] + rank - bucket_start(buckets, bucket)];
}

/// Sorts only the parts of the range in which a percentile lies.
static void percentiles_by_selection(const int64_t *values, size_t count, int64_t least,
                                     int64_t largest, double *percentiles_out)
{
    struct buckets *buckets = memory_allocate(sizeof(*buckets));
    int64_t *picked = memory_allocate(count * sizeof(*picked));
    fill_buckets(buckets, values, count, least, largest);
    pick_buckets(buckets, values, count, picked);
    for (size_t i = 0; i < QUERY_PERCENTILE_COUNT; i++) {
        struct rank rank = rank_of(percentile_of[i], count);
        int64_t below = value_at(buckets, picked, rank.index);
        int64_t above = value_at(buckets, picked, rank.index + (rank.hundredths != 0));
        percentiles_out[i] = between(below, above, rank.hundredths);
    }
    memory_free(picked);
    memory_free(buckets);
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
    }
    durations_out->mean_us = (double)sum / (double)count;
    durations_out->min_us = least;
    durations_out->max_us = largest;
    if (count <= SORTED_COUNT_MAX || count > UINT32_MAX || least == largest) {
        sort_values(values, count);
        percentiles_of_sorted(values, count, durations_out->percentiles_us);
    } else {
        percentiles_by_selection(values, count, least, largest, durations_out->percentiles_us);
    }
}
