// SPDX-License-Identifier: Apache-2.0
/// The vector forms against the scalar ones: all tails, divisors and numbers at their limits.
#include "engine/query/block/block_places.h"

#include "storage/base/cpu.h"
#include "tests/support/test_random.h"

#include <criterion/criterion.h>
#include <string.h>

#define COUNT_MAX 300u

static void check_places(const struct block_even *even, const uint32_t *units, uint32_t count)
{
    uint16_t expected[COUNT_MAX] = {0};
    uint16_t found[COUNT_MAX] = {0};
    block_places_fill_scalar(even, units, count, expected);
    block_places_fill_avx2(even, units, count, found);
    cr_assert_arr_eq(found, expected, sizeof(found), "%u rows in buckets of %u", count,
                     even->width);
}

Test(block_places, the_vector_form_gives_what_the_scalar_one_gives)
{
    struct test_random random = test_random_start(3);
    for (uint32_t round = 0; cpu_has_avx2() && round < 20000; round++) {
        uint32_t units[COUNT_MAX];
        struct block_even even = {
            .first = 1 + test_random_below(&random, 9),
            .width = 1 + (uint32_t)(test_random_next(&random) % (UINT64_C(1) << round % 31)),
            .last = UINT16_MAX};
        even.rest = (uint32_t)(test_random_next(&random) % even.width);
        for (uint32_t i = 0; i < COUNT_MAX; i++) {
            // Next to a bucket's edge, the last of all among them.
            uint64_t end = BLOCK_EVEN_END - even.rest;
            uint64_t edge = test_random_next(&random) % (end / even.width + 1) * even.width +
                            even.width - even.rest;
            units[i] = (uint32_t)(edge < end ? edge : end - 1) - test_random_below(&random, 2);
        }
        check_places(&even, units, test_random_below(&random, COUNT_MAX + 1));
    }
}

Test(block_places, no_place_is_beyond_the_last)
{
    const uint32_t units[] = {0, 9, 10, 19, 20, 2000000000, UINT32_MAX, 5, 0, 0, 0, 0, 0, 0, 0, 60};
    const struct block_even even = {.first = 1, .rest = 0, .width = 10, .last = 3};
    const uint16_t expected[] = {1, 1, 2, 2, 3, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 3};
    uint16_t found[16];
    block_places_fill_scalar(&even, units, 16, found);
    cr_assert_arr_eq(found, expected, sizeof(found));
    block_places_fill(&even, units, 16, found);
    cr_assert_leq(found[6], 3); // out of what is promised, but never out of the sums
    cr_assert_eq(found[5], 3);
}

Test(block_places, turns_are_where_the_place_changes)
{
    struct test_random random = test_random_start(4);
    for (uint32_t count = 1; cpu_has_avx2() && count <= COUNT_MAX; count++) {
        uint16_t places[COUNT_MAX + BLOCK_PLACES_BEYOND];
        uint64_t expected[COUNT_MAX / 64 + 1];
        uint64_t found[COUNT_MAX / 64 + 1];
        for (uint32_t i = 0; i < COUNT_MAX + BLOCK_PLACES_BEYOND; i++) {
            bool turns = i == 0 || test_random_below(&random, 1 + count % 9) == 0;
            places[i] = turns ? (uint16_t)test_random_next(&random) : places[i - 1];
        }
        block_turns_fill_scalar(places, count, expected);
        block_turns_fill_avx2(places, count, found);
        for (uint32_t row = 0; row < count; row++) {
            cr_assert_eq(found[row / 64] >> row % 64 & 1, expected[row / 64] >> row % 64 & 1,
                         "row %u of %u", row, count);
        }
    }
}
