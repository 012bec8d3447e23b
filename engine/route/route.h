// SPDX-License-Identifier: Apache-2.0
/// Events to shards: the matrix of channels between producers and shards, the markers of barriers,
/// and who wakes whom.
///
/// A shard is a range of user keys: key.high scaled to the shard count. So the segments that the
/// shards write at one barrier are consecutive ranges and form one sorted run; no shard number is
/// stored.
#pragma once

#include "engine/event/event_batch.h"
#include "engine/event/parker.h"
#include "storage/base/hash.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct channel;

struct route_options {
    uint32_t producer_count;
    uint32_t shard_count;
    uint32_t batch_capacity; ///< payload bytes of a batch
    uint32_t batch_count;    ///< per channel, at least 2
    const struct hash_secret *secret;
    const struct event_format *format;
};

/// Per producer; written by its thread only.
struct route_producer {
    struct parker parker;
    uint64_t signal_seen; ///< the last value of route.signal that was acted on
    atomic_uint_least64_t
        event_count;                ///< pushed so far; relaxed, for counters and commit decisions
    void (*waiting)(void *context); ///< called now and then while a push is blocked; may be NULL
    void *waiting_context;
};

/// What shards do at a barrier: write everything, or show what came since the last one.
enum route_epoch_kind { ROUTE_COMMIT = 0, ROUTE_VIEW };

struct route {
    struct route_options options;
    struct channel *channels; ///< [producer * shard_count + shard]
    struct route_producer *producers;
    struct parker *shard_parkers;
    /// Counts the times that producers are wanted: for a barrier or to hand over partial batches.
    _Alignas(128) atomic_uint_least64_t signal;
    /// The barrier that shards are to reach. Release by the committer, acquire by shards;
    /// `participants` is written before and stays until every shard has reached it.
    atomic_uint_least64_t epoch;
    atomic_bool stopped;
    uint64_t participants;      ///< bit p: producer p had opened when the barrier was asked for
    enum route_epoch_kind kind; ///< of the barrier; written and kept as `participants`
};

/// The indices of a channel's two lanes: for a report when nothing moves.
struct route_depth {
    uint64_t forward_head;
    uint64_t forward_tail;
    uint64_t back_head;
    uint64_t back_tail;
};

/// What a shard pops.
enum route_kind { ROUTE_NOTHING = 0, ROUTE_BATCH, ROUTE_MARKER, ROUTE_CLOSE };
struct route_item {
    enum route_kind kind;
    struct event_batch *batch; ///< of ROUTE_BATCH; give it back with route_return()
    uint64_t epoch;            ///< of ROUTE_MARKER
};

/// Bytes that all batches and rings take when full.
uint64_t route_memory(const struct route_options *options);
void route_init(struct route *route, const struct route_options *options);
/// All threads must have stopped.
void route_deinit(struct route *route);

static inline uint32_t route_shard(struct hash128 user_key, uint32_t shard_count)
{
    return (uint32_t)((unsigned __int128)user_key.high * shard_count >> 64);
}

/// The least key that a shard may own.
static inline struct hash128 route_first_key(uint32_t shard, uint32_t shard_count)
{
    unsigned __int128 scaled = (unsigned __int128)shard << 64;
    return (struct hash128){.high = (uint64_t)((scaled + shard_count - 1) / shard_count), .low = 0};
}

/// Copies an event into its shard's batch; waits while all batches of that channel are under way.
/// Thread: the producer's, as the next four.
void route_push(struct route *route, uint32_t producer, const struct event *event);
/// Hands partial batches over.
void route_flush(struct route *route, uint32_t producer);
/// Puts a marker behind everything pushed so far, in every ring.
void route_mark(struct route *route, uint32_t producer, uint64_t epoch);
/// Puts the last word of a producer into every ring.
void route_close(struct route *route, uint32_t producer);
/// True when route_call() was called since this was last true. One relaxed load otherwise.
bool route_called(struct route *route, uint32_t producer);

/// Makes every producer look up (route_called()). Thread: the committer.
void route_call(struct route *route);
/// Publishes a barrier to the shards and calls the producers. Thread: the committer.
void route_begin_epoch(struct route *route, uint64_t epoch, uint64_t participants,
                       enum route_epoch_kind kind);
/// Ends the shard threads after the item in hand.
void route_stop(struct route *route);
bool route_stopped(const struct route *route);
/// Any thread.
struct route_depth route_depth(const struct route *route, uint32_t producer, uint32_t shard);
/// Sum of the producers' event counts. Any thread.
uint64_t route_event_count(const struct route *route);

/// The barrier to reach. Thread: shards. route.participants and route.kind may be read after it.
uint64_t route_epoch(const struct route *route);
/// Pops one item of a producer. Thread: the shard's, as the next two.
struct route_item route_pop(struct route *route, uint32_t producer, uint32_t shard);
void route_return(struct route *route, uint32_t producer, uint32_t shard,
                  struct event_batch *batch);
/// True when the channel has nothing to pop: the look before going to sleep.
bool route_empty(struct route *route, uint32_t producer, uint32_t shard);
