// SPDX-License-Identifier: Apache-2.0
/// A user's level by each bucket of its entries. Every bucket in which there is an entry counts for
/// step 1: they are found 64 rows at a time. Then the rows of later steps are gone through from the
/// last to the first. Of the rows behind an entry nothing matters but when each step can be
/// completed at the earliest, so that a row of step k needs to know only what those behind it made
/// of step k + 1; and of the entries before it that lie in one bucket the last one gets furthest.
#include "engine/query/block/block_bits.h"
#include "engine/query/block/block_trend.h"
#include "engine/query/block/block_walk.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#define NEVER INT64_MAX
#define NO_PLACE UINT32_MAX
#define REACH_FEW 4u

/// A user on its way.
struct walk {
    struct block_user *user;
    struct block_trend *trend;
    const struct block_chunk *chunks;
    uint32_t chunk_count;
    struct block_chunk only; ///< where there is but one
    bool asked_open;         ///< where the moments say whether a bucket's attempts may still be won
    uint32_t first_place;    ///< of the first entry
    bool first_open;         ///< whether the first bucket's attempts may still be won
    bool last_open;
    /// [j][k]: an entry at this moment or later can complete step k + 1 by steps j + 1 to k + 1
    /// among the rows gone through; j from 1, k >= j, others are NEVER.
    int64_t from_us[FUNNEL_STEP_COUNT_MAX + 1][FUNNEL_STEP_COUNT_MAX];
};

static void reserve_chunks(const struct block_user *user, struct block_trend *trend)
{
    uint32_t most = user->row_count / BLOCK_WORD_SIZE + user->run_count;
    if (most > trend->chunk_capacity) {
        trend->chunk_capacity = most * 2;
        memory_free(trend->chunks);
        trend->chunks = memory_allocate(trend->chunk_capacity * sizeof(*trend->chunks));
    }
}

/// Of `entries` the first behind each turn. A turn behind which none comes among the `count` rows
/// is carried on to those that follow.
static inline uint64_t firsts_of(uint64_t entries, uint64_t turns, uint32_t count, bool *carry)
{
    // A turn runs over rows that are no entries as an addition carries over ones.
    uint64_t others = ~entries & (UINT64_MAX >> (BLOCK_WORD_SIZE - count));
    uint64_t begins = turns | *carry;
    uint64_t over = (begins & others) + others;
    *carry = over < others || (count < BLOCK_WORD_SIZE && (over >> count) != 0);
    return (begins | over) & entries;
}

/// Takes at most 64 rows of a run.
static inline void take_chunk(const struct block_run *run, uint32_t row, uint32_t count,
                              bool turned, bool *carry, struct block_chunk *chunk)
{
    uint32_t entry_count = 0;
    if (row < run->entry_end) {
        entry_count = run->entry_end - row < count ? run->entry_end - row : count;
    }
    chunk->row = row;
    chunk->entries = block_bits_at(run->lane->entries, row, entry_count);
    chunk->later = block_bits_at(run->lane->later, row, count);
    chunk->turns = block_bits_at(run->lane->turns, row, count);
    if (row == run->begin) { // the row before is another user's, or in another run
        chunk->turns = (chunk->turns & ~UINT64_C(1)) | turned;
    }
    chunk->firsts = firsts_of(chunk->entries, chunk->turns, count, carry);
}

/// Cuts the user's rows into chunks.
static void take_chunks(const struct block_user *user, struct block_trend *trend)
{
    bool carry = false;
    uint32_t place = UINT32_MAX;
    reserve_chunks(user, trend);
    trend->chunk_count = 0;
    for (uint32_t i = 0; i < user->run_count; i++) {
        const struct block_run *run = &user->runs[i];
        bool turned = run->lane->places[run->begin] != place;
        for (uint32_t row = run->begin; row < run->end; row += BLOCK_WORD_SIZE) {
            struct block_chunk *chunk = &trend->chunks[trend->chunk_count++];
            uint32_t rest = run->end - row;
            uint32_t count = rest < BLOCK_WORD_SIZE ? rest : BLOCK_WORD_SIZE;
            take_chunk(run, row, count, turned, &carry, chunk);
            chunk->run = i;
        }
        place = run->lane->places[run->end - 1];
    }
}

/// Whether a step row of the user next to this one is at the same instant. Runs do not share
/// instants.
static __attribute__((noinline)) bool find_tie(const struct block_run *run, uint32_t row)
{
    const struct block_lane *lane = run->lane;
    const int64_t time_us = block_lane_time(lane, row);
    for (uint32_t r = row; r > run->begin && block_lane_time(lane, r - 1) == time_us; r--) {
        if ((block_bits_at(lane->entries, r - 1, 1) | block_bits_at(lane->later, r - 1, 1)) != 0) {
            return true;
        }
    }
    for (uint32_t r = row + 1; r < run->end && block_lane_time(lane, r) == time_us; r++) {
        if ((block_bits_at(lane->entries, r, 1) | block_bits_at(lane->later, r, 1)) != 0) {
            return true;
        }
    }
    return false;
}

