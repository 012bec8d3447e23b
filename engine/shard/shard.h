// SPDX-License-Identifier: Apache-2.0
/// A shard: one thread that alone owns a range of users. It takes batches from its rings, keeps the
/// rows until the next barrier, follows sessions and live funnels, and writes segments.
///
/// Barrier rule: a producer whose marker for the epoch has arrived is not popped any further until
/// the markers of all participants are there; then the tail is flushed and reported (at a commit),
/// or what came since the last barrier is sealed in memory and reported (at a view), and popping
/// goes on.
#pragma once

#include "engine/live/live.h"
#include "engine/route/route.h"
#include "engine/shard/sealed_chunk.h"
#include "engine/shard/shard_counters.h"
#include "engine/shard/shard_mail.h"
#include "engine/shard/tail.h"
#include "storage/base/error.h"

#include <stdbool.h>
#include <stdint.h>

/// What a shard shows at a view: all of it since the last commit.
struct shard_shown {
    struct sealed_chunk **chunks; ///< each held once for the callee, who takes over array and holds
    uint32_t chunk_count;
    uint64_t event_count; ///< events that are in them, duplicates included
    bool failed;          ///< no chunk could be made; the tail is unharmed
};

/// What a shard tells its owner. Called on the shard's thread; the owner locks.
struct shard_owner {
    void *context;
    /// The barrier is reached. The callee takes over output->metas.
    void (*sealed)(void *context, uint32_t shard_index, struct tail_output *output);
    /// As sealed(), for a barrier that is a view.
    void (*shown)(void *context, uint32_t shard_index, const struct shard_shown *shown);
    /// Memory runs short: please ask for a barrier.
    void (*wants_commit)(void *context);
    /// Writing failed for good. From now on events are discarded.
    void (*failed)(void *context, const struct corong_error *error);
    /// True once any part of the engine has failed: what arrives is discarded.
    bool (*has_failed)(void *context);
    /// True when a write that failed should not be tried again.
    bool (*gives_up)(void *context);
    /// The shard has read what the store holds of its users, or could not (`error` is not NULL).
    void (*primed)(void *context, const struct corong_error *error);
    /// A letter was answered.
    void (*answered)(void *context);
};

struct shard_options {
    uint32_t index;
    struct route *route;
    struct tail_options tail;
    struct live_options live;
    bool live_unread;       ///< events do not go to the live view
    struct live_load *load; ///< where live.primes: what the store holds; until primed()
    struct shard_owner owner;
    uint32_t chunk_count_max; ///< in memory, of a view
};

struct shard;

struct shard *shard_create(const struct shard_options *options);
/// Runs until route_stopped(), then gives its rows and tables back. The argument of
/// pthread_create() is the shard.
void *shard_run(void *shard);
/// The thread must have ended.
void shard_destroy(struct shard *shard);
/// Any thread.
const struct shard_counters *shard_counters(const struct shard *shard);
/// The last marker of a producer that arrived. Any thread.
uint64_t shard_marker(const struct shard *shard, uint32_t producer);
/// The live view, for live_reading_begin(). Any thread.
struct live *shard_live(const struct shard *shard);
/// Hands a letter over; shard_mail_answered() turns true when it is answered, unless the thread has
/// ended. Thread: one that asks.
void shard_mail_post(struct shard *shard, struct shard_mail *mail);
bool shard_mail_answered(struct shard *shard);

/// True for errors that may pass by themselves: a full disk, a lack of descriptors.
bool shard_error_passes(const struct corong_error *error);
