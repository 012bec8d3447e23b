// SPDX-License-Identifier: Apache-2.0
/// Merging sorted runs of segments into one run. Writes files; commits nothing.
///
/// Thread: one per merge; merges of different periods may run at the same time.
#pragma once

#include "storage/base/error.h"
#include "storage/column/column.h"
#include "storage/compact/compact_plan.h"
#include "storage/segment/segment.h"

/// A segment ends with the user that passes one of these.
#define COMPACT_SEGMENT_ROW_COUNT_MAX ((uint64_t)32 << 20)
#define COMPACT_SEGMENT_SIZE_AIM ((uint64_t)256 << 20)
#define COMPACT_ZSTD_LEVEL 3

struct compact_request {
    const char *directory;       ///< the store's `seg`
    const struct schema *schema; ///< the store's: every segment's is a prefix of it
    const struct compact_plan *plan;
    uint64_t segment_row_max; ///< 0: from the constants above
    int zstd_level;           ///< 0: COMPACT_ZSTD_LEVEL
    /// Asked now and then (every tenth of a second or so); true ends the merge with
    /// CORONG_CANCELLED. May be NULL.
    bool (*is_cancelled)(void *context);
    /// Called now and then with the rows taken so far; may be NULL.
    void (*progress)(void *context, uint64_t done);
    void *context;
};

struct compact_outcome {
    struct segment_meta *segments; ///< the new run; memory_free() it
    uint32_t segment_count;
    uint64_t duplicates;
};

/// Merges. Checks that rows and digest of the inputs, less those of the duplicates, are those of
/// the outputs. On failure the new files are removed.
CORONG_MUST_CHECK enum corong_status compact_merge(const struct compact_request *request,
                                                   struct compact_outcome *outcome,
                                                   struct corong_error *error);

/// Bytes of the dictionaries of the plan's segments, decoded: half of what its merge holds of them.
CORONG_MUST_CHECK enum corong_status compact_dictionary_bytes(const char *directory,
                                                              const struct compact_plan *plan,
                                                              uint64_t *bytes_out,
                                                              struct corong_error *error);

/// Removes the files of an outcome that was not committed, and frees it.
void compact_outcome_discard(struct compact_outcome *outcome, const char *directory);
