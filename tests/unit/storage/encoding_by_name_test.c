// SPDX-License-Identifier: Apache-2.0
/// Encodings that lean on another column: names (by-name) and times (by-visit).
#include "storage/base/memory.h"
#include "storage/encoding/encoding.h"

#include <criterion/criterion.h>

#define COUNT 4000u
#define MINUTE_US (INT64_C(60) * 1000000)

struct rows {
    uint64_t values[COUNT];
    uint64_t decoded[COUNT];
    uint32_t names[COUNT];
    int64_t times[COUNT];
    uint32_t row_counts[COUNT];
    struct encoding_users users;
    struct text_buffer bytes;
};

// Ten rows a user.
static struct rows *rows_make(void)
{
    struct rows *rows = memory_allocate_zeroed(1, sizeof(*rows));
    for (uint32_t user = 0; user < COUNT / 10; user++) {
        rows->row_counts[user] = 10;
    }
    rows->users = (struct encoding_users){rows->row_counts, COUNT / 10, rows->names, rows->times};
    return rows;
}

static void rows_drop(struct rows *rows)
{
    text_buffer_deinit(&rows->bytes);
    memory_free(rows);
}

static enum encoding_id encode(struct rows *rows, enum encoding_id wanted)
{
    struct encoding_encoder *encoder = encoding_encoder_create(1);
    text_buffer_reset(&rows->bytes);
    enum encoding_id id =
        encoding_encode(encoder, wanted, rows->values, COUNT, &rows->users, &rows->bytes);
    encoding_encoder_destroy(encoder);
    return id;
}

static enum corong_status decode(struct rows *rows, const struct encoding_users *users)
{
    struct encoding_decoder *decoder = encoding_decoder_create();
    enum corong_status status = encoding_decode64(decoder, rows->bytes.bytes, rows->bytes.size,
                                                  users, rows->decoded, COUNT, NULL);
    encoding_decoder_destroy(decoder);
    return status;
}

static void assert_comes_back(struct rows *rows)
{
    cr_assert_eq(decode(rows, &rows->users), CORONG_OK);
    cr_assert_arr_eq(rows->decoded, rows->values, sizeof(rows->values));
}

// Rows of `name_count` names, from `first_name` on, have values; those of another have none.
static void fill_by_name(struct rows *rows, uint32_t first_name, uint32_t name_count)
{
    uint32_t found = 0;
    for (uint32_t row = 0; row < COUNT; row++) {
        bool has = row != 1 && (row * UINT32_C(2654435761) >> 20) % 5 == 0; // without a pattern
        rows->names[row] = has ? first_name + found++ % name_count : 0;
        rows->values[row] = has ? 1 + row * 7919 % 30000 : 0;
    }
}

Test(encoding_by_name, test_values_of_one_name_in_five_are_kept_by_name)
{
    struct rows *rows = rows_make();
    fill_by_name(rows, 3, 1);
    cr_assert_eq(encode(rows, ENCODING_CHOOSE), ENCODING_BY_NAME);
    assert_comes_back(rows);
    rows_drop(rows);
}

Test(encoding_by_name, test_up_to_254_names_and_codes_below_4096)
{
    struct rows *rows = rows_make();
    fill_by_name(rows, 1, 254);
    cr_assert_eq(encode(rows, ENCODING_BY_NAME), ENCODING_BY_NAME);
    assert_comes_back(rows);
    fill_by_name(rows, 1, 255);
    cr_assert_neq(encode(rows, ENCODING_BY_NAME), ENCODING_BY_NAME);
    assert_comes_back(rows);
    fill_by_name(rows, 4095, 1);
    cr_assert_eq(encode(rows, ENCODING_BY_NAME), ENCODING_BY_NAME);
    assert_comes_back(rows);
    fill_by_name(rows, 4096, 1);
    cr_assert_neq(encode(rows, ENCODING_BY_NAME), ENCODING_BY_NAME);
    assert_comes_back(rows);
    rows_drop(rows);
}

Test(encoding_by_name, test_without_names_or_with_other_ones_it_is_refused)
{
    struct rows *rows = rows_make();
    fill_by_name(rows, 3, 1);
    cr_assert_eq(encode(rows, ENCODING_BY_NAME), ENCODING_BY_NAME);
    cr_assert_eq(encoding_guide_of(rows->bytes.bytes, rows->bytes.size), ENCODING_GUIDE_NAMES);
    struct encoding_users without = rows->users;
    without.names = NULL;
    cr_assert_eq(decode(rows, &without), CORONG_CORRUPT);
    cr_assert_eq(decode(rows, NULL), CORONG_CORRUPT);
    rows->names[1] = 3; // one row more
    cr_assert_eq(decode(rows, &rows->users), CORONG_CORRUPT);
    rows->names[1] = 4096;
    cr_assert_eq(decode(rows, &rows->users), CORONG_CORRUPT);
    rows_drop(rows);
}

// Visits of five rows, `gap_us` apart; a value stays for a visit, but for `changes` of them.
static void fill_by_visit(struct rows *rows, int64_t gap_us, uint32_t changes)
{
    int64_t time = -40 * MINUTE_US;
    for (uint32_t row = 0; row < COUNT; row++) {
        time += row % 5 == 0 ? gap_us : 1;
        rows->times[row] = time;
        rows->values[row] = row / 5 * 7919 % 211;
    }
    for (uint32_t change = 0; change < changes; change++) {
        rows->values[change * 10 + 8] = 300 + change;
        rows->values[change * 10 + 9] = 300 + change;
    }
}

Test(encoding_by_visit, test_values_of_visits_are_kept_by_visit)
{
    struct rows *rows = rows_make();
    static const int64_t gaps[] = {MINUTE_US * 31, MINUTE_US * 6, MINUTE_US * 5 + 1};
    for (size_t at = 0; at < 3; at++) {
        for (uint32_t changes = 0; changes < 10; changes++) {
            fill_by_visit(rows, gaps[at], changes);
            cr_assert_eq(encode(rows, ENCODING_BY_VISIT), ENCODING_BY_VISIT);
            assert_comes_back(rows);
        }
    }
    rows_drop(rows);
}

Test(encoding_by_visit, test_a_visit_begins_after_more_than_the_gap)
{
    struct rows *rows = rows_make();
    fill_by_visit(rows, 5 * MINUTE_US, 0); // one microsecond short of a visit
    size_t as_changes;
    encode(rows, ENCODING_BY_VISIT);
    as_changes = rows->bytes.size;
    assert_comes_back(rows);
    fill_by_visit(rows, 5 * MINUTE_US + 1, 0);
    encode(rows, ENCODING_BY_VISIT);
    cr_assert_lt(rows->bytes.size, as_changes);
    assert_comes_back(rows);
    rows_drop(rows);
}

Test(encoding_by_visit, test_without_times_or_with_other_ones_it_is_refused)
{
    struct rows *rows = rows_make();
    fill_by_visit(rows, 31 * MINUTE_US, 3);
    cr_assert_eq(encode(rows, ENCODING_BY_VISIT), ENCODING_BY_VISIT);
    cr_assert_eq(encoding_guide_of(rows->bytes.bytes, rows->bytes.size), ENCODING_GUIDE_TIMES);
    struct encoding_users without = rows->users;
    without.times_us = NULL;
    cr_assert_eq(decode(rows, &without), CORONG_CORRUPT);
    cr_assert_eq(decode(rows, NULL), CORONG_CORRUPT);
    rows->times[7] += 31 * MINUTE_US;
    cr_assert_eq(decode(rows, &rows->users), CORONG_CORRUPT);
    rows_drop(rows);
}
