// SPDX-License-Identifier: Apache-2.0
#include "engine/query/block/block_pair.h"

#include "engine/query/block/block_bits.h"
#include "engine/query/block/block_walk.h"
#include "engine/query/memo/memo.h"
#include "storage/base/invariant.h"

/// A lane of which no user is left, beside a lane alone.
static const struct hash128 NO_KEY = {UINT64_MAX, UINT64_MAX};
static const uint32_t NO_ROWS[2];
static const uint64_t NO_BITS[2];

/// A lane, and where it stands.
struct side {
    const struct hash128 *keys;
    const uint32_t *row_counts;
    const uint64_t *masks;
    const uint64_t *entries;
    const uint64_t *later;
    const uint32_t *possible;
    const uint32_t *units;
    uint32_t user;
    uint32_t row;
    uint32_t limit; ///< the users before it can be gone through
};

/// A user: bit b of its rows is row `rows[b >= split] + b` of that side.
struct merged {
    uint64_t entries;
    uint64_t later;
    uint32_t rows[2];
    uint32_t split;
    uint32_t reach; ///< no higher level is possible, by the names that the user has
};

/// A user of more rows than that: `counts` rows from `rows` on.
struct long_user {
    uint32_t rows[2];
    uint32_t counts[2];
    uint32_t ordinal;
    uint32_t reach;
};

struct pair {
    const struct block_pair_ask *ask;
    struct block_lane *lanes[2];
    struct side sides[2];
    const uint32_t *units[2]; ///< times of rows
    uint64_t bases[2];
    uint64_t powers[2];
    const uint8_t *classes[2];
    uintptr_t slices[2]; ///< bytes that name rows' slices, which are fetched ahead
    bool apart;          ///< all rows of the first lane lie before those of the second
    uint32_t user_count;
    uint32_t skipped;
    uint64_t step_rows;
    uint32_t single_count;
    uint32_t climber_count;
    uint32_t long_count;
    struct merged users[BLOCK_PAIR_USER_COUNT_MAX];  ///< by ordinal
    uint8_t singles[BLOCK_PAIR_USER_COUNT_MAX + 1];  ///< ordinals of those who only reach level 1
    uint8_t climbers[BLOCK_PAIR_USER_COUNT_MAX + 1]; ///< and of those who may get further
    struct long_user longs[BLOCK_PAIR_USER_COUNT_MAX];
    struct hash128 keys[BLOCK_PAIR_USER_COUNT_MAX]; ///< by ordinal, where noted
};

static inline uint32_t run_of(const struct merged *user, uint32_t bit)
{
    return bit >= user->split;
}

static inline int64_t time_at(const struct pair *pair, const struct merged *user, uint32_t bit)
{
    uint32_t run = run_of(user, bit);
    return (int64_t)(pair->bases[run] +
                     pair->units[run][user->rows[run] + bit] * pair->powers[run]);
}

static inline uint32_t steps_at(const struct pair *pair, const struct merged *user, uint32_t bit)
{
    uint32_t run = run_of(user, bit);
    return pair->lanes[run]->steps_of_class[pair->classes[run][user->rows[run] + bit]];
}

/// Whether another step row of the user is at the same instant: the next ones on either side, since
/// rows stand in order of time and runs do not share instants.
static __attribute__((noinline)) bool find_tie(const struct pair *pair, const struct merged *user,
                                               uint32_t bit)
{
    uint64_t steps = user->entries | user->later;
    uint64_t below = steps & block_bits_below(bit);
    uint64_t above = steps & (~block_bits_below(bit) << 1);
    int64_t time_us = time_at(pair, user, bit);
    return (below != 0 && time_at(pair, user, block_bits_highest(below)) == time_us) ||
           (above != 0 && time_at(pair, user, block_bits_lowest(above)) == time_us);
}

static inline bool has_tie(const struct pair *pair, const struct merged *user, uint32_t bit)
{
    uint32_t run = run_of(user, bit);
    const uint32_t *units = pair->units[run];
    uint32_t row = user->rows[run] + bit;
    // The group's first and last row are beside themselves: the exact look follows.
    uint32_t before = row - (row > 0);
    uint32_t after = row + (row < pair->lanes[run]->last_row);
    bool crowded = (units[before] == units[row]) | (units[after] == units[row]);
    return crowded && find_tie(pair, user, bit);
}