/// How far an entry gets with the rows behind it.
static inline uint32_t level_from(const struct walk *walk, int64_t entry_us, uint32_t reach)
{
    uint32_t level = 1;
    for (uint32_t k = 1; k < reach; k++) {
        level += entry_us >= walk->from_us[1][k];
    }
    return level;
}

/// Lets a row begin with each step that it may fill, earlier steps first, so that it fills only one
/// of an assignment.
static inline void begin_with(struct walk *walk, uint32_t steps, int64_t time_us, uint32_t reach)
{
    int64_t from_us;
    if (__builtin_sub_overflow(time_us, walk->user->window_us, &from_us)) {
        from_us = INT64_MIN;
    }
    for (; steps != 0; steps &= steps - 1) {
        uint32_t step = (uint32_t)__builtin_ctz(steps);
        for (uint32_t k = 0; k < reach; k++) {
            walk->from_us[step][k] = walk->from_us[step + 1][k];
        }
        walk->from_us[step][step] = from_us;
    }
}

/// Takes a row of a later step before those gone through. False where another may come first.
static inline bool take_later(struct walk *walk, const struct block_run *run, uint32_t row,
                              uint32_t reach)
{
    uint32_t of_reach = (uint32_t)block_bits_below(walk->user->reach) & ~UINT32_C(1);
    uint32_t steps = block_lane_steps(run->lane, row) & of_reach;
    if (steps == 0) {
        return true;
    }
    if (block_lane_crowded(run->lane, row) && find_tie(run, row)) {
        return false;
    }
    begin_with(walk, steps, block_lane_time(run->lane, row), reach);
    return true;
}

static inline void raise(struct block_trend *trend, uint32_t place, uint32_t level)
{
    uint32_t count = trend->raise_count;
    if (count == 0 || trend->raises[count - 1].place != place) {
        trend->raises[trend->raise_count++] = (struct block_raise){place, level};
    } else if (trend->raises[count - 1].level < level) {
        trend->raises[count - 1].level = level;
    }
}

/// Entries between two rows of later steps: the last of each bucket, until one gets no further than
/// step 1, as those before it do not either.
static inline void take_entries(struct walk *walk, const struct block_lane *lane,
                                const struct block_chunk *chunk, uint64_t entries, uint32_t reach)
{
    while (entries != 0) {
        uint32_t bit = block_bits_highest(entries);
        uint32_t row = chunk->row + bit;
        uint32_t level = level_from(walk, block_lane_time(lane, row), reach);
        if (level == 1) {
            return;
        }
        raise(walk->trend, lane->places[row], level);
        uint64_t turns = chunk->turns & (block_bits_below(bit) << 1 | 1);
        entries &= turns == 0 ? 0 : block_bits_below(block_bits_highest(turns));
    }
}

/// Goes through a chunk from its last row on. False at a tie.
static inline bool climb_chunk(struct walk *walk, const struct block_chunk *chunk, uint32_t reach)
{
    const struct block_run *run = &walk->user->runs[chunk->run];
    // Where only the first entry of a bucket counts, there is no other.
    uint64_t entries = walk->user->first_only ? chunk->firsts : chunk->entries;
    for (uint64_t later = chunk->later; later != 0;) {
        uint32_t bit = block_bits_highest(later);
        take_entries(walk, run->lane, chunk, entries & ~block_bits_below(bit), reach);
        entries &= block_bits_below(bit);
        later ^= UINT64_C(1) << bit;
        if (!take_later(walk, run, chunk->row + bit, reach)) {
            return false;
        }
    }
    take_entries(walk, run->lane, chunk, entries, reach);
    return true;
}

/// Finds the buckets in which the user gets further than step 1. `reach`: as the user's, or more.
static inline bool climb(struct walk *walk, uint32_t reach)
{
    for (uint32_t j = 1; j <= reach; j++) {
        for (uint32_t k = 0; k < reach; k++) {
            walk->from_us[j][k] = NEVER;
        }
    }
    for (uint32_t i = walk->chunk_count; i-- > 0;) {
        if (!climb_chunk(walk, &walk->chunks[i], reach)) {
            return false;
        }
    }
    return true;
}

