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
    if (canonical_is_missing(type, integer)) {
        return TEXT_MISSING;
    }
    if (type == COLUMN_NUMBER) {
        return number_text(integer, arena);
    }
    if (type == COLUMN_BOOLEAN) {
        return integer != 0 ? TEXT_LITERAL("true") : TEXT_LITERAL("false");
    }
    char *bytes = arena_allocate(arena, NUMBER_TEXT_SIZE);
    int size = snprintf(bytes, NUMBER_TEXT_SIZE, "%" PRId64, integer);
    return (struct text){bytes, (size_t)size};
}

enum corong_status people_value(const struct query_source *source, const struct row_group *rows,
                                uint32_t column, uint32_t row, struct arena *arena,
                                struct text *value_out, struct corong_error *error)
{
    *value_out = TEXT_MISSING;
    if (column >= source->segment->schema->column_count || !rows->packed[column].exists) {
        return CORONG_OK;
    }
    const struct column_packed *packed = &rows->packed[column];
    enum column_type type = source->plan->schema->columns[column].type;
    if (type != COLUMN_STRING) {
        *value_out = integer_text(type, column_packed_integer(packed, row), arena);
        return CORONG_OK;
    }
    uint32_t code = column_packed_code(packed, row);
    if (code == COLUMN_CODE_MISSING) {
        return CORONG_OK;
    }
    const struct dictionary *dictionary;
    TRY(segment_reader_dictionary(source->segment->reader, column, &dictionary, error));
    *value_out = dictionary_text(dictionary, code);
    return CORONG_OK;
}
