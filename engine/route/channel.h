// SPDX-License-Identifier: Apache-2.0
/// One producer's way to one shard: batches go forward full and come back empty. The number of
/// batches is fixed, so a producer that is faster than its shard waits here; nothing is dropped.
///
/// Thread: the fields below `forward` and `back` belong to the producer.
#pragma once

#include "engine/event/event_batch.h"
#include "engine/event/lane.h"

#include <stdbool.h>
#include <stdint.h>

/// At most this many markers are in a lane: one at opening, one of the barrier under way, one at
/// closing.
#define CHANNEL_MARKER_COUNT_MAX 3u

struct channel {
    struct lane forward;       ///< batches and markers, producer to shard
    struct lane back;          ///< empty batches, shard to producer
    struct event_batch *open;  ///< being filled; NULL: none
    struct event_batch **free; ///< empty ones at hand
    uint32_t free_count;
    uint32_t made_count;  ///< batches of the usual size that exist
    bool oversize_is_out; ///< the one batch made for an event larger than a batch
};

void channel_init(struct channel *channel, uint32_t batch_count);
/// Frees every batch, wherever it is. Both threads must have stopped.
void channel_deinit(struct channel *channel);
/// Takes back what the shard has returned; batches larger than `batch_capacity` are freed.
void channel_reclaim(struct channel *channel, uint32_t batch_capacity);
