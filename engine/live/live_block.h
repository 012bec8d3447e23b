// SPDX-License-Identifier: Apache-2.0
/// Users as the store has them: their sessions and their ways through the followed funnels, worked
/// out by a reader for the shard that owns them. Slices are numbers of the block's own values.
///
/// Thread: one at a time; the block changes hands as a whole.
#pragma once

#include "engine/live/live_plan.h"
#include "engine/live/live_range.h"
#include "engine/session/session.h"
#include "storage/base/arena.h"
#include "storage/base/hash.h"

#include <stdbool.h>
#include <stdint.h>

struct live_block_user {
    struct hash128 key;
    struct session_state session; ///< the last one; last_us is LIVE_TIME_NONE where no event is in
                                  ///< or shortly before the range
    uint32_t session_count;       ///< that began in the range
    int64_t matter_us; ///< the last event that fills a step or has an id; LIVE_TIME_NONE: none
    int64_t held_us;   ///< the first event after as-of; INT64_MAX: none
};

/// Values and their numbers, LIVE_SLICE_FIRST first.
struct live_values {
    struct text *texts; ///< by number - LIVE_SLICE_FIRST
    uint32_t count;
    uint32_t *slots; ///< number, 0 where free
    uint32_t slot_count;
    uint64_t seed;
    struct arena arena;
};
#define LIVE_VALUE_COUNT_MAX (UINT16_MAX - LIVE_SLICE_FIRST)

struct live_block {
    const struct live_plan *plan;
    uint32_t state_size;
    uint32_t user_count;
    uint32_t user_capacity;
    struct live_block_user *users; ///< ascending keys
    uint8_t *states;               ///< state_size bytes each
    struct live_values values;
    /// Where it comes from: only a shard in the same state may take it.
    int64_t from_us;
    int64_t as_of_us;
    /// A range of keys of which the block has every stored user, or users that were asked for.
    bool is_range;
    bool has_end; ///< false: the range goes to the end of the shard's
    struct hash128 end;
};

void live_block_init(struct live_block *block, const struct live_plan *plan);
void live_block_deinit(struct live_block *block);
/// Forgets users and values.
void live_block_reset(struct live_block *block);
/// One more user; `states` has one per followed funnel, in terms of block->values.
void live_block_add(struct live_block *block, const struct live_block_user *user,
                    const struct live_state *states);

/// Number of a value; LIVE_SLICE_NONE for a missing one. False where there is no number left.
bool live_values_number(struct live_values *values, struct text value, uint16_t *number_out);
void live_values_reset(struct live_values *values);
/// Forgets the values behind the first `keep_count` whose numbers_used[number] is 0; the others
/// move up, and their numbers_used becomes the new number.
void live_values_compact(struct live_values *values, uint32_t keep_count, uint16_t *numbers_used);
