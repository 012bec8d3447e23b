// SPDX-License-Identifier: Apache-2.0
/// A user's level by each bucket of its entries, in one go from its last row to its first. Of the
/// rows behind an entry nothing matters but when each step can be completed at the earliest, so
/// that a row of step k needs to know only what those behind it made of step k + 1. Where a bucket
/// begins cannot be guessed: what is found of one is written at each of its entries.
#include "engine/query/block/block_bits.h"
#include "engine/query/block/block_walk.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#define NEVER INT64_MAX
#define SLOTS_PER_BUCKET_MAX 16u
#define SLOT_COUNT_LEAST 4096u

struct walk {
    struct block_user *user;
    struct block_trend *trend;
    uint32_t count;           ///< of trend->found
    struct query_brief found; ///< of the bucket gone through last
    int64_t row_us;           ///< the step row behind, for ties
    bool row_is_later;        ///< it fills more than step 1
    /// [j][k]: an entry at this moment or later can complete step k + 1 by steps j + 1 to k + 1
    /// among the rows gone through; from j = 1, k >= j.
    int64_t from_us[FUNNEL_STEP_COUNT_MAX][FUNNEL_STEP_COUNT_MAX];
};

/// The length of the shortest bucket.
static uint64_t shortest_us(const struct query_buckets *buckets)
{
    uint64_t least = UINT64_MAX;
    for (uint32_t b = 0; b < buckets->count; b++) {
        uint64_t width = (uint64_t)buckets->begins[b + 1] - (uint64_t)buckets->begins[b];
        least = width < least ? width : least;
    }
    return least;
}

bool block_trend_init(struct block_trend *trend, const struct query_buckets *buckets, uint32_t room)
{
    const int64_t *begins = buckets->begins;
    uint32_t shift = 63 - (uint32_t)__builtin_clzll(shortest_us(buckets));
    uint64_t span_us =
        buckets->count == 0 ? 0 : (uint64_t)begins[buckets->count] - (uint64_t)begins[0];
    uint64_t slot_count = (span_us >> shift) + 1;
    if (slot_count > (uint64_t)SLOTS_PER_BUCKET_MAX * buckets->count + SLOT_COUNT_LEAST) {
        return false; // clocks that were changed by seconds once
    }
    *trend = (struct block_trend){.buckets = buckets, .span_us = span_us, .shift = shift};
    trend->begin_us = buckets->count == 0 ? 0 : begins[0];
    trend->slots = memory_allocate(slot_count * sizeof(*trend->slots));
    for (uint64_t slot = 0, b = 0; slot < slot_count; slot++) {
        while (b + 1 < buckets->count &&
               (uint64_t)begins[b + 1] - (uint64_t)begins[0] <= slot << shift) {
            b++;
        }
        trend->slots[slot] = (uint32_t)b;
    }
    trend->found = memory_allocate(((size_t)buckets->count + room) * sizeof(*trend->found));
    return true;
}

void block_trend_deinit(struct block_trend *trend)
{
    memory_free(trend->slots);
    memory_free(trend->found);
}

/// The bucket of a moment within all of them: a slot is no longer than a bucket and meets two.
static inline uint32_t bucket_at(const struct block_trend *trend, int64_t time_us)
{
    uint64_t after_us = (uint64_t)time_us - (uint64_t)trend->begin_us;
    uint32_t bucket = trend->slots[after_us >> trend->shift];
    return bucket + (time_us >= trend->buckets->begins[bucket + 1]);
}

static inline bool is_outside(const struct block_trend *trend, int64_t time_us)
{
    return (uint64_t)time_us - (uint64_t)trend->begin_us >= trend->span_us;
}

/// Counts an entry that gets so far. The unit is open where its last entry may still get on, or
/// where its only one may.
static inline void take_entry(struct walk *walk, int64_t time_us, uint32_t level, bool first_only)
{
    uint32_t bucket = bucket_at(walk->trend, time_us);
    bool fresh = bucket != walk->found.row;
    bool alone = fresh | first_only;
    bool open = time_us >= walk->user->open_from_us;
    bool higher = alone | (level > walk->found.level);
    walk->found.row = bucket;
    walk->found.open = alone ? open : walk->found.open;
    walk->found.level = higher ? (uint8_t)level : walk->found.level;
    walk->count += fresh;
    walk->trend->found[walk->count - 1] = walk->found;
}

/// How far an entry gets with the rows behind it.
static inline uint32_t level_from(const struct walk *walk, int64_t entry_us)
{
    uint32_t level = 1;
    for (uint32_t k = 1; k < walk->user->reach; k++) {
        level += entry_us >= walk->from_us[1][k];
    }
    return level;
}

