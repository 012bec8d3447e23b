// SPDX-License-Identifier: Apache-2.0
/// The lanes that stand at a user, and which of them stand at the least key. Private to this
/// folder. Thread: one worker.
#pragma once

#include "engine/query/block/block_lane.h"
#include "engine/query/block/block_trend.h"
#include "engine/query/block/block_walk.h"
#include "engine/query/memo/memo.h"

// Active lanes stand in stalls of so many: where few lanes have most of the users and many have
// few, one that is gone on with costs a look at its stall and one at each other stall.
#define STALL_SIZE 8u
#define STALL_COUNT (QUERY_BLOCK_LANE_COUNT_MAX / STALL_SIZE)

struct query_block {
    struct query_units *units;
    struct block_lane *lanes; ///< by source
    struct block_ranges ranges;
    int64_t open_from_us; ///< an attempt that begins here or later may still be won
    uint32_t step_count;
    bool brief;
    bool any;                     ///< steps in any order
    struct block_hold *hold;      ///< units are made of an attribute; NULL: they are users
    struct query_memo_hand *hand; ///< NULL: nothing is remembered
    struct query_memo_note *notes;
    uint32_t place;  ///< where the present user's note is kept: query_memo_place()
    uint64_t target; ///< the half key of users to go through again, before whom no lane stands;
                     ///< QUERY_MEMO_NO_KEY: none
    struct block_lane *active[QUERY_BLOCK_LANE_COUNT_MAX]; ///< lanes that stand at a user, by time
    uint32_t active_count;
    uint64_t highs[QUERY_BLOCK_LANE_COUNT_MAX]; ///< of the users at whom the active lanes stand
    uint64_t least[STALL_COUNT];                ///< of the highs of each stall
    uint32_t batch;     ///< users that block_pair_walk() takes at once: fewer after one with a tie
    uint32_t pair_rest; ///< so many users are not asked block_pair_walk() about
    uint32_t rest;      ///< so many users go the general way before it looks again
    struct block_trend trend; ///< where users are asked by bucket
    uint64_t users;
    uint64_t left[QUERY_BLOCK_REASON_COUNT];
};

static inline void insert_lane(struct query_block *block, struct block_lane *lane)
{
    uint32_t at = block->active_count++;
    while (at > 0 && block->active[at - 1]->min_us > lane->min_us) {
        block->active[at] = block->active[at - 1];
        at--;
    }
    block->active[at] = lane;
}

static inline void remove_lane(struct query_block *block, uint32_t at)
{
    block->active_count--;
    for (; at < block->active_count; at++) {
        block->active[at] = block->active[at + 1];
    }
}

static inline uint32_t stall_end(const struct query_block *block, uint32_t stall)
{
    uint32_t end = (stall + 1) * STALL_SIZE;
    return end < block->active_count ? end : block->active_count;
}

static inline void look_at_stall(struct query_block *block, uint32_t stall)
{
    uint64_t least = UINT64_MAX;
    for (uint32_t i = stall * STALL_SIZE; i < stall_end(block, stall); i++) {
        least = block->highs[i] < least ? block->highs[i] : least;
    }
    block->least[stall] = least;
}

/// Where the next user is looked for: not in lanes whose rows are known.
static inline uint64_t active_high(const struct block_lane *lane)
{
    return lane->known ? UINT64_MAX : lane->high;
}

/// Other lanes are active, or in another order.
static inline void look_at_lanes(struct query_block *block)
{
    for (uint32_t i = 0; i < block->active_count; i++) {
        block->highs[i] = active_high(block->active[i]);
    }
    for (uint32_t stall = 0; stall * STALL_SIZE < block->active_count; stall++) {
        look_at_stall(block, stall);
    }
}

/// The same of one stall's lanes: looked at one by one, nothing is kept beside them.
static inline uint64_t least_of_few(const struct query_block *block)
{
    uint64_t least = UINT64_MAX;
    uint32_t lanes = 0;
    for (uint32_t i = 0; i < block->active_count; i++) {
        uint64_t high = block->active[i]->high;
        least = high < least ? high : least;
    }
    for (uint32_t i = 0; i < block->active_count; i++) {
        lanes |= (uint32_t)(block->active[i]->high == least) << i;
    }
    return lanes;
}

/// The active lanes that stand at the least key, by its high half.
static inline uint64_t least_lanes(const struct query_block *block)
{
    uint64_t least = block->least[0];
    uint64_t lanes = 0;
    for (uint32_t stall = 1; stall * STALL_SIZE < block->active_count; stall++) {
        least = block->least[stall] < least ? block->least[stall] : least;
    }
    for (uint32_t stall = 0; stall * STALL_SIZE < block->active_count; stall++) {
        if (block->least[stall] != least) {
            continue;
        }
        for (uint32_t i = stall * STALL_SIZE; i < stall_end(block, stall); i++) {
            lanes |= (uint64_t)(block->highs[i] == least) << i;
        }
    }
    return lanes;
}

/// The least half key at which a lane stands whose rows are not known; UINT64_MAX: none.
static inline uint64_t least_fresh(const struct query_block *block)
{
    uint64_t least = UINT64_MAX;
    for (uint32_t stall = 0; stall * STALL_SIZE < block->active_count; stall++) {
        least = block->least[stall] < least ? block->least[stall] : least;
    }
    return least;
}

/// The lanes that stand at a half key.
static inline uint64_t lanes_at(const struct query_block *block, uint64_t high)
{
    uint64_t lanes = 0;
    for (uint32_t i = 0; i < block->active_count; i++) {
        lanes |= (uint64_t)(block->active[i]->high == high) << i;
    }
    return lanes;
}
