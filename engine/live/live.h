// SPDX-License-Identifier: Apache-2.0
/// The live view of one shard: sessions and registered funnels, advanced event by event as batches
/// arrive.
///
/// On input that is in time order per user, the counts equal the query's. An event that is earlier
/// than its user's last one and matches some step, an event of a user who was dropped from memory
/// before, and an instant that cannot be taken again make the user pending: the user stays counted
/// as far as the events in order say, and is counted once in `pending`. Events marked `future` do
/// not take part.
///
/// Thread: the shard's; live_read() may be called by any thread.
#pragma once

#include "engine/event/event_batch.h"
#include "engine/live/live_counts.h"
#include "engine/live/live_plan.h"
#include "engine/live/live_recent.h"
#include "storage/column/column.h"

#include <stdint.h>

struct live_options {
    const struct live_plan *plan;
    const struct event_format *format;
    const struct hash_secret *secret;
    uint64_t budget_bytes; ///< at least live_budget_min()
    int64_t session_timeout_us;
};

/// Figures since the shard began.
struct live_figures {
    uint64_t users;
    uint64_t users_evicted;
    uint64_t pending;
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
/// The tail is about to forget rows and codes.
void live_before_flush(struct live *live, const struct live_rows *rows);
struct live_figures live_figures(const struct live *live);
/// Counts of followed funnel `index`. Any thread.
const struct live_counts *live_counts(const struct live *live, uint32_t index);
