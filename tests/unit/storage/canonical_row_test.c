// SPDX-License-Identifier: Apache-2.0
#include "storage/column/canonical_row.h"

#include "tests/support/test_random.h"

#include <criterion/criterion.h>

enum { WORD = COLUMN_SYSTEM_COUNT, LONGER, NUMBER, FLAG, COLUMNS };

struct rows {
    struct arena arena;
    struct schema schema;
    struct canonical_order order;
    struct column_values columns[COLUMNS];
    uint32_t codes[COLUMNS][2];
    int64_t integers[COLUMNS][2];
};

static const uint32_t OFFSETS[] = {0, 0, 1, 2, 4, 5, 7, 8};
// The entries "", 00, "a", "a" 00, "b", "bb", ff.
static const struct dictionary DICTIONARY = {7, OFFSETS, "\0aa\0bbb\xff"};

static void rows_init(struct rows *rows)
{
    uint32_t index;
    memset(rows, 0, sizeof(*rows));
    schema_init(&rows->schema, &rows->arena);
    // "word" is a prefix of "words", and neither lies where it was added.
    cr_assert_eq(
        schema_add(&rows->schema, &rows->arena, text_from("words"), COLUMN_STRING, &index, NULL),
        CORONG_OK);
    cr_assert_eq(
        schema_add(&rows->schema, &rows->arena, text_from("word"), COLUMN_STRING, &index, NULL),
        CORONG_OK);
    cr_assert_eq(
        schema_add(&rows->schema, &rows->arena, text_from("n"), COLUMN_NUMBER, &index, NULL),
        CORONG_OK);
    cr_assert_eq(
        schema_add(&rows->schema, &rows->arena, text_from("flag"), COLUMN_BOOLEAN, &index, NULL),
        CORONG_OK);
    canonical_order_init(&rows->order, &rows->schema);
    for (uint32_t column = 0; column < COLUMNS; column++) {
        if (rows->schema.columns[column].type == COLUMN_STRING) {
            rows->columns[column].codes = rows->codes[column];
        } else {
            rows->columns[column].integers = rows->integers[column];
        }
    }
}

static int64_t random_number(struct test_random *random)
{
    static const double numbers[] = {0, 1.5, -1.5, 1e300, -1e300, 1e-300};
    int64_t bits;
    memcpy(&bits, &numbers[test_random_below(random, 6)], sizeof(bits));
    return test_random_below(random, 3) == 0 ? (int64_t)COLUMN_NUMBER_MISSING_BITS : bits;
}

static int64_t random_integer(struct test_random *random)
{
    static const int64_t integers[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX};
    return integers[test_random_below(random, 6)];
}

static void fill(struct rows *rows, struct test_random *random, uint32_t row)
{
    for (uint32_t column = 0; column < COLUMNS; column++) {
        uint32_t code = test_random_below(random, DICTIONARY.count + 1);
        rows->codes[column][row] = code == DICTIONARY.count ? COLUMN_CODE_MISSING : code;
        rows->integers[column][row] = rows->schema.columns[column].type == COLUMN_NUMBER
                                          ? random_number(random)
                                          : random_integer(random);
        if (row == 1 && test_random_below(random, 3) > 0) { // equal beginnings
            rows->codes[column][1] = rows->codes[column][0];
            rows->integers[column][1] = rows->integers[column][0];
        }
    }
}

static void canonical(const struct rows *rows, uint32_t row, struct text_buffer *out)
{
    union canonical_value values[COLUMNS];
    for (uint32_t column = 0; column < COLUMNS; column++) {
        if (rows->schema.columns[column].type == COLUMN_STRING) {
            values[column].string = dictionary_text(&DICTIONARY, rows->codes[column][row]);
        } else {
            values[column].integer = rows->integers[column][row];
        }
    }
    text_buffer_reset(out);
    canonical_row_append(&rows->order, &rows->schema, values, out);
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

Test(canonical_row, test_codes_compare_like_canonical_bytes)
{
    uint64_t seed = test_random_seed();
    struct test_random random = test_random_start(seed);
    struct text_buffer left = {0};
    struct text_buffer right = {0};
    struct rows rows;
    rows_init(&rows);
    for (uint64_t round = 0; round < test_scaled(20000); round++) {
        fill(&rows, &random, 0);
        fill(&rows, &random, 1);
        canonical(&rows, 0, &left);
        canonical(&rows, 1, &right);
        int by_bytes = text_compare((struct text){left.bytes, left.size},
                                    (struct text){right.bytes, right.size});
        int by_codes =
            canonical_row_compare(&rows.order, &rows.schema, rows.columns, 0, rows.columns, 1);
        cr_assert_eq(sign(by_bytes), sign(by_codes), "seed %lu, round %lu", seed, round);
    }
    text_buffer_deinit(&left);
    text_buffer_deinit(&right);
    arena_deinit(&rows.arena);
}

Test(canonical_row, test_missing_differs_from_empty_and_zero)
{
    struct rows rows;
    struct text_buffer row = {0};
    rows_init(&rows);
    for (uint32_t column = 0; column < COLUMNS; column++) {
        rows.codes[column][0] = COLUMN_CODE_MISSING;
        rows.integers[column][0] = rows.schema.columns[column].type == COLUMN_NUMBER
                                       ? (int64_t)COLUMN_NUMBER_MISSING_BITS
                                       : COLUMN_INTEGER_MISSING;
    }
    canonical(&rows, 0, &row);
    cr_assert_eq(row.size, 1, "a row without values is its end mark");
    rows.codes[WORD][0] = 0;
    canonical(&rows, 0, &row);
    static const char expected[] = "words\0\1\0\1\xff";
    cr_assert_eq(row.size, sizeof(expected) - 1);
    cr_assert_arr_eq(row.bytes, expected, sizeof(expected) - 1);
    text_buffer_deinit(&row);
    arena_deinit(&rows.arena);
}

Test(canonical_row, test_the_digest_depends_on_the_namespace)
{
    struct text_buffer scratch = {0};
    struct text bytes = text_from("x");
    struct hash128 one = canonical_row_digest(0, text_from("u"), 1, 2, 3, bytes, &scratch);
    struct hash128 same = canonical_row_digest(0, text_from("u"), 1, 2, 3, bytes, &scratch);
    struct hash128 other = canonical_row_digest(1, text_from("u"), 1, 2, 3, bytes, &scratch);
    cr_assert(hash128_equal(one, same));
    cr_assert_not(hash128_equal(one, other));
    text_buffer_deinit(&scratch);
}
