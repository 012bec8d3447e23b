// SPDX-License-Identifier: Apache-2.0
/// The k-way merge proper: users by key, rows of one user by (time, seq, id hash, canonical row).
/// Thread: one.
#pragma once

#include "storage/column/canonical_row.h"
#include "storage/compact/compact_cursor.h"
#include "storage/compact/compact_sink.h"

struct compact_merge {
    struct compact_cursor *cursors;
    struct compact_cursor **heap;  ///< room for cursor_count: the ones not done, by key
    struct compact_cursor **peers; ///< room for cursor_count: the ones at the current user
    uint32_t cursor_count;
    uint32_t heap_count;
    const struct schema *schema;
    const struct canonical_order *order;
    struct compact_sink *sink;
    void (*progress)(void *context, uint64_t done);
    bool (*is_cancelled)(void *context); ///< may be NULL
    void *context;
    uint64_t row_count_done;
    uint64_t row_count_told;
    uint64_t row_count_checked;
};

/// CORONG_CANCELLED where the caller gave up.
CORONG_MUST_CHECK enum corong_status compact_merge_check(const struct compact_merge *merge,
                                                         struct corong_error *error);

/// Moves all rows of the cursors into the sink.
CORONG_MUST_CHECK enum corong_status compact_merge_run(struct compact_merge *merge,
                                                       struct corong_error *error);
