// SPDX-License-Identifier: Apache-2.0
/// Step rows of a user at one instant. Thread: one worker.
#pragma once

#include "engine/query/block/block_walk.h"

static inline bool block_has_step(const struct block_lane *lane, uint32_t row)
{
    return ((lane->entries[row / 64] | lane->later[row / 64]) >> (row % 64) & 1) != 0;
}

/// The exact look of block_has_tie().
static __attribute__((noinline, unused)) bool block_find_tie(const struct block_run *run,
                                                             uint32_t row)
{
    const struct block_lane *lane = run->lane;
    int64_t time_us = block_lane_time(lane, row);
    for (uint32_t r = row; r > run->begin && block_lane_time(lane, r - 1) == time_us; r--) {
        if (block_has_step(lane, r - 1)) {
            return true;
        }
    }
    for (uint32_t r = row + 1; r < run->end && block_lane_time(lane, r) == time_us; r++) {
        if (block_has_step(lane, r)) {
            return true;
        }
    }
    return false;
}

/// True where another step row of the user is at the same instant. Runs do not share instants.
static inline bool block_has_tie(const struct block_run *run, uint32_t row)
{
    return block_lane_crowded(run->lane, row) && block_find_tie(run, row);
}
