// SPDX-License-Identifier: Apache-2.0
/// The vector form against the scalar one: places of both sizes, missing codes, no rows at all.
#include "storage/column/row_digest_kernels.h"

#include "storage/base/cpu.h"
#include "storage/column/column.h"
#include "tests/support/test_random.h"

#include <criterion/criterion.h>

#define PLACE_COUNT 50u
#define ROW_COUNT_MAX 40u
#define ROW_SIZE 200u
#define ROUNDS 400u

struct rows {
    char bytes[ROW_COUNT_MAX][ROW_SIZE];
    char *ends[ROW_COUNT_MAX];
};

static void rows_begin(struct rows *rows)
{
    memset(rows->bytes, 0x55, sizeof(rows->bytes));
    for (uint32_t row = 0; row < ROW_COUNT_MAX; row++) {
        rows->ends[row] = rows->bytes[row] + row % 64; // at every place of a line
    }
}

static void check_same(const struct rows *left, const struct rows *right)
{
    cr_assert_arr_eq(left->bytes, right->bytes, sizeof(left->bytes));
    for (uint32_t row = 0; row < ROW_COUNT_MAX; row++) {
        cr_assert_eq(left->ends[row] - left->bytes[row], right->ends[row] - right->bytes[row]);
    }
}

Test(row_digest_kernels, test_the_vector_form_puts_what_the_scalar_one_puts)
{
    static _Alignas(64) char places[PLACE_COUNT * 64];
    static struct rows expected;
    static struct rows found;
    struct test_random random = test_random_start(11);
    for (uint32_t round = 0; cpu_has_avx2() && round < ROUNDS; round++) {
        uint32_t size = round % 2 == 0 ? 32 : 64;
        uint32_t codes[ROW_COUNT_MAX];
        for (uint32_t at = 0; at < sizeof(places); at++) {
            places[at] = (char)test_random_below(&random, at % size == size - 1 ? size : 256);
        }
        for (uint32_t row = 0; row < ROW_COUNT_MAX; row++) {
            uint32_t code = test_random_below(&random, PLACE_COUNT);
            codes[row] = code == 0 ? COLUMN_CODE_MISSING : code - 1;
        }
        rows_begin(&expected);
        rows_begin(&found);
        uint32_t count = test_random_below(&random, ROW_COUNT_MAX + 1);
        row_digest_put_places_scalar(places, size, codes, expected.ends, count);
        row_digest_put_places_avx2(places, size, codes, found.ends, count);
        check_same(&expected, &found);
    }
}
