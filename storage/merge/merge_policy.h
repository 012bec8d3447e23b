// SPDX-License-Identifier: Apache-2.0
/// Which runs to merge next, so that few are left and no row is rewritten often. README.md has the
/// arithmetic.
/// Thread: values.
#pragma once

#include "storage/compact/compact.h"
#include "storage/segment/segment.h"

#include <stdbool.h>
#include <stdint.h>

/// Runs of one tier that are merged into one of the next: tier n holds runs of 8^n rows and more.
#define MERGE_TIER_RUN_COUNT 8u
/// From this many rows on tiers are narrower: a question looks at each of a run's users, and such
/// runs have most of them in common.
#define MERGE_LONG_ROW_COUNT ((uint64_t)1 << 21)
#define MERGE_LONG_TIER_RUN_COUNT 4u
/// With more runs than this in a period the merges no longer wait for idle time.
#define MERGE_RUN_COUNT_AIM 48u
/// Inputs of one merge: each is an open file.
#define MERGE_SEGMENT_COUNT_MAX 256u

struct merge_policy {
    uint64_t row_count_min; ///< of all runs of a merge together
    uint64_t row_count_max; ///< 0: no limit
    /// For what compact_plan_bytes() counts; fewer runs are merged where it would be passed,
    /// but never fewer than two. 0: no limit.
    uint64_t cursor_bytes_max;
    uint32_t column_count; ///< of the schema
    /// A segment that is being merged already.
    bool (*is_busy)(const void *context, const struct segment_meta *segment);
    /// Merges of the period with so many rows were refused; UINT64_MAX: none was.
    uint64_t (*refused_rows)(const void *context, int64_t period);
    /// Nothing has come to the period for a long time, and little is expected.
    bool (*is_quiet)(const void *context, int64_t period);
    const void *context;
};

/// Chooses: merges of urgent periods first, then the smallest. False: nothing is worth it.
/// `plan_out` is the caller's to deinit.
bool merge_policy_choose(const struct segment_meta *segments, uint32_t count,
                         const struct merge_policy *policy, struct compact_plan *plan_out,
                         bool *is_urgent_out);
/// The most runs that any period has: what a question has to merge per user, at worst.
uint32_t merge_policy_run_count(const struct segment_meta *segments, uint32_t count);
