// SPDX-License-Identifier: Apache-2.0
#include "engine/route/route.h"

#include "engine/route/channel.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#define LIVENESS_TIMEOUT_US (100 * INT64_C(1000))

// Words of a lane: batch pointers are aligned to 16, so their low bits are free for markers.
#define WORD_MARKER UINT64_C(1)
#define WORD_CLOSE UINT64_C(2)
#define WORD_EPOCH_SHIFT 2

static struct channel *channel_of(struct route *route, uint32_t producer, uint32_t shard)
{
    return &route->channels[(size_t)producer * route->options.shard_count + shard];
}

uint64_t route_memory(const struct route_options *options)
{
    uint64_t channel_count = (uint64_t)options->producer_count * options->shard_count;
    uint64_t batch_size = sizeof(struct event_batch) + options->batch_capacity;
    return channel_count * (sizeof(struct channel) + options->batch_count * (batch_size + 32));
}

void route_init(struct route *route, const struct route_options *options)
{
    ASSERT(options->batch_count >= 2);
    route->options = *options;
    size_t channel_count = (size_t)options->producer_count * options->shard_count;
    route->channels = memory_allocate_aligned(128, channel_count * sizeof(struct channel));
    for (size_t i = 0; i < channel_count; i++) {
        channel_init(&route->channels[i], options->batch_count);
    }
    route->producers =
        memory_allocate_aligned(128, options->producer_count * sizeof(struct route_producer));
    for (uint32_t i = 0; i < options->producer_count; i++) {
        parker_init(&route->producers[i].parker);
        route->producers[i].signal_seen = 0;
        atomic_init(&route->producers[i].event_count, 0);
        route->producers[i].waiting = NULL;
        route->producers[i].waiting_context = NULL;
    }
    route->shard_parkers =
        memory_allocate_aligned(128, options->shard_count * sizeof(struct parker));
    for (uint32_t i = 0; i < options->shard_count; i++) {
        parker_init(&route->shard_parkers[i]);
    }
    atomic_init(&route->signal, 0);
    atomic_init(&route->epoch, 0);
    atomic_init(&route->stopped, false);
    route->participants = 0;
}

void route_deinit(struct route *route)
{
    size_t channel_count = (size_t)route->options.producer_count * route->options.shard_count;
    for (size_t i = 0; i < channel_count; i++) {
        channel_deinit(&route->channels[i]);
    }
    memory_free(route->channels);
    memory_free(route->producers);
    memory_free(route->shard_parkers);
}

static void hand_over(struct route *route, uint32_t producer, uint32_t shard)
{
    struct channel *channel = channel_of(route, producer, shard);
    if (channel->open == NULL || channel->open->row_count == 0) {
        return;
    }
    bool pushed = lane_push(&channel->forward, (uintptr_t)channel->open);
    ASSERT(pushed);
    channel->open = NULL;
    parker_wake(&route->shard_parkers[shard]);
}

// Waits until the shard has returned a batch.
static void wait_for_return(struct route *route, uint32_t producer, struct channel *channel)
{
    struct route_producer *self = &route->producers[producer];
    struct parker *parker = &self->parker;
    struct parker_patience patience = {0};
    while (lane_empty(&channel->back)) {
        if (!parker_pause(&patience)) {
            continue;
        }
        parker_prepare(parker);
        if (!lane_empty(&channel->back)) {
            parker_cancel(parker);
            break;
        }
        parker_sleep(parker, LIVENESS_TIMEOUT_US);
        if (self->waiting != NULL && lane_empty(&channel->back)) {
            self->waiting(self->waiting_context);
        }
    }
    channel_reclaim(channel, route->options.batch_capacity);
}

static void open_batch(struct route *route, uint32_t producer, struct channel *channel)
{
    channel_reclaim(channel, route->options.batch_capacity);
    if (channel->free_count == 0 && channel->made_count < route->options.batch_count) {
        channel->made_count++;
        channel->open = event_batch_create(route->options.batch_capacity);
        return;
    }
    while (channel->free_count == 0) {
        wait_for_return(route, producer, channel);
    }
    channel->open = channel->free[--channel->free_count];
    event_batch_reset(channel->open);
}

// An event larger than a batch gets one of its own. Only one per channel is under way, so that such
// events cannot take more memory than the largest message.
static void push_oversize(struct route *route, uint32_t producer, uint32_t shard,
                          const struct event *event, struct hash128 user_key)
{
    struct channel *channel = channel_of(route, producer, shard);
    while (channel->oversize_is_out) {
        wait_for_return(route, producer, channel);
    }
    uint64_t need = event_batch_need(route->options.format, event);
    ASSERT(need <= UINT32_MAX);
    channel->free[channel->free_count++] = channel->open; // empty: it was just handed over
    channel->open = event_batch_create((uint32_t)need);
    channel->oversize_is_out = true;
    bool fits = event_batch_append(channel->open, route->options.format, event, user_key);
    ASSERT(fits);
    hand_over(route, producer, shard);
}

