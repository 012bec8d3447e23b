// SPDX-License-Identifier: Apache-2.0
/// One user's level, from the bitmaps of its rows. Rows that fill later steps are visited, in order
/// of time; the latest entry before one is a count of leading zeros away. Thread: one worker.
#pragma once

#include "engine/query/block/block_lane.h"

#define BLOCK_NO_ROW UINT32_MAX
#define BLOCK_NO_COUNT UINT64_MAX

/// Rows of the user in one lane.
struct block_run {
    const struct block_lane *lane;
    uint32_t begin;
    uint32_t end;
    uint32_t entry_end; ///< entries lie before this row
};

/// One user on its way through the kernel.
struct block_user {
    struct block_run runs[QUERY_BLOCK_LANE_COUNT_MAX]; ///< each is over before the next begins
    uint32_t run_count;
    uint32_t row_count; ///< of all runs
    uint32_t reach;     ///< no higher level is possible, by the names that the user has; from 1
    uint32_t step_count;
    int64_t window_us;
    int64_t open_from_us; ///< an attempt that begins here or later may still be won
    bool first_only;
    bool exact; ///< `last_us` is the moment itself
    bool cut;   ///< some rows may lie outside the question's ranges
    bool whole; ///< what lies behind the entry is looked at, too: level 1 is not enough to know
    // What is found:
    uint32_t level;     ///< 0: no entry
    uint32_t entry_run; ///< the entry of the reported attempt
    uint32_t entry_row;
    int64_t last_us; ///< the last moment at which an attempt begins, where level < step_count; or
                     ///< another on the same side of open_from_us
    uint64_t step_rows; ///< rows that match some step; BLOCK_NO_COUNT: not counted on the way
};

/// Fills in what is found. False where step rows at one instant may matter: nothing is then found.
bool block_walk(struct block_user *user);
/// The same for users of any size; block_walk() is this where a user's rows fit one word.
bool block_walk_long(struct block_user *user);
/// Rows of the user that match some step.
uint64_t block_step_rows(const struct block_user *user);
/// The same for order any, of rows that fill one step each; `reach` is how many steps the names of
/// the user allow. False also where a row fills two.
bool block_walk_any(struct block_user *user);
/// The same as block_walk() for the entries of each bucket by themselves: adds to the sums of
/// `trend`, by which the lanes are marked, and fills in `step_rows` alone. False where step rows at
/// one instant may matter: nothing is then added.
bool block_walk_trend(struct block_user *user, struct block_trend *trend);
