// SPDX-License-Identifier: Apache-2.0
/// Which slices an answer lists: the workers' slices are matched by their values and ranked by a
/// count; ties go by value, missing first. Thread: the caller's.
#pragma once

#include "engine/query/query_slices.h"

/// The slices of one worker.
struct query_rank_part {
    const struct query_slices *slices;
    uint32_t slice_count;
    const uint64_t *counts; ///< by slice
    const bool *present;    ///< by slice: takes part; NULL: those with a count above 0 do
};

#define QUERY_RANK_NONE UINT32_MAX

struct query_rank {
    uint32_t slice_count; ///< of all workers together
    uint32_t listed;      ///< the first so many are listed
    struct text **values; ///< of the listed ones
    struct text *keys;    ///< of the listed ones: see query_slices_key()
    uint32_t *
        *output_of_slice; ///< by part and slice: rank, or `listed` for the rest, or QUERY_RANK_NONE
};

/// Memory: `arena`.
void query_rank_slices(struct query_rank *rank_out, const struct query_rank_part *parts,
                       uint32_t part_count, uint32_t top, struct arena *arena);
