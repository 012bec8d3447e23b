// SPDX-License-Identifier: Apache-2.0
/// A user's entries are gone through from the last to the first and put into a table by value: the
/// first of a value that is met decides whether the unit is open. Then its rows of later steps are
/// looked up there: only a unit with both can be more than level 1. Where nothing is sliced, a unit
/// is a cell counted up; values of a user of few step rows are then compared all with all, and the
/// table is for those of whom a value has an entry and a later step.
#include "engine/query/block/block_hold.h"

#include "engine/query/block/block_bits.h"
#include "engine/query/block/block_few.h"
#include "engine/query/query_units.h"
#include "storage/base/memory.h"

#include <string.h>

// A slot of the table, from its lowest bit: the value's key, whether a later step has it, too,
// whether the unit is open, and which user it is of: others' slots are empty.
#define KEY_BITS 32u
#define CROSSED_BIT (UINT64_C(1) << KEY_BITS)
#define OPEN_BIT (UINT64_C(2) << KEY_BITS)
#define STAMP_SHIFT (KEY_BITS + 2)
#define STAMP_MAX ((UINT64_C(1) << (64 - STAMP_SHIFT)) - 1)
#define NO_SLOT UINT32_MAX

#define SLOT_BITS_MIN 10u ///< so sparse that few values of common users meet
#define ROWS_PER_SLOT_SHIFT 2u
#define CODE_BITS 29u ///< keys of several segments: of a code, the rest are of a segment

/// The attribute in a segment's loaded row group.
struct hold_lane {
    uint32_t group;
    const uint32_t *values; ///< as stored, by row; NULL: no row has one
    uint32_t base;          ///< see column_packed
    const uint32_t *ranked;
    uint32_t missing; ///< stored where there is none
    uint32_t *copied; ///< memory of `values` where they are not stored in 32 bits
    uint32_t copied_capacity;
    /// What a value is to users of several segments, by stored value + base + 1; 0: not known yet.
    uint32_t *keys;
    const uint32_t *keys_ranked; ///< `ranked` when `keys` was begun
};

struct block_hold {
    struct query_units *units;
    struct hold_lane *lanes; ///< by source
    struct block_few few;
    uint64_t *slots;
    uint32_t *places; ///< by slot, of `found`; only where units are listed
    uint32_t slot_bits;
    uint64_t stamp;
    bool listed; ///< units are found one by one: they are sliced, or their first entry counts
    struct block_held *found;
    uint32_t found_count;
    uint32_t found_capacity;
    int64_t open_from_us;
    // Of the present user:
    uint32_t shift;              ///< hashes to slots
    uint64_t fresh[2];           ///< its units of entries alone: not open, and open
    uint64_t outside;            ///< its step rows without a value
    uint32_t crossed;            ///< units that have a later step, too
    bool wide;                   ///< a key did not fit
    enum corong_status status;   ///< of finding a key
    struct corong_error *error;  ///< of that
    const struct block_user *of; ///< itself
};

struct block_hold *block_hold_create(struct query_units *units)
{
    bool plain = units->rule.attempts == FUNNEL_ATTEMPTS_BEST ||
                 units->rule.attempts == FUNNEL_ATTEMPTS_FIRST;
    if (!units->grouped || !plain || units->per_session || units->end_us != INT64_MAX ||
        units->dialect.any_entry || units->entry_steps != 1) {
        return NULL;
    }
    const struct query_plan *plan = units->plan;
    struct block_hold *hold = memory_allocate_zeroed(1, sizeof(*hold));
    hold->units = units;
    hold->lanes = memory_allocate_zeroed((size_t)plan->segment_count + 1, sizeof(*hold->lanes));
    hold->listed = plan->ask.column_count > 0 || units->rule.attempts == FUNNEL_ATTEMPTS_FIRST;
    if (units->rule.step_count == 1) {
        hold->open_from_us = INT64_MAX;
    } else if (__builtin_sub_overflow(plan->as_of_us, units->rule.window_us, &hold->open_from_us)) {
        hold->open_from_us = INT64_MIN;
    }
    block_few_init(&hold->few);
    block_hold_forget(hold);
    return hold;
}

void block_hold_destroy(struct block_hold *hold)
{
    if (hold == NULL) {
        return;
    }
    for (uint32_t i = 0; i < hold->units->plan->segment_count; i++) {
        memory_free(hold->lanes[i].copied);
        memory_free(hold->lanes[i].keys);
    }
    memory_free(hold->lanes);
    memory_free(hold->slots);
    memory_free(hold->places);
    memory_free(hold->found);
    memory_free(hold);
}

