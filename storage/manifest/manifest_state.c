// SPDX-License-Identifier: Apache-2.0
#include "storage/manifest/manifest.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/manifest/manifest_payload.h"
#include "storage/manifest/manifest_record.h"

#include <string.h>

void manifest_state_init(struct manifest_state *state)
{
    *state = (struct manifest_state){0};
    schema_init(&state->schema, &state->arena);
    state->committed_column_count = state->schema.column_count;
}

void manifest_state_deinit(struct manifest_state *state)
{
    for (uint32_t index = 0; index < state->position_count; index++) {
        memory_free((void *)(uintptr_t)state->positions[index].name.bytes);
    }
    memory_free(state->positions);
    memory_free(state->segments);
    arena_deinit(&state->arena);
    *state = (struct manifest_state){0};
}

/// Index of the first position that is not below `id`.
static uint32_t position_lower_bound(const struct manifest_state *state, struct hash128 id)
{
    uint32_t low = 0;
    uint32_t high = state->position_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (hash128_compare(state->positions[middle].id, id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct store_position *manifest_state_position(const struct manifest_state *state,
                                               struct hash128 id)
{
    uint32_t index = position_lower_bound(state, id);
    bool found = index < state->position_count && hash128_equal(state->positions[index].id, id);
    return found ? &state->positions[index] : NULL;
}

int64_t manifest_state_segment(const struct manifest_state *state, const uint8_t *uuid)
{
    for (uint32_t index = 0; index < state->segment_count; index++) {
        if (memcmp(state->segments[index].uuid, uuid, SEGMENT_UUID_SIZE) == 0) {
            return index;
        }
    }
    return -1;
}

static struct store_position *position_insert(struct manifest_state *state, struct hash128 id)
{
    uint32_t index = position_lower_bound(state, id);
    if (state->position_count == state->position_capacity) {
        state->position_capacity = state->position_capacity * 2 + 8;
        state->positions = memory_resize_array(state->positions, state->position_capacity,
                                               sizeof(*state->positions));
    }
    struct store_position *place = &state->positions[index];
    memmove(place + 1, place, (state->position_count - index) * sizeof(*place));
    state->position_count++;
    *place = (struct store_position){.id = id};
    return place;
}

static void position_set(struct manifest_state *state, const struct store_position *position)
{
    struct store_position *place = manifest_state_position(state, position->id);
    if (place == NULL) {
        place = position_insert(state, position->id);
    }
    struct text name = place->name;
    if (name.bytes == NULL || !text_equal(name, position->name)) {
        memory_free((void *)(uintptr_t)name.bytes);
        name.bytes = memory_copy_string(position->name.bytes, position->name.size);
        name.size = position->name.size;
    }
    *place = *position;
    place->name = name;
}

static enum corong_status segment_add(struct manifest_state *state, const struct segment_meta *meta,
                                      struct corong_error *error)
{
    if (manifest_state_segment(state, meta->uuid) >= 0) {
        return error_set(error, CORONG_CORRUPT, "a segment is added twice");
    }
    if (state->segment_count == state->segment_capacity) {
        state->segment_capacity = state->segment_capacity * 2 + 16;
        state->segments =
            memory_resize_array(state->segments, state->segment_capacity, sizeof(*state->segments));
    }
    state->segments[state->segment_count++] = *meta;
    state->totals.rows += meta->row_count;
    state->totals.digest = hash128_add(state->totals.digest, meta->row_digest);
    return CORONG_OK;
}

static enum corong_status segment_remove(struct manifest_state *state, const uint8_t *uuid,
                                         struct corong_error *error)
{
    int64_t found = manifest_state_segment(state, uuid);
    if (found < 0) {
        return error_set(error, CORONG_CORRUPT, "a segment is removed that is not there");
    }
    struct segment_meta *place = &state->segments[found];
    state->totals.rows -= place->row_count;
    state->totals.digest = hash128_subtract(state->totals.digest, place->row_digest);
    state->segment_count--;
    memmove(place, place + 1, (state->segment_count - (size_t)found) * sizeof(*place));
    return CORONG_OK;
}

static enum corong_status apply_columns(struct manifest_state *state, struct payload_reader *reader,
                                        struct corong_error *error)
{
    uint32_t first = byte_cursor_u32(&reader->cursor);
    uint32_t count = byte_cursor_u32(&reader->cursor);
    if (first != state->committed_column_count) {
        return error_set(error, CORONG_CORRUPT, "attributes begin at column %u, %u was expected",
                         first, state->committed_column_count);
    }
    for (uint32_t index = 0; index < count && !reader->cursor.failed; index++) {
        struct text name = byte_cursor_text(&reader->cursor);
        uint8_t type = byte_cursor_u8(&reader->cursor);
        uint32_t column = UINT32_MAX;
        if (reader->cursor.failed || type < COLUMN_STRING || type > COLUMN_BOOLEAN ||
            schema_add(&state->schema, &state->arena, name, (enum column_type)type, &column,
                       NULL) != CORONG_OK ||
            column != first + index) {
            return error_set(error, CORONG_CORRUPT, "attribute %u cannot be", first + index);
        }
    }
    state->committed_column_count = first + count;
    return CORONG_OK;
}

static enum corong_status apply_segments(struct manifest_state *state,
                                         struct payload_reader *reader, struct corong_error *error)
{
    uint32_t removed_count = byte_cursor_u32(&reader->cursor);
    for (uint32_t index = 0; index < removed_count && !reader->cursor.failed; index++) {
        const uint8_t *uuid = byte_cursor_take(&reader->cursor, SEGMENT_UUID_SIZE);
        if (uuid != NULL) {
            TRY(segment_remove(state, uuid, error));
        }
    }
    uint32_t added_count = byte_cursor_u32(&reader->cursor);
    for (uint32_t index = 0; index < added_count && !reader->cursor.failed; index++) {
        struct segment_meta meta;
        payload_read_segment(reader, &meta);
        if (!reader->cursor.failed) {
            TRY(segment_add(state, &meta, error));
        }
    }
    return CORONG_OK;
}

static enum corong_status apply_positions(struct manifest_state *state,
                                          struct payload_reader *reader, struct corong_error *error)
{
    uint32_t count = byte_cursor_u32(&reader->cursor);
    for (uint32_t index = 0; index < count && !reader->cursor.failed; index++) {
        struct store_position position;
        if (!payload_read_position(reader, &position)) {
            return error_set(error, CORONG_CORRUPT, "position %u has too many counters", index);
        }
        if (!reader->cursor.failed) {
            position_set(state, &position);
        }
    }
    return CORONG_OK;
}

static enum corong_status apply_rest(struct manifest_state *state, struct payload_reader *reader,
                                     struct corong_error *error)
{
    state->totals.duplicates += byte_cursor_u64(&reader->cursor);
    state->totals.erased += byte_cursor_u64(&reader->cursor);
    uint32_t count = byte_cursor_u32(&reader->cursor);
    if (count > MANIFEST_DEAD_FILE_COUNT_MAX) {
        return error_set(error, CORONG_CORRUPT, "%u dead-letter files, at most %d are kept", count,
                         MANIFEST_DEAD_FILE_COUNT_MAX);
    }
    for (uint32_t index = 0; index < count; index++) {
        state->dead_files[index].number = byte_cursor_u64(&reader->cursor);
        state->dead_files[index].size_bytes = byte_cursor_u64(&reader->cursor);
    }
    state->dead_file_count = count;
    struct store_totals totals = {.rows = byte_cursor_u64(&reader->cursor)};
    totals.digest.low = byte_cursor_u64(&reader->cursor);
    totals.digest.high = byte_cursor_u64(&reader->cursor);
    if (reader->cursor.failed || byte_cursor_left(&reader->cursor) != 0) {
        return error_set(error, CORONG_CORRUPT, "the payload has the wrong size");
    }
    if (totals.rows != state->totals.rows || !hash128_equal(totals.digest, state->totals.digest)) {
        return error_set(error, CORONG_CORRUPT,
                         "rows or digest differ from the sum over the segments");
    }
    return CORONG_OK;
}

enum corong_status manifest_state_apply(struct manifest_state *state, const void *payload,
                                        size_t size, struct corong_error *error)
{
    return manifest_state_apply_record(state, MANIFEST_FLAG_POSITIONS, (struct text){payload, size},
                                       error);
}

enum corong_status manifest_state_apply_record(struct manifest_state *state, uint16_t flags,
                                               struct text payload, struct corong_error *error)
{
    struct payload_reader reader = {byte_cursor_over(payload.bytes, payload.size), flags};
    TRY(apply_columns(state, &reader, error));
    TRY(apply_segments(state, &reader, error));
    TRY(apply_positions(state, &reader, error));
    return apply_rest(state, &reader, error);
}

void manifest_state_snapshot(const struct manifest_state *state, struct manifest_change *change)
{
    *change = (struct manifest_change){
        .schema = &state->schema,
        .column_first = COLUMN_SYSTEM_COUNT,
        .column_end = state->committed_column_count,
        .added = state->segments,
        .added_count = state->segment_count,
        .positions = state->positions,
        .position_count = state->position_count,
        .duplicates = state->totals.duplicates,
        .erased = state->totals.erased,
        .dead_files = state->dead_files,
        .dead_file_count = state->dead_file_count,
        .totals = state->totals,
    };
}
