// SPDX-License-Identifier: Apache-2.0
/// A reader's side of the cache of decoded blocks, and the users of a group, which most often come
/// from there. Private to this folder.
#pragma once

#include "storage/segment/segment_private.h"

/// What a block of the cache is, beside its column's number.
enum segment_cached {
    SEGMENT_CACHED_WIDE = 0x00000,
    SEGMENT_CACHED_PACKED = 0x10000,
    SEGMENT_CACHED_COUNTS = 0x20000,
    SEGMENT_CACHED_USERS = 0x30000,
};
/// What the reader's cache has of a group, pinned until the scratch's next read; NULL: nothing.
const void *segment_cache_find(const struct segment_reader *reader, uint32_t group, uint32_t part,
                               struct segment_scratch *scratch);
void segment_cache_put(const struct segment_reader *reader, uint32_t group, uint32_t part,
                       const struct cache_bytes *parts, uint32_t part_count);
/// Gives back what the last read pinned.
void segment_cache_unpin(struct segment_scratch *scratch);

/// How many rows each user of a group has, and the rest of what is kept by user, into `group_out`;
/// from the cache where it has them. `ids`: where the keys follow from the ids and are read, the
/// ids are left in `group_out` as well.
CORONG_MUST_CHECK enum corong_status segment_row_counts_read(const struct segment_reader *reader,
                                                             uint32_t group_index,
                                                             struct segment_scratch *scratch,
                                                             struct row_group *group_out,
                                                             struct corong_error *error);
CORONG_MUST_CHECK enum corong_status segment_users_read(const struct segment_reader *reader,
                                                        uint32_t group_index, bool ids,
                                                        struct segment_scratch *scratch,
                                                        struct row_group *group_out,
                                                        struct corong_error *error);
/// As segment_column_read(), into scratch->packed; from the cache where it has it.
CORONG_MUST_CHECK enum corong_status segment_packed_read(struct segment_reader *reader,
                                                         uint32_t group_index, uint32_t column,
                                                         struct segment_scratch *scratch,
                                                         const struct row_group *group,
                                                         struct corong_error *error);
