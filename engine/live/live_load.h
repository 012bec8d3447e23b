// SPDX-License-Identifier: Apache-2.0
/// Works out users' live states from what a snapshot of the store holds. The events of a user are
/// taken in canonical order, so nothing is pending: not a late one, not a copy, not a crowd.
///
/// Thread: a live_load may be shared; a live_reader belongs to one thread. Memory: bounded by the
/// limits given, and by the block that is filled.
#pragma once

#include "engine/live/live_block.h"
#include "engine/query/query.h"

#define LIVE_READER_BLOCK_USERS 32768u

struct live_load_options {
    const struct live_plan *plan;
    struct store_snapshot *snapshot; ///< borrowed until live_load_close()
    int64_t from_us;                 ///< begin of the range; LIVE_TIME_NONE: from the first event
    int64_t as_of_us;                ///< later events are held back
    int64_t session_timeout_us;
    struct query_limits limits;
};

struct live_load;
struct live_reader;

CORONG_MUST_CHECK enum corong_status live_load_open(struct live_load **load_out,
                                                    const struct live_load_options *options,
                                                    struct corong_error *error);
/// Begin of the range that it reads.
int64_t live_load_from(const struct live_load *load);
/// NULL-safe. All readers must be closed.
void live_load_close(struct live_load *load);

struct live_reader *live_reader_open(struct live_load *load);
/// NULL-safe.
void live_reader_close(struct live_reader *reader);

/// Fills the block, which is reset, with users of the key range [from, end) (NULL: no end): at most
/// `user_max`, or fewer where they have very many slices. block->has_end and ->end say how far it
/// came.
CORONG_MUST_CHECK enum corong_status
live_reader_range(struct live_reader *reader, struct hash128 from, const struct hash128 *end,
                  uint32_t user_max, struct live_block *block, struct corong_error *error);
/// Fills the block, which is reset, with the users of some keys, ascending, as far as they are
/// stored. `*done_out`: how many of the keys it dealt with, at least one.
CORONG_MUST_CHECK enum corong_status
live_reader_users(struct live_reader *reader, const struct hash128 *keys, uint32_t key_count,
                  struct live_block *block, uint32_t *done_out, struct corong_error *error);
