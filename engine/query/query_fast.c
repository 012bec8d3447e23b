// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_fast.h"

#include "storage/base/invariant.h"

#define NO_ROW UINT32_MAX

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
    uint32_t level;
    struct fast_entry first;
    struct fast_entry last;  ///< the latest one of the runs gone through
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

/// Last set row of [begin, end), or NO_ROW.
static inline uint32_t last_row(const uint64_t *bitmap, uint32_t begin, uint32_t end)
{
    if (begin >= end) {
        return NO_ROW;
    }
    for (uint32_t word = (end - 1) / 64 + 1; word-- > begin / 64;) {
        uint64_t bits = bits_within(bitmap[word], word, begin, end);
        if (bits != 0) {
            return word * 64 + 63 - (uint32_t)__builtin_clzll(bits);
        }
    }
    return NO_ROW;
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
        struct fast_run run = {source, source->row, source->row_end, 0};
        if (query_source_continues(source) || !insert_run(user, &run)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < user->run_count; i++) {
        clip_run(&user->runs[i], units);
    }
    return true;
}

static uint64_t count_step_rows(const struct fast_user *user)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < user->run_count; i++) {
        const struct fast_run *run = &user->runs[i];
        const struct query_source *source = run->source;
        for (uint32_t word = run->begin / 64; word * 64 < run->end; word++) {
            uint64_t bits = source->entries[word] | source->later[word];
            count += (uint64_t)__builtin_popcountll(bits_within(bits, word, run->begin, run->end));
        }
    }
    return count;
}

static inline bool has_step(const struct query_source *source, uint32_t row)
{
    return ((source->entries[row / 64] | source->later[row / 64]) >> (row % 64) & 1) != 0;
}

/// True where another step row of the user is at the same instant. Runs do not share instants.
static inline bool has_tie(const struct fast_run *run, uint32_t row, int64_t time_us)
{
    const struct query_source *source = run->source;
    for (uint32_t r = row; r > run->begin && query_source_time(source, r - 1) == time_us; r--) {
        if (has_step(source, r - 1)) {
            return true;
        }
    }
    for (uint32_t r = row + 1; r < run->end && query_source_time(source, r) == time_us; r++) {
        if (has_step(source, r)) {
            return true;
        }
    }
    return false;
}

static inline bool entry_has_tie(const struct fast_user *user, const struct fast_entry *entry)
{
    return has_tie(&user->runs[entry->run], entry->row, entry->time_us);
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

/// The latest entry of run `which` before row `end`, or the one of the runs before.
static inline struct fast_entry latest_entry(const struct fast_user *user, uint32_t which,
                                             uint32_t end)
{
    const struct fast_run *run = &user->runs[which];
    uint32_t row =
        last_row(run->source->entries, run->begin, end < run->entry_end ? end : run->entry_end);
    if (row == NO_ROW) {
        return user->last;
    }
    return (struct fast_entry){query_source_time(run->source, row), which, row};
}

/// Visits the rows of later steps of one run; false at a tie.
static bool walk(struct fast_user *user, uint32_t which, struct fast_entry *starts)
{
    const struct fast_run *run = &user->runs[which];
    const struct query_source *source = run->source;
    uint32_t begin = which == user->first.run ? user->first.row : run->begin;
    for (uint32_t word = begin / 64; word * 64 < run->end; word++) {
        uint64_t bits = bits_within(source->later[word], word, begin, run->end);
        for (; bits != 0; bits &= bits - 1) {
            uint32_t row = word * 64 + (uint32_t)__builtin_ctzll(bits);
            int64_t time_us = query_source_time(source, row);
            if (has_tie(run, row, time_us)) {
                return false;
            }
            starts[0] = user->first_only ? user->first : latest_entry(user, which, row);
            if (which == user->first.run && row == user->first.row) {
                starts[0].row = NO_ROW; // the first entry itself, which may fill later steps too
            }
            advance(user, query_source_steps(source, row), time_us, starts);
            if (user->level == user->step_count) {
                return true;
            }
        }
    }
    return true;
}

/// The first entry; false where there is none.
static bool find_first(struct fast_user *user)
{
    for (uint32_t i = 0; i < user->run_count; i++) {
        const struct fast_run *run = &user->runs[i];
        uint32_t row = first_row(run->source->entries, run->begin, run->entry_end);
        if (row != NO_ROW) {
            user->first = (struct fast_entry){query_source_time(run->source, row), i, row};
            return true;
        }
    }
    return false;
}

/// Goes through the runs from the first entry on; false at a tie. user->last is the user's last
/// entry then.
static bool walk_runs(struct fast_user *user)
{
    struct fast_entry starts[FUNNEL_STEP_COUNT_MAX];
    user->last = user->first;
    user->entry = user->first;
    user->level = 1;
    for (uint32_t i = user->first.run; i < user->run_count; i++) {
        if (user->level < user->step_count && !walk(user, i, starts)) {
            return false;
        }
        user->last = latest_entry(user, i, user->runs[i].end);
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
    attempt->level = user->level;
}

bool query_fast_match(struct query_units *units, struct query_attempt *attempt)
{
    struct fast_user user;
    user.run_count = 0;
    user.window_us = units->rule.window_us;
    user.step_count = units->rule.step_count;
    user.first_only = units->rule.attempts == FUNNEL_ATTEMPTS_FIRST;
    if (!collect_runs(&user, units)) {
        return false;
    }
    attempt->level = 0;
    if (!find_first(&user)) {
        units->events_matched += count_step_rows(&user);
        return true;
    }
    // Of several entries at one instant the first in canonical order is the reported one.
    if (entry_has_tie(&user, &user.first) || !walk_runs(&user) ||
        entry_has_tie(&user, &user.entry)) {
        return false;
    }
    units->events_matched += count_step_rows(&user);
    place_rows(&user, attempt);
    int64_t last_us = user.first_only ? user.first.time_us : user.last.time_us;
    attempt->open = attempt->level < user.step_count && query_units_may_convert(units, last_us);
    return true;
}
