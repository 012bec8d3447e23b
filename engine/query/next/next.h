// SPDX-License-Identifier: Apache-2.0
/// What people did next: for the attempts of a funnel that reach a step, or end there, the events
/// that follow within the window, as ranked paths (SEMANTICS 8).
/// Thread: next_run() may be called from any thread and starts its own workers. Memory: the result
/// lives in the arena given; working memory is bounded by the question's limits.
#pragma once

#include "engine/query/query.h"

#define NEXT_DEPTH_MAX 8u

/// Which attempts, and after which of their events.
enum next_kind {
    NEXT_DROPPED = 0, ///< those that end at `step`, which is not the last; after that step
    NEXT_OPEN,        ///< of these: may still convert
    NEXT_LOST,        ///< of these: cannot
    NEXT_REACHED,     ///< those that make `step`, whatever they make later; after that step
    NEXT_WON,         ///< after the last step
};

/// Borrowed during the call.
struct next_question {
    const struct query_funnel *funnel; ///< slices and what is asked beside it are not looked at
    enum next_kind kind;
    uint32_t step; ///< from 1 (order any: how many steps); 0 with OPEN and LOST: wherever it ends
    struct text show; ///< attribute whose values are the path; missing: names of events
    uint32_t depth;   ///< events of a path, up to NEXT_DEPTH_MAX; 0: 1
    uint32_t top;     ///< paths listed; 0: QUERY_TOP_DEFAULT
};

/// A path: the labels of the events that follow.
struct next_path {
    struct text *labels;  ///< `label_count`; missing: the event has no value
    uint32_t label_count; ///< fewer than the depth: then nothing follows
    uint64_t attempts;
};

struct next_result {
    uint64_t attempts;       ///< all of them
    struct next_path *paths; ///< by attempts, ties by labels
    uint32_t path_count;
    uint64_t other_paths; ///< not listed
    uint64_t other_attempts;
    struct query_provenance provenance;
};

/// CORONG_INVALID names an unknown attribute, a step that the funnel has not, or a dialect.
CORONG_MUST_CHECK enum corong_status next_run(struct store_snapshot *snapshot,
                                              const struct next_question *question,
                                              struct arena *arena, struct next_result *result_out,
                                              struct corong_error *error);
