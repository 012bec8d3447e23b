// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_fast.h"

#include "storage/base/invariant.h"

#define NO_ROW UINT32_MAX

/// One user on its way through the kernel.
struct fast_user {
    const struct query_source *source;
    uint32_t begin; ///< rows within the question's range
    uint32_t end;
    uint32_t entry_end; ///< entries lie before this row
    uint32_t first;     ///< first entry
    int64_t window_us;
    uint32_t step_count;
    uint32_t level;
    uint32_t entry; ///< of the assignment that reached `level` first
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

/// Narrows the user's rows to those that can matter.
static void clip_rows(struct fast_user *user, const struct query_units *units)
{
    const struct query_source *source = user->source;
    const struct query_range *rows = &units->plan->ask.rows;
    user->begin = source->row;
    user->end = source->row_end;
    while (user->begin < user->end && source->times[user->begin] < rows->from_us) {
        user->begin++;
    }
    while (user->end > user->begin && source->times[user->end - 1] > rows->to_us) {
        user->end--;
    }
    user->entry_end = user->end;
    while (user->entry_end > user->begin &&
           source->times[user->entry_end - 1] >= units->gather.entries.to_us) {
        user->entry_end--;
    }
}

static uint64_t count_step_rows(const struct fast_user *user)
{
    const struct query_source *source = user->source;
    uint64_t count = 0;
    for (uint32_t word = user->begin / 64; word * 64 < user->end; word++) {
        uint64_t bits = source->entries[word] | source->later[word];
        count += (uint64_t)__builtin_popcountll(bits_within(bits, word, user->begin, user->end));
    }
    return count;
}

static inline bool has_step(const struct query_source *source, uint32_t row)
{
    return ((source->entries[row / 64] | source->later[row / 64]) >> (row % 64) & 1) != 0;
}

/// True where another step row of the user is at the same instant.
static inline bool has_tie(const struct fast_user *user, uint32_t row)
{
    const struct query_source *source = user->source;
    int64_t time_us = source->times[row];
    for (uint32_t r = row; r > user->begin && source->times[r - 1] == time_us; r--) {
        if (has_step(source, r - 1)) {
            return true;
        }
    }
    for (uint32_t r = row + 1; r < user->end && source->times[r] == time_us; r++) {
        if (has_step(source, r)) {
            return true;
        }
    }
    return false;
}

/// Lets one row complete the steps that it may fill, later steps first, so that it fills only one
/// of an assignment. `starts[k]` is the latest entry of an assignment that completed step k + 1.
static inline void advance(struct fast_user *user, uint32_t row, uint32_t entry, uint32_t *starts)
{
    const int64_t *times = user->source->times;
    uint32_t steps = query_source_steps(user->source, row) & ~UINT32_C(1);
    while (steps != 0) {
        uint32_t step = 31 - (uint32_t)__builtin_clz(steps);
        steps ^= UINT32_C(1) << step;
        if (step > user->level) {
            continue; // the step before it was never completed
        }
        uint32_t start = step == 1 ? entry : starts[step - 1];
        if (start == NO_ROW || times[row] - times[start] > user->window_us) {
            continue;
        }
        starts[step] = start;
        if (step == user->level) {
            user->level++;
            user->entry = start;
        }
    }
}

/// Visits the rows of later steps behind the first entry; false at a tie.
static bool walk(struct fast_user *user, bool first_only)
{
    const struct query_source *source = user->source;
    uint32_t starts[FUNNEL_STEP_COUNT_MAX];
    for (uint32_t word = user->first / 64; word * 64 < user->end; word++) {
        uint64_t bits = bits_within(source->later[word], word, user->first, user->end);
        for (; bits != 0; bits &= bits - 1) {
            uint32_t row = word * 64 + (uint32_t)__builtin_ctzll(bits);
            if (has_tie(user, row)) {
                return false;
            }
            uint32_t end = row < user->entry_end ? row : user->entry_end;
            uint32_t entry = first_only ? user->first : last_row(source->entries, user->first, end);
            advance(user, row, row > user->first ? entry : NO_ROW, starts);
            if (user->level == user->step_count) {
                return true;
            }
        }
    }
    return true;
}

static inline void place(const struct fast_user *user, uint32_t step, uint32_t row,
                         struct query_attempt *attempt)
{
    attempt->matched_us[step] = user->source->times[row];
    attempt->places[step] = (struct query_place){user->source->index, user->source->group, row};
}

/// From the entry, the earliest row of each step in turn.
static void place_rows(const struct fast_user *user, struct query_attempt *attempt)
{
    const struct query_source *source = user->source;
    uint32_t row = user->entry;
    place(user, 0, row, attempt);
    for (uint32_t step = 1; step < user->level; step++) {
        do {
            row = first_row(source->later, row + 1, user->end);
            ASSERT(row != NO_ROW);
        } while ((query_source_steps(source, row) >> step & 1) == 0);
        place(user, step, row, attempt);
    }
    attempt->level = user->level;
}

bool query_fast_match(struct query_units *units, const struct query_source *source,
                      struct query_attempt *attempt)
{
    struct fast_user user = {.source = source,
                             .window_us = units->rule.window_us,
                             .step_count = units->rule.step_count,
                             .level = 1};
    clip_rows(&user, units);
    user.first = first_row(source->entries, user.begin, user.entry_end);
    attempt->level = 0;
    if (user.first == NO_ROW) {
        units->events_matched += count_step_rows(&user);
        return true;
    }
    user.entry = user.first;
    bool first_only = units->rule.attempts == FUNNEL_ATTEMPTS_FIRST;
    if (has_tie(&user, user.first) || (user.step_count > 1 && !walk(&user, first_only))) {
        return false;
    }
    // Of several entries at one instant the first in canonical order is the reported one.
    if (has_tie(&user, user.entry)) {
        return false;
    }
    units->events_matched += count_step_rows(&user);
    place_rows(&user, attempt);
    uint32_t last = first_only ? user.first : last_row(source->entries, user.first, user.entry_end);
    attempt->open =
        attempt->level < user.step_count && query_units_may_convert(units, source->times[last]);
    return true;
}
