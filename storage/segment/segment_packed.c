// SPDX-License-Identifier: Apache-2.0
/// Columns left as they are stored, for questions that look at few rows: no pass over all rows
/// turns them into values, and most take one or four bytes a row instead of four or eight.
#include "storage/base/invariant.h"
#include "storage/segment/segment_cache.h"
#include "storage/segment/segment_guide.h"
#include "storage/segment/segment_private.h"

#define BYTE_MAX 255u

static struct column_packed *packed_of(const struct segment_reader *reader,
                                       struct segment_scratch *scratch, uint32_t column)
{
    return &scratch->packed[segment_columns_place(&reader->columns, column)];
}

/// Where the stored numbers go and how wide they are.
static enum corong_status decode_stored(struct segment_reader *reader, uint32_t index,
                                        const struct segment_block *block, uint64_t largest,
                                        struct segment_scratch *scratch, uint32_t column,
                                        const struct row_group *group, struct corong_error *error)
{
    struct column_packed *packed = packed_of(reader, scratch, column);
    struct encoding_users users;
    uint32_t count = group->row_count;
    TRY(segment_guide(reader, scratch, group, column, block, &users, error));
    packed->width = largest <= BYTE_MAX ? 1 : largest <= UINT32_MAX ? 4 : 8;
    void *values = segment_buffer_reserve(&scratch->columns[column], (size_t)count * packed->width);
    packed->values = values;
    enum corong_status status;
    if (packed->width == 1) {
        status = encoding_decode8(scratch->decoder, block->payload, block->payload_size, &users,
                                  values, count, error);
    } else if (packed->width == 4) {
        status = encoding_decode32(scratch->decoder, block->payload, block->payload_size, &users,
                                   values, count, error);
    } else {
        status = encoding_decode64(scratch->decoder, block->payload, block->payload_size, &users,
                                   values, count, error);
    }
    TRY_IN(status, error, "segment '%s', block %u", reader->path, index);
    return CORONG_OK;
}

/// True if every stored number is at most `largest`.
static bool stored_within(const struct column_packed *packed, uint32_t count, uint32_t largest)
{
    uint32_t found = 0;
    if (packed->width == 1) {
        const uint8_t *bytes = packed->values;
        uint8_t most = 0;
        for (uint32_t row = 0; row < count; row++) {
            most = bytes[row] > most ? bytes[row] : most;
        }
        found = most;
    } else {
        const uint32_t *words = packed->values;
        for (uint32_t row = 0; row < count; row++) {
            found = words[row] > found ? words[row] : found;
        }
    }
    return found <= largest;
}

static enum corong_status read_codes(struct segment_reader *reader, uint32_t column,
                                     const struct segment_array *array,
                                     struct segment_scratch *scratch, const struct row_group *group,
                                     struct corong_error *error)
{
    struct column_packed *packed = packed_of(reader, scratch, column);
    if (array->kind != SEGMENT_ARRAY_BLOCK) {
        bool missing = array->kind == SEGMENT_ARRAY_MISSING;
        packed->base = missing ? COLUMN_CODE_MISSING : (uint32_t)array->minimum;
        return CORONG_OK;
    }
    struct segment_block block;
    struct segment_transform transform;
    uint32_t count = reader->footer.dictionaries[column].count;
    TRY(segment_array_open(reader, array->block, column, group->row_count, &block, &transform,
                           error));
    packed->nullable = transform.nullable;
    packed->base = transform.base;
    uint32_t base = transform.nullable ? COLUMN_CODE_MISSING : 0;
    // Missing is 0 and then codes are 1 up to the count, else 0 to below it.
    uint64_t largest = (uint64_t)count + transform.nullable - 1;
    if (count == 0 || (uint32_t)transform.base != base ||
        (transform.nullable && column == COLUMN_NAME)) {
        return segment_block_error(reader, array->block, "a code past the dictionary", error);
    }
    TRY(decode_stored(reader, array->block, &block, largest, scratch, column, group, error));
    if (!stored_within(packed, group->row_count, (uint32_t)largest)) {
        return segment_block_error(reader, array->block, "a code past the dictionary", error);
    }
    return segment_ranks_table(reader, column, &packed->ranked_codes, error);
}

static enum corong_status read_integers(struct segment_reader *reader, uint32_t column,
                                        const struct segment_array *array,
                                        struct segment_scratch *scratch,
                                        const struct row_group *group, struct corong_error *error)
{
    struct column_packed *packed = packed_of(reader, scratch, column);
    packed->number = reader->footer.schema.columns[column].type == COLUMN_NUMBER;
    packed->power = 1;
    if (array->kind != SEGMENT_ARRAY_BLOCK) {
        packed->nullable = array->kind == SEGMENT_ARRAY_MISSING;
        packed->base = (uint64_t)array->minimum;
        return CORONG_OK;
    }
    struct segment_block block;
    struct segment_transform transform;
    TRY(segment_array_open(reader, array->block, column, group->row_count, &block, &transform,
                           error));
    packed->nullable = transform.nullable;
    packed->base = transform.base;
    packed->power = segment_transform_power(&transform);
    uint64_t range = (uint64_t)array->maximum - transform.base;
    // A sum that wraps must not look small.
    uint64_t largest = range >> 62 != 0 ? UINT64_MAX : range / packed->power + transform.nullable;
    return decode_stored(reader, array->block, &block, largest, scratch, column, group, error);
}

static enum corong_status read_packed(struct segment_reader *reader, uint32_t group_index,
                                      uint32_t column, struct segment_scratch *scratch,
                                      const struct row_group *group, struct corong_error *error)
{
    const struct segment_array *array = segment_footer_array(&reader->footer, group_index, column);
    if (array->kind == SEGMENT_ARRAY_MISSING && !segment_column_exists(reader, column)) {
        return CORONG_OK;
    }
    packed_of(reader, scratch, column)->exists = true;
    if (reader->footer.schema.columns[column].type == COLUMN_STRING) {
        return read_codes(reader, column, array, scratch, group, error);
    }
    return read_integers(reader, column, array, scratch, group, error);
}

enum corong_status segment_packed_read(struct segment_reader *reader, uint32_t group_index,
                                       uint32_t column, struct segment_scratch *scratch,
                                       const struct row_group *group, struct corong_error *error)
{
    const uint32_t part = SEGMENT_CACHED_PACKED + column;
    struct column_packed *packed = packed_of(reader, scratch, column);
    const uint8_t *found = segment_cache_find(reader, group_index, part, scratch);
    if (found == NULL) {
        TRY(read_packed(reader, group_index, column, scratch, group, error));
        if (packed->width > 0) {
            const struct cache_bytes parts[] = {
                {packed, sizeof(*packed)},
                {packed->values, (size_t)group->row_count * packed->width}};
            segment_cache_put(reader, group_index, part, parts, 2);
        }
        return CORONG_OK;
    }
    memcpy(packed, found, sizeof(*packed));
    packed->values = found + cache_aligned(sizeof(*packed));
    // The table is the reader's, which the block may outlive.
    return packed->ranked_codes == NULL
               ? CORONG_OK
               : segment_ranks_table(reader, column, &packed->ranked_codes, error);
}
