// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_hold.h"

#include "storage/base/bytes.h"
#include "storage/base/memory.h"

#include <stdlib.h>

#define CAPACITY_MIN 256u

void query_hold_deinit(struct query_hold *hold)
{
    memory_free(hold->rows);
    memory_free(hold->order);
    text_buffer_deinit(&hold->values);
}

static enum corong_status grow(struct query_hold *hold, struct corong_error *error)
{
    uint32_t capacity = hold->capacity == 0 ? CAPACITY_MIN : hold->capacity * 2;
    uint64_t added =
        (uint64_t)(capacity - hold->capacity) * (sizeof(*hold->rows) + sizeof(*hold->order));
    TRY(query_tasks_charge(hold->tasks, added, "the events of one user", error));
    hold->rows = memory_resize_array(hold->rows, capacity, sizeof(*hold->rows));
    hold->order = memory_resize_array(hold->order, capacity, sizeof(*hold->order));
    hold->capacity = capacity;
    return CORONG_OK;
}

/// Appends a value as bytes that are equal for equal values of any segment; false where it is
/// missing.
static enum corong_status append_value(struct query_hold *hold, const struct query_source *source,
                                       const struct row_group *rows, uint32_t column, uint32_t row,
                                       bool *present_out, struct corong_error *error)
{
    *present_out = false;
    if (column >= source->segment->schema->column_count || !rows->packed[column].exists) {
        return CORONG_OK;
    }
    const struct column_packed *packed = &rows->packed[column];
    enum column_type type = source->plan->schema->columns[column].type;
    if (type != COLUMN_STRING) {
        int64_t value = column_packed_integer(packed, row);
        *present_out = value != (type == COLUMN_NUMBER ? (int64_t)COLUMN_NUMBER_MISSING_BITS
                                                       : COLUMN_INTEGER_MISSING);
        text_buffer_append_i64(&hold->values, value);
        return CORONG_OK;
    }
    uint32_t code = column_packed_code(packed, row);
    if (code == COLUMN_CODE_MISSING) {
        return CORONG_OK;
    }
    const struct dictionary *dictionary;
    TRY(segment_reader_dictionary(source->segment->reader, column, &dictionary, error));
    text_buffer_append_sized(&hold->values, dictionary_text(dictionary, code));
    *present_out = true;
    return CORONG_OK;
}

enum corong_status query_hold_add(struct query_hold *hold, const struct query_source *source,
                                  const struct row_group *rows, uint32_t row,
                                  const struct query_held *held, struct corong_error *error)
{
    text_buffer_reset(&hold->values);
    for (uint32_t i = 0; i < hold->column_count; i++) {
        bool present;
        TRY(append_value(hold, source, rows, hold->columns[i], row, &present, error));
        if (!present) {
            hold->outside += held->row.stages != 0;
            return CORONG_OK;
        }
    }
    if (hold->count == hold->capacity) {
        TRY(grow(hold, error));
    }
    hold->rows[hold->count] = *held;
    hold->rows[hold->count++].key = hash_bytes128(hold->values.bytes, hold->values.size);
    return CORONG_OK;
}

static int compare_rows(const void *left_raw, const void *right_raw, void *context)
{
    const struct query_held *rows = context;
    uint32_t left = *(const uint32_t *)left_raw;
    uint32_t right = *(const uint32_t *)right_raw;
    int order = hash128_compare(rows[left].key, rows[right].key);
    return order != 0 ? order : left < right ? -1 : left > right;
}

void query_hold_sort(struct query_hold *hold)
{
    for (uint32_t index = 0; index < hold->count; index++) {
        hold->order[index] = index;
    }
    if (hold->count > 0) {
        qsort_r(hold->order, hold->count, sizeof(*hold->order), compare_rows, hold->rows);
    }
}
