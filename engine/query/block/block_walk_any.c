// SPDX-License-Identifier: Apache-2.0
/// Order any: the steps with a row within the window that ends at a row, of which there are most at
/// the level. Per step its latest row is all that a later instant needs to know. Rows of step 1 are
/// many, as a rule: of those between two rows of other steps only the first can raise the level,
/// and only where the window behind it holds no other.
#include "engine/query/block/block_bits.h"
#include "engine/query/block/block_tie.h"

struct place {
    uint32_t run;
    uint32_t row;
};

struct walk {
    struct block_user *user;
    uint32_t seen;                          ///< steps that had a row
    int64_t last_us[FUNNEL_STEP_COUNT_MAX]; ///< of the latest row of a step that was seen
    struct place last[FUNNEL_STEP_COUNT_MAX];
    struct place entry; ///< the latest one from which the level was first reached
    bool behind;        ///< no row of step 1 since one of another step
};

/// Up to 64 rows of a run.
struct part {
    const struct block_run *run;
    uint32_t which; ///< the run's number
    uint32_t begin; ///< row of the lowest bits
};

static inline bool is_held(const struct walk *walk, uint32_t step, int64_t time_us)
{
    return (walk->seen >> step & 1) != 0 && time_us - walk->last_us[step] <= walk->user->window_us;
}

/// The steps within the window are filled; more than ever before, or nothing changes. At the first
/// such instant no step less is filled from the latest entry: the earliest of their latest rows.
static void note(struct walk *walk, int64_t time_us)
{
    uint32_t level = 0;
    uint32_t first = 0;
    for (uint32_t steps = walk->seen; steps != 0; steps &= steps - 1) {
        uint32_t step = (uint32_t)__builtin_ctz(steps);
        if (is_held(walk, step, time_us)) {
            first = level == 0 || walk->last_us[step] < walk->last_us[first] ? step : first;
            level++;
        }
    }
    if (level > walk->user->level) {
        walk->user->level = level;
        walk->entry = walk->last[first];
    }
}

static inline void remember(struct walk *walk, const struct part *part, uint32_t step, uint32_t bit)
{
    uint32_t row = part->begin + bit;
    walk->seen |= UINT32_C(1) << step;
    walk->last_us[step] = block_lane_time(part->run->lane, row);
    walk->last[step] = (struct place){part->which, row};
}

/// Takes a row of the step; false at a tie.
static inline bool take_row(struct walk *walk, const struct part *part, uint32_t step, uint32_t bit)
{
    uint32_t row = part->begin + bit;
    bool held = is_held(walk, step, block_lane_time(part->run->lane, row));
    remember(walk, part, step, bit);
    if (!held) {
        note(walk, walk->last_us[step]);
    }
    return !block_has_tie(part->run, row);
}

/// Takes rows of step 1 between two of other steps; false at a tie of the first.
static inline bool take_entries(struct walk *walk, const struct part *part, uint64_t entries)
{
    if (entries == 0) {
        return true;
    }
    if (walk->behind && !take_row(walk, part, 0, block_bits_lowest(entries))) {
        return false;
    }
    walk->behind = false;
    remember(walk, part, 0, block_bits_highest(entries));
    return true;
}

/// Takes the next rows; false where the general way is needed.
static bool take_part(struct walk *walk, const struct part *part, uint64_t entries, uint64_t later)
{
    for (; later != 0 && walk->user->level < walk->user->reach; later &= later - 1) {
        uint32_t bit = block_bits_lowest(later);
        uint32_t steps = block_lane_steps(part->run->lane, part->begin + bit);
        if ((steps & (steps - 1)) != 0 ||
            !take_entries(walk, part, entries & block_bits_below(bit)) ||
            !take_row(walk, part, (uint32_t)__builtin_ctz(steps), bit)) {
            return false;
        }
        entries &= ~block_bits_below(bit);
        walk->behind = true;
    }
    return later != 0 || take_entries(walk, part, entries);
}

static bool take_run(struct walk *walk, uint32_t which)
{
    const struct block_user *user = walk->user;
    const struct block_run *run = &user->runs[which];
    for (uint32_t row = run->begin; row < run->end && user->level < user->reach;
         row += BLOCK_WORD_SIZE) {
        uint32_t count = run->end - row < BLOCK_WORD_SIZE ? run->end - row : BLOCK_WORD_SIZE;
        struct part part = {run, which, row};
        if (!take_part(walk, &part, block_bits_at(run->lane->entries, row, count),
                       block_bits_at(run->lane->later, row, count))) {
            return false;
        }
    }
    return true;
}

/// Time of the last step row; there is one.
static int64_t last_time(const struct block_user *user)
{
    for (uint32_t i = user->run_count; i-- > 0;) {
        const struct block_run *run = &user->runs[i];
        for (uint32_t end = run->end; end > run->begin;) {
            uint32_t count =
                end - run->begin < BLOCK_WORD_SIZE ? end - run->begin : BLOCK_WORD_SIZE;
            uint64_t bits = block_bits_at(run->lane->entries, end - count, count) |
                            block_bits_at(run->lane->later, end - count, count);
            if (bits != 0) {
                return block_lane_time(run->lane, end - count + block_bits_highest(bits));
            }
            end -= count;
        }
    }
    return INT64_MIN;
}

bool block_walk_any(struct block_user *user)
{
    struct walk walk;
    walk.user = user;
    user->step_rows = BLOCK_NO_COUNT;
    walk.seen = 0;
    walk.behind = true;
    user->level = 0;
    for (uint32_t i = 0; i < user->run_count && user->level < user->reach; i++) {
        if (!take_run(&walk, i)) {
            return false;
        }
    }
    if (user->level == 0) {
        return true;
    }
    user->entry_run = walk.entry.run;
    user->entry_row = walk.entry.row;
    // Of several entries at one instant the first in canonical order is the reported one.
    if (user->level > 1 && block_has_tie(&user->runs[user->entry_run], user->entry_row)) {
        return false;
    }
    // Any row may be an entry: the last one keeps the user open longest.
    user->last_us = user->level < user->step_count ? last_time(user) : INT64_MAX;
    return true;
}
