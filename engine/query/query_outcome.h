// SPDX-License-Identifier: Apache-2.0
/// Brings the workers' tallies together: slices are matched by their values, ranked, and everything
/// is summed into the listed ones, `(other)` and the total. Thread: the caller's, after the
/// workers.
#pragma once

#include "engine/query/query_listing.h"
#include "engine/query/query_rank.h"
#include "engine/query/query_slices.h"
#include "engine/query/query_tally.h"
#include "engine/query/query_tasks.h"

/// One worker's part.
struct query_part {
    struct query_slices slices;
    struct query_tally tally;
};

struct query_outcome {
    const struct query_funnel *query;
    struct query_tasks *tasks;
    struct query_part **parts;
    uint32_t part_count;
    struct arena *arena;                 ///< where the result lives
    const struct query_listing *listing; ///< which slices are outputs already; NULL: rank them
    bool overlap; ///< slices overlap: the output behind `(other)` has the total
    struct query_listing *listing_out; ///< what was listed, for further passes; NULL: not wanted
    struct arena scratch;
    struct query_rank rank;
    uint32_t output_count; ///< listed slices, and one more for `(other)`
};

/// Fills all of `result_out` but the provenance.
CORONG_MUST_CHECK enum corong_status query_outcome_fill(struct query_outcome *outcome,
                                                        struct query_funnel_result *result_out,
                                                        struct corong_error *error);
/// The same of slices that are outputs already, `count` of them: only their numbers.
CORONG_MUST_CHECK enum corong_status query_outcome_series(struct query_outcome *outcome,
                                                          uint32_t count,
                                                          struct query_slice **slices_out,
                                                          struct corong_error *error);
/// Money of all parts (query_money.c); `outputs` has output_count slices, `total` is one more.
CORONG_MUST_CHECK enum corong_status query_outcome_money(struct query_outcome *outcome,
                                                         struct query_slice **outputs,
                                                         struct query_slice *total,
                                                         struct corong_error *error);
