// SPDX-License-Identifier: Apache-2.0
/// Private to the engine: merges of the store while it commits. The committer plans and exchanges;
/// each merge is written by a thread of its own, at low priority, that shares nothing with others
/// but `done`.
/// Thread: the committer's, but for what says otherwise.
#pragma once

#include "storage/merge/merge.h"

#include <pthread.h>
#include <stdatomic.h>

struct engine;

/// One merge under way.
struct engine_merge_job {
    struct store_merge *merge; ///< NULL: none
    pthread_t thread;
    bool joined;
    bool is_polite;      ///< waits for idle time
    int64_t retry_at_us; ///< the exchange found the disk full
    enum corong_status status;
    struct corong_error error;
    atomic_bool done; ///< by its thread, after status and error
};

struct engine_merges {
    struct store_merger *merger; ///< NULL: the engine does not merge
    struct engine_merge_job jobs[STORE_MERGE_SIZE_COUNT];
    bool look_again; ///< the store changed since nothing was found to merge
    int64_t look_at_us;
};

/// Before the committer starts.
void engine_merge_open(struct engine *engine);
/// Of one merge. Any thread.
uint64_t engine_merge_memory_limit(const struct engine *engine);
/// A commit added these segments.
void engine_merge_committed(struct engine *engine, const struct segment_meta *added,
                            uint32_t count);
/// True where engine_merge_turn() has something to do. Under the engine's lock.
bool engine_merge_is_due(const struct engine *engine, int64_t now_us);
/// Exchanges what is written, begins what is worth it. Without the engine's lock. False: the
/// exchange failed for good, and the engine with it.
bool engine_merge_turn(struct engine *engine);
/// Ends all merges: what is written is exchanged, the others are given up. Without the lock.
void engine_merge_stop(struct engine *engine);
/// After the committer ended. Thread: main.
void engine_merge_close(struct engine *engine);
