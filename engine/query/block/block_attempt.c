// SPDX-License-Identifier: Apache-2.0
#include "engine/query/block/block_attempt.h"

#include "engine/query/block/block_bits.h"
#include "engine/query/query_units.h"
#include "storage/base/invariant.h"

static inline void place(const struct block_run *run, uint32_t step, uint32_t row,
                         struct query_attempt *attempt)
{
    const struct block_lane *lane = run->lane;
    attempt->matched_us[step] = block_lane_time(lane, row);
    attempt->places[step] = (struct query_place){lane->source->index, lane->group, row};
}

/// First row of a later step in [row, run->end), or BLOCK_NO_ROW.
static uint32_t next_later(const struct block_run *run, uint32_t row)
{
    for (; row < run->end; row += BLOCK_WORD_SIZE) {
        uint32_t count = run->end - row < BLOCK_WORD_SIZE ? run->end - row : BLOCK_WORD_SIZE;
        uint64_t bits = block_bits_at(run->lane->later, row, count);
        if (bits != 0) {
            return row + block_bits_lowest(bits);
        }
    }
    return BLOCK_NO_ROW;
}

void block_attempt_fill(const struct block_user *user, struct query_attempt *attempt)
{
    const struct block_run *run = &user->runs[user->entry_run];
    uint32_t row = user->entry_row;
    place(run, 0, row, attempt);
    for (uint32_t step = 1; step < user->level; step++) {
        do {
            uint32_t next = next_later(run, row + 1);
            for (; next == BLOCK_NO_ROW; next = next_later(run, run->begin)) {
                run++;
                ASSERT(run < user->runs + user->run_count);
            }
            row = next;
        } while ((block_lane_steps(run->lane, row) >> step & 1) == 0);
        place(run, step, row, attempt);
    }
    query_attempt_fill(attempt, user->level, user->step_count);
}
