// SPDX-License-Identifier: Apache-2.0
/// Random rows in segment order, a segment written from them, and the comparison of what is read
/// back. Everything follows from the seed.
#pragma once

#include "storage/base/arena.h"
#include "storage/column/column.h"
#include "storage/segment/segment.h"

/// Attributes behind the system columns.
enum sample_column {
    SAMPLE_COUNTRY = COLUMN_SYSTEM_COUNT, ///< string, one per user
    SAMPLE_PAGE,                          ///< string, empty strings among them, often missing
    SAMPLE_QUANTITY,                      ///< integer over the whole range
    SAMPLE_PRICE,                         ///< number, negative ones among them
    SAMPLE_MEMBER,                        ///< boolean
    SAMPLE_NOTHING,                       ///< string that no row has
    SAMPLE_COLUMN_COUNT,
};

/// What user ids look like; but for the first the segment has the secret of its keys.
enum sample_ids {
    SAMPLE_IDS_STRANGE = 0, ///< addresses, keys not theirs
    SAMPLE_IDS_FOREIGN,     ///< numbers, keys not theirs, although there is a secret
    SAMPLE_IDS_ADDRESSES,   ///< "user-7919@example.org"
    SAMPLE_IDS_PADDED,      ///< "user-00007919"
    SAMPLE_IDS_NATURAL,     ///< "7919"
    SAMPLE_IDS_WIDE,        ///< "id000000007919", more digits than a word holds
    SAMPLE_IDS_NAMED,       ///< "customer/7919", a longer prefix than a word holds
    SAMPLE_IDS_LONG,        ///< numbers of 20 digits, more than 64 bits hold
    SAMPLE_IDS_MIXED,       ///< numbers but for a few
    SAMPLE_IDS_COUNT,
};

struct sample_options {
    uint64_t seed;
    uint32_t user_count;
    uint32_t rows_per_user_max;
    uint32_t name_count;  ///< at least 1; more than 63 to run out of mask bits
    int64_t time_step_us; ///< times are multiples of it
    enum sample_ids ids;
};

struct segment_sample {
    struct arena arena;
    struct schema schema;
    struct dictionary dictionaries[SAMPLE_COLUMN_COUNT];
    struct column_values columns[SAMPLE_COLUMN_COUNT];
    struct row_group rows; ///< all rows as one group; may be larger than a group may be
    enum sample_ids ids;
    struct hash128 digest;
    int64_t as_of_us;
};

void segment_sample_init(struct segment_sample *sample, const struct sample_options *options);
void segment_sample_deinit(struct segment_sample *sample);
/// Writes groups of at most `group_row_count` rows, users spanning them, with uuid {seed, 1, 1,
/// ...}. Fails as the writer does.
enum corong_status segment_sample_write(const struct segment_sample *sample, const char *directory,
                                        uint8_t uuid_byte, uint32_t group_row_count,
                                        struct segment_meta *meta_out, struct corong_error *error);
/// CORONG_OK if every value comes back; CORONG_CORRUPT with the place where not; else the read's
/// own failure.
enum corong_status segment_sample_compare(const struct segment_sample *sample,
                                          struct segment_reader *reader,
                                          struct corong_error *error);
