// SPDX-License-Identifier: Apache-2.0
/// Where sessions begin in a whole row group at once, as bits: what query_session_step() says row
/// by row. Gaps are compared eight rows at a time; midnights are looked for only in the few runs
/// of rows without a gap that last a day. The _scalar form of the comparison is the specification;
/// the _avx2 form gives the same words; the plain name chooses. Thread: any.
#pragma once

#include <stdbool.h>
#include <stdint.h>

/// Rows of users one after the other; each user's times ascend. Row i is at base + times[i] * power
/// microseconds; power is above 0.
struct query_session_rows {
    const uint32_t *times;
    uint64_t base;
    uint64_t power;
    uint32_t row_count;              ///< the sum of ...
    const uint32_t *user_row_counts; ///< ... these, none of which is 0
    uint32_t user_count;
};

/// Sets bit `row` of `starts` where a session begins, if a user's first row has nothing before it,
/// and clears all other bits of the row_count / 64 + 1 words.
void query_session_cuts_fill(const struct query_session_rows *rows, int64_t timeout_us,
                             uint64_t *starts);

/// Sets bit i of `starts` for each i from 1 to `count` - 1 with times[i] - times[i - 1] (modulo
/// 2^32) above `most`; leaves the other bits as they are.
void query_session_cuts_gaps(const uint32_t *times, uint32_t count, uint32_t most,
                             uint64_t *starts);
void query_session_cuts_gaps_scalar(const uint32_t *times, uint32_t count, uint32_t most,
                                    uint64_t *starts);
void query_session_cuts_gaps_avx2(const uint32_t *times, uint32_t count, uint32_t most,
                                  uint64_t *starts);

/// The next row from `row` on where a session begins, or `end`.
static inline uint32_t query_session_cuts_next(const uint64_t *starts, uint32_t row, uint32_t end)
{
    while (row < end) {
        uint64_t bits = starts[row / 64] >> (row % 64);
        if (bits != 0) {
            row += (uint32_t)__builtin_ctzll(bits);
            return row < end ? row : end;
        }
        row = (row / 64 + 1) * 64;
    }
    return end;
}
