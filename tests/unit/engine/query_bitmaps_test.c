// SPDX-License-Identifier: Apache-2.0
/// The vector form against the scalar one: all tails, unaligned starts, tables of any density.
#include "engine/query/query_bitmaps.h"

#include "storage/base/cpu.h"
#include "tests/support/test_random.h"

#include <criterion/criterion.h>
#include <string.h>

#define COUNT_MAX 300u
#define WORD_COUNT (COUNT_MAX / 64 + 1)

static void check_count(uint32_t count, uint32_t density, struct test_random *random)
{
    uint8_t bytes[COUNT_MAX + 8];
    uint8_t kinds[QUERY_KIND_COUNT];
    for (uint32_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)test_random_next(random);
    }
    for (uint32_t i = 0; i < QUERY_KIND_COUNT; i++) {
        bool some = test_random_below(random, density) == 0;
        kinds[i] = some ? (uint8_t)test_random_below(random, 4) : 0;
    }
    uint64_t expected[2][WORD_COUNT];
    uint64_t found[2][WORD_COUNT];
    memset(expected, 0xee, sizeof(expected));
    memset(found, 0xee, sizeof(found));
    uint32_t shift = test_random_below(random, 8);
    query_bitmaps_fill_scalar(bytes + shift, count, kinds, expected[0], expected[1]);
    query_bitmaps_fill_avx2(bytes + shift, count, kinds, found[0], found[1]);
    cr_assert_arr_eq(found, expected, sizeof(found), "%u rows", count);
}

Test(query_bitmaps, the_vector_form_gives_what_the_scalar_one_gives)
{
    static const uint32_t densities[] = {1, 10, 60, 1000};
    struct test_random random = test_random_start(9);
    for (uint32_t count = 0; cpu_has_avx2() && count <= COUNT_MAX; count++) {
        for (uint32_t i = 0; i < 4; i++) {
            check_count(count, densities[i], &random);
        }
    }
}

Test(query_bitmaps, a_row_may_be_of_both_kinds)
{
    uint8_t bytes[65];
    memset(bytes, 9, sizeof(bytes));
    uint8_t kinds[QUERY_KIND_COUNT] = {[9] = QUERY_KIND_ENTRY, [200] = QUERY_KIND_LATER};
    bytes[3] = 200;
    kinds[50] = QUERY_KIND_ENTRY | QUERY_KIND_LATER;
    bytes[64] = 50;
    uint64_t entries[2];
    uint64_t later[2];
    query_bitmaps_fill(bytes, 65, kinds, entries, later);
    cr_assert_eq(entries[0], ~UINT64_C(8));
    cr_assert_eq(later[0], 8);
    cr_assert_eq(entries[1], 1);
    cr_assert_eq(later[1], 1);
}
