// SPDX-License-Identifier: Apache-2.0
/// Many events in one block of memory, on their way from a producer to a shard: fixed-size rows
/// grow from the front, the bytes of their strings from the back. No pointer inside, no allocation
/// per event.
///
/// Thread: whoever holds the batch; it changes hands through a lane.
#pragma once

#include "engine/event/event.h"
#include "storage/base/hash.h"
#include "storage/column/column.h"

#include <stdbool.h>
#include <stdint.h>

#define EVENT_STRING_MISSING UINT32_MAX

/// A string's place in the batch, or EVENT_STRING_MISSING as offset.
struct event_string {
    uint32_t offset;
    uint32_t size;
};

union event_value {
    int64_t integer; ///< INTEGER, BOOLEAN, and a NUMBER's bits
    struct event_string string;
};

/// `values` has one entry per schema column; entry COLUMN_TIME is unused.
struct event_row {
    struct hash128 user_key;
    int64_t time_us;
    struct event_string user_id;
    uint32_t user_namespace;
    uint32_t future;
    union event_value values[];
};

/// What all batches of an engine share: the schema's shape.
struct event_format {
    const struct schema *schema;
    uint32_t row_size;
    uint32_t string_count;
    uint32_t string_columns[SCHEMA_COLUMN_COUNT_MAX]; ///< columns of type STRING
    bool is_string[SCHEMA_COLUMN_COUNT_MAX];
    uint32_t integer_count;
    uint32_t integer_columns[SCHEMA_COLUMN_COUNT_MAX]; ///< all others, but for the time
};

struct event_batch {
    uint32_t capacity; ///< bytes behind this header
    uint32_t row_count;
    uint32_t row_end;    ///< rows fill [0, row_end)
    uint32_t string_end; ///< strings fill [string_end, capacity)
    _Alignas(16) char bytes[];
};

void event_format_init(struct event_format *format, const struct schema *schema);
/// Bytes that this event takes in a batch.
uint64_t event_batch_need(const struct event_format *format, const struct event *event);

/// `capacity` is the payload's; the header comes on top.
struct event_batch *event_batch_create(uint32_t capacity);
void event_batch_destroy(struct event_batch *batch);
void event_batch_reset(struct event_batch *batch);
/// False where the event does not fit into what is left; the batch is unchanged then.
bool event_batch_append(struct event_batch *batch, const struct event_format *format,
                        const struct event *event, struct hash128 user_key);

static inline const struct event_row *
event_batch_row(const struct event_batch *batch, const struct event_format *format, uint32_t index)
{
    return (const struct event_row *)(const void *)(batch->bytes +
                                                    (size_t)index * format->row_size);
}

static inline struct text event_batch_text(const struct event_batch *batch,
                                           struct event_string string)
{
    return string.offset == EVENT_STRING_MISSING
               ? TEXT_MISSING
               : (struct text){batch->bytes + string.offset, string.size};
}