void block_hold_forget(struct block_hold *hold)
{
    for (uint32_t i = 0; hold != NULL && i < hold->units->plan->segment_count; i++) {
        hold->lanes[i].group = BLOCK_NO_GROUP;
    }
}

/// Stored values that are not numbers of 32 bits, as such.
static enum corong_status copy_values(struct block_hold *hold, struct hold_lane *lane,
                                      const struct row_group *rows, struct corong_error *error)
{
    const uint32_t column = hold->units->group.column;
    const struct column_packed *packed = &rows->packed[column];
    const uint32_t *codes = rows->columns[column].codes;
    if (rows->row_count > lane->copied_capacity) {
        uint64_t added = rows->row_count - lane->copied_capacity;
        TRY(query_tasks_charge(hold->units->tasks, added * sizeof(*lane->copied),
                               "the values that units are made of", error));
        lane->copied = memory_resize_array(lane->copied, rows->row_count, sizeof(*lane->copied));
        lane->copied_capacity = rows->row_count;
    }
    for (uint32_t row = 0; row < rows->row_count; row++) {
        lane->copied[row] = packed->exists  ? (uint32_t)column_packed_stored(packed, row)
                            : codes != NULL ? codes[row]
                                            : COLUMN_CODE_MISSING;
    }
    lane->values = lane->copied;
    return CORONG_OK;
}

/// Nothing is known yet of what the segment's values are among those of other segments.
static enum corong_status begin_keys(struct block_hold *hold, struct hold_lane *lane,
                                     const struct query_source *source, struct corong_error *error)
{
    const struct dictionary *own;
    const uint32_t column = hold->units->group.column;
    TRY(segment_reader_dictionary(source->segment->reader, column, &own, error));
    if (lane->keys == NULL) {
        TRY(query_tasks_charge(hold->units->tasks, ((uint64_t)own->count + 1) * sizeof(*lane->keys),
                               "the values that units are made of", error));
    }
    memory_free(lane->keys);
    lane->keys = memory_allocate_zeroed((size_t)own->count + 1, sizeof(*lane->keys));
    lane->keys[0] = UINT32_MAX; // missing: not a key, and nothing to look for
    lane->keys_ranked = lane->ranked;
    return CORONG_OK;
}

/// Looks at the attribute of the row group that the block's lane has loaded.
static enum corong_status load(struct block_hold *hold, const struct block_lane *of,
                               struct corong_error *error)
{
    struct query_source *source = of->source;
    struct hold_lane *lane = &hold->lanes[source->index];
    const uint32_t column = hold->units->group.column;
    const struct row_group *rows;
    lane->values = NULL;
    if (column < source->segment->schema->column_count) {
        TRY(query_source_look(source, of->group, &rows, error));
        const struct column_packed *packed = &rows->packed[column];
        lane->base = packed->exists ? (uint32_t)packed->base : 0;
        lane->ranked = packed->exists ? packed->ranked_codes : NULL;
        lane->missing = COLUMN_CODE_MISSING - lane->base;
        if (packed->exists && packed->width == sizeof(uint32_t)) {
            lane->values = packed->values;
        } else {
            TRY(copy_values(hold, lane, rows, error));
        }
        bool begun = lane->keys != NULL && lane->keys_ranked == lane->ranked;
        if (!begun && hold->units->plan->segment_count > 1) {
            TRY(begin_keys(hold, lane, source, error));
        }
    }
    lane->group = of->group;
    return CORONG_OK;
}

