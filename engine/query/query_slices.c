// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_slices.h"

#include "storage/base/bytes.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBER_TEXT_SIZE 40

static uint32_t number_of_missing(struct query_slices *slices)
{
    char type = QUERY_SLICES_MISSING;
    return query_table_number(&slices->values, (struct text){&type, 1});
}

void query_slices_init(struct query_slices *slices, const struct query_plan *plan,
                       const uint32_t *columns, uint32_t count)
{
    ASSERT(count <= QUERY_SLICE_ATTRIBUTE_COUNT_MAX);
    *slices = (struct query_slices){.plan = plan, .count = count};
    for (uint32_t i = 0; i < count; i++) {
        slices->columns[i] = columns[i];
    }
    slices->columns[count] = COLUMN_CURRENCY;
    slices->numbers_of_code = memory_allocate_zeroed(
        (size_t)plan->stored_count * QUERY_SLICE_COLUMN_COUNT_MAX + 1, sizeof(uint32_t *));
    slices->missing = number_of_missing(slices);
}

void query_slices_deinit(struct query_slices *slices)
{
    size_t count = (size_t)slices->plan->stored_count * QUERY_SLICE_COLUMN_COUNT_MAX;
    for (size_t i = 0; i < count; i++) {
        memory_free(slices->numbers_of_code[i]);
    }
    memory_free(slices->numbers_of_code);
    query_table_deinit(&slices->values);
    query_table_deinit(&slices->tuples);
}

static uint32_t number_of_text(struct query_slices *slices, struct text text)
{
    char small[256];
    char *bytes = text.size < sizeof(small) ? small : memory_allocate(text.size + 1);
    bytes[0] = COLUMN_STRING;
    memcpy(bytes + 1, text.bytes, text.size);
    uint32_t number = query_table_number(&slices->values, (struct text){bytes, text.size + 1});
    if (bytes != small) {
        memory_free(bytes);
    }
    return number;
}

static uint32_t number_of_integer(struct query_slices *slices, enum column_type type, int64_t value)
{
    char bytes[1 + sizeof(value)];
    bytes[0] = (char)type;
    bytes_store_i64(bytes + 1, value);
    return query_table_number(&slices->values, (struct text){bytes, sizeof(bytes)});
}

static enum corong_status number_of_code(struct query_slices *slices,
                                         const struct query_source *source, uint32_t which,
                                         uint32_t code, uint32_t *number_out,
                                         struct corong_error *error)
{
    size_t at = (size_t)source->segment->origin * QUERY_SLICE_COLUMN_COUNT_MAX + which;
    uint32_t **cache = &slices->numbers_of_code[at];
    if (*cache != NULL && (*cache)[code] != 0) {
        *number_out = (*cache)[code] - 1;
        return CORONG_OK;
    }
    const struct dictionary *dictionary;
    TRY(segment_reader_dictionary(source->segment->reader, slices->columns[which], &dictionary,
                                  error));
    if (*cache == NULL) {
        *cache = memory_allocate_zeroed((size_t)dictionary->count + 1, sizeof(uint32_t));
        slices->cache_bytes += (uint64_t)dictionary->count * sizeof(uint32_t);
    }
    *number_out = number_of_text(slices, dictionary_text(dictionary, code));
    (*cache)[code] = *number_out + 1;
    return CORONG_OK;
}

static enum corong_status value_number(struct query_slices *slices, uint32_t which,
                                       const struct query_raw *value, uint32_t *number_out,
                                       struct corong_error *error)
{
    *number_out = slices->missing;
    if (!value->present) {
        return CORONG_OK;
    }
    enum column_type type = query_plan_type(slices->plan, slices->columns[which]);
    if (type != COLUMN_STRING) {
        *number_out = number_of_integer(slices, type, value->bits);
        return CORONG_OK;
    }
    return number_of_code(slices, value->source, which, (uint32_t)value->bits, number_out, error);
}

enum corong_status query_slices_of(struct query_slices *slices, const struct query_raw *values,
                                   uint32_t *slice_out, struct corong_error *error)
{
    uint32_t numbers[QUERY_SLICE_ATTRIBUTE_COUNT_MAX] = {0};
    for (uint32_t i = 0; i < slices->count; i++) {
        TRY(value_number(slices, i, &values[i], &numbers[i], error));
    }
    *slice_out = slices->count < 2
                     ? numbers[0]
                     : query_table_number(&slices->tuples,
                                          (struct text){(const char *)numbers,
                                                        slices->count * sizeof(numbers[0])});
    return CORONG_OK;
}

