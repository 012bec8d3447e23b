// SPDX-License-Identifier: Apache-2.0
/// The live view of one shard: sessions and registered funnels over one declared range, advanced
/// event by event as batches arrive (SEMANTICS 8).
///
/// On input that is in time order per user, the counts equal the query's. An event that matters
/// (fills a step or has an id) and is earlier than its user's last one, an event of a user who was
/// dropped from memory before, and an instant that cannot be taken again make the user pending: the
/// user stays counted as far as the events in order say, and is counted once in `pending`, until
/// its state was recomputed from the store. Events after as-of do not take part before as-of has
/// come to them; events before the range never do.
///
/// Thread: the shard's; live_counts() with live_reading_begin() may be called by any thread.
#pragma once

#include "engine/event/event_batch.h"
#include "engine/live/live_block.h"
#include "engine/live/live_counts.h"
#include "engine/live/live_load.h"
#include "engine/live/live_pending.h"
#include "engine/live/live_plan.h"
#include "engine/live/live_range.h"
#include "engine/live/live_recent.h"
#include "storage/column/column.h"

#include <stdint.h>

struct live_options {
    const struct live_plan *plan;
    struct live_range *range; ///< of all shards
    const struct event_format *format;
    const struct hash_secret *secret;
    uint64_t budget_bytes; ///< at least live_budget_min()
    int64_t session_timeout_us;
    struct hash128 first_key; ///< the least that the shard may own
    bool settles;             ///< somebody asks for tasks and brings blocks
    bool primes;              ///< the counts are not ready before live_primed()
};

/// Figures since the shard began; sessions since the range did.
struct live_figures {
    uint64_t users;
    uint64_t users_evicted;
    uint64_t pending;
    int64_t held_us;  ///< the earliest event held back until as-of; INT64_MAX: none
    uint64_t settled; ///< recomputed users
    uint64_t sessions;
    uint64_t state_bytes;  ///< of the live users' table, slack included
    uint64_t memory_bytes; ///< everything
};

struct live;

/// The least budget of one shard with these funnels.
uint64_t live_budget_min(const struct live_plan *plan);
struct live *live_create(const struct live_options *options);
void live_destroy(struct live *live);

/// Rows of a batch that was just appended to the tail.
struct live_batch {
    const struct event_batch *batch;
    uint32_t first_row;                  ///< the tail's row of the batch's first
    const struct column_values *columns; ///< the tail's
    struct live_rows rows;
};
void live_take(struct live *live, const struct live_batch *batch);
/// Nothing came, but as-of may have moved: other shards' events do that.
/// True where it has.
bool live_look(struct live *live);
/// The tail is about to forget rows and codes.
void live_before_flush(struct live *live, const struct live_rows *rows);
/// Everything taken so far goes into the commit at hand.
void live_sealed(struct live *live);
struct live_figures live_figures(const struct live *live);

/// Takes users of the store before any event is taken.
void live_prime(struct live *live, const struct live_block *block);
/// It has all of them; or not (`good` is false), then a recount is to bring them.
void live_primed(struct live *live, bool good);

/// What should be read from a snapshot that holds everything up to the last live_sealed().
#define LIVE_TASK_KEYS_MAX 4096u
struct live_task {
    enum live_task_kind { LIVE_TASK_NONE = 0, LIVE_TASK_USERS, LIVE_TASK_RANGE } kind;
    struct hash128 *keys; ///< of LIVE_TASK_USERS: room for LIVE_TASK_KEYS_MAX; ascending
    uint32_t key_max;     ///< at most so many
    uint32_t key_count;
    struct hash128 from; ///< of LIVE_TASK_RANGE: as many users from here on as a block takes
};
void live_ask(struct live *live, struct live_task *task);

/// The tail's rows: all that came since the snapshot of a block.
struct live_tail {
    void *context;
    uint32_t row_count;
    const uint32_t *row_users; ///< number of the user, by row
    uint32_t user_count;
    const struct column_values *columns;
    struct hash128 (*user_key)(void *context, uint32_t user);
    /// False where the user has no row.
    bool (*find_user)(void *context, struct hash128 key, uint32_t *user_out);
    /// All values of a row; texts live until the next flush.
    void (*values)(void *context, uint32_t row, union canonical_value *values_out);
    void (*canonical)(void *context, uint32_t row, struct text_buffer *out);
};
/// Takes the answer to a task; of users asked for, the block has those that are stored. A block of
/// another range than the present one is not taken, and need not be.
void live_install(struct live *live, const struct live_block *block, const struct live_task *task,
                  const struct live_tail *tail);
/// Takes a task back that nobody did.
void live_return(struct live *live, const struct live_task *task);

/// Between the two the counts belong to one range, whose begin is returned. Any thread.
int64_t live_reading_begin(struct live *live);
void live_reading_end(struct live *live);
/// Counts of followed funnel `index`.
const struct live_counts *live_counts(const struct live *live, uint32_t index);
