// SPDX-License-Identifier: Apache-2.0
/// The vector forms against the scalar ones: all tails, codes of every size, missing ones.
#include "storage/segment/segment_kernels.h"

#include "storage/base/cpu.h"
#include "storage/column/column.h"
#include "tests/support/test_random.h"

#include <criterion/criterion.h>

#define COUNT_MAX 100u
#define ROUNDS 20u

static void check_codes(const uint32_t *codes, uint32_t count)
{
    uint64_t expected[COUNT_MAX + 1] = {0};
    uint64_t found[COUNT_MAX + 1] = {0};
    struct segment_code_scan scan = segment_scan_codes_scalar(codes, count);
    struct segment_code_scan again = segment_scan_codes_avx2(codes, count);
    cr_assert_eq(again.missing_count, scan.missing_count, "%u codes", count);
    cr_assert_eq(again.minimum, scan.minimum, "%u codes", count);
    cr_assert_eq(again.maximum, scan.maximum, "%u codes", count);
    segment_widen_codes_scalar(codes, count % 2, expected, count);
    segment_widen_codes_avx2(codes, count % 2, found, count);
    cr_assert_arr_eq(found, expected, sizeof(found), "%u codes", count);
}

Test(segment_kernels, test_the_vector_forms_give_what_the_scalar_ones_give)
{
    struct test_random random = test_random_start(6);
    uint32_t codes[COUNT_MAX];
    for (uint32_t round = 0; cpu_has_avx2() && round < (COUNT_MAX + 1) * ROUNDS; round++) {
        uint32_t width = 1 + test_random_below(&random, 32);
        for (uint32_t at = 0; at < COUNT_MAX; at++) {
            uint32_t code = (uint32_t)(test_random_next(&random) >> (64 - width));
            bool missing = test_random_below(&random, 9) < round % 3;
            codes[at] = missing ? COLUMN_CODE_MISSING : code;
        }
        check_codes(codes, round / ROUNDS);
    }
}
