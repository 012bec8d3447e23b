// SPDX-License-Identifier: Apache-2.0
/// Many events in one block of memory, on their way from a producer to a shard: fixed-size rows
/// grow from the front, the bytes of their long strings from the back. No pointer inside, no
/// allocation per event.
///
/// Thread: whoever holds the batch; it changes hands through a lane.
#pragma once

#include "engine/event/event.h"
#include "engine/event/packed_text.h"
#include "storage/base/hash.h"
#include "storage/column/column.h"

#include <stdbool.h>
#include <stdint.h>

/// One event. Strings first, then the integers; event_format says which is where.
struct event_row {
    struct hash128 user_key;
    int64_t time_us;
    uint32_t user_namespace;
    uint32_t future;
    struct packed_text user_id;
    struct packed_text strings[];
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
    uint32_t offsets[SCHEMA_COLUMN_COUNT_MAX];         ///< of a column's value in a row
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

/// A STRING column's value in a row.
static inline const struct packed_text *
event_row_string(const struct event_row *row, const struct event_format *format, uint32_t column)
{
    return (const struct packed_text *)(const void *)((const char *)row + format->offsets[column]);
}

/// Another column's value in a row: INTEGER, BOOLEAN, and a NUMBER's bits.
static inline int64_t event_row_integer(const struct event_row *row,
                                        const struct event_format *format, uint32_t column)
{
    return bytes_load_i64((const char *)row + format->offsets[column]);
}

/// Borrowed from the batch.
static inline struct text event_batch_text(const struct event_batch *batch,
                                           const struct packed_text *string)
{
    return packed_text_get(string, batch->bytes);
}
