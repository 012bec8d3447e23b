// SPDX-License-Identifier: Apache-2.0
/// Users of more rows than fit a word, or of more than two runs: 64 rows of a run at a time.
#include "engine/query/block/block_bits.h"
#include "engine/query/block/block_tie.h"
#include "engine/query/block/block_walk.h"

/// A row, with its time.
struct place {
    int64_t time_us;
    uint32_t run;
    uint32_t row; ///< BLOCK_NO_ROW: none
};

struct walk {
    struct block_user *user;
    struct place first;
    struct place last; ///< the latest entry of the words gone through
    struct place entry;
    struct place starts[FUNNEL_STEP_COUNT_MAX]; ///< of the assignment that completed step k + 1
};

/// Up to 64 rows of a run.
struct part {
    const struct block_run *run;
    uint32_t which; ///< the run's number
    uint32_t begin; ///< row of the lowest bits
    uint64_t entries;
    uint64_t later;
};

static inline struct place place_at(const struct part *part, uint32_t bit)
{
    uint32_t row = part->begin + bit;
    return (struct place){block_lane_time(part->run->lane, row), part->which, row};
}

/// Lets a row complete the steps that it may fill, later steps first, so that it fills only one of
/// an assignment.
static inline void advance(struct walk *walk, uint32_t steps, int64_t time_us)
{
    struct block_user *user = walk->user;
    while (steps != 0) {
        uint32_t step = 31 - (uint32_t)__builtin_clz(steps);
        steps ^= UINT32_C(1) << step;
        const struct place start = walk->starts[step - 1];
        if (start.row == BLOCK_NO_ROW || time_us - start.time_us > user->window_us) {
            continue;
        }
        walk->starts[step] = start;
        if (step == user->level) {
            user->level++;
            walk->entry = start;
        }
    }
}

/// Visits the rows of later steps, none of which lies before the first entry; false at a tie.
static inline bool visit(struct walk *walk, const struct part *part, uint64_t later)
{
    struct block_user *user = walk->user;
    for (; later != 0 && user->level < user->reach; later &= later - 1) {
        uint32_t bit = block_bits_lowest(later);
        uint32_t row = part->begin + bit;
        uint32_t steps = block_lane_steps(part->run->lane, row) &
                         (uint32_t)block_bits_below(user->level + 1) & ~UINT32_C(1);
        if (steps == 0) {
            continue;
        }
        if (block_has_tie(part->run, row)) {
            return false;
        }
        uint64_t before = part->entries & block_bits_below(bit);
        if (user->first_only) {
            // The first entry itself may fill later steps too: nothing lies before it.
            walk->starts[0] = walk->first;
            walk->starts[0].row =
                before != 0 || walk->last.row != BLOCK_NO_ROW ? walk->first.row : BLOCK_NO_ROW;
        } else {
            walk->starts[0] = before != 0 ? place_at(part, block_bits_highest(before)) : walk->last;
        }
        advance(walk, steps, block_lane_time(part->run->lane, row));
    }
    return true;
}

/// Takes the next rows; false at a tie.
static inline bool take_part(struct walk *walk, const struct part *part)
{
    struct block_user *user = walk->user;
    uint64_t later = part->later;
    if (user->level == 0) {
        if (part->entries == 0) {
            return true;
        }
        uint32_t bit = block_bits_lowest(part->entries);
        later &= UINT64_MAX << bit;
        walk->first = place_at(part, bit);
        walk->entry = walk->first;
        user->level = 1;
        if ((user->reach > 1 || user->whole) && block_has_tie(part->run, walk->first.row)) {
            return false;
        }
    }
    if (!visit(walk, part, later)) {
        return false;
    }
    if (part->entries != 0) {
        walk->last = place_at(part, block_bits_highest(part->entries));
    }
    return true;
}

static bool take_run(struct walk *walk, uint32_t which)
{
    const struct block_run *run = &walk->user->runs[which];
    for (uint32_t row = run->begin; row < run->end; row += BLOCK_WORD_SIZE) {
        uint32_t end = run->end - row < BLOCK_WORD_SIZE ? run->end : row + BLOCK_WORD_SIZE;
        uint32_t entry_end = end < run->entry_end ? end : run->entry_end;
        struct part part = {.run = run, .which = which, .begin = row};
        part.entries =
            row < entry_end ? block_bits_at(run->lane->entries, row, entry_end - row) : 0;
        part.later = block_bits_at(run->lane->later, row, end - row);
        if (!take_part(walk, &part)) {
            return false;
        }
    }
    return true;
}

bool block_walk_long(struct block_user *user)
{
    struct walk walk;
    walk.user = user;
    walk.last.row = BLOCK_NO_ROW;
    user->level = 0;
    for (uint32_t i = 0; i < user->run_count; i++) {
        if (!take_run(&walk, i)) {
            return false;
        }
    }
    if (user->level == 0) {
        return true;
    }
    // Of several entries at one instant the first in canonical order is the reported one.
    if (user->level > 1 && block_has_tie(&user->runs[walk.entry.run], walk.entry.row)) {
        return false;
    }
    user->entry_run = walk.entry.run;
    user->entry_row = walk.entry.row;
    user->last_us = user->first_only ? walk.first.time_us : walk.last.time_us;
    return true;
}

uint64_t block_step_rows(const struct block_user *user)
{
    uint64_t rows = 0;
    for (uint32_t i = 0; i < user->run_count; i++) {
        const struct block_run *run = &user->runs[i];
        for (uint32_t row = run->begin; row < run->end; row += BLOCK_WORD_SIZE) {
            uint32_t count = run->end - row < BLOCK_WORD_SIZE ? run->end - row : BLOCK_WORD_SIZE;
            uint64_t bits = block_bits_at(run->lane->entries, row, count) |
                            block_bits_at(run->lane->later, row, count);
            rows += (uint64_t)__builtin_popcountll(bits);
        }
    }
    return rows;
}