/// Bytes by row that are read once a row is counted; where they are not known, some that are here.
static uintptr_t slices_of(const struct block_lane *lane)
{
    const struct query_source *source = lane->source;
    bool known = source->slice_bytes != NULL && source->slice_group == lane->group;
    return (uintptr_t)(known ? source->slice_bytes : lane->classes);
}

static void take_side(struct pair *pair, uint32_t which, struct block_lane *lane)
{
    pair->lanes[which] = lane;
    pair->units[which] = lane->times.units;
    pair->bases[which] = lane->times.base;
    pair->powers[which] = lane->times.power;
    pair->classes[which] = lane->classes;
    pair->slices[which] = slices_of(lane);
    pair->sides[which] = (struct side){.keys = lane->keys,
                                       .row_counts = lane->row_counts,
                                       .masks = lane->masks,
                                       .entries = lane->entries,
                                       .later = lane->later,
                                       .possible = lane->possible,
                                       .units = lane->times.units,
                                       .user = lane->user,
                                       .row = lane->row,
                                       .limit = lane->stop};
}

static void take_no_side(struct pair *pair)
{
    pair->lanes[1] = pair->lanes[0];
    pair->units[1] = pair->units[0];
    pair->bases[1] = pair->bases[0];
    pair->powers[1] = pair->powers[0];
    pair->classes[1] = pair->classes[0];
    pair->slices[1] = pair->slices[0];
    pair->sides[1] = (struct side){.keys = &NO_KEY,
                                   .row_counts = NO_ROWS,
                                   .masks = NO_BITS,
                                   .entries = NO_BITS,
                                   .later = NO_BITS,
                                   .possible = pair->sides[0].possible,
                                   .units = pair->units[0],
                                   .limit = 1};
}

/// Whether the rows of the user at whom both sides stand are of one user, and those of the first
/// side over before the others begin.
static bool is_in_order(const struct pair *pair, const struct side *first,
                        const struct side *second)
{
    uint32_t last = first->row + first->row_counts[first->user] - 1;
    return first->keys[first->user].low == second->keys[second->user].low &&
           (pair->apart ||
            block_lane_time(pair->lanes[0], last) < block_lane_time(pair->lanes[1], second->row));
}

/// Puts a user of so many rows on each side where what it can reach says, without a branch: which
/// it is cannot be guessed.
static inline void put(struct pair *pair, const struct side *a, const struct side *b,
                       const uint32_t counts[2], uint32_t ordinal, uint32_t reach)
{
    // Where the first side has all 64 rows, the other has none.
    uint32_t shift = counts[0] % BLOCK_WORD_SIZE;
    struct merged *user = &pair->users[ordinal];
    uint64_t entries = block_bits_at(a->entries, a->row, counts[0]) |
                       block_bits_at(b->entries, b->row, counts[1]) << shift;
    uint64_t later = block_bits_at(a->later, a->row, counts[0]) |
                     block_bits_at(b->later, b->row, counts[1]) << shift;
    *user = (struct merged){entries, later, {a->row, b->row - counts[0]}, counts[0], reach};
    pair->singles[pair->single_count] = (uint8_t)ordinal;
    pair->climbers[pair->climber_count] = (uint8_t)ordinal;
    pair->single_count += (entries != 0) & (reach == 1);
    pair->climber_count += (entries != 0) & (reach > 1);
    pair->skipped += reach == 0;
    pair->step_rows += reach > 0 ? (uint64_t)__builtin_popcountll(entries | later) : 0;
}

static void put_long(struct pair *pair, const struct side *a, const struct side *b,
                     const uint32_t counts[2], uint32_t ordinal, uint32_t reach)
{
    pair->skipped += reach == 0;
    if (reach > 0) {
        pair->longs[pair->long_count++] =
            (struct long_user){{a->row, b->row}, {counts[0], counts[1]}, ordinal, reach};
    }
}

