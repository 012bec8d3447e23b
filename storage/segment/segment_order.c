// SPDX-License-Identifier: Apache-2.0
#include "storage/segment/segment_order.h"

#include <stdlib.h>
#include <string.h>

#define BUCKET_COUNT_MAX 64u ///< entries of one bucket, before sorting by insertion gets slow

static unsigned bits_of(uint64_t number)
{
    return number == 0 ? 0 : 64u - (unsigned)__builtin_clzll(number);
}

static uint32_t bucket_count_of(uint32_t count)
{
    return 1u << bits_of(count);
}

size_t segment_order_work_size(uint32_t count)
{
    return count * sizeof(struct segment_ordered) +
           ((size_t)bucket_count_of(count) + 1) * sizeof(uint32_t);
}

static int compare_entries(const void *left, const void *right)
{
    const struct segment_ordered *a = left;
    const struct segment_ordered *b = right;
    return hash128_compare(a->key, b->key);
}

/// Brings entries that are each near their place into order, in memory of its own.
static void sort_by_insertion(const struct segment_ordered *from, uint32_t count,
                              struct segment_ordered *sorted)
{
    for (uint32_t at = 0; at < count; at++) {
        struct segment_ordered entry = from[at];
        uint32_t to = at;
        for (; to > 0 && hash128_compare(sorted[to - 1].key, entry.key) > 0; to--) {
            sorted[to] = sorted[to - 1];
        }
        sorted[to] = entry;
    }
}

/// Highs from `least` on fall into buckets by their leading bits.
struct buckets {
    uint64_t least;
    unsigned shift;
    uint32_t *ends; ///< one more than there are
};

static struct buckets buckets_over(const struct segment_ordered *entries, uint32_t count,
                                   uint32_t *ends)
{
    uint64_t least = UINT64_MAX;
    uint64_t most = 0;
    for (uint32_t at = 0; at < count; at++) {
        least = entries[at].key.high < least ? entries[at].key.high : least;
        most = entries[at].key.high > most ? entries[at].key.high : most;
    }
    unsigned range = bits_of(most - least);
    unsigned wanted = bits_of(count);
    return (struct buckets){least, range > wanted ? range - wanted : 0, ends};
}

void segment_order(struct segment_ordered *entries, uint32_t count, void *work)
{
    uint32_t bucket_count = bucket_count_of(count);
    struct segment_ordered *near = work;
    uint32_t *ends = (uint32_t *)(near + count);
    struct buckets buckets = buckets_over(entries, count, ends);
    memset(ends, 0, ((size_t)bucket_count + 1) * sizeof(*ends));
    uint32_t most = 0;
    for (uint32_t at = 0; at < count; at++) {
        uint32_t found = ++ends[((entries[at].key.high - buckets.least) >> buckets.shift) + 1];
        most = found > most ? found : most;
    }
    if (most > BUCKET_COUNT_MAX) {
        qsort(entries, count, sizeof(*entries), compare_entries);
        return;
    }
    for (uint32_t bucket = 1; bucket <= bucket_count; bucket++) {
        ends[bucket] += ends[bucket - 1];
    }
    for (uint32_t at = 0; at < count; at++) {
        near[ends[(entries[at].key.high - buckets.least) >> buckets.shift]++] = entries[at];
    }
    sort_by_insertion(near, count, entries);
}