/// Room for all rows of a user. It is sparse, and its slots are not cleared between users.
static enum corong_status reserve(struct block_hold *hold, const struct block_user *user,
                                  struct corong_error *error)
{
    uint32_t bits = SLOT_BITS_MIN;
    while (bits < KEY_BITS && UINT64_C(1) << bits < (uint64_t)user->row_count
                                                        << ROWS_PER_SLOT_SHIFT) {
        bits++;
    }
    if (bits > hold->slot_bits) {
        uint64_t count =
            (UINT64_C(1) << bits) - (hold->slots == NULL ? 0 : UINT64_C(1) << hold->slot_bits);
        uint64_t each = sizeof(*hold->slots) + (hold->listed ? sizeof(*hold->places) : 0);
        TRY(query_tasks_charge(hold->units->tasks, count * each, "the units of one user", error));
        memory_free(hold->slots);
        hold->slots = memory_allocate_zeroed(UINT64_C(1) << bits, sizeof(*hold->slots));
        hold->stamp = 0;
        if (hold->listed) {
            hold->places =
                memory_resize_array(hold->places, UINT64_C(1) << bits, sizeof(*hold->places));
        }
        hold->slot_bits = bits;
    }
    if (hold->listed && user->row_count > hold->found_capacity) {
        uint64_t added = user->row_count - hold->found_capacity;
        TRY(query_tasks_charge(hold->units->tasks, added * sizeof(*hold->found),
                               "the units of one user", error));
        hold->found = memory_resize_array(hold->found, user->row_count, sizeof(*hold->found));
        hold->found_capacity = user->row_count;
    }
    if (++hold->stamp > STAMP_MAX) {
        memset(hold->slots, 0, sizeof(*hold->slots) << hold->slot_bits);
        hold->stamp = 1;
    }
    hold->shift = KEY_BITS - bits;
    return CORONG_OK;
}

/// A value of which it is not known yet which one of other segments it is.
static __attribute__((noinline)) uint32_t find_key(struct block_hold *hold,
                                                   const struct block_run *run,
                                                   const struct hold_lane *lane, uint32_t index)
{
    const uint32_t code = lane->ranked == NULL ? index - 1 : lane->ranked[index];
    uint64_t found = 0;
    if (hold->status == CORONG_OK) {
        hold->status =
            query_group_find_key(&hold->units->group, run->lane->source, code, &found, hold->error);
    }
    const uint64_t key = ((found >> 32) << CODE_BITS) + (uint32_t)found + 1;
    if ((uint32_t)found >> CODE_BITS != 0 || key >= UINT32_MAX) {
        hold->wide = true;
        return UINT32_MAX;
    }
    lane->keys[index] = (uint32_t)key;
    return (uint32_t)key;
}

/// What tells a row's value from the user's others: as stored where they lie in one row group
/// (`!shared`), else by its place in the dictionaries.
static inline uint32_t key_of(struct block_hold *hold, const struct block_run *run,
                              const struct hold_lane *lane, uint32_t value, bool shared)
{
    if (!shared) {
        return value;
    }
    const uint32_t index = value + lane->base + 1;
    const uint32_t key = lane->keys[index];
    return key != 0 ? key : find_key(hold, run, lane, index);
}

/// The slot that has the key, or the empty one where it belongs.
static inline uint32_t slot_of(const struct block_hold *hold, uint32_t key, bool *has_out)
{
    const uint64_t want = hold->stamp << STAMP_SHIFT | key;
    const uint32_t last = UINT32_MAX >> hold->shift;
    uint32_t at = (key * UINT32_C(0x9e3779b1)) >> hold->shift;
    for (;; at = (at + 1) & last) {
        uint64_t differ = (hold->slots[at] ^ want) & ~(CROSSED_BIT | OPEN_BIT);
        if (differ == 0 || differ >> STAMP_SHIFT != 0) {
            *has_out = differ == 0;
            return at;
        }
    }
}

/// Puts an entry's value into the table; entries come from the last to the first.
static inline void put(struct block_hold *hold, uint32_t which, uint32_t row, uint32_t key,
                       bool open)
{
    bool has;
    uint32_t at = slot_of(hold, key, &has);
    if (!hold->listed) {
        if (!has) {
            hold->slots[at] = hold->stamp << STAMP_SHIFT | (open ? OPEN_BIT : 0) | key;
            hold->fresh[open]++;
        }
        return;
    }
    if (!has) {
        hold->slots[at] = hold->stamp << STAMP_SHIFT | key;
        hold->places[at] = hold->found_count++;
        hold->found[hold->places[at]].open = open;
        hold->found[hold->places[at]].crossed = false;
    }
    struct block_held *found = &hold->found[hold->places[at]];
    found->run = which;
    found->row = row;
    found->open = hold->units->rule.attempts == FUNNEL_ATTEMPTS_FIRST ? open : found->open;
}

/// The first row of the run at which an attempt that begins may still be won.
static inline uint32_t open_row(const struct block_hold *hold, const struct block_run *run)
{
    uint32_t row = run->end;
    if (run->lane->max_us < hold->open_from_us) {
        return row;
    }
    if (run->lane->min_us >= hold->open_from_us) {
        return run->begin;
    }
    while (row > run->begin && block_lane_time(run->lane, row - 1) >= hold->open_from_us) {
        row--;
    }
    return row;
}