/// Fetches times ahead: where users begin and end is too sparse for the machine to guess. Two lines
/// of 16, which is more than most users' rows of a segment take.
static inline void fetch_ahead(const struct side *side)
{
    uintptr_t from =
        (uintptr_t)side->units + sizeof(uint32_t) * (side->row + (uint64_t)BLOCK_AHEAD);
    __builtin_prefetch((const void *)from);
    __builtin_prefetch((const void *)(from + 64));
}

/// Brings the next users' rows together.
static inline void merge(struct pair *pair, uint32_t limit)
{
    struct side a = pair->sides[0];
    struct side b = pair->sides[1];
    const bool noted = pair->ask->noted;
    const uint64_t together = pair->apart ? 0 : UINT64_MAX;
    uint32_t count = 0;
    for (; count < limit && a.user < a.limit && b.user < b.limit; count++) {
        uint64_t high_a = a.keys[a.user].high;
        uint64_t high_b = b.keys[b.user].high;
        uint32_t in_a = high_a <= high_b;
        uint32_t in_b = high_b <= high_a;
        uint32_t rows_a = a.row_counts[a.user] & -in_a;
        uint32_t rows_b = b.row_counts[b.user] & -in_b;
        uint64_t other = a.keys[a.user].low ^ b.keys[b.user].low;
        if (noted) {
            pair->keys[count] = high_a < high_b ? a.keys[a.user] : b.keys[b.user];
        }
        // One word, so that a compiler makes one branch of it: which of its parts says it cannot be
        // guessed, but that is_in_order() says yes nearly always can.
        uint64_t mixed = (other | together) & -(uint64_t)(in_a & in_b);
        if (mixed != 0 && !is_in_order(pair, &a, &b)) {
            break;
        }
        uint32_t possible = (a.possible[a.masks[a.user] % BLOCK_NAME_COUNT] & -in_a) |
                            (b.possible[b.masks[b.user] % BLOCK_NAME_COUNT] & -in_b);
        uint32_t reach = (uint32_t)__builtin_ctzll(~(uint64_t)possible);
        if ((uint64_t)rows_a + rows_b <= BLOCK_WORD_SIZE) {
            put(pair, &a, &b, (const uint32_t[2]){rows_a, rows_b}, count, reach);
        } else {
            put_long(pair, &a, &b, (const uint32_t[2]){rows_a, rows_b}, count, reach);
        }
        a.user += in_a;
        b.user += in_b;
        a.row += rows_a;
        b.row += rows_b;
        fetch_ahead(&a);
        fetch_ahead(&b);
    }
    pair->sides[0] = a;
    pair->sides[1] = b;
    pair->user_count = count;
}

/// A row is counted when its batch is full: each user's byte is in a line of its own.
static inline void fetch_slice(const struct pair *pair, uint32_t which, uint32_t row)
{
    __builtin_prefetch((const void *)(pair->slices[which] + row));
}

/// Counts a user whose reported attempt begins at a row.
static inline void report(struct pair *pair, const struct merged *user, uint32_t entry,
                          uint32_t level)
{
    const struct block_pair_ask *ask = pair->ask;
    uint32_t last =
        ask->first_only ? block_bits_lowest(user->entries) : block_bits_highest(user->entries);
    bool open = (level < ask->step_count) & (time_at(pair, user, last) >= ask->open_from_us);
    uint32_t run = run_of(user, entry);
    struct block_lane *lane = pair->lanes[run];
    fetch_slice(pair, run, user->rows[run] + entry);
    if (ask->noted) {
        lane->notes[lane->batch_count] =
            (struct query_memo_note){pair->keys[user - pair->users], QUERY_MEMO_NEW,
                                     time_at(pair, user, entry), time_at(pair, user, last)};
    }
    lane->batch[lane->batch_count++] =
        (struct query_brief){user->rows[run] + entry, (uint8_t)level, open};
}

/// A user on its way up. Moments and bits of starts apart: read as one they would wait for both of
/// the writes.
struct climb {
    int64_t start_us[FUNNEL_STEP_COUNT_MAX]; ///< the latest entry of an assignment that completed
    uint32_t starts[FUNNEL_STEP_COUNT_MAX];  ///< step k + 1
    uint32_t entry;                          ///< of the reported attempt
    uint32_t level;
};

