// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_session_cuts.h"

#include "engine/query/query_session_rule.h"
#include "storage/base/cpu.h"
#include "storage/base/invariant.h"

#include <string.h>

/// A run of rows without a gap between them, as far as it is known.
struct run {
    const struct query_session_rows *rows;
    uint64_t *starts;
    uint32_t first; ///< its first row
};

void query_session_cuts_gaps_scalar(const uint32_t *times, uint32_t count, uint32_t most,
                                    uint64_t *starts)
{
    for (uint32_t row = 1; row < count; row++) {
        starts[row / 64] |= (uint64_t)(times[row] - times[row - 1] > most) << row % 64;
    }
}

void query_session_cuts_gaps(const uint32_t *times, uint32_t count, uint32_t most, uint64_t *starts)
{
#if defined(__x86_64__)
    if (cpu_has_avx2()) {
        query_session_cuts_gaps_avx2(times, count, most, starts);
        return;
    }
#endif
    query_session_cuts_gaps_scalar(times, count, most, starts);
}

static void mark_users(const struct query_session_rows *rows, uint64_t *starts)
{
    uint32_t row = 0;
    for (uint32_t user = 0; user < rows->user_count; user++) {
        starts[row / 64] |= UINT64_C(1) << row % 64;
        row += rows->user_row_counts[user];
    }
    ASSERT(row == rows->row_count);
}

static int64_t time_at(const struct query_session_rows *rows, uint32_t row)
{
    return (int64_t)(rows->base + rows->times[row] * rows->power);
}

/// Cuts rows [begin, end) of the run at the midnights which its first row is a day or more before.
static void cut_at_midnights(const struct run *run, uint32_t begin, uint32_t end)
{
    int64_t first_us = time_at(run->rows, run->first);
    for (uint32_t row = begin > run->first ? begin : run->first + 1; row < end; row++) {
        int64_t midnight_us = query_session_midnight(time_at(run->rows, row));
        if (time_at(run->rows, row - 1) < midnight_us &&
            midnight_us - first_us >= MICROSECONDS_PER_DAY) {
            run->starts[row / 64] |= UINT64_C(1) << row % 64;
        }
    }
}

/// The run has the rows [begin, end) too.
static inline void extend(const struct run *run, uint32_t begin, uint32_t end)
{
    if (end == begin) {
        return;
    }
    const uint32_t *times = run->rows->times;
    uint64_t lasts_us = (times[end - 1] - times[run->first]) * run->rows->power;
    if (__builtin_expect(lasts_us >= MICROSECONDS_PER_DAY, false)) {
        cut_at_midnights(run, begin, end);
    }
}

/// Bits that no run can do without if it lies within a word and lasts a day: it has more rows than
/// a day has timeouts, and more than 32 rows have the middle ones of the word among them.
static uint64_t middle_of_day_runs(int64_t timeout_us)
{
    int64_t rows = timeout_us == 0 ? 64 : MICROSECONDS_PER_DAY / timeout_us;
    if (rows >= 63) {
        return UINT64_MAX;
    }
    return rows <= 32 ? 0 : (UINT64_MAX >> (64 - rows)) & (UINT64_MAX << (64 - rows));
}

/// Cuts runs at midnights. `starts` has their first rows as bits.
static void cut_days(const struct query_session_rows *rows, int64_t timeout_us, uint64_t *starts)
{
    struct run run = {rows, starts, 0};
    uint64_t middle = middle_of_day_runs(timeout_us);
    for (uint32_t begin = 0; begin < rows->row_count; begin += 64) {
        uint32_t end = rows->row_count - begin < 64 ? rows->row_count : begin + 64;
        uint64_t bits = starts[begin / 64];
        if (bits == 0) {
            extend(&run, begin, end);
            continue;
        }
        extend(&run, begin, begin + (uint32_t)__builtin_ctzll(bits));
        bool may_last = (bits & middle) == 0;
        for (; may_last && (bits & (bits - 1)) != 0; bits &= bits - 1) {
            run.first = begin + (uint32_t)__builtin_ctzll(bits);
            extend(&run, run.first, begin + (uint32_t)__builtin_ctzll(bits & (bits - 1)));
        }
        run.first = begin + 63 - (uint32_t)__builtin_clzll(bits);
        extend(&run, run.first, end);
    }
}

void query_session_cuts_fill(const struct query_session_rows *rows, int64_t timeout_us,
                             uint64_t *starts)
{
    ASSERT(rows->power > 0 && timeout_us >= 0);
    memset(starts, 0, ((size_t)rows->row_count / 64 + 1) * sizeof(*starts));
    mark_users(rows, starts);
    uint64_t most = (uint64_t)timeout_us / rows->power;
    query_session_cuts_gaps(rows->times, rows->row_count,
                            most < UINT32_MAX ? (uint32_t)most : UINT32_MAX, starts);
    cut_days(rows, timeout_us, starts);
}
