// SPDX-License-Identifier: Apache-2.0
/// One segment's loaded row group as the kernel reads it: what a user needs is here, side by side.
/// Thread: one worker.
#pragma once

#include "engine/query/block/block.h"
#include "engine/query/query_source.h"

#define QUERY_BLOCK_LANE_COUNT_MAX 64u ///< segments whose users are merged at once
#define BLOCK_NAME_COUNT 256u
#define BLOCK_BATCH_SIZE QUERY_BRIEF_COUNT_MAX
#define BLOCK_NO_GROUP UINT32_MAX
#define BLOCK_AHEAD 64u ///< rows whose times are fetched ahead
#define BLOCK_USERS_AHEAD 12u

struct block_trend;

struct block_lane {
    struct query_source *source;
    const struct hash128 *keys;
    const uint32_t *row_counts;
    const uint64_t *masks;
    const uint64_t *entries;
    const uint64_t *later;
    const uint64_t *moved; ///< users whose rows are elsewhere, as bits; NULL: none
    struct query_times times;
    const uint8_t *classes; ///< of rows; NULL: query_source_steps() says which steps they may fill
    uint32_t group;         ///< what all this is of; BLOCK_NO_GROUP: nothing
    uint32_t user;
    uint64_t high;     ///< half of the key of `user`
    uint32_t row;      ///< the first of `user`
    uint32_t last_row; ///< of the group
    uint32_t stop;     ///< from this user on the kernel does not go by itself
    uint32_t end;      ///< the users before it are the task's
    int64_t min_us;
    int64_t max_us;
    bool cut;   ///< some rows lie outside the question's ranges
    bool plain; ///< all of its users are here and whole, names and times as block_pair.h needs them
    uint32_t steps_of_class[BLOCK_NAME_COUNT];
    bool small_masks; ///< the names of all steps have bits below 8: `possible` says it by mask
    uint32_t possible[BLOCK_NAME_COUNT];
    struct query_brief batch[BLOCK_BATCH_SIZE];
    uint32_t batch_count;
    struct query_memo_note *notes;   ///< of the batch; NULL: not wanted
    struct query_memo_hand *hand;    ///< is told of all users, as of users to be gone through again
    const struct block_trend *trend; ///< NULL: users are not asked for by bucket
    uint16_t *places;                ///< by row: where it lies among the buckets (block_trend.h)
    uint64_t *turns;                 ///< bitmap: rows that lie elsewhere than the row before
    uint32_t place_capacity;
    bool known; ///< its rows are part of what is known of users: looked at where that is not enough
};

/// What of the question a lane is cut by.
struct block_ranges {
    struct query_range rows; ///< both ends included
    int64_t as_of_us;
    int64_t entries_to_us; ///< entries lie before
};

/// Before the first group: what belongs to the segment.
void block_lane_init(struct block_lane *lane, struct query_source *source, uint32_t step_count);
void block_lane_deinit(struct block_lane *lane);
/// Stands where the source stands, which has a user.
void block_lane_enter(struct block_lane *lane, const struct block_ranges *ranges);
/// Puts the source where the lane stands; its user is one of the task's.
void block_lane_leave(struct block_lane *lane);
/// All of the task's users of the group are done: takes the next group. False: there is none.
CORONG_MUST_CHECK enum corong_status block_lane_refill(struct block_lane *lane,
                                                       const struct block_ranges *ranges,
                                                       bool *more_out, struct corong_error *error);

/// Passes over users with a smaller half key, of which there is one. False: no other of the task's
/// users is in the group, and block_lane_load() goes on.
bool block_lane_pass(struct block_lane *lane, uint64_t high);
/// Stands at the first user with that key or a larger one. False: there is none.
CORONG_MUST_CHECK enum corong_status block_lane_load(struct block_lane *lane,
                                                     const struct block_ranges *ranges,
                                                     uint64_t high, bool *more_out,
                                                     struct corong_error *error);

/// Whether a row next to this one, of whichever user, is at the same instant.
static inline bool block_lane_crowded(const struct block_lane *lane, uint32_t row)
{
    const uint32_t *units = lane->times.units;
    if (units == NULL) {
        return true; // not worth a second loop: the exact look follows
    }
    return (row > 0 && units[row - 1] == units[row]) ||
           (row < lane->last_row && units[row + 1] == units[row]);
}

/// Goes on to the next user whose rows are here, or to `end`.
static inline void block_lane_next(struct block_lane *lane)
{
    lane->row += lane->row_counts[lane->user++];
    // A user is looked at where it begins and ends, far apart: too sparse for the machine to guess.
    __builtin_prefetch((const void *)((uintptr_t)lane->times.units +
                                      sizeof(uint32_t) * (lane->row + BLOCK_AHEAD)));
    while (lane->moved != NULL && lane->user < lane->end &&
           (lane->moved[lane->user / 64] >> (lane->user % 64) & 1) != 0) {
        lane->source->reading->rows -= lane->row_counts[lane->user];
        lane->row += lane->row_counts[lane->user++];
    }
    lane->high = lane->user < lane->end ? lane->keys[lane->user].high : UINT64_MAX;
}

/// Fetches ahead what a user is told by: of many lanes side by side the machine follows too few.
static inline void block_lane_ahead(const struct block_lane *lane)
{
    __builtin_prefetch((const void *)((uintptr_t)lane->keys +
                                      sizeof(struct hash128) * (lane->user + BLOCK_USERS_AHEAD)));
    __builtin_prefetch((const void *)((uintptr_t)lane->masks +
                                      sizeof(uint64_t) * (lane->user + BLOCK_USERS_AHEAD)));
    __builtin_prefetch((const void *)((uintptr_t)lane->row_counts +
                                      sizeof(uint32_t) * (lane->user + BLOCK_USERS_AHEAD)));
}

static inline int64_t block_lane_time(const struct block_lane *lane, uint32_t row)
{
    const struct query_times *times = &lane->times;
    return times->units != NULL ? (int64_t)(times->base + times->units[row] * times->power)
                                : times->wide[row];
}

static inline uint32_t block_lane_steps(const struct block_lane *lane, uint32_t row)
{
    return lane->classes != NULL ? lane->steps_of_class[lane->classes[row]]
                                 : (uint32_t)query_source_steps(lane->source, row);
}

/// Steps that a name mask allows.
static inline uint32_t block_lane_steps_of_mask(const struct block_lane *lane, uint64_t mask,
                                                uint32_t step_count)
{
    const uint64_t *bits = lane->source->segment->name_bits;
    uint32_t possible = 0;
    for (uint32_t k = 0; k < step_count; k++) {
        possible |= (uint32_t)((mask & bits[k]) != 0) << k;
    }
    return possible;
}

/// Steps that the lane's user can fill at most, by the names that it has.
static inline uint32_t block_lane_possible(const struct block_lane *lane, uint32_t step_count)
{
    uint64_t mask = lane->masks[lane->user];
    return lane->small_masks ? lane->possible[mask % BLOCK_NAME_COUNT]
                             : block_lane_steps_of_mask(lane, mask, step_count);
}
