// SPDX-License-Identifier: Apache-2.0
/// A shard: one thread that alone owns a range of users. It takes batches from its rings, keeps the
/// rows until the next barrier, follows sessions and live funnels, and writes segments.
///
/// Barrier rule: a producer whose marker for the epoch has arrived is not popped any further until
/// the markers of all participants are there; then the tail is flushed and reported, and popping
/// goes on.
#pragma once

#include "engine/live/live.h"
#include "engine/route/route.h"
#include "engine/shard/shard_counters.h"
#include "engine/shard/tail.h"
#include "storage/base/error.h"

#include <stdbool.h>
#include <stdint.h>

/// What a shard tells its owner. Called on the shard's thread; the owner locks.
struct shard_owner {
    void *context;
    /// The barrier is reached. The callee takes over output->metas.
    void (*sealed)(void *context, uint32_t shard_index, struct tail_output *output);
    /// Memory runs short: please ask for a barrier.
    void (*wants_commit)(void *context);
    /// Writing failed for good. From now on events are discarded.
    void (*failed)(void *context, const struct corong_error *error);
    /// True once any part of the engine has failed: what arrives is discarded.
    bool (*has_failed)(void *context);
    /// True when a write that failed should not be tried again.
    bool (*gives_up)(void *context);
};

struct shard_options {
    uint32_t index;
    struct route *route;
    struct tail_options tail;
    struct live_options live;
    struct shard_owner owner;
};

struct shard;

struct shard *shard_create(const struct shard_options *options);
/// Runs until route_stopped(). The argument of pthread_create() is the shard.
void *shard_run(void *shard);
/// The thread must have ended.
void shard_destroy(struct shard *shard);
/// Any thread.
const struct shard_counters *shard_counters(const struct shard *shard);
/// Counts of the followed funnels. Any thread.
const struct live_counts *shard_live_counts(const struct shard *shard, uint32_t index);

/// True for errors that may pass by themselves: a full disk, a lack of descriptors.
bool shard_error_passes(const struct corong_error *error);
