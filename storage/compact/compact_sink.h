// SPDX-License-Identifier: Apache-2.0
/// Where merged rows go: a row group in memory, from there segments of one run. Also the place
/// where duplicates are dropped and every row is digested anew. Thread: one.
#pragma once

#include "storage/column/canonical_row.h"
#include "storage/compact/compact_cursor.h"
#include "storage/segment/segment.h"

struct compact_sink_options {
    const char *directory; ///< the store's `seg`
    const struct schema *schema;
    const struct dictionary *dictionaries; ///< merged, one per column
    const bool *columns_used;              ///< per column: some input has it
    int64_t period;
    int64_t as_of_us; ///< of every segment written
    int zstd_level;
    const struct hash_secret *secret; ///< as segment_writer_options'; borrowed
    uint64_t segment_row_max;         ///< a user after this many rows begins the next segment
};

struct compact_sink;

/// Borrows what `options` points to.
struct compact_sink *compact_sink_create(const struct compact_sink_options *options);
/// Removes a segment that is not finished. Finished ones stay.
void compact_sink_destroy(struct compact_sink *sink);

/// The rows that follow are this user's. Users come in key order; the same user may come again.
CORONG_MUST_CHECK enum corong_status compact_sink_user(struct compact_sink *sink,
                                                       struct hash128 key, uint8_t flags,
                                                       struct text id, struct corong_error *error);
/// Appends rows of the current user. They stay in memory until compact_sink_settle() or another
/// user.
void compact_sink_rows(struct compact_sink *sink, const struct column_values *columns,
                       uint32_t from, uint32_t count);
/// Appends the cursor's next `user_count` whole users, nobody else having rows of theirs.
CORONG_MUST_CHECK enum corong_status compact_sink_users(struct compact_sink *sink,
                                                        const struct compact_cursor *cursor,
                                                        uint32_t user_count,
                                                        struct corong_error *error);
/// Rows in memory: where the next one will be.
uint32_t compact_sink_row_count(const struct compact_sink *sink);
/// Rows [from, row count) are the current user's of one instant, in order: of those with one id
/// hash the first in canonical order (seq, then canonical row) stays.
void compact_sink_deduplicate(struct compact_sink *sink, uint32_t from);
/// Nothing before this will be looked at again: writes the group where it has grown long.
CORONG_MUST_CHECK enum corong_status compact_sink_settle(struct compact_sink *sink,
                                                         struct corong_error *error);

/// What became of it all.
struct compact_sink_result {
    struct segment_meta *segments; ///< memory_free() it
    uint32_t segment_count;
    struct hash128 digest;         ///< of the rows written
    struct hash128 dropped_digest; ///< of the duplicates
    uint64_t row_count;
    uint64_t dropped_count;
};
/// Finishes the last segment. On failure too, `result` lists the segments that were finished.
CORONG_MUST_CHECK enum corong_status compact_sink_finish(struct compact_sink *sink,
                                                         struct compact_sink_result *result,
                                                         struct corong_error *error);