/// Whether the attempt of a bucket may still be won: by its last entry, or where attempts are the
/// first its first one, which is the chunk's bit.
static __attribute__((noinline)) bool find_open(const struct walk *walk, uint32_t index,
                                                uint32_t bit)
{
    const struct block_chunk *chunk = &walk->chunks[index];
    const struct block_lane *lane = walk->user->runs[chunk->run].lane;
    const uint32_t place = lane->places[chunk->row + bit];
    int64_t last_us = block_lane_time(lane, chunk->row + bit);
    uint64_t entries = chunk->entries & ~block_bits_below(bit);
    for (bool same = !walk->user->first_only; same;) {
        for (; entries != 0 && same; entries &= entries - 1) {
            uint32_t row = chunk->row + block_bits_lowest(entries);
            same = lane->places[row] == place;
            last_us = same ? block_lane_time(lane, row) : last_us;
        }
        if (++index == walk->chunk_count) {
            break;
        }
        chunk = &walk->chunks[index];
        lane = walk->user->runs[chunk->run].lane;
        entries = chunk->entries;
    }
    return last_us >= walk->user->open_from_us;
}

/// Counts an entry in each bucket where there is one.
static inline void count_firsts(struct walk *walk)
{
    const struct block_trend *trend = walk->trend;
    const bool more_steps = walk->user->step_count > 1;
    for (uint32_t i = 0; i < walk->chunk_count; i++) {
        const struct block_chunk *chunk = &walk->chunks[i];
        const uint16_t *places = walk->user->runs[chunk->run].lane->places + chunk->row;
        for (uint64_t firsts = chunk->firsts; firsts != 0; firsts &= firsts - 1) {
            uint32_t bit = block_bits_lowest(firsts);
            uint32_t open = trend->open[places[bit]];
            if (open == BLOCK_TREND_ASK) {
                walk->asked_open = find_open(walk, i, bit);
                open = walk->asked_open;
            }
            open &= more_steps;
            if (walk->first_place == NO_PLACE) {
                walk->first_place = places[bit];
                walk->first_open = open;
            }
            walk->last_open = open;
            block_trend_cells(trend, places[bit])[open]++;
        }
        walk->user->step_rows += (uint64_t)__builtin_popcountll(chunk->entries | chunk->later);
    }
}

/// Counts further steps where they were made. Returns how far all entries at once get.
static inline uint32_t count_raises(struct walk *walk)
{
    const struct block_trend *trend = walk->trend;
    uint32_t best = 1;
    for (uint32_t i = 0; i < trend->raise_count; i++) {
        const struct block_raise raise = trend->raises[i];
        uint64_t *cells = block_trend_cells(trend, raise.place);
        uint32_t open = trend->open[raise.place];
        open = open == BLOCK_TREND_ASK ? walk->asked_open : open;
        cells[open]--;
        cells[(raise.level - 1) * 2 + (open & (raise.level < walk->user->step_count))]++;
        bool counts = !walk->user->first_only | (raise.place == walk->first_place);
        best = (counts & (raise.level > best)) ? raise.level : best;
    }
    return best;
}

static inline void count(struct walk *walk)
{
    const struct block_user *user = walk->user;
    count_firsts(walk);
    if (walk->first_place == NO_PLACE) {
        return;
    }
    uint32_t level = count_raises(walk);
    bool open = user->first_only ? walk->first_open : walk->last_open;
    uint64_t *cells = block_trend_cells(walk->trend, walk->trend->buckets->count + 1);
    cells[(level - 1) * 2 + (open & (level < user->step_count))]++;
}

/// One loop for users who reach few steps, so that the compiler knows how many.
static inline bool climb_far_enough(struct walk *walk)
{
    uint32_t reach = walk->user->reach;
    if (reach <= 2) {
        return reach == 1 || climb(walk, 2);
    }
    return reach <= REACH_FEW ? climb(walk, REACH_FEW) : climb(walk, reach);
}

/// The commonest user: all of its rows are in one chunk.
static inline bool walk_one(struct walk *walk)
{
    const struct block_run *run = &walk->user->runs[0];
    bool carry = false;
    walk->only.run = 0;
    take_chunk(run, run->begin, walk->user->row_count, true, &carry, &walk->only);
    walk->chunks = &walk->only;
    walk->chunk_count = 1;
    if (!climb_far_enough(walk)) {
        return false;
    }
    count(walk);
    return true;
}

static bool walk_many(struct walk *walk)
{
    take_chunks(walk->user, walk->trend);
    walk->chunks = walk->trend->chunks;
    walk->chunk_count = walk->trend->chunk_count;
    if (!climb_far_enough(walk)) {
        return false;
    }
    count(walk);
    return true;
}

bool block_walk_trend(struct block_user *user, struct block_trend *trend)
{
    struct walk walk; // most of it is never looked at
    walk.user = user;
    walk.trend = trend;
    walk.asked_open = false;
    walk.first_place = NO_PLACE;
    walk.first_open = false;
    walk.last_open = false;
    trend->raise_count = 0;
    user->step_rows = 0;
    user->level = 0; // what is found is in `trend`
    return user->run_count == 1 && user->row_count <= BLOCK_WORD_SIZE ? walk_one(&walk)
                                                                      : walk_many(&walk);
}
