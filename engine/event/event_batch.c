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

// Most texts are short, and a call would cost more than the copy: halves that overlap.
static inline void copy_text(char *to, const char *from, size_t size)
{
    if (size > 16) {
        memcpy(to, from, size);
    } else if (size >= 8) {
        memcpy(to, from, 8);
        memcpy(to + size - 8, from + size - 8, 8);
    } else {
        for (size_t index = 0; index < size; index++) {
            to[index] = from[index];
        }
    }
}

static struct event_string batch_string(struct event_batch *batch, struct text text)
{
    if (text.bytes == NULL) {
        return (struct event_string){EVENT_STRING_MISSING, 0};
    }
    batch->string_end -= (uint32_t)text.size;
    copy_text(batch->bytes + batch->string_end, text.bytes, text.size);
    return (struct event_string){batch->string_end, (uint32_t)text.size};
}

bool event_batch_append(struct event_batch *batch, const struct event_format *format,
                        const struct event *event, struct hash128 user_key)
{
    if (event_batch_need(format, event) > batch->string_end - batch->row_end) {
        return false;
    }
    struct event_row *row = (struct event_row *)(void *)(batch->bytes + batch->row_end);
    row->user_key = user_key;
    row->time_us = event->time_us;
    row->user_id = batch_string(batch, event->user_id);
    row->user_namespace = event->user_namespace;
    row->future = event->future;
    for (uint32_t i = COLUMN_NAME; i < format->schema->column_count; i++) {
        if (format->is_string[i]) {
            row->values[i].string = batch_string(batch, event->values[i].string);
        } else {
            row->values[i].integer = event->values[i].integer;
        }
    }
    row->values[COLUMN_TIME].integer = event->time_us;
    batch->row_end += format->row_size;
    batch->row_count++;
    return true;
}