/// Lets a row begin with each step that it may fill, earlier steps first, so that it fills only one
/// of an assignment.
static inline void begin_with(struct walk *walk, uint32_t steps, int64_t time_us)
{
    int64_t from_us;
    if (__builtin_sub_overflow(time_us, walk->user->window_us, &from_us)) {
        from_us = INT64_MIN;
    }
    for (; steps != 0; steps &= steps - 1) {
        uint32_t step = (uint32_t)__builtin_ctz(steps);
        walk->from_us[step][step] = from_us;
        for (uint32_t k = step + 1; k < walk->user->reach; k++) {
            walk->from_us[step][k] = walk->from_us[step + 1][k];
        }
    }
}

/// Takes the row before those gone through. False where one at its instant may come first.
static inline bool take_row(struct walk *walk, const struct block_run *run, uint32_t row,
                            bool entry, bool later, bool first_only)
{
    int64_t time_us = block_lane_time(run->lane, row);
    uint32_t steps = 0;
    if (later) {
        uint32_t of_reach = (uint32_t)block_bits_below(walk->user->reach) & ~UINT32_C(1);
        steps = block_lane_steps(run->lane, row) & of_reach;
    }
    if (!entry && steps == 0) {
        return true;
    }
    if (time_us == walk->row_us && (walk->row_is_later || steps != 0)) {
        return false;
    }
    walk->row_is_later = steps != 0;
    walk->row_us = time_us;
    if (entry && !is_outside(walk->trend, time_us)) {
        take_entry(walk, time_us, level_from(walk, time_us), first_only);
    }
    if (steps != 0) {
        begin_with(walk, steps, time_us);
    }
    return true;
}

/// Rows of a user that can only reach level 1: neither order nor ties matter.
static inline void take_entries(struct walk *walk, const struct block_run *run, uint32_t begin,
                                uint64_t entries, bool first_only)
{
    while (entries != 0) {
        uint32_t bit = block_bits_highest(entries);
        int64_t time_us = block_lane_time(run->lane, begin + bit);
        entries ^= UINT64_C(1) << bit;
        if (!is_outside(walk->trend, time_us)) {
            take_entry(walk, time_us, 1, first_only);
        }
    }
}

static inline bool take_rows(struct walk *walk, const struct block_run *run, uint32_t begin,
                             uint64_t entries, uint64_t later, bool first_only)
{
    for (uint64_t rows = entries | later; rows != 0;) {
        uint32_t bit = block_bits_highest(rows);
        rows ^= UINT64_C(1) << bit;
        if (!take_row(walk, run, begin + bit, (entries >> bit & 1) != 0, (later >> bit & 1) != 0,
                      first_only)) {
            return false;
        }
    }
    return true;
}

static inline bool take_run(struct walk *walk, const struct block_run *run, bool first_only)
{
    for (uint32_t end = run->end; end > run->begin;) {
        uint32_t count = end - run->begin < BLOCK_WORD_SIZE ? end - run->begin : BLOCK_WORD_SIZE;
        uint32_t begin = end - count;
        uint32_t entry_end = end < run->entry_end ? end : run->entry_end;
        uint64_t entries =
            begin < entry_end ? block_bits_at(run->lane->entries, begin, entry_end - begin) : 0;
        uint64_t later = block_bits_at(run->lane->later, begin, count);
        walk->user->step_rows += (uint64_t)__builtin_popcountll(entries | later);
        if (walk->user->reach == 1) {
            take_entries(walk, run, begin, entries, first_only);
        } else if (!take_rows(walk, run, begin, entries, later, first_only)) {
            return false;
        }
        end = begin;
    }
    return true;
}

static bool take_runs(struct walk *walk)
{
    const struct block_user *user = walk->user;
    for (uint32_t i = user->run_count; i-- > 0;) {
        if (!(user->first_only ? take_run(walk, &user->runs[i], true)
                               : take_run(walk, &user->runs[i], false))) {
            return false;
        }
    }
    return true;
}

bool block_walk_trend(struct block_user *user, struct block_trend *trend)
{
    struct walk walk; // most of it is never looked at
    walk.user = user;
    walk.trend = trend;
    walk.count = trend->count;
    walk.found.row = QUERY_BUCKETS_NONE;
    walk.row_us = INT64_MIN;
    walk.row_is_later = false;
    for (uint32_t j = 1; j < user->reach; j++) {
        for (uint32_t k = j; k < user->reach; k++) {
            walk.from_us[j][k] = NEVER;
        }
    }
    user->step_rows = 0;
    user->level = 0; // what is found is in `trend`
    if (!take_runs(&walk)) {
        return false;
    }
    DCHECK(walk.count - trend->count <= trend->buckets->count);
    for (; trend->count < walk.count; trend->count++) {
        struct query_brief *found = &trend->found[trend->count];
        found->open = found->open & (found->level < user->step_count);
    }
    return true;
}
