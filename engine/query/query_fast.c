// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_fast.h"

#include "storage/base/invariant.h"

#define NO_ROW UINT32_MAX
#define WINDOW_SIZE 64u

/// Rows of the user in one source, all within the question's range.
struct fast_run {
    const struct query_source *source;
    uint32_t begin;
    uint32_t end;
    uint32_t entry_end; ///< entries lie before this row
};

/// A row that is an entry, with its time.
struct fast_entry {
    int64_t time_us;
    uint32_t run;
    uint32_t row; ///< NO_ROW: none
};

/// One user on its way through the kernel.
struct fast_user {
    struct fast_run runs[QUERY_FAST_RUN_COUNT_MAX]; ///< each is over before the next begins
    uint32_t run_count;
    uint32_t step_count;
    int64_t window_us;
    bool first_only;
    uint32_t level; ///< 0 before the first entry
    struct fast_entry first;
    struct fast_entry last;  ///< the latest one of the windows gone through
    struct fast_entry entry; ///< of the assignment that reached `level` first
};

/// Bits of a bitmap word that belong to rows [begin, end).
static inline uint64_t bits_within(uint64_t bits, uint32_t word, uint32_t begin, uint32_t end)
{
    uint32_t first = word * 64;
    if (begin > first) {
        bits &= UINT64_MAX << (begin - first);
    }
    return end - first < 64 ? bits & ((UINT64_C(1) << (end - first)) - 1) : bits;
}

/// First set row of [begin, end), or NO_ROW.
static inline uint32_t first_row(const uint64_t *bitmap, uint32_t begin, uint32_t end)
{
    for (uint32_t word = begin / 64; word * 64 < end; word++) {
        uint64_t bits = bits_within(bitmap[word], word, begin, end);
        if (bits != 0) {
            return word * 64 + (uint32_t)__builtin_ctzll(bits);
        }
    }
    return NO_ROW;
}

/// Bits of at most WINDOW_SIZE rows from `begin` on; the bit of row `begin` is the lowest.
static inline uint64_t window_at(const uint64_t *bitmap, uint32_t begin, uint32_t end)
{
    unsigned shift = begin % 64;
    uint64_t bits = bitmap[begin / 64] >> shift;
    if (shift + (end - begin) > 64) {
        bits |= bitmap[begin / 64 + 1] << (64 - shift); // shift > 0: a window has at most 64 rows
    }
    return end - begin < 64 ? bits & ((UINT64_C(1) << (end - begin)) - 1) : bits;
}

/// Narrows a run to the rows that can matter.
static void clip_run(struct fast_run *run, const struct query_units *units)
{
    const struct query_source *source = run->source;
    const struct query_range *rows = &units->plan->ask.rows;
    while (run->begin < run->end && query_source_time(source, run->begin) < rows->from_us) {
        run->begin++;
    }
    while (run->end > run->begin && query_source_time(source, run->end - 1) > rows->to_us) {
        run->end--;
    }
    run->entry_end = run->end;
    while (run->entry_end > run->begin &&
           query_source_time(source, run->entry_end - 1) >= units->gather.entries.to_us) {
        run->entry_end--;
    }
}

static int64_t first_time(const struct fast_run *run)
{
    return query_source_time(run->source, run->begin);
}

/// Puts the run where it belongs in order of time; false where it overlaps or touches another.
static bool insert_run(struct fast_user *user, const struct fast_run *run)
{
    uint32_t at = user->run_count++;
    while (at > 0 && first_time(&user->runs[at - 1]) > first_time(run)) {
        user->runs[at] = user->runs[at - 1];
        at--;
    }
    user->runs[at] = *run;
    for (uint32_t i = at > 0 ? at : 1; i < user->run_count && i <= at + 1; i++) {
        const struct fast_run *earlier = &user->runs[i - 1];
        if (query_source_time(earlier->source, earlier->end - 1) >= first_time(&user->runs[i])) {
            return false;
        }
    }
    return true;
}

