// SPDX-License-Identifier: Apache-2.0
/// The common question over whole row groups: plain loose funnels of users, whose rows are merged
/// from several segments and matched on bitmaps of step rows in registers, without standing at each
/// user through the cursor. What it cannot prove it leaves to the general way, one user at a time.
/// Thread: one worker.
#pragma once

#include "engine/query/query_plan.h"
#include "storage/base/error.h"

struct query_block;
struct query_memo_hand;
struct query_buckets;
struct query_units;

/// What is counted of a user who has an entry, where nothing but counts is asked for.
struct query_brief {
    uint32_t row; ///< of the entry, in the group that the batch names
    uint8_t level;
    bool open;
};

/// Users of one call.
#define QUERY_BRIEF_COUNT_MAX 256u

/// What is kept of such a user from question to question (engine/query/memo), beside that.
struct query_memo_note {
    struct hash128 key;
    uint32_t at;      ///< where it is kept: query_memo_place()
    int64_t entry_us; ///< of the reported attempt: the answer holds while the range has it
    int64_t last_us;  ///< the last moment at which an attempt begins, where it is not won
};

/// Takes the users of one row group: `group` is a position in query_segment.groups.
typedef enum corong_status query_brief_function(void *context, struct query_units *units,
                                                uint32_t source, uint32_t group,
                                                const struct query_brief *briefs, uint32_t count,
                                                struct corong_error *error);

/// NULL where the question is not one for it. `units` outlives it.
struct query_block *query_block_create(struct query_units *units);
/// From now on each user is asked for the entries of each bucket by themselves, and for all at
/// once; `buckets` outlive the block. False where it cannot do that. NULL-safe.
bool query_block_by_bucket(struct query_block *block, const struct query_buckets *buckets);
/// What was counted of users by bucket and, behind the last bucket, by all of their entries: by
/// level from 1, and not open or open. The caller takes it and leaves zeroes. NULL, and none, where
/// users are asked for once. NULL-safe.
uint64_t *query_block_cells(struct query_block *block, uint32_t *count_out);
/// NULL-safe.
void query_block_destroy(struct query_block *block);
/// From now on users are gone through that the hand asks for, and it is told of all that are
/// counted.
void query_block_remember(struct query_block *block, struct query_memo_hand *hand);
/// Another key range begins: nothing loaded is believed any more. NULL-safe.
void query_block_reset(struct query_block *block);
/// Goes through users until the key range is done, or stands before one that is left to the general
/// way.
CORONG_MUST_CHECK enum corong_status query_block_run(struct query_block *block,
                                                     struct corong_error *error);
/// Users that it did itself, and for each reason those it left. NULL: none.
uint64_t query_block_users(const struct query_block *block);
uint64_t query_block_left(const struct query_block *block, enum query_block_reason reason);