static inline void put_entries(struct block_hold *hold, uint32_t which, bool shared)
{
    const struct block_run *run = &hold->of->runs[which];
    const struct hold_lane *lane = &hold->lanes[run->lane->source->index];
    const uint32_t open_begin = open_row(hold, run);
    for (uint32_t end = run->entry_end; end > run->begin;) {
        uint32_t count = end - run->begin < BLOCK_WORD_SIZE ? end - run->begin : BLOCK_WORD_SIZE;
        uint32_t begin = end - count;
        for (uint64_t bits = block_bits_at(run->lane->entries, begin, count); bits != 0;) {
            uint32_t bit = block_bits_highest(bits);
            uint32_t value = lane->values[begin + bit];
            bits ^= UINT64_C(1) << bit;
            if (value == lane->missing) {
                hold->outside++;
                continue;
            }
            put(hold, which, begin + bit, key_of(hold, run, lane, value, shared),
                begin + bit >= open_begin);
        }
        end = begin;
    }
}

/// A row of a later step: its unit, if it has an entry, is left to the general way.
static inline void cross(struct block_hold *hold, uint32_t key)
{
    bool has;
    uint32_t at = slot_of(hold, key, &has);
    if (!has || (hold->slots[at] & CROSSED_BIT) != 0) {
        return;
    }
    hold->slots[at] |= CROSSED_BIT;
    hold->crossed++;
    if (hold->listed) {
        hold->found[hold->places[at]].crossed = true;
    } else {
        hold->fresh[(hold->slots[at] & OPEN_BIT) != 0]--;
    }
}

static inline void cross_later(struct block_hold *hold, uint32_t which, bool shared)
{
    const struct block_run *run = &hold->of->runs[which];
    const struct hold_lane *lane = &hold->lanes[run->lane->source->index];
    for (uint32_t begin = run->begin, end = run->begin; begin < run->end; begin = end) {
        uint32_t count = run->end - begin < BLOCK_WORD_SIZE ? run->end - begin : BLOCK_WORD_SIZE;
        end = begin + count;
        uint32_t entry_end = end < run->entry_end ? end : run->entry_end;
        uint64_t put =
            begin < entry_end ? block_bits_at(run->lane->entries, begin, entry_end - begin) : 0;
        uint64_t bits = (block_bits_at(run->lane->entries, begin, count) & ~put) |
                        block_bits_at(run->lane->later, begin, count);
        for (; bits != 0; bits &= bits - 1) {
            uint32_t bit = block_bits_lowest(bits);
            uint32_t value = lane->values[begin + bit];
            if (value == lane->missing) {
                hold->outside += (put >> bit & 1) == 0;
                continue;
            }
            cross(hold, key_of(hold, run, lane, value, shared));
        }
    }
}

/// Counts the units of a user of few step rows, none of whose values has both an entry and a later
/// step. False: any other user, of whom nothing is counted.
static bool take_few(struct block_hold *hold, bool shared)
{
    const struct block_user *user = hold->of;
    struct block_few *few = &hold->few;
    block_few_begin(few);
    for (uint32_t i = 0; i < user->run_count; i++) {
        const struct block_run *run = &user->runs[i];
        const struct hold_lane *lane = &hold->lanes[run->lane->source->index];
        const struct block_few_values of = {lane->values, shared ? lane->keys : NULL,
                                            lane->base + 1, lane->missing};
        if (lane->values == NULL) {
            continue;
        }
        uint32_t open = open_row(hold, run);
        if (!block_few_take(few, &of, run, run->begin, open)) {
            return false;
        }
        few->lost_count = open > run->begin ? few->entry_count : few->lost_count;
        if (!block_few_take(few, &of, run, open, run->end)) {
            return false;
        }
    }
    hold->outside = hold->few.outside;
    return block_few_count(&hold->few, hold->fresh);
}

/// Puts all of the user's values into the table.
static void take_runs(struct block_hold *hold, bool shared)
{
    const struct block_user *user = hold->of;
    for (uint32_t i = user->run_count; i-- > 0;) {
        const struct block_lane *lane = user->runs[i].lane;
        if (hold->lanes[lane->source->index].values != NULL) {
            put_entries(hold, i, shared);
        }
    }
    for (uint32_t i = 0; i < user->run_count; i++) {
        const struct block_lane *lane = user->runs[i].lane;
        if (hold->lanes[lane->source->index].values != NULL) {
            cross_later(hold, i, shared);
        }
    }
}

