// SPDX-License-Identifier: Apache-2.0
#include "storage/segment/segment_order.h"

#include "storage/base/memory.h"
#include "tests/support/test_random.h"

#include <criterion/criterion.h>

#define COUNT_MAX 5000u

static void assert_ordered(struct segment_ordered *entries, uint32_t count, const char *what)
{
    uint8_t *seen = memory_allocate_zeroed(COUNT_MAX, 1);
    void *work = memory_allocate(segment_order_work_size(count));
    struct hash128 *keys = memory_allocate(COUNT_MAX * sizeof(*keys));
    for (uint32_t at = 0; at < count; at++) {
        entries[at].index = at;
        keys[at] = entries[at].key;
    }
    segment_order(entries, count, work);
    for (uint32_t at = 0; at < count; at++) {
        cr_assert(at == 0 || hash128_compare(entries[at - 1].key, entries[at].key) <= 0, "%s",
                  what);
        cr_assert(hash128_equal(entries[at].key, keys[entries[at].index]), "%s", what);
        cr_assert_eq(seen[entries[at].index]++, 0, "%s", what);
    }
    memory_free(keys);
    memory_free(work);
    memory_free(seen);
}

Test(segment_order, test_keys_of_every_spread_come_in_order)
{
    static const uint32_t counts[] = {1, 2, 3, 64, 65, 1000, COUNT_MAX};
    struct segment_ordered *entries = memory_allocate(COUNT_MAX * sizeof(*entries));
    struct test_random random = test_random_start(test_random_seed());
    for (size_t which = 0; which < sizeof(counts) / sizeof(counts[0]); which++) {
        for (uint32_t spread = 0; spread < 4; spread++) {
            for (uint32_t at = 0; at < counts[which]; at++) {
                uint64_t high = test_random_next(&random);
                high = spread == 0   ? high
                       : spread == 1 ? high % 3 // buckets overflow: sorted by comparison
                       : spread == 2 ? UINT64_MAX - high % 70
                                     : (at == 0 ? 0 : UINT64_MAX - high % 1000);
                entries[at].key = (struct hash128){high, test_random_next(&random)};
            }
            assert_ordered(entries, counts[which], spread == 0 ? "even" : "uneven");
        }
    }
    memory_free(entries);
}
