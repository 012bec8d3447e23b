// SPDX-License-Identifier: Apache-2.0
#include "storage/manifest/manifest_payload.h"

#include "storage/base/invariant.h"
#include "storage/manifest/manifest.h"
#include "storage/manifest/manifest_record.h"

#include <string.h>

static void append_hash(struct text_buffer *out, struct hash128 hash)
{
    text_buffer_append_u64(out, hash.low);
    text_buffer_append_u64(out, hash.high);
}

static struct hash128 read_hash(struct payload_reader *reader)
{
    struct hash128 hash;
    hash.low = byte_cursor_u64(&reader->cursor);
    hash.high = byte_cursor_u64(&reader->cursor);
    return hash;
}

static void append_segment(struct text_buffer *out, const struct segment_meta *meta)
{
    text_buffer_append(out, meta->uuid, SEGMENT_UUID_SIZE);
    text_buffer_append_u64(out, meta->size_bytes);
    text_buffer_append_u64(out, meta->row_count);
    text_buffer_append_u64(out, meta->user_count);
    text_buffer_append_i64(out, meta->period);
    text_buffer_append_i64(out, meta->time_min_us);
    text_buffer_append_i64(out, meta->time_max_us);
    text_buffer_append_i64(out, meta->as_of_us);
    append_hash(out, meta->key_min);
    append_hash(out, meta->key_max);
    append_hash(out, meta->row_digest);
    append_hash(out, meta->footer_hash);
}

void payload_read_segment(struct payload_reader *reader, struct segment_meta *meta_out)
{
    *meta_out = (struct segment_meta){0};
    const uint8_t *uuid = byte_cursor_take(&reader->cursor, SEGMENT_UUID_SIZE);
    if (uuid != NULL) {
        memcpy(meta_out->uuid, uuid, SEGMENT_UUID_SIZE);
    }
    meta_out->size_bytes = byte_cursor_u64(&reader->cursor);
    meta_out->row_count = byte_cursor_u64(&reader->cursor);
    meta_out->user_count = byte_cursor_u64(&reader->cursor);
    meta_out->period = byte_cursor_i64(&reader->cursor);
    meta_out->time_min_us = byte_cursor_i64(&reader->cursor);
    meta_out->time_max_us = byte_cursor_i64(&reader->cursor);
    meta_out->as_of_us = byte_cursor_i64(&reader->cursor);
    meta_out->key_min = read_hash(reader);
    meta_out->key_max = read_hash(reader);
    meta_out->row_digest = read_hash(reader);
    meta_out->footer_hash = read_hash(reader);
}

/// Reasons behind the last one that occurred are not written.
static uint32_t reason_count(const struct store_counters *counters)
{
    uint32_t count = STORE_REJECT_REASON_COUNT_MAX;
    while (count > 0 && counters->rejected[count - 1] == 0) {
        count--;
    }
    return count;
}

static void append_position(struct text_buffer *out, const struct store_position *position)
{
    const struct store_counters *counters = &position->counters;
    append_hash(out, position->id);
    text_buffer_append_sized(out, position->name);
    text_buffer_append_i64(out, position->next_offset);
    text_buffer_append_i64(out, position->anchor_offset);
    text_buffer_append_u64(out, position->anchor_hash);
    text_buffer_append_u32(out, (uint32_t)position->epoch);
    const uint64_t values[] = {
        counters->messages, counters->blank,           counters->messages_rejected,
        counters->events,   counters->events_rejected, counters->stored,
        counters->late,     counters->future,          counters->gaps};
    text_buffer_append(out, values, sizeof(values));
    uint32_t reasons = reason_count(counters);
    text_buffer_append_u32(out, reasons);
    text_buffer_append(out, counters->rejected, reasons * sizeof(counters->rejected[0]));
    text_buffer_append_u64(out, counters->control);
    text_buffer_append_i64(out, position->first_offset);
    append_hash(out, position->topic_id);
}

static void read_counters(struct payload_reader *reader, struct store_counters *counters)
{
    uint64_t *const places[] = {
        &counters->messages, &counters->blank,           &counters->messages_rejected,
        &counters->events,   &counters->events_rejected, &counters->stored,
        &counters->late,     &counters->future,          &counters->gaps};
    for (size_t index = 0; index < sizeof(places) / sizeof(places[0]); index++) {
        *places[index] = byte_cursor_u64(&reader->cursor);
    }
}

bool payload_read_position(struct payload_reader *reader, struct store_position *position_out)
{
    *position_out = (struct store_position){.id = read_hash(reader)};
    position_out->name = byte_cursor_text(&reader->cursor);
    position_out->next_offset = byte_cursor_i64(&reader->cursor);
    position_out->anchor_offset = byte_cursor_i64(&reader->cursor);
    position_out->anchor_hash = byte_cursor_u64(&reader->cursor);
    position_out->epoch = (int32_t)byte_cursor_u32(&reader->cursor);
    read_counters(reader, &position_out->counters);
    uint32_t reasons = byte_cursor_u32(&reader->cursor);
    if (reasons > STORE_REJECT_REASON_COUNT_MAX) {
        return false;
    }
    for (uint32_t index = 0; index < reasons; index++) {
        position_out->counters.rejected[index] = byte_cursor_u64(&reader->cursor);
    }
    position_out->first_offset = -1;
    if ((reader->flags & MANIFEST_FLAG_POSITIONS) != 0) {
        position_out->counters.control = byte_cursor_u64(&reader->cursor);
        position_out->first_offset = byte_cursor_i64(&reader->cursor);
        position_out->topic_id = read_hash(reader);
    }
    return true;
}

static void append_columns(struct text_buffer *out, const struct manifest_change *change)
{
    ASSERT(change->column_first <= change->column_end);
    text_buffer_append_u32(out, change->column_first);
    text_buffer_append_u32(out, change->column_end - change->column_first);
    for (uint32_t index = change->column_first; index < change->column_end; index++) {
        const struct schema_column *column = &change->schema->columns[index];
        text_buffer_append_sized(out, column->name);
        text_buffer_append_u8(out, (uint8_t)column->type);
    }
}

void manifest_change_encode(const struct manifest_change *change, struct text_buffer *out)
{
    append_columns(out, change);
    text_buffer_append_u32(out, change->removed_count);
    for (uint32_t index = 0; index < change->removed_count; index++) {
        text_buffer_append(out, change->removed[index].uuid, SEGMENT_UUID_SIZE);
    }
    text_buffer_append_u32(out, change->added_count);
    for (uint32_t index = 0; index < change->added_count; index++) {
        append_segment(out, &change->added[index]);
    }
    text_buffer_append_u32(out, change->position_count);
    for (uint32_t index = 0; index < change->position_count; index++) {
        append_position(out, &change->positions[index]);
    }
    text_buffer_append_u64(out, change->duplicates);
    text_buffer_append_u64(out, change->erased);
    text_buffer_append_u32(out, change->dead_file_count);
    for (uint32_t index = 0; index < change->dead_file_count; index++) {
        text_buffer_append_u64(out, change->dead_files[index].number);
        text_buffer_append_u64(out, change->dead_files[index].size_bytes);
    }
    text_buffer_append_u64(out, change->totals.rows);
    append_hash(out, change->totals.digest);
}
