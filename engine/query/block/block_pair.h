// SPDX-License-Identifier: Apache-2.0
/// Counts of users whose rows lie in one lane or two, as most do: a batch of users is merged first,
/// then walked, so that neither waits for what the other cannot guess. Users of more than 64 rows,
/// of more lanes, or at whose rows a range may cut are not for it. Thread: one worker.
#pragma once

#include "engine/query/block/block_lane.h"

#define BLOCK_PAIR_USER_COUNT_MAX 64u

/// The question.
struct block_pair_ask {
    int64_t window_us;
    int64_t open_from_us; ///< an attempt that begins here or later may still be won
    uint32_t step_count;
    bool first_only;
    bool noted; ///< lanes have notes, which are wanted
};

/// What a call did, beside the lanes' batches.
struct block_pair_done {
    uint32_t users;   ///< all that were gone through; 0: the next is not one for it
    uint32_t skipped; ///< of them, without a possible entry
    uint64_t step_rows;
};

/// Goes through at most `limit` users from where the lanes stand (one or two, the earlier first),
/// and leaves the lanes behind them. True where it stopped before a user with a tie. A lane's
/// batch must have room for BLOCK_PAIR_USER_COUNT_MAX.
bool block_pair_walk(const struct block_pair_ask *ask, struct block_lane *const lanes[2],
                     uint32_t lane_count, uint32_t limit, struct block_pair_done *done_out);
/// Of lanes that stand at users, the places of the two that stand at the least keys, or of the only
/// one, the earlier first, where the next users are theirs alone and block_pair_walk() can do them:
/// their count, else 0.
uint32_t block_pair_choose(struct block_lane *const *lanes, uint32_t lane_count,
                           uint32_t chosen[2]);
