// SPDX-License-Identifier: Apache-2.0
#include "engine/event/event_batch.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <stddef.h>
#include <string.h>

static void place_columns(struct event_format *format)
{
    uint32_t offset = (uint32_t)sizeof(struct event_row);
    format->offsets[COLUMN_TIME] = (uint32_t)offsetof(struct event_row, time_us);
    for (uint32_t i = 0; i < format->string_count; i++) {
        format->offsets[format->string_columns[i]] = offset;
        offset += (uint32_t)sizeof(struct packed_text);
    }
    for (uint32_t i = 0; i < format->integer_count; i++) {
        format->offsets[format->integer_columns[i]] = offset;
        offset += (uint32_t)sizeof(int64_t);
    }
    format->row_size = offset;
}

void event_format_init(struct event_format *format, const struct schema *schema)
{
    ASSERT(schema->column_count <= SCHEMA_COLUMN_COUNT_MAX);
    memset(format, 0, sizeof(*format));
    format->schema = schema;
    for (uint32_t i = 0; i < schema->column_count; i++) {
        if (schema->columns[i].type == COLUMN_STRING) {
            format->is_string[i] = true;
            format->string_columns[format->string_count++] = i;
        } else if (i != COLUMN_TIME) {
            format->integer_columns[format->integer_count++] = i;
        }
    }
    place_columns(format);
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

/// `end` is where the long strings so far begin, `floor` what they must not reach below. False
/// where the text does not fit.
static bool put_far(char *bytes, uint32_t *end, uint32_t floor, struct text text,
                    struct packed_text *packed_out)
{
    if (text.size > *end - floor) {
        return false;
    }
    *end -= (uint32_t)text.size;
    memcpy(bytes + *end, text.bytes, text.size);
    *packed_out = packed_text_far(*end, (uint32_t)text.size);
    return true;
}

static inline bool put_string(char *bytes, uint32_t *end, uint32_t floor, struct text text,
                              struct packed_text *packed_out)
{
    if (__builtin_expect(text.size > PACKED_TEXT_SIZE_MAX, 0)) {
        return put_far(bytes, end, floor, text, packed_out);
    }
    *packed_out =
        text.bytes == NULL ? packed_text_missing() : packed_text_short(text.bytes, text.size);
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
    row->user_namespace = event->user_namespace;
    row->future = event->future;
    if (!put_string(batch->bytes, &end, floor, event->user_id, &row->user_id)) {
        return false;
    }
    for (uint32_t i = 0; i < format->string_count; i++) {
        if (!put_string(batch->bytes, &end, floor, event->values[format->string_columns[i]].string,
                        &row->strings[i])) {
            return false;
        }
    }
    char *integers = (char *)(row->strings + format->string_count);
    for (uint32_t i = 0; i < format->integer_count; i++) {
        bytes_store_i64(integers + i * sizeof(int64_t),
                        event->values[format->integer_columns[i]].integer);
    }
    batch->string_end = end;
    batch->row_end = floor;
    batch->row_count++;
    return true;
}
