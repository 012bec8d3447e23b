// SPDX-License-Identifier: Apache-2.0
/// Hold constant where counts alone are asked for: a user's units by the values of one attribute,
/// told apart in a small table instead of by sorting. Nearly all units are entries alone, of which
/// nothing but their number has to be known; rows of a unit that has a later step, too, go the
/// general way (query_group). Thread: one worker.
#pragma once

#include "engine/query/block/block_walk.h"

struct block_hold;

/// A unit of entries alone.
struct block_held {
    uint32_t run; ///< of its first entry
    uint32_t row;
    bool open;    ///< it may still be won
    bool crossed; ///< no: it has a later step, and is counted already
};

/// NULL where the question is not one for it. `units` outlives it.
struct block_hold *block_hold_create(struct query_units *units);
/// NULL-safe.
void block_hold_destroy(struct block_hold *hold);
/// Nothing loaded is believed any more. NULL-safe.
void block_hold_forget(struct block_hold *hold);
/// Counts the units of a user: runs, cut by the question's ranges. Where they are sliced, or the
/// first entry counts, those of entries alone are for the caller to count: `found_out`, until the
/// next call. `left_out`: the user is for the general way, and nothing is counted.
CORONG_MUST_CHECK enum corong_status block_hold_user(struct block_hold *hold,
                                                     const struct block_user *user,
                                                     const struct block_held **found_out,
                                                     uint32_t *found_count_out, bool *left_out,
                                                     struct corong_error *error);
