// SPDX-License-Identifier: Apache-2.0
#include "engine/query/people/people_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBER_TEXT_SIZE 40

static struct text number_text(int64_t bits, struct arena *arena)
{
    double number;
    memcpy(&number, &bits, sizeof(number));
    char *bytes = arena_allocate(arena, NUMBER_TEXT_SIZE);
    int size = 0;
    for (int digits = 12; digits <= 17; digits++) {
        size = snprintf(bytes, NUMBER_TEXT_SIZE, "%.*g", digits, number);
        if (strtod(bytes, NULL) == number) {
            break;
        }
    }
    return (struct text){bytes, (size_t)size};
}

static struct text integer_text(enum column_type type, int64_t integer, struct arena *arena)
{
    if (type == COLUMN_NUMBER) {
        return number_text(integer, arena);
    }
    if (type == QUERY_CUSTOMER_TYPE) {
        return integer != 0 ? TEXT_LITERAL("returning") : TEXT_LITERAL("new");
    }
    if (type == COLUMN_BOOLEAN) {
        return integer != 0 ? TEXT_LITERAL("true") : TEXT_LITERAL("false");
    }
    char *bytes = arena_allocate(arena, NUMBER_TEXT_SIZE);
    int size = snprintf(bytes, NUMBER_TEXT_SIZE, "%" PRId64, integer);
    return (struct text){bytes, (size_t)size};
}

enum corong_status people_value_text(const struct query_raw *value, const struct query_plan *plan,
                                     uint32_t column, struct arena *arena, struct text *text_out,
                                     struct corong_error *error)
{
    *text_out = TEXT_MISSING;
    if (!value->present) {
        return CORONG_OK;
    }
    enum column_type type = query_plan_type(plan, column);
    if (type != COLUMN_STRING) {
        *text_out = integer_text(type, value->bits, arena);
        return CORONG_OK;
    }
    const struct dictionary *dictionary;
    TRY(segment_reader_dictionary(value->source->segment->reader, column, &dictionary, error));
    *text_out = dictionary_text(dictionary, (uint32_t)value->bits);
    return CORONG_OK;
}

enum corong_status people_value(const struct query_source *source, const struct row_group *rows,
                                uint32_t column, uint32_t row, struct arena *arena,
                                struct text *value_out, struct corong_error *error)
{
    struct query_raw value = query_history_raw(source, rows, column, row);
    return people_value_text(&value, source->plan, column, arena, value_out, error);
}