/// Collects the runs of the present user; false where they are not one after the other.
static bool collect_runs(struct fast_user *user, const struct query_units *units)
{
    const struct query_cursor *cursor = &units->cursor;
    if (cursor->part_count > QUERY_FAST_RUN_COUNT_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < cursor->part_count; i++) {
        const struct query_source *source = &cursor->sources[cursor->parts[i]];
        struct fast_run run = {source, source->row, source->row_end, source->row_end};
        if (query_source_continues(source) || !insert_run(user, &run)) {
            return false;
        }
    }
    for (uint32_t i = 0; units->clipped && i < user->run_count; i++) {
        clip_run(&user->runs[i], units);
    }
    return true;
}

static inline bool has_step(const struct query_source *source, uint32_t row)
{
    return ((source->entries[row / 64] | source->later[row / 64]) >> (row % 64) & 1) != 0;
}

static inline bool same_instant(const struct query_times *times, uint32_t left, uint32_t right)
{
    return times->units != NULL ? times->units[left] == times->units[right]
                                : times->wide[left] == times->wide[right];
}

/// True where another step row of the user is at the same instant. Runs do not share instants.
static inline bool has_tie(const struct fast_run *run, uint32_t row)
{
    const struct query_source *source = run->source;
    const struct query_times *times = &source->times;
    for (uint32_t r = row; r > run->begin && same_instant(times, r - 1, row); r--) {
        if (has_step(source, r - 1)) {
            return true;
        }
    }
    for (uint32_t r = row + 1; r < run->end && same_instant(times, r, row); r++) {
        if (has_step(source, r)) {
            return true;
        }
    }
    return false;
}

/// Lets one row complete the steps that it may fill, later steps first, so that it fills only one
/// of an assignment. `starts[k]` is the latest entry of an assignment that completed step k + 1.
static inline void advance(struct fast_user *user, uint32_t steps, int64_t time_us,
                           struct fast_entry *starts)
{
    steps &= ~UINT32_C(1);
    while (steps != 0) {
        uint32_t step = 31 - (uint32_t)__builtin_clz(steps);
        steps ^= UINT32_C(1) << step;
        if (step > user->level) {
            continue; // the step before it was never completed
        }
        const struct fast_entry *start = &starts[step - 1];
        if (start->row == NO_ROW || time_us - start->time_us > user->window_us) {
            continue;
        }
        starts[step] = *start;
        if (step == user->level) {
            user->level++;
            user->entry = *start;
        }
    }
}

/// Up to WINDOW_SIZE rows of a run.
struct window {
    const struct fast_run *run;
    uint32_t which; ///< the run's number
    uint32_t begin; ///< row of the lowest bits
    uint64_t entries;
    uint64_t later;
};

static inline struct fast_entry entry_at(const struct window *window, uint32_t bit)
{
    uint32_t row = window->begin + bit;
    return (struct fast_entry){query_source_time(window->run->source, row), window->which, row};
}

static inline uint32_t highest_bit(uint64_t bits)
{
    return 63 - (uint32_t)__builtin_clzll(bits);
}

/// Visits the rows of later steps of a window, none of which lies before the first entry; false at
/// a tie.
static inline bool walk(struct fast_user *user, const struct window *window, uint64_t later,
                        struct fast_entry *starts)
{
    const struct query_source *source = window->run->source;
    for (; later != 0 && user->level < user->step_count; later &= later - 1) {
        uint32_t bit = (uint32_t)__builtin_ctzll(later);
        uint32_t row = window->begin + bit;
        if (has_tie(window->run, row)) {
            return false;
        }
        // The first entry itself may fill later steps too: nothing lies before it.
        uint64_t before = window->entries & ((UINT64_C(1) << bit) - 1);
        if (user->first_only) {
            starts[0] = user->first;
            starts[0].row = before != 0 || user->last.row != NO_ROW ? user->first.row : NO_ROW;
        } else {
            starts[0] = before != 0 ? entry_at(window, highest_bit(before)) : user->last;
        }
        advance(user, (uint32_t)query_source_steps(source, row), query_source_time(source, row),
                starts);
    }
    return true;
}