/// Gathers the rows of one run that belong to units with a later step.
static enum corong_status gather_run(struct block_hold *hold, const struct block_run *run,
                                     bool shared, struct corong_error *error)
{
    struct query_units *units = hold->units;
    struct query_source *source = run->lane->source;
    const struct hold_lane *lane = &hold->lanes[source->index];
    const struct row_group *looked;
    TRY(query_source_look(source, run->lane->group, &looked, error));
    for (uint32_t word = run->begin / BLOCK_WORD_SIZE; word * BLOCK_WORD_SIZE < run->end; word++) {
        uint64_t bits = query_source_step_bits(source, word, run->begin, run->end);
        for (; bits != 0; bits &= bits - 1) {
            uint32_t row = word * BLOCK_WORD_SIZE + block_bits_lowest(bits);
            bool has = lane->values[row] != lane->missing;
            uint32_t at = NO_SLOT;
            if (has) {
                at = slot_of(hold, key_of(hold, run, lane, lane->values[row], shared), &has);
            }
            if (!has || (hold->slots[at] & CROSSED_BIT) == 0) {
                continue;
            }
            struct match_event event =
                query_gather_event(&units->gather, source, row, query_source_steps(source, row),
                                   query_source_time(source, row));
            TRY(query_group_add(&units->group, source, looked, row, &event,
                                query_gather_pack(source, row), error));
        }
    }
    return CORONG_OK;
}

static enum corong_status match_crossed(struct block_hold *hold, bool shared,
                                        struct corong_error *error)
{
    const struct block_user *user = hold->of;
    hold->units->group.count = 0;
    for (uint32_t i = 0; i < user->run_count; i++) {
        const struct block_run *run = &user->runs[i];
        if (hold->lanes[run->lane->source->index].values != NULL) {
            TRY(gather_run(hold, run, shared, error));
        }
    }
    return query_units_match_groups(hold->units, error);
}

/// Rows of a segment that does not know the attribute.
static uint64_t step_rows_outside(const struct block_hold *hold, const struct block_user *user)
{
    uint64_t outside = 0;
    for (uint32_t i = 0; i < user->run_count; i++) {
        const struct block_run *run = &user->runs[i];
        if (hold->lanes[run->lane->source->index].values != NULL) {
            continue;
        }
        for (uint32_t row = run->begin; row < run->end; row++) {
            outside += (run->lane->entries[row / 64] | run->lane->later[row / 64]) >> row % 64 & 1;
        }
    }
    return outside;
}

/// Any user. `left_out`: one for the general way.
static enum corong_status take_all(struct block_hold *hold, bool shared, bool *left_out,
                                   struct corong_error *error)
{
    TRY(reserve(hold, hold->of, error));
    if (!shared) {
        take_runs(hold, false);
        return CORONG_OK;
    }
    take_runs(hold, true);
    TRY(hold->status);
    *left_out = hold->wide;
    hold->wide = false;
    return CORONG_OK;
}

enum corong_status block_hold_user(struct block_hold *hold, const struct block_user *user,
                                   const struct block_held **found_out, uint32_t *found_count_out,
                                   bool *left_out, struct corong_error *error)
{
    bool absent = false;
    const bool shared = user->run_count > 1;
    *left_out = false;
    hold->of = user;
    hold->error = error;
    hold->found_count = 0;
    hold->fresh[0] = 0;
    hold->fresh[1] = 0;
    hold->outside = 0;
    hold->crossed = 0;
    for (uint32_t i = 0; i < user->run_count; i++) {
        const struct block_lane *lane = user->runs[i].lane;
        struct hold_lane *own = &hold->lanes[lane->source->index];
        if (own->group != lane->group) {
            TRY(load(hold, lane, error));
        }
        absent |= own->values == NULL;
    }
    if (hold->listed || !take_few(hold, shared)) {
        hold->outside = 0;
        TRY(take_all(hold, shared, left_out, error));
        if (*left_out) {
            return CORONG_OK;
        }
    }
    hold->outside += absent ? step_rows_outside(hold, user) : 0;
    hold->units->group.outside += hold->outside;
    hold->units->entered[0] += hold->fresh[0];
    hold->units->entered[1] += hold->fresh[1];
    *found_out = hold->found;
    *found_count_out = hold->found_count;
    return hold->crossed == 0 ? CORONG_OK : match_crossed(hold, shared, error);
}
