// SPDX-License-Identifier: Apache-2.0
/// Users of more rows than fit a word, or of more than two runs: 64 rows of a run at a time.
#include "engine/query/block/block_bits.h"
#include "engine/query/block/block_tie.h"
#include "engine/query/block/block_walk.h"

#define NO_PLACE UINT64_MAX

/// What is known of a user so far. A place is a run and a row of it, as one number; moments and
/// places of starts stand apart: read as one they would wait for both of the writes.
struct walk {
    struct block_user *user;
    uint64_t first;
    uint64_t last; ///< the latest entry of the words gone through
    uint64_t entry;
    int64_t start_us[FUNNEL_STEP_COUNT_MAX]; ///< of the assignment that completed step k + 1
    uint64_t starts[FUNNEL_STEP_COUNT_MAX];
};

/// Up to 64 rows of a run.
struct part {
    const struct block_run *run;
    uint32_t which; ///< the run's number
    uint32_t begin; ///< row of the lowest bits
    uint64_t entries;
    uint64_t later;
};

static inline uint64_t place_at(const struct part *part, uint32_t bit)
{
    return (uint64_t)part->which << 32 | (part->begin + bit);
}

static inline int64_t time_of(const struct walk *walk, uint64_t place)
{
    return block_lane_time(walk->user->runs[place >> 32].lane, (uint32_t)place);
}

static inline bool has_tie(const struct walk *walk, uint64_t place)
{
    return block_has_tie(&walk->user->runs[place >> 32], (uint32_t)place);
}

/// Lets a row complete the steps that it may fill, later steps first, so that it fills only one of
/// an assignment.
static inline void advance(struct walk *walk, uint32_t steps, int64_t time_us)
{
    struct block_user *user = walk->user;
    while (steps != 0) {
        uint32_t step = (uint32_t)__builtin_clz(steps) ^ 31;
        steps ^= UINT32_C(1) << step;
        const int64_t start_us = walk->start_us[step - 1];
        const uint64_t start = walk->starts[step - 1];
        if (time_us - start_us > user->window_us) {
            continue;
        }
        walk->start_us[step] = start_us;
        walk->starts[step] = start;
        if (step == user->level) {
            user->level++;
            walk->entry = start;
        }
    }
}

/// Visits the rows of later steps, all of which lie behind the first entry; false at a tie.
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
        if (!user->first_only) {
            uint64_t before = part->entries & block_bits_below(bit);
            walk->starts[0] = before != 0 ? place_at(part, block_bits_highest(before)) : walk->last;
            walk->start_us[0] = time_of(walk, walk->starts[0]);
        }
        advance(walk, steps, block_lane_time(part->run->lane, row));
    }
    return true;
}

/// Begins at the first entry; false at a tie.
static inline bool begin_at(struct walk *walk, const struct part *part, uint32_t bit)
{
    struct block_user *user = walk->user;
    walk->first = place_at(part, bit);
    walk->entry = walk->first;
    user->level = 1;
    if (user->first_only) {
        walk->starts[0] = walk->first;
        walk->start_us[0] = time_of(walk, walk->first);
    }
    bool looked_at = user->whole || user->reach > 1;
    return !looked_at || !has_tie(walk, walk->first);
}

/// Takes the next rows; false at a tie.
static inline bool take_part(struct walk *walk, const struct part *part)
{
    uint64_t later = part->later;
    if (walk->user->level == 0) {
        if (part->entries == 0) {
            return true;
        }
        uint32_t bit = block_bits_lowest(part->entries);
        if (!begin_at(walk, part, bit)) {
            return false;
        }
        later &= ~block_bits_below(bit) << 1;
    }
    if (!visit(walk, part, later)) {
        return false;
    }
    if (part->entries != 0) {
        walk->last = place_at(part, block_bits_highest(part->entries));
    }
    return true;
}

/// Entries of up to 64 rows from `row` on.
static inline uint64_t entries_at(const struct block_run *run, uint32_t row, uint32_t end)
{
    uint32_t entry_end = end < run->entry_end ? end : run->entry_end;
    return row < entry_end ? block_bits_at(run->lane->entries, row, entry_end - row) : 0;
}

static inline bool is_over(const struct walk *walk)
{
    return walk->user->level > 0 && walk->user->level >= walk->user->reach;
}

static bool take_run(struct walk *walk, uint32_t which)
{
    const struct block_run *run = &walk->user->runs[which];
    for (uint32_t row = run->begin; row < run->end && !is_over(walk); row += BLOCK_WORD_SIZE) {
        uint32_t end = run->end - row < BLOCK_WORD_SIZE ? run->end : row + BLOCK_WORD_SIZE;
        struct part part = {.run = run, .which = which, .begin = row};
        part.entries = entries_at(run, row, end);
        part.later = block_bits_at(run->lane->later, row, end - row);
        if (!take_part(walk, &part)) {
            return false;
        }
    }
    return true;
}

/// The latest entry of a user who has one, from the end.
static uint64_t find_last(const struct block_user *user)
{
    for (uint32_t i = user->run_count; i-- > 0;) {
        const struct block_run *run = &user->runs[i];
        for (uint32_t end = run->entry_end; end > run->begin;) {
            uint32_t row = end - run->begin < BLOCK_WORD_SIZE ? run->begin : end - BLOCK_WORD_SIZE;
            uint64_t entries = block_bits_at(run->lane->entries, row, end - row);
            if (entries != 0) {
                return (uint64_t)i << 32 | (row + block_bits_highest(entries));
            }
            end = row;
        }
    }
    return NO_PLACE;
}

/// The last moment at which an attempt begins.
static int64_t find_last_us(const struct walk *walk)
{
    const struct block_user *user = walk->user;
    return time_of(walk, user->first_only ? walk->first : find_last(user));
}

bool block_walk_long(struct block_user *user)
{
    struct walk walk;
    walk.user = user;
    walk.last = NO_PLACE;
    walk.entry = NO_PLACE;
    user->level = 0;
    for (uint32_t i = 0; i < user->run_count && !is_over(&walk); i++) {
        if (!take_run(&walk, i)) {
            return false;
        }
    }
    if (user->level == 0) {
        return true;
    }
    // Of several entries at one instant the first in canonical order is the reported one.
    if (user->level > 1 && has_tie(&walk, walk.entry)) {
        return false;
    }
    user->entry_run = (uint32_t)(walk.entry >> 32);
    user->entry_row = (uint32_t)walk.entry;
    if (user->level < user->step_count || user->exact) {
        user->last_us = find_last_us(&walk);
    }
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
