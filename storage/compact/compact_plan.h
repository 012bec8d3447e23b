// SPDX-License-Identifier: Apache-2.0
/// What to merge: the segments of one period whose key ranges overlap, as few runs as they form.
/// Thread: values.
#pragma once

#include "storage/segment/segment.h"

#include <stdint.h>

/// Runs merged at once at most: each holds one decoded row group.
#define COMPACT_FAN_IN_MAX 16u

/// Segments with disjoint, ascending key ranges; together they read like one sorted file.
struct compact_run {
    struct segment_meta *segments;
    uint32_t count;
    uint64_t row_count;
};

/// At most COMPACT_FAN_IN_MAX runs of one period to be merged into one. Memory: its own.
struct compact_plan {
    struct compact_run *runs;
    uint32_t run_count;
    uint64_t row_count;
};

/// Finds the next merge, the earliest period first: a set of segments of one period that overlap,
/// through others or directly. Where they form more runs than can be merged at once, the smallest
/// ones. Periods before `first_period` are passed over. Returns false where every period is one
/// sorted run.
bool compact_plan_next(const struct segment_meta *segments, uint32_t count, int64_t first_period,
                       struct compact_plan *plan_out);
/// All merges that can be done now: of each set as compact_plan_next() would have it. They share no
/// segment, so they may be written side by side. Returns how many; the caller deinits each and
/// frees the array.
uint32_t compact_plan_all(const struct segment_meta *segments, uint32_t count,
                          struct compact_plan **plans_out);
void compact_plan_deinit(struct compact_plan *plan);
/// About what reading a run takes: a decoded row group.
uint64_t compact_run_bytes(const struct compact_run *run, uint32_t column_count);
/// The same of all runs of a merge.
uint64_t compact_plan_bytes(const struct compact_plan *plan, uint32_t column_count);
/// All its segments, run after run; memory_free() them.
struct segment_meta *compact_plan_segments(const struct compact_plan *plan, uint32_t *count_out);
/// How many rows a full compaction has to write, estimated: the rows of all overlapping sets.
uint64_t compact_plan_rows(const struct segment_meta *segments, uint32_t count);
