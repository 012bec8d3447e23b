// SPDX-License-Identifier: Apache-2.0
#include "engine/query/block/block_walk.h"

#include "engine/query/block/block_bits.h"

/// At most 64 rows of a user, of one run or two: bit b is row `rows[b >= split] + b` of that run.
struct word {
    const struct block_lane *lanes[2];
    uint32_t rows[2];
    uint32_t split;
    uint64_t entries;
    uint64_t later;
};

static inline int64_t time_at(const struct word *word, uint32_t bit)
{
    uint32_t run = bit >= word->split;
    return block_lane_time(word->lanes[run], word->rows[run] + bit);
}

static inline uint32_t steps_at(const struct word *word, uint32_t bit)
{
    uint32_t run = bit >= word->split;
    return block_lane_steps(word->lanes[run], word->rows[run] + bit);
}

/// True where another step row of the user is at the same instant. Runs do not share instants.
static __attribute__((noinline)) bool find_tie(const struct word *word, uint32_t bit,
                                               uint32_t count)
{
    uint64_t steps = word->entries | word->later;
    int64_t time_us = time_at(word, bit);
    for (uint32_t b = bit; b > 0 && time_at(word, b - 1) == time_us; b--) {
        if ((steps >> (b - 1) & 1) != 0) {
            return true;
        }
    }
    for (uint32_t b = bit + 1; b < count && time_at(word, b) == time_us; b++) {
        if ((steps >> b & 1) != 0) {
            return true;
        }
    }
    return false;
}

static inline bool has_tie(const struct word *word, uint32_t bit, uint32_t count)
{
    uint32_t run = bit >= word->split;
    return block_lane_crowded(word->lanes[run], word->rows[run] + bit) &&
           find_tie(word, bit, count);
}

/// The latest entry of an assignment that completed a step.
struct start {
    int64_t time_us;
    uint32_t bit; ///< BLOCK_NO_ROW: none
};

/// Walks on from the first entry until no higher level can come; false at a tie. `starts[k]` is of
/// step k + 1.
static inline bool climb(struct block_user *user, const struct word *word, uint32_t first,
                         struct start *entry_out)
{
    struct start starts[FUNNEL_STEP_COUNT_MAX];
    const int64_t window_us = user->window_us;
    const uint32_t reach = user->reach;
    const uint32_t count = user->row_count;
    uint32_t level = 1;
    if (has_tie(word, first, count)) {
        return false;
    }
    starts[0] = (struct start){time_at(word, first), first};
    *entry_out = starts[0];
    if (reach == 1) {
        return true;
    }
    // The first entry itself may fill a later step, but nothing lies before it.
    for (uint64_t later = word->later & (~block_bits_below(first) << 1); later != 0;
         later &= later - 1) {
        uint32_t bit = block_bits_lowest(later);
        uint32_t steps = steps_at(word, bit) & (uint32_t)block_bits_below(level + 1) & ~UINT32_C(1);
        if (steps == 0) {
            continue; // the step before it was never completed
        }
        if (has_tie(word, bit, count)) {
            return false;
        }
        int64_t time_us = time_at(word, bit);
        if (!user->first_only) {
            starts[0].bit = block_bits_highest(word->entries & block_bits_below(bit));
            starts[0].time_us = time_at(word, starts[0].bit);
        }
        // Later steps first, so that a row fills only one step of an assignment.
        do {
            uint32_t step = (uint32_t)__builtin_clz(steps) ^ 31;
            steps ^= UINT32_C(1) << step;
            const struct start start = starts[step - 1];
            if (time_us - start.time_us > window_us) {
                continue;
            }
            starts[step] = start;
            if (step == level) {
                level++;
                *entry_out = start;
            }
        } while (steps != 0);
        if (level >= reach) {
            break;
        }
    }
    user->level = level;
    return true;
}

/// Time of the row, or where all rows of its group lie on one side of `open_from_us` one of theirs.
static inline int64_t time_near(const struct block_user *user, const struct word *word,
                                uint32_t bit)
{
    const struct block_lane *lane = word->lanes[bit >= word->split];
    bool one_side = lane->max_us < user->open_from_us || lane->min_us >= user->open_from_us;
    return one_side && !user->exact ? lane->min_us : time_at(word, bit);
}

static inline void take_word(const struct block_user *user, struct word *word)
{
    const struct block_run *run = &user->runs[0];
    uint32_t count = run->end - run->begin;
    word->lanes[0] = run->lane;
    word->rows[0] = run->begin;
    word->split = BLOCK_WORD_SIZE;
    word->later = block_bits_at(run->lane->later, run->begin, count);
    word->entries = block_bits_at(run->lane->entries, run->begin, run->entry_end - run->begin);
    if (user->run_count == 2 && count < BLOCK_WORD_SIZE) {
        run++;
        word->lanes[1] = run->lane;
        word->rows[1] = run->begin - count;
        word->split = count;
        word->later |= block_bits_at(run->lane->later, run->begin, run->end - run->begin) << count;
        word->entries |= block_bits_at(run->lane->entries, run->begin, run->entry_end - run->begin)
                         << count;
    }
}

bool block_walk(struct block_user *user)
{
    user->step_rows = BLOCK_NO_COUNT;
    if (user->row_count > BLOCK_WORD_SIZE || user->run_count > 2 || user->run_count == 0) {
        return block_walk_long(user);
    }
    struct word word;
    take_word(user, &word);
    user->level = 0;
    if (!user->cut) {
        user->step_rows = (uint64_t)__builtin_popcountll(word.entries | word.later);
    }
    if (word.entries == 0) {
        return true;
    }
    struct start entry = {.bit = block_bits_lowest(word.entries)};
    user->level = 1;
    if ((user->reach > 1 || user->whole) && !climb(user, &word, entry.bit, &entry)) {
        return false;
    }
    // Of several entries at one instant the first in canonical order is the reported one.
    if (user->level > 1 && has_tie(&word, entry.bit, user->row_count)) {
        return false;
    }
    user->entry_run = entry.bit >= word.split;
    user->entry_row = word.rows[user->entry_run] + entry.bit;
    user->last_us = time_near(user, &word,
                              user->first_only ? block_bits_lowest(word.entries)
                                               : block_bits_highest(word.entries));
    return true;
}
