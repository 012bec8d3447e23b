// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_durations.h"

#include "storage/base/memory.h"

#include <string.h>

#define RADIX_BITS 11
#define RADIX_SIZE (1u << RADIX_BITS)
#define SMALL_COUNT 64

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

/// Rank p * (n - 1) / 100 in integers, so that the same values give the same bits everywhere.
static double percentile(const int64_t *sorted, size_t count, uint32_t percent)
{
    unsigned __int128 hundredths = (unsigned __int128)percent * (count - 1);
    size_t index = (size_t)(hundredths / 100);
    uint32_t rest = (uint32_t)(hundredths % 100);
    if (rest == 0) {
        return (double)sorted[index];
    }
    __int128 below = sorted[index];
    __int128 above = sorted[index + 1];
    return (double)(below * 100 + (above - below) * rest) / 100.0;
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
    sort_values(values, count, least, largest);
    durations_out->mean_us = (double)sum / (double)count;
    durations_out->min_us = least;
    durations_out->max_us = largest;
    for (size_t i = 0; i < QUERY_PERCENTILE_COUNT; i++) {
        durations_out->percentiles_us[i] = percentile(values, count, percentile_of[i]);
    }
}
