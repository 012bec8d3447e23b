// SPDX-License-Identifier: Apache-2.0
#include "storage/column/column.h"

#include <criterion/criterion.h>
#include <stdio.h>

Test(column, test_a_new_schema_has_the_system_columns)
{
    struct arena arena = {0};
    struct schema schema;
    schema_init(&schema, &arena);
    cr_assert_eq(schema.column_count, COLUMN_SYSTEM_COUNT);
    cr_assert_eq(schema_find(&schema, text_from("event")), COLUMN_NAME);
    cr_assert_eq(schema_find(&schema, text_from("revenue")), COLUMN_AMOUNT);
    cr_assert_eq(schema_find(&schema, text_from("colour")), -1);
    arena_deinit(&arena);
}

Test(column, test_an_attribute_is_added_once_and_keeps_its_type)
{
    struct arena arena = {0};
    struct corong_error error = {0};
    struct schema schema;
    uint32_t first = 0;
    uint32_t second = 0;
    schema_init(&schema, &arena);
    struct schema before = schema;
    cr_assert_eq(schema_add(&schema, &arena, text_from("country"), COLUMN_STRING, &first, &error),
                 CORONG_OK);
    cr_assert_eq(schema_add(&schema, &arena, text_from("country"), COLUMN_STRING, &second, &error),
                 CORONG_OK);
    cr_assert_eq(first, COLUMN_SYSTEM_COUNT);
    cr_assert_eq(first, second);
    cr_assert_eq(before.column_count, COLUMN_SYSTEM_COUNT);
    cr_assert_eq(schema_add(&schema, &arena, text_from("country"), COLUMN_NUMBER, &second, &error),
                 CORONG_INVALID);
    cr_assert_not_null(strstr(error.message, "string"));
    cr_assert_not_null(strstr(error.message, "number"));
    arena_deinit(&arena);
}

Test(column, test_names_that_cannot_be_are_refused)
{
    struct arena arena = {0};
    struct schema schema;
    uint32_t index;
    schema_init(&schema, &arena);
    struct text bad[] = {text_from("time"), text_from(""), {"a\0b", 3}, {"\xff", 1}};
    for (size_t at = 0; at < sizeof(bad) / sizeof(bad[0]); at++) {
        cr_assert_eq(schema_add(&schema, &arena, bad[at], COLUMN_INTEGER, &index, NULL),
                     CORONG_INVALID, "name %zu", at);
    }
    arena_deinit(&arena);
}

Test(column, test_256_attributes_fit_and_no_more)
{
    struct arena arena = {0};
    struct schema schema;
    uint32_t index;
    schema_init(&schema, &arena);
    for (int at = 0; at <= SCHEMA_ATTRIBUTE_COUNT_MAX; at++) {
        char name[16];
        snprintf(name, sizeof(name), "a%d", at);
        cr_assert_eq(schema_add(&schema, &arena, text_from(name), COLUMN_STRING, &index, NULL),
                     at < SCHEMA_ATTRIBUTE_COUNT_MAX ? CORONG_OK : CORONG_INVALID);
    }
    arena_deinit(&arena);
}

Test(column, test_the_nearest_name_is_suggested)
{
    struct arena arena = {0};
    struct schema schema;
    uint32_t index;
    schema_init(&schema, &arena);
    cr_assert_eq(schema_add(&schema, &arena, text_from("country"), COLUMN_STRING, &index, NULL),
                 CORONG_OK);
    cr_assert(text_equal(schema_nearest(&schema, text_from("contry")), text_from("country")));
    cr_assert_null(schema_nearest(&schema, text_from("zzzzzzzzz")).bytes);
    arena_deinit(&arena);
}

Test(column, test_dictionary_entries_are_found)
{
    const uint32_t offsets[] = {0, 0, 1, 3, 4};
    const struct dictionary dictionary = {4, offsets, "aabb"};
    cr_assert_eq(dictionary_find(&dictionary, text_from("")), 0);
    cr_assert_eq(dictionary_find(&dictionary, text_from("a")), 1);
    cr_assert_eq(dictionary_find(&dictionary, text_from("ab")), 2);
    cr_assert_eq(dictionary_find(&dictionary, text_from("b")), 3);
    cr_assert_eq(dictionary_find(&dictionary, text_from("aa")), COLUMN_CODE_MISSING);
    cr_assert_eq(dictionary_find(&dictionary, TEXT_MISSING), COLUMN_CODE_MISSING);
}