/// Lets a row complete steps, later ones first, so that it fills only one of an assignment.
static inline void advance(struct climb *climb, uint32_t steps, int64_t time_us, int64_t window_us)
{
    do {
        uint32_t step = (uint32_t)__builtin_clz(steps) ^ 31;
        steps ^= UINT32_C(1) << step;
        const int64_t start_us = climb->start_us[step - 1];
        const uint32_t start = climb->starts[step - 1];
        if (time_us - start_us > window_us) {
            continue;
        }
        climb->start_us[step] = start_us;
        climb->starts[step] = start;
        if (step == climb->level) {
            climb->level++;
            climb->entry = start;
        }
    } while (steps != 0);
}

/// As the walk of one user does (block_walk.c). False at a tie.
static inline bool climb_up(struct pair *pair, const struct merged *user)
{
    uint32_t first = block_bits_lowest(user->entries);
    struct climb climb; // most of it is never looked at
    if (has_tie(pair, user, first)) {
        return false;
    }
    climb.entry = first;
    climb.level = 1;
    if (pair->ask->first_only) {
        climb.start_us[0] = time_at(pair, user, first);
        climb.starts[0] = first;
    }
    for (uint64_t later = user->later & (~block_bits_below(first) << 1);
         later != 0 && climb.level < user->reach; later &= later - 1) {
        uint32_t bit = block_bits_lowest(later);
        uint32_t steps =
            steps_at(pair, user, bit) & (uint32_t)block_bits_below(climb.level + 1) & ~UINT32_C(1);
        if (steps == 0) {
            continue; // the step before it was never completed
        }
        if (has_tie(pair, user, bit)) {
            return false;
        }
        if (!pair->ask->first_only) {
            uint32_t entry = block_bits_highest(user->entries & block_bits_below(bit));
            climb.start_us[0] = time_at(pair, user, entry);
            climb.starts[0] = entry;
        }
        advance(&climb, steps, time_at(pair, user, bit), pair->ask->window_us);
    }
    // Of several entries at one instant the first in canonical order is the reported one.
    if (climb.level > 1 && climb.entry != first && has_tie(pair, user, climb.entry)) {
        return false;
    }
    report(pair, user, climb.entry, climb.level);
    return true;
}

/// The same of a user of many rows.
static bool walk_long(struct pair *pair, const struct long_user *far)
{
    struct block_user user;
    user.run_count = 0;
    user.row_count = far->counts[0] + far->counts[1];
    user.reach = far->reach;
    user.step_count = pair->ask->step_count;
    user.window_us = pair->ask->window_us;
    user.first_only = pair->ask->first_only;
    user.whole = false;
    user.exact = pair->ask->noted;
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t end = far->rows[i] + far->counts[i];
        if (far->counts[i] > 0) {
            user.runs[user.run_count++] =
                (struct block_run){pair->lanes[i], far->rows[i], end, end};
        }
    }
    if (!block_walk_long(&user)) {
        return false;
    }
    pair->step_rows += block_step_rows(&user);
    if (user.level > 0) {
        bool open = user.level < user.step_count && user.last_us >= pair->ask->open_from_us;
        uint32_t side = far->counts[0] == 0 ? 1 : user.entry_run;
        struct block_lane *lane = pair->lanes[side];
        fetch_slice(pair, side, user.entry_row);
        if (pair->ask->noted) {
            lane->notes[lane->batch_count] =
                (struct query_memo_note){pair->keys[far->ordinal], QUERY_MEMO_NEW,
                                         block_lane_time(lane, user.entry_row), user.last_us};
        }
        lane->batch[lane->batch_count++] =
            (struct query_brief){user.entry_row, (uint8_t)user.level, open};
    }
    return true;
}