/// Takes the next rows; false at a tie.
static inline bool take_window(struct fast_user *user, const struct window *window,
                               struct fast_entry *starts)
{
    uint64_t later = window->later;
    if (user->level == 0) {
        if (window->entries == 0) {
            return true;
        }
        uint32_t bit = (uint32_t)__builtin_ctzll(window->entries);
        later &= UINT64_MAX << bit;
        user->first = entry_at(window, bit);
        user->entry = user->first;
        user->level = 1;
        if (has_tie(window->run, user->first.row)) {
            return false;
        }
    }
    if (!walk(user, window, later, starts)) {
        return false;
    }
    if (window->entries != 0) {
        user->last = entry_at(window, highest_bit(window->entries));
    }
    return true;
}

/// Goes through all rows; false at a tie. Counts the rows that match some step.
static bool walk_runs(struct fast_user *user, uint64_t *step_rows)
{
    struct fast_entry starts[FUNNEL_STEP_COUNT_MAX];
    for (uint32_t i = 0; i < user->run_count; i++) {
        const struct fast_run *run = &user->runs[i];
        const struct query_source *source = run->source;
        for (uint32_t row = run->begin; row < run->end; row += WINDOW_SIZE) {
            uint32_t end = run->end - row < WINDOW_SIZE ? run->end : row + WINDOW_SIZE;
            uint64_t entries = window_at(source->entries, row, end);
            uint64_t later = window_at(source->later, row, end);
            *step_rows += (uint64_t)__builtin_popcountll(entries | later);
            if (end > run->entry_end) {
                entries =
                    row < run->entry_end ? window_at(source->entries, row, run->entry_end) : 0;
            }
            struct window window = {run, i, row, entries, later};
            if (!take_window(user, &window, starts)) {
                return false;
            }
        }
    }
    return true;
}

static inline void place(const struct fast_run *run, uint32_t step, uint32_t row,
                         struct query_attempt *attempt)
{
    const struct query_source *source = run->source;
    attempt->matched_us[step] = query_source_time(source, row);
    attempt->places[step] = (struct query_place){source->index, source->group, row};
}

/// From the entry, the earliest row of each step in turn.
static void place_rows(const struct fast_user *user, struct query_attempt *attempt)
{
    const struct fast_run *run = &user->runs[user->entry.run];
    uint32_t row = user->entry.row;
    place(run, 0, row, attempt);
    for (uint32_t step = 1; step < user->level; step++) {
        do {
            uint32_t next = first_row(run->source->later, row + 1, run->end);
            for (; next == NO_ROW; next = first_row(run->source->later, run->begin, run->end)) {
                run++;
                ASSERT(run < user->runs + user->run_count);
            }
            row = next;
        } while ((query_source_steps(run->source, row) >> step & 1) == 0);
        place(run, step, row, attempt);
    }
    query_attempt_fill(attempt, user->level, user->step_count);
}

bool query_fast_match(struct query_units *units, struct query_attempt *attempt)
{
    struct fast_user user;
    user.run_count = 0;
    user.window_us = units->rule.window_us;
    user.step_count = units->rule.step_count;
    user.first_only = units->rule.attempts == FUNNEL_ATTEMPTS_FIRST;
    user.level = 0;
    user.last.row = NO_ROW;
    uint64_t step_rows = 0;
    if (!collect_runs(&user, units) || !walk_runs(&user, &step_rows)) {
        return false;
    }
    attempt->level = 0;
    // Of several entries at one instant the first in canonical order is the reported one.
    if (user.level > 0 && has_tie(&user.runs[user.entry.run], user.entry.row)) {
        return false;
    }
    units->events_matched += step_rows;
    if (user.level == 0) {
        return true;
    }
    place_rows(&user, attempt);
    int64_t last_us = user.first_only ? user.first.time_us : user.last.time_us;
    attempt->open = attempt->level < user.step_count && query_units_may_convert(units, last_us);
    return true;
}
