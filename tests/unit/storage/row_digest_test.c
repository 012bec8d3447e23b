// SPDX-License-Identifier: Apache-2.0
#include "storage/column/row_digest.h"

#include "storage/column/canonical_row.h"
#include "tests/support/test_random.h"

#include <criterion/criterion.h>

enum { SHORT = COLUMN_SYSTEM_COUNT, LONG_NAME, NUMBER, COLUMNS };
enum { ENTRY_COUNT = 40, ROW_COUNT = 64 };

struct sample {
    struct arena arena;
    struct schema schema;
    struct dictionary dictionaries[COLUMNS];
    uint32_t offsets[ENTRY_COUNT + 1];
    char bytes[ENTRY_COUNT * ENTRY_COUNT];
    struct column_values columns[COLUMNS];
    uint32_t codes[COLUMNS][ROW_COUNT];
    int64_t integers[COLUMNS][ROW_COUNT];
};

/// Entry n has n bytes; with zeros, some of them must be escaped.
static void fill_dictionary(struct sample *sample, struct test_random *random, bool zeros)
{
    for (uint32_t entry = 0; entry < ENTRY_COUNT; entry++) {
        sample->offsets[entry + 1] = sample->offsets[entry] + entry;
        for (uint32_t at = 0; at < entry; at++) {
            char byte = (char)('a' + test_random_below(random, 26));
            bool is_zero = zeros && test_random_below(random, 5) == 0;
            sample->bytes[sample->offsets[entry] + at] = is_zero ? 0 : byte;
        }
    }
}

static void fill_values(struct sample *sample, struct test_random *random)
{
    for (uint32_t column = 0; column < COLUMNS; column++) {
        enum column_type type = sample->schema.columns[column].type;
        int64_t missing =
            type == COLUMN_NUMBER ? (int64_t)COLUMN_NUMBER_MISSING_BITS : COLUMN_INTEGER_MISSING;
        for (uint32_t row = 0; row < ROW_COUNT; row++) {
            uint32_t code = test_random_below(random, ENTRY_COUNT + 1);
            sample->codes[column][row] = code == ENTRY_COUNT ? COLUMN_CODE_MISSING : code;
            double number = (double)test_random_below(random, 100) - 50;
            memcpy(&sample->integers[column][row], &number, sizeof(number));
            if (test_random_below(random, 4) == 0 && column != COLUMN_TIME) {
                sample->integers[column][row] = missing;
            }
        }
        if (column == COLUMN_RECEIVED || column == COLUMN_CURRENCY) {
            continue; // a column without values
        }
        sample->dictionaries[column] =
            (struct dictionary){ENTRY_COUNT, sample->offsets, sample->bytes};
        sample->columns[column].codes = type == COLUMN_STRING ? sample->codes[column] : NULL;
        sample->columns[column].integers = type == COLUMN_STRING ? NULL : sample->integers[column];
    }
}

static void sample_init(struct sample *sample, struct test_random *random, bool zeros)
{
    uint32_t index;
    memset(sample, 0, sizeof(*sample));
    schema_init(&sample->schema, &sample->arena);
    cr_assert_eq(
        schema_add(&sample->schema, &sample->arena, text_from("s"), COLUMN_STRING, &index, NULL),
        CORONG_OK);
    cr_assert_eq(schema_add(&sample->schema, &sample->arena,
                            text_from("a name that is longer than one step of a copy"),
                            COLUMN_STRING, &index, NULL),
                 CORONG_OK);
    cr_assert_eq(
        schema_add(&sample->schema, &sample->arena, text_from("n"), COLUMN_NUMBER, &index, NULL),
        CORONG_OK);
    fill_dictionary(sample, random, zeros);
    fill_values(sample, random);
}

static struct hash128 slow_digest(const struct sample *sample, uint32_t row, struct text user)
{
    struct canonical_order order;
    union canonical_value values[COLUMNS];
    struct text_buffer canonical = {0};
    struct text_buffer scratch = {0};
    canonical_order_init(&order, &sample->schema);
    for (uint32_t column = 0; column < COLUMNS; column++) {
        if (sample->schema.columns[column].type == COLUMN_STRING) {
            const uint32_t *codes = sample->columns[column].codes;
            values[column].string =
                codes == NULL ? TEXT_MISSING
                              : dictionary_text(&sample->dictionaries[column], codes[row]);
        } else {
            const int64_t *integers = sample->columns[column].integers;
            values[column].integer = integers == NULL ? COLUMN_INTEGER_MISSING : integers[row];
        }
    }
    canonical_row_append(&order, &sample->schema, values, &canonical);
    struct hash128 digest = canonical_row_digest(
        1, user, values[COLUMN_TIME].integer, values[COLUMN_SEQUENCE].integer,
        values[COLUMN_ID_HASH].integer, (struct text){canonical.bytes, canonical.size}, &scratch);
    text_buffer_deinit(&canonical);
    text_buffer_deinit(&scratch);
    return digest;
}

static void compare(const struct sample *sample, size_t user_size)
{
    static char id[5000];
    memset(id, 'u', sizeof(id));
    struct text user = {id, user_size};
    struct row_digester digester;
    row_digester_init(&digester, &sample->schema, sample->dictionaries);
    row_digester_user(&digester, 1, user);
    for (uint32_t row = 0; row < ROW_COUNT; row++) {
        cr_assert(hash128_equal(row_digester_row(&digester, sample->columns, row),
                                slow_digest(sample, row, user)),
                  "row %u", row);
    }
    row_digester_deinit(&digester);
}

Test(row_digest, test_digests_are_those_of_the_canonical_rows)
{
    struct test_random random = test_random_start(test_random_seed());
    static struct sample sample;
    for (int round = 0; round < 20; round++) {
        sample_init(&sample, &random, round % 2 == 1);
        compare(&sample, 0);
        compare(&sample, 12);
        compare(&sample, 5000);
        arena_deinit(&sample.arena);
    }
}

Test(row_digest, test_a_group_is_the_sum_of_its_rows)
{
    struct test_random random = test_random_start(test_random_seed());
    static struct sample sample;
    sample_init(&sample, &random, false);
    uint32_t row_counts[] = {ROW_COUNT - 3, 3};
    uint8_t flags[] = {1 | USER_LINKED, 1};
    uint32_t id_offsets[] = {0, 1, 3};
    char ids[] = "abb";
    struct row_group group = {.user_count = 2,
                              .row_count = ROW_COUNT,
                              .user_row_counts = row_counts,
                              .user_flags = flags,
                              .columns = sample.columns,
                              .id_offsets = id_offsets,
                              .id_bytes = ids};
    struct hash128 sum = {0};
    for (uint32_t row = 0; row < ROW_COUNT; row++) {
        struct text user = text_from(row < ROW_COUNT - 3 ? "a" : "bb");
        sum = hash128_add(sum, slow_digest(&sample, row, user));
    }
    struct row_digester digester;
    row_digester_init(&digester, &sample.schema, sample.dictionaries);
    cr_assert(hash128_equal(row_digester_group(&digester, &group), sum));
    row_digester_deinit(&digester);
    arena_deinit(&sample.arena);
}
