// SPDX-License-Identifier: Apache-2.0
#include "engine/route/channel.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"

static uint64_t power_of_two_at_least(uint64_t count)
{
    uint64_t power = 1;
    while (power < count) {
        power *= 2;
    }
    return power;
}

void channel_init(struct channel *channel, uint32_t batch_count)
{
    // Room for all batches, the oversize one and all markers: a push never finds the lane full.
    uint64_t capacity = power_of_two_at_least(batch_count + 1 + CHANNEL_MARKER_COUNT_MAX);
    lane_init(&channel->forward, capacity, 0);
    lane_init(&channel->back, capacity, 0);
    channel->free = memory_allocate_zeroed(batch_count, sizeof(struct event_batch *));
    channel->open = NULL;
    channel->free_count = 0;
    channel->made_count = 0;
    channel->oversize_is_out = false;
}

static void destroy_batches_in(struct lane *lane)
{
    uintptr_t word;
    while (lane_pop(lane, &word)) {
        if ((word & 1) == 0) {
            event_batch_destroy((struct event_batch *)word);
        }
    }
}

void channel_deinit(struct channel *channel)
{
    destroy_batches_in(&channel->forward);
    destroy_batches_in(&channel->back);
    for (uint32_t i = 0; i < channel->free_count; i++) {
        event_batch_destroy(channel->free[i]);
    }
    event_batch_destroy(channel->open);
    memory_free(channel->free);
    lane_deinit(&channel->forward);
    lane_deinit(&channel->back);
}

void channel_reclaim(struct channel *channel, uint32_t batch_capacity)
{
    uintptr_t word;
    while (lane_pop(&channel->back, &word)) {
        struct event_batch *batch = (struct event_batch *)word;
        if (batch->capacity > batch_capacity) {
            event_batch_destroy(batch);
            channel->oversize_is_out = false;
        } else {
            DCHECK(channel->free_count < channel->made_count);
            channel->free[channel->free_count++] = batch;
        }
    }
}
