// SPDX-License-Identifier: Apache-2.0
#include "engine/event/event_batch.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <string.h>

void event_format_init(struct event_format *format, const struct schema *schema)
{
    ASSERT(schema->column_count <= SCHEMA_COLUMN_COUNT_MAX);
    memset(format, 0, sizeof(*format));
    format->schema = schema;
    format->row_size =
        (uint32_t)(sizeof(struct event_row) + schema->column_count * sizeof(union event_value));
    for (uint32_t i = 0; i < schema->column_count; i++) {
        if (schema->columns[i].type == COLUMN_STRING) {
            format->is_string[i] = true;
            format->string_columns[format->string_count++] = i;
        } else if (i != COLUMN_TIME) {
            format->integer_columns[format->integer_count++] = i;
        }
    }
}

uint64_t event_batch_need(const struct event_format *format, const struct event *event)
{
    uint64_t need = format->row_size + event->user_id.size;
    for (uint32_t i = 0; i < format->string_count; i++) {
        need += event->values[format->string_columns[i]].string.size;
    }
    return need;
}

struct event_batch *event_batch_create(uint32_t capacity)
{
    struct event_batch *batch = memory_allocate_aligned(16, sizeof(*batch) + capacity);
    batch->capacity = capacity;
    event_batch_reset(batch);
    return batch;
}

void event_batch_destroy(struct event_batch *batch)
{
    memory_free(batch);
}

void event_batch_reset(struct event_batch *batch)
{
    batch->row_count = 0;
    batch->row_end = 0;
    batch->string_end = batch->capacity;
}

// Most texts are short, and a call would cost more than the copy: pieces that overlap.
static inline void copy_text(char *to, const char *from, size_t size)
{
    if (size >= 8 && size <= 16) {
        memcpy(to, from, 8);
        memcpy(to + size - 8, from + size - 8, 8);
    } else if (size > 32) {
        memcpy(to, from, size);
    } else if (size > 16) {
        memcpy(to, from, 16);
        memcpy(to + size - 16, from + size - 16, 16);
    } else if (size >= 4) {
        memcpy(to, from, 4);
        memcpy(to + size - 4, from + size - 4, 4);
    } else if (size > 0) {
        to[0] = from[0];
        to[size / 2] = from[size / 2];
        to[size - 1] = from[size - 1];
    }
}

/// `end` is where the strings so far begin, `floor` what they must not reach below. False where
/// the text does not fit.
static inline bool put_string(char *bytes, uint32_t *end, uint32_t floor, struct text text,
                              struct event_string *string_out)
{
    if (text.bytes == NULL) {
        *string_out = (struct event_string){EVENT_STRING_MISSING, 0};
        return true;
    }
    if (__builtin_expect(text.size > *end - floor, 0)) {
        return false;
    }
    *end -= (uint32_t)text.size;
    copy_text(bytes + *end, text.bytes, text.size);
    *string_out = (struct event_string){*end, (uint32_t)text.size};
    return true;
}

bool event_batch_append(struct event_batch *batch, const struct event_format *format,
                        const struct event *event, struct hash128 user_key)
{
    uint32_t end = batch->string_end;
    if (format->row_size > end - batch->row_end) {
        return false;
    }
    // What does not fit is noticed on the way: until the end nothing but free bytes is written.
    uint32_t floor = batch->row_end + format->row_size;
    struct event_row *row = (struct event_row *)(void *)(batch->bytes + batch->row_end);
    row->user_key = user_key;
    row->time_us = event->time_us;
    if (!put_string(batch->bytes, &end, floor, event->user_id, &row->user_id)) {
        return false;
    }
    row->user_namespace = event->user_namespace;
    row->future = event->future;
    for (uint32_t i = 0; i < format->string_count; i++) {
        uint32_t column = format->string_columns[i];
        if (!put_string(batch->bytes, &end, floor, event->values[column].string,
                        &row->values[column].string)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < format->integer_count; i++) {
        uint32_t column = format->integer_columns[i];
        row->values[column].integer = event->values[column].integer;
    }
    row->values[COLUMN_TIME].integer = event->time_us;
    batch->string_end = end;
    batch->row_end = floor;
    batch->row_count++;
    return true;
}
