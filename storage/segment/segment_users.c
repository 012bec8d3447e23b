// SPDX-License-Identifier: Apache-2.0
// The users of a row group: how many rows each has, keys, flags and name masks.
#include "storage/segment/segment_cache.h"
#include "storage/segment/segment_numbers.h"

static enum corong_status read_part64(const struct segment_reader *reader,
                                      const struct segment_group *group, enum segment_part part,
                                      struct segment_scratch *scratch, uint64_t *values,
                                      struct corong_error *error)
{
    const struct segment_array *array = &group->parts[part];
    uint32_t count = group->zone.user_count;
    if (array->kind == SEGMENT_ARRAY_CONSTANT) {
        for (uint32_t user = 0; user < count; user++) {
            values[user] = (uint64_t)array->minimum;
        }
        return CORONG_OK;
    }
    struct segment_block block;
    struct segment_transform transform;
    TRY(segment_array_open(reader, array->block, SEGMENT_OWNER_PART + (uint32_t)part, count, &block,
                           &transform, error));
    TRY_IN(encoding_decode64(scratch->decoder, block.payload, block.payload_size, NULL, values,
                             count, error),
           error, "segment '%s', block %u", reader->path, array->block);
    return CORONG_OK;
}

static enum corong_status read_part32(const struct segment_reader *reader,
                                      const struct segment_group *group, enum segment_part part,
                                      struct segment_scratch *scratch, uint32_t *values,
                                      struct corong_error *error)
{
    const struct segment_array *array = &group->parts[part];
    uint32_t count = group->zone.user_count;
    if (array->kind == SEGMENT_ARRAY_CONSTANT) {
        for (uint32_t user = 0; user < count; user++) {
            values[user] = (uint32_t)array->minimum;
        }
        return CORONG_OK;
    }
    struct segment_block block;
    struct segment_transform transform;
    TRY(segment_array_open(reader, array->block, SEGMENT_OWNER_PART + (uint32_t)part, count, &block,
                           &transform, error));
    TRY_IN(encoding_decode32(scratch->decoder, block.payload, block.payload_size, NULL, values,
                             count, error),
           error, "segment '%s', block %u", reader->path, array->block);
    return CORONG_OK;
}

static enum corong_status read_stored_keys(const struct segment_reader *reader,
                                           const struct segment_group *group,
                                           struct segment_scratch *scratch, struct hash128 *keys,
                                           struct corong_error *error)
{
    uint32_t count = group->zone.user_count;
    uint64_t *high = segment_buffer_reserve(&scratch->key_high, count * sizeof(*high));
    uint64_t *low = segment_buffer_reserve(&scratch->key_low, count * sizeof(*low));
    TRY(read_part64(reader, group, SEGMENT_KEY_HIGH, scratch, high, error));
    TRY(read_part64(reader, group, SEGMENT_KEY_LOW, scratch, low, error));
    for (uint32_t user = 0; user < count; user++) {
        keys[user] = (struct hash128){high[user], low[user]};
    }
    return CORONG_OK;
}

// Leaves the ids in `group_out` where they are wanted or had to be written out.
static enum corong_status derive_keys(const struct segment_reader *reader,
                                      const struct segment_group *group, bool ids,
                                      struct segment_scratch *scratch, struct row_group *group_out,
                                      struct hash128 *keys, struct corong_error *error)
{
    if (group->ids.ascending && !ids) {
        return segment_numbers_read_ordered(reader, group, scratch, NULL, NULL, keys, error);
    }
    TRY(segment_ids_read(reader, group, scratch, group_out, keys, error));
    for (uint32_t user = 0; user < group->zone.user_count && !group->ids.ascending; user++) {
        uint32_t from = group_out->id_offsets[user];
        struct text id = {group_out->id_bytes + from, group_out->id_offsets[user + 1] - from};
        keys[user] = hash_user(&reader->footer.secret,
                               group_out->user_flags[user] & USER_NAMESPACE_MASK, id);
    }
    return CORONG_OK;
}

