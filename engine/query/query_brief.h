// SPDX-License-Identifier: Apache-2.0
/// Sums of one worker over users of whom only counts are asked: by slice, level and whether the
/// attempt is open, one addition each. Thread: one worker.
#pragma once

#include "engine/query/block/block.h"
#include "engine/query/query_slices.h"
#include "engine/query/query_tally.h"

#define QUERY_BRIEF_STORED_COUNT 256u

/// Slices by stored value of one byte, of one row group of a segment.
struct query_brief_slices {
    uint32_t group;                            ///< UINT32_MAX: none yet
    uint32_t slices[QUERY_BRIEF_STORED_COUNT]; ///< + 1; 0: not looked up yet
};

struct query_brief_sums {
    uint32_t step_count;
    uint64_t *sums; ///< by slice, level from 1, and not open or open
    uint32_t slice_capacity;
    struct query_brief_slices *stored; ///< by segment
};

void query_brief_init(struct query_brief_sums *sums, const struct query_plan *plan,
                      uint32_t step_count);
void query_brief_deinit(struct query_brief_sums *sums);
/// Counts users whose entries lie in a row group of a source, by their slices.
CORONG_MUST_CHECK enum corong_status
query_brief_add(struct query_brief_sums *sums, struct query_slices *slices,
                struct query_source *source, uint32_t group, const struct query_brief *briefs,
                uint32_t count, uint32_t *slices_out, struct corong_error *error);
/// Counts so many users of a slice by level from 1, and not open or open.
void query_brief_add_cells(struct query_brief_sums *sums, uint32_t slice, const uint64_t *cells);
/// Counts users of a trend by `count` buckets of such sums, which are zeroes afterwards.
void query_brief_take_buckets(struct query_brief_sums *sums, uint64_t *cells, uint32_t count);
/// Moves what was counted into a tally.
void query_brief_settle(struct query_brief_sums *sums, struct query_tally *tally);
uint64_t query_brief_bytes(const struct query_brief_sums *sums);