enum corong_status query_slices_at(struct query_slices *slices, const struct query_source *source,
                                   const struct row_group *rows, uint32_t row, uint32_t *slice_out,
                                   struct corong_error *error)
{
    struct query_raw values[QUERY_SLICE_ATTRIBUTE_COUNT_MAX];
    for (uint32_t i = 0; i < slices->count; i++) {
        values[i] = query_history_raw(source, rows, slices->columns[i], row);
    }
    return query_slices_of(slices, values, slice_out, error);
}

enum corong_status query_slices_currency(struct query_slices *slices,
                                         const struct query_source *source,
                                         const struct row_group *rows, uint32_t row,
                                         uint32_t *value_out, struct corong_error *error)
{
    struct query_raw value = query_history_raw(source, rows, slices->columns[slices->count], row);
    return value_number(slices, slices->count, &value, value_out, error);
}

uint64_t query_slices_bytes(const struct query_slices *slices)
{
    return query_table_bytes(&slices->values) + query_table_bytes(&slices->tuples) +
           slices->cache_bytes;
}

static struct text number_text(double number, struct arena *arena)
{
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

struct text query_slices_text(const struct query_slices *slices, uint32_t value,
                              struct arena *arena)
{
    return query_slices_show(slices->values.keys[value], arena);
}

struct text query_slices_show(struct text key, struct arena *arena)
{
    enum column_type type = (enum column_type)key.bytes[0];
    if (type == COLUMN_STRING) {
        return arena_copy_text(arena, (struct text){key.bytes + 1, key.size - 1});
    }
    if (key.bytes[0] == QUERY_SLICES_MISSING) {
        return TEXT_MISSING;
    }
    int64_t integer = bytes_load_i64(key.bytes + 1);
    if (type == QUERY_CUSTOMER_TYPE) {
        return integer != 0 ? TEXT_LITERAL("returning") : TEXT_LITERAL("new");
    }
    if (type == COLUMN_BOOLEAN) {
        return integer != 0 ? TEXT_LITERAL("true") : TEXT_LITERAL("false");
    }
    if (type == COLUMN_NUMBER) {
        double number;
        memcpy(&number, &integer, sizeof(number));
        return number_text(number, arena);
    }
    char *bytes = arena_allocate(arena, NUMBER_TEXT_SIZE);
    int size = snprintf(bytes, NUMBER_TEXT_SIZE, "%" PRId64, integer);
    return (struct text){bytes, (size_t)size};
}

/// Value numbers of a slice, `count` of them.
static void slice_values(const struct query_slices *slices, uint32_t slice, uint32_t *values)
{
    if (slices->count == 1) {
        values[0] = slice;
    } else if (slices->count > 1) {
        memcpy(values, slices->tuples.keys[slice].bytes, slices->count * sizeof(*values));
    }
}

void query_slices_key(const struct query_slices *slices, uint32_t slice, struct text_buffer *out)
{
    uint32_t values[QUERY_SLICE_ATTRIBUTE_COUNT_MAX];
    slice_values(slices, slice, values);
    for (uint32_t i = 0; i < slices->count; i++) {
        text_buffer_append_sized(out, slices->values.keys[values[i]]);
    }
}

uint32_t query_slices_from_key(struct query_slices *slices, struct text key)
{
    uint32_t numbers[QUERY_SLICE_ATTRIBUTE_COUNT_MAX] = {0};
    for (uint32_t i = 0; i < slices->count; i++) {
        uint32_t size = bytes_load_u32(key.bytes);
        struct text value = {key.bytes + sizeof(size), size};
        numbers[i] = query_table_number(&slices->values, value);
        key = (struct text){value.bytes + size, key.size - sizeof(size) - size};
    }
    return slices->count < 2 ? numbers[0]
                             : query_table_number(&slices->tuples,
                                                  (struct text){(const char *)numbers,
                                                                slices->count * sizeof(*numbers)});
}

struct text *query_slices_texts(const struct query_slices *slices, uint32_t slice,
                                struct arena *arena)
{
    uint32_t values[QUERY_SLICE_ATTRIBUTE_COUNT_MAX];
    slice_values(slices, slice, values);
    struct text *texts = arena_allocate(arena, ((size_t)slices->count + 1) * sizeof(*texts));
    for (uint32_t i = 0; i < slices->count; i++) {
        texts[i] = query_slices_text(slices, values[i], arena);
    }
    return texts;
}
