// SPDX-License-Identifier: Apache-2.0
#include "storage/segment/segment_digits.h"

#include "tests/support/test_random.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>

#define DIGITS_MAX 18u

static void check(uint64_t number, uint32_t digits)
{
    char expected[64];
    char found[DIGITS_MAX + SEGMENT_DIGITS_WORD];
    snprintf(expected, sizeof(expected), "%0*" PRIu64, (int)digits, number);
    memset(found, '?', sizeof(found));
    segment_digits_put_over(found, number, digits);
    cr_assert_arr_eq(found, expected, digits, "%s", expected);
    // Up to seven bytes behind are anybody's, the eighth is not.
    uint32_t end = digits < SEGMENT_DIGITS_WORD ? SEGMENT_DIGITS_WORD : digits;
    cr_assert_eq(found[end], '?', "%s", expected);
    memset(found, '?', sizeof(found));
    segment_digits_put(found, number, digits);
    cr_assert_arr_eq(found, expected, digits, "%s", expected);
    cr_assert_eq(found[digits], '?', "%s", expected);
}

Test(segment_digits, numbers_of_every_length_are_as_printf_has_them)
{
    struct test_random random = test_random_start(test_random_seed());
    uint64_t limit = 1;
    for (uint32_t digits = 1; digits <= DIGITS_MAX; digits++) {
        limit *= 10;
        check(0, digits);
        check(limit / 10, digits);
        check(limit / 10 - 1, digits);
        check(limit - 1, digits);
        for (uint32_t round = 0; round < 2000; round++) {
            check(test_random_next(&random) % limit, digits);
        }
    }
}

Test(segment_digits, every_four_digits_come_out_in_either_half)
{
    for (uint32_t four = 0; four < 10000; four++) {
        check(four, 8);
        check(four * UINT64_C(10000), 8);
    }
}