/// Goes through so many users at most; false where one has a tie: nothing is counted then, and
/// `user_count` is how many come before it.
static bool walk(struct pair *pair, uint32_t limit)
{
    uint32_t counts[2] = {pair->lanes[0]->batch_count, pair->lanes[1]->batch_count};
    uint32_t tie = UINT32_MAX;
    merge(pair, limit);
    for (uint32_t i = 0; i < pair->climber_count && tie == UINT32_MAX; i++) {
        tie = climb_up(pair, &pair->users[pair->climbers[i]]) ? UINT32_MAX : pair->climbers[i];
    }
    for (uint32_t i = 0; i < pair->long_count && tie == UINT32_MAX; i++) {
        tie = walk_long(pair, &pair->longs[i]) ? UINT32_MAX : pair->longs[i].ordinal;
    }
    if (tie != UINT32_MAX) {
        pair->lanes[0]->batch_count = counts[0];
        pair->lanes[1]->batch_count = counts[1];
        pair->user_count = tie;
        return false;
    }
    for (uint32_t i = 0; i < pair->single_count; i++) {
        const struct merged *user = &pair->users[pair->singles[i]];
        report(pair, user, block_bits_lowest(user->entries), 1);
    }
    return true;
}

static void begin(struct pair *pair, const struct block_pair_ask *ask,
                  struct block_lane *const lanes[2], uint32_t lane_count)
{
    pair->ask = ask;
    pair->skipped = 0;
    pair->step_rows = 0;
    pair->single_count = 0;
    pair->climber_count = 0;
    pair->long_count = 0;
    take_side(pair, 0, lanes[0]);
    if (lane_count == 2) {
        take_side(pair, 1, lanes[1]);
        pair->apart = lanes[0]->max_us < lanes[1]->min_us;
    } else {
        take_no_side(pair);
        pair->apart = true;
    }
}

static void stand(struct block_lane *lane, const struct side *side)
{
    lane->user = side->user;
    lane->row = side->row;
    lane->high = lane->user < lane->end ? lane->keys[lane->user].high : UINT64_MAX;
}

/// Whether block_pair_walk() could do the lane's users, all of which come before a key.
static bool is_plain_below(const struct block_lane *lane, uint64_t high)
{
    uint32_t ahead = lane->end - lane->user < BLOCK_PAIR_USER_COUNT_MAX
                         ? lane->end - 1
                         : lane->user + BLOCK_PAIR_USER_COUNT_MAX - 1;
    return lane->plain && (high == UINT64_MAX || lane->keys[ahead].high < high);
}

uint32_t block_pair_choose(struct block_lane *const *lanes, uint32_t lane_count, uint32_t chosen[2])
{
    uint64_t least[3] = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
    uint32_t at[3] = {0, 0, 0};
    for (uint32_t i = 0; i < lane_count; i++) {
        uint64_t high = lanes[i]->high;
        uint32_t place = (high >= least[0]) + (high >= least[1]) + (high >= least[2]);
        for (uint32_t k = 2; k > place; k--) {
            least[k] = least[k - 1];
            at[k] = at[k - 1];
        }
        if (place < 3) {
            least[place] = high;
            at[place] = i;
        }
    }
    uint32_t count = lane_count < 2 ? lane_count : 2;
    for (uint32_t i = 0; i < count; i++) {
        if (!is_plain_below(lanes[at[i]], least[2])) {
            return 0;
        }
    }
    chosen[0] = count == 2 && at[1] < at[0] ? at[1] : at[0];
    chosen[1] = chosen[0] == at[0] ? at[1] : at[0];
    return count;
}

bool block_pair_walk(const struct block_pair_ask *ask, struct block_lane *const lanes[2],
                     uint32_t lane_count, uint32_t limit, struct block_pair_done *done_out)
{
    struct pair pair;
    bool tie = false;
    DCHECK(limit <= BLOCK_PAIR_USER_COUNT_MAX);
    begin(&pair, ask, lanes, lane_count);
    while (!walk(&pair, limit)) {
        tie = true;
        limit = pair.user_count;
        begin(&pair, ask, lanes, lane_count);
    }
    for (uint32_t i = 0; i < lane_count; i++) {
        stand(lanes[i], &pair.sides[i]);
    }
    *done_out = (struct block_pair_done){pair.user_count, pair.skipped, pair.step_rows};
    return tie;
}