// The flags were read before.
static enum corong_status read_keys(const struct segment_reader *reader,
                                    const struct segment_group *group, bool ids,
                                    struct segment_scratch *scratch, struct row_group *group_out,
                                    struct corong_error *error)
{
    uint32_t count = group->zone.user_count;
    struct hash128 *keys = segment_buffer_reserve(&scratch->keys, count * sizeof(*keys));
    TRY(segment_keys_derive(group)
            ? derive_keys(reader, group, ids, scratch, group_out, keys, error)
            : read_stored_keys(reader, group, scratch, keys, error));
    bool ascending = true;
    for (uint32_t user = 0; user < count; user++) {
        ascending &= user == 0 || hash128_compare(keys[user - 1], keys[user]) < 0;
    }
    group_out->user_keys = keys;
    if (!ascending || !hash128_equal(keys[0], group->zone.key_min) ||
        !hash128_equal(keys[count - 1], group->zone.key_max)) {
        return error_set(error, CORONG_CORRUPT,
                         "segment '%s': user keys are not in order or not those of the zone map",
                         reader->path);
    }
    return CORONG_OK;
}

static enum corong_status read_row_counts(const struct segment_reader *reader,
                                          const struct segment_group *group,
                                          struct segment_scratch *scratch,
                                          struct row_group *group_out, struct corong_error *error)
{
    uint32_t count = group->zone.user_count;
    uint32_t *row_counts = segment_buffer_reserve(&scratch->row_counts, count * sizeof(uint32_t));
    TRY(read_part32(reader, group, SEGMENT_ROW_COUNTS, scratch, row_counts, error));
    uint64_t rows = 0;
    bool empty = false;
    for (uint32_t user = 0; user < count; user++) {
        rows += row_counts[user];
        empty |= row_counts[user] == 0;
    }
    if (empty || rows != group->zone.row_count) {
        return error_set(error, CORONG_CORRUPT, "segment '%s': rows of users do not sum up",
                         reader->path);
    }
    group_out->user_row_counts = row_counts;
    return CORONG_OK;
}

static enum corong_status read_users(const struct segment_reader *reader,
                                     const struct segment_group *group, bool ids,
                                     struct segment_scratch *scratch, struct row_group *group_out,
                                     struct corong_error *error)
{
    uint32_t count = group->zone.user_count;
    uint32_t *wide = segment_buffer_reserve(&scratch->flags_wide, count * sizeof(uint32_t));
    uint8_t *flags = segment_buffer_reserve(&scratch->flags, count);
    TRY(read_part32(reader, group, SEGMENT_FLAGS, scratch, wide, error));
    for (uint32_t user = 0; user < count; user++) {
        flags[user] = (uint8_t)wide[user];
    }
    uint64_t *masks = segment_buffer_reserve(&scratch->masks, count * sizeof(*masks));
    TRY(read_part64(reader, group, SEGMENT_MASKS, scratch, masks, error));
    group_out->user_flags = flags;
    group_out->user_name_masks = masks;
    return read_keys(reader, group, ids, scratch, group_out, error);
}

enum corong_status segment_row_counts_read(const struct segment_reader *reader,
                                           uint32_t group_index, struct segment_scratch *scratch,
                                           struct row_group *group_out, struct corong_error *error)
{
    const uint32_t part = SEGMENT_CACHED_COUNTS;
    const void *found = segment_cache_find(reader, group_index, part, scratch);
    if (found != NULL) {
        group_out->user_row_counts = (uint32_t *)(uintptr_t)found;
        return CORONG_OK;
    }
    TRY(read_row_counts(reader, &reader->footer.groups[group_index], scratch, group_out, error));
    struct cache_bytes counts = {group_out->user_row_counts,
                                 group_out->user_count * sizeof(uint32_t)};
    segment_cache_put(reader, group_index, part, &counts, 1);
    return CORONG_OK;
}

enum corong_status segment_users_read(const struct segment_reader *reader, uint32_t group_index,
                                      bool ids, struct segment_scratch *scratch,
                                      struct row_group *group_out, struct corong_error *error)
{
    const uint32_t part = SEGMENT_CACHED_USERS;
    size_t count = group_out->user_count;
    size_t keys_size = count * sizeof(struct hash128);
    size_t masks_size = count * sizeof(uint64_t);
    uint8_t *found = (uint8_t *)(uintptr_t)segment_cache_find(reader, group_index, part, scratch);
    if (found != NULL) {
        group_out->user_keys = (struct hash128 *)found;
        found += cache_aligned(keys_size);
        group_out->user_name_masks = (uint64_t *)found;
        group_out->user_flags = found + cache_aligned(masks_size);
        return CORONG_OK;
    }
    TRY(read_users(reader, &reader->footer.groups[group_index], ids, scratch, group_out, error));
    const struct cache_bytes parts[] = {{group_out->user_keys, keys_size},
                                        {group_out->user_name_masks, masks_size},
                                        {group_out->user_flags, count}};
    segment_cache_put(reader, group_index, part, parts, 3);
    return CORONG_OK;
}