void route_push(struct route *route, uint32_t producer, const struct event *event)
{
    struct hash128 user_key =
        hash_user(route->options.secret, event->user_namespace, event->user_id);
    uint32_t shard = route_shard(user_key, route->options.shard_count);
    struct channel *channel = channel_of(route, producer, shard);
    if (channel->open == NULL) {
        open_batch(route, producer, channel);
    }
    if (!event_batch_append(channel->open, route->options.format, event, user_key)) {
        hand_over(route, producer, shard);
        if (channel->open == NULL) {
            open_batch(route, producer, channel);
        }
        if (!event_batch_append(channel->open, route->options.format, event, user_key)) {
            push_oversize(route, producer, shard, event, user_key);
        }
    }
    struct route_producer *self = &route->producers[producer];
    // Relaxed: a count for decisions that may be late; this thread alone writes it.
    uint64_t count = atomic_load_explicit(&self->event_count, memory_order_relaxed);
    atomic_store_explicit(&self->event_count, count + 1, memory_order_relaxed);
}

void route_flush(struct route *route, uint32_t producer)
{
    for (uint32_t shard = 0; shard < route->options.shard_count; shard++) {
        hand_over(route, producer, shard);
    }
}

static void push_word(struct route *route, uint32_t producer, uintptr_t word)
{
    route_flush(route, producer);
    for (uint32_t shard = 0; shard < route->options.shard_count; shard++) {
        bool pushed = lane_push(&channel_of(route, producer, shard)->forward, word);
        ASSERT(pushed);
        parker_wake(&route->shard_parkers[shard]);
    }
}

void route_mark(struct route *route, uint32_t producer, uint64_t epoch)
{
    push_word(route, producer, (uintptr_t)(epoch << WORD_EPOCH_SHIFT | WORD_MARKER));
}

void route_close(struct route *route, uint32_t producer)
{
    push_word(route, producer, (uintptr_t)(WORD_MARKER | WORD_CLOSE));
}

bool route_called(struct route *route, uint32_t producer)
{
    struct route_producer *self = &route->producers[producer];
    // Relaxed: a call seen a message later is as good.
    uint64_t signal = atomic_load_explicit(&route->signal, memory_order_relaxed);
    if (__builtin_expect(signal == self->signal_seen, 1)) {
        return false;
    }
    // Acquire, pairs with the release in route_call(): whoever saw the call sees the epoch it is
    // about.
    self->signal_seen = atomic_load_explicit(&route->signal, memory_order_acquire);
    return true;
}

void route_call(struct route *route)
{
    // Release, pairs with the acquire in route_called().
    atomic_fetch_add_explicit(&route->signal, 1, memory_order_release);
}

static void wake_shards(struct route *route)
{
    for (uint32_t shard = 0; shard < route->options.shard_count; shard++) {
        parker_wake(&route->shard_parkers[shard]);
    }
}

void route_begin_epoch(struct route *route, uint64_t epoch, uint64_t participants,
                       enum route_epoch_kind kind)
{
    route->participants = participants;
    route->kind = kind;
    // Release, pairs with the acquire in route_epoch(): `participants` and `kind` come before.
    atomic_store_explicit(&route->epoch, epoch, memory_order_release);
    route_call(route);
    wake_shards(route);
}

void route_stop(struct route *route)
{
    // Relaxed: nothing is published by it. A shard that sleeps sees it by the wake that follows.
    atomic_store_explicit(&route->stopped, true, memory_order_relaxed);
    wake_shards(route);
}

bool route_stopped(const struct route *route)
{
    // Relaxed: see route_stop().
    return atomic_load_explicit(&route->stopped, memory_order_relaxed);
}

uint64_t route_event_count(const struct route *route)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < route->options.producer_count; i++) {
        // Relaxed: a figure for people and for the decision to commit.
        sum += atomic_load_explicit(&route->producers[i].event_count, memory_order_relaxed);
    }
    return sum;
}

static uint64_t index_of(const atomic_uint_least64_t *index)
{
    // Relaxed: for people.
    return atomic_load_explicit(index, memory_order_relaxed);
}

struct route_depth route_depth(const struct route *route, uint32_t producer, uint32_t shard)
{
    const struct channel *channel =
        &route->channels[(size_t)producer * route->options.shard_count + shard];
    return (struct route_depth){
        .forward_head = index_of(&channel->forward.head),
        .forward_tail = index_of(&channel->forward.tail),
        .back_head = index_of(&channel->back.head),
        .back_tail = index_of(&channel->back.tail),
    };
}

uint64_t route_epoch(const struct route *route)
{
    // Acquire, pairs with the release in route_begin_epoch().
    return atomic_load_explicit(&route->epoch, memory_order_acquire);
}

struct route_item route_pop(struct route *route, uint32_t producer, uint32_t shard)
{
    uintptr_t word;
    if (!lane_pop(&channel_of(route, producer, shard)->forward, &word)) {
        return (struct route_item){ROUTE_NOTHING, NULL, 0};
    }
    if ((word & WORD_MARKER) == 0) {
        return (struct route_item){ROUTE_BATCH, (struct event_batch *)word, 0};
    }
    if ((word & WORD_CLOSE) != 0) {
        return (struct route_item){ROUTE_CLOSE, NULL, 0};
    }
    return (struct route_item){ROUTE_MARKER, NULL, word >> WORD_EPOCH_SHIFT};
}

void route_return(struct route *route, uint32_t producer, uint32_t shard, struct event_batch *batch)
{
    bool pushed = lane_push(&channel_of(route, producer, shard)->back, (uintptr_t)batch);
    ASSERT(pushed);
    parker_wake(&route->producers[producer].parker);
}

bool route_empty(struct route *route, uint32_t producer, uint32_t shard)
{
    return lane_empty(&channel_of(route, producer, shard)->forward);
}
