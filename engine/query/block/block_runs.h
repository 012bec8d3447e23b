// SPDX-License-Identifier: Apache-2.0
/// The runs of the user at whom lanes stand. Private to this folder. Thread: one worker.
#pragma once

#include "engine/query/block/block_active.h"
#include "engine/query/block/block_mix.h"
#include "engine/query/query_units.h"

/// Narrows a run to the rows that can matter; rows after as-of are counted.
static inline void block_runs_cut_one(struct query_block *block, struct block_run *run)
{
    const struct block_lane *lane = run->lane;
    const struct block_ranges *ranges = &block->ranges;
    while (run->end > run->begin && block_lane_time(lane, run->end - 1) > ranges->as_of_us) {
        block->units->after_as_of++;
        run->end--;
    }
    while (run->begin < run->end && block_lane_time(lane, run->begin) < ranges->rows.from_us) {
        run->begin++;
    }
    while (run->end > run->begin && block_lane_time(lane, run->end - 1) > ranges->rows.to_us) {
        run->end--;
    }
    run->entry_end = run->end;
    while (run->entry_end > run->begin &&
           block_lane_time(lane, run->entry_end - 1) >= ranges->entries_to_us) {
        run->entry_end--;
    }
}

/// Whether the lane's rows are over before those of the next run begin.
static inline bool block_runs_in_order(const struct block_run *earlier,
                                       const struct block_run *later)
{
    return earlier->lane->max_us < later->lane->min_us ||
           block_lane_time(earlier->lane, earlier->end - 1) <
               block_lane_time(later->lane, later->begin);
}

/// Collects the runs of the user at whom `lanes` stand. False: a user for the general way.
static inline bool block_runs_collect(struct query_block *block, uint64_t lanes,
                                      struct block_user *user, uint32_t *possible_out)
{
    const struct block_lane *first = block->active[__builtin_ctzll(lanes)];
    uint32_t possible = 0;
    bool mixed = false;
    user->run_count = 0;
    user->row_count = 0;
    for (uint64_t rest = lanes; rest != 0; rest &= rest - 1) {
        const struct block_lane *lane = block->active[__builtin_ctzll(rest)];
        struct block_run *run = &user->runs[user->run_count];
        uint32_t end = lane->row + lane->row_counts[lane->user];
        *run = (struct block_run){lane, lane->row, end, end};
        if (lane->user >= lane->stop) {
            block->left[QUERY_BLOCK_CONTINUES]++;
            return false;
        }
        if (lane != first && lane->keys[lane->user].low != first->keys[first->user].low) {
            block->left[QUERY_BLOCK_KEY]++;
            return false;
        }
        mixed |= user->run_count > 0 && !block_runs_in_order(run - 1, run);
        possible |= block_lane_possible(lane, block->step_count);
        user->row_count += end - run->begin;
        user->run_count++;
    }
    *possible_out = possible;
    if (mixed && !block_mix_runs(user)) {
        block->left[QUERY_BLOCK_ORDER]++;
        return false;
    }
    return true;
}

/// Cuts the runs by the question's ranges; those without rows are left out.
static inline void block_runs_cut(struct query_block *block, struct block_user *user)
{
    uint32_t kept = 0;
    user->row_count = 0;
    for (uint32_t i = 0; i < user->run_count; i++) {
        struct block_run run = user->runs[i];
        if (run.lane->cut) {
            block_runs_cut_one(block, &run);
        }
        if (run.begin < run.end) {
            user->runs[kept++] = run;
            user->row_count += run.end - run.begin;
        }
    }
    user->run_count = kept;
}

static inline bool block_runs_are_cut(const struct block_user *user)
{
    bool some = false;
    for (uint32_t i = 0; i < user->run_count; i++) {
        some |= user->runs[i].lane->cut;
    }
    return some;
}
