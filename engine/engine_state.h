// SPDX-License-Identifier: Apache-2.0
/// Private to engine*.c: what the engine is made of.
#pragma once

#include "engine/engine.h"
#include "engine/engine_merge.h"
#include "engine/live/live.h"
#include "engine/route/route.h"
#include "engine/shard/shard.h"
#include "storage/base/arena.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/// What a producer said at a barrier; owned copies.
struct engine_saved_cut {
    bool valid;
    uint64_t epoch;     ///< the barrier that commits it
    struct arena arena; ///< of the names
    struct store_position *positions;
    uint32_t position_count;
    uint32_t kept_count; ///< the first ones came with an earlier barrier
    struct text_buffer dead_letters;
};

/// How the memory limit is divided: in eighths, for rings, tails and live users; with merges in
/// background these take their part from the tails.
#define ENGINE_RING_EIGHTHS 1u
#define ENGINE_TAIL_EIGHTHS 4u
#define ENGINE_LIVE_EIGHTHS 3u
#define ENGINE_MERGE_EIGHTHS 2u

enum producer_state { PRODUCER_UNOPENED = 0, PRODUCER_OPEN, PRODUCER_CLOSED };

struct engine_producer {
    struct engine *engine;
    uint32_t index;
    bool barrier_wanted;       ///< the producer thread's own
    uint64_t done_epoch;       ///< written under the lock by its thread, which may read it without
    enum producer_state state; ///< under the lock, as all below
    /// One for the barrier under way, one for a close that comes before it is committed.
    struct engine_saved_cut cuts[2];
    struct engine_saved_cut kept; ///< of barriers that nobody wanted: goes with the next
    /// Of all barriers since the last commit, views among them. The committer's own.
    struct engine_saved_cut taken;
};

/// A view and what it holds.
struct engine_shown {
    struct engine_view door; ///< first: its address is the view's
    atomic_uint_least32_t holders;
    uint64_t event_count; ///< that had been pushed when its barrier began
    struct sealed_chunk **chunks;
    struct arena arena; ///< of positions and descriptors
};

/// Under the engine's lock, but for the committer where no barrier is under way.
struct engine_views {
    struct engine_shown *current; ///< held
    bool requested;
    struct sealed_chunk **chunks; ///< held; of the barrier under way, all shards together
    uint32_t chunk_count;
    uint64_t event_count; ///< in these
    bool shard_failed;    ///< one could not make its chunks
};

/// When a barrier began, and how many events had been pushed.
struct engine_view_instant {
    int64_t begun_us;
    uint64_t event_count;
};

/// Reads the store for the live view: when the engine opens (each shard by itself), and for pending
/// users (a thread of its own). engine_settle.c.
struct engine_settle {
    pthread_t thread;
    bool started;
    struct parker parker;            ///< the thread's
    atomic_bool cancelled;           ///< the engine stops: reading is given up
    struct store_snapshot *snapshot; ///< while shards prime
    struct live_load *load;          ///< as the snapshot
    struct shard_mail mail;          ///< the thread's, but while a shard has it
    struct live_block block;         ///< as the mail
    uint32_t primed_count;           ///< under the lock
    struct corong_error error;       ///< under the lock; OK: nothing is wrong
};

struct engine {
    struct engine_options options;
    struct event_format format;
    struct live_plan plan;
    struct live_range live_range;
    struct engine_settle settle;
    struct route route;
    struct shard **shards;
    pthread_t *shard_threads;
    pthread_t committer_thread;
    bool joined;
    struct engine_producer *producers;
    struct engine_merges merges;           ///< the committer's
    atomic_bool failed;                    ///< never reset
    atomic_uint_least64_t committed_epoch; ///< the committer's to write

    pthread_mutex_t lock;   ///< of everything below; never held while anything is written
    pthread_cond_t changed; ///< to the committer, and to engine_drain()
    uint32_t opened_count;
    uint32_t closed_count;
    uint64_t begun_epoch;
    uint64_t completed_epoch;  ///< every shard has sealed it
    uint32_t sealed_count;     ///< shards that have sealed begun_epoch
    struct tail_output sealed; ///< of all shards at begun_epoch
    struct engine_views views;
    struct store_merge_figures merge_figures; ///< as of the last turn
    uint32_t merges_running;
    bool compact_requested;
    bool commit_requested;
    bool stopping; ///< engine_close() without a drain
    bool draining;
    int64_t draining_since_us;
    bool finished; ///< the committer has done its last commit, or failed
    uint64_t commit_count;
    uint64_t rows_committed;
    struct corong_error error; ///< the first one
};

/// The committer's thread. engine_commit.c.
void *engine_commit_run(void *engine);
/// Callbacks of the shards. engine_commit.c.
struct shard_owner engine_commit_owner(struct engine *engine);
/// Keeps the first error and makes everybody stop. Any thread.
void engine_commit_fail(struct engine *engine, const struct corong_error *error);
/// Copies a cut. Under the lock. engine_cut.c.
void engine_cut_save(struct engine_producer *producer, uint64_t epoch,
                     const struct engine_cut *cut);
/// Keeps what came with a barrier that nobody wanted for the next one. Under the lock.
void engine_cut_keep(struct engine_producer *producer, const struct engine_cut *cut);
void engine_cut_release(struct engine_saved_cut *saved);
/// Moves the cuts of barriers up to `epoch` to producer->taken. Under the lock; the committer's.
void engine_cut_take(struct engine_producer *producer, uint64_t epoch);

/// Opens what shards prime from. Failures are kept for the live view. Before the shards are made.
/// engine_settle.c, as all of these.
void engine_settle_open(struct engine *engine);
/// True where the shards are to prime.
bool engine_settle_primes(const struct engine *engine);
/// Starts the thread, where there is to be one.
void engine_settle_start(struct engine *engine);
/// The engine is to be closed: reading is given up. Any thread.
void engine_settle_cancel(struct engine *engine);
/// Ends the thread; the shards have ended.
void engine_settle_stop(struct engine *engine);
/// All threads have ended.
void engine_settle_close(struct engine *engine);
/// A commit is durable: pending users may be recomputed.
void engine_settle_committed(struct engine *engine);
/// Callbacks of the shards.
void engine_settle_primed(struct engine *engine, const struct corong_error *error);
void engine_settle_answered(struct engine *engine);

/// A shard's report at a view. Takes the lock. engine_view.c.
void engine_view_shown(struct engine *engine, const struct shard_shown *shown);
/// Lets go of the chunks that were reported.
void engine_view_forget(struct engine_views *views);
/// Makes the reported chunks, the store's version and the taken cuts the current view. Thread: the
/// committer's, without the lock, as the next.
void engine_view_publish(struct engine *engine, const struct engine_view_instant *instant);
/// The same data in another version of the store, after a merge: the current view names it.
void engine_view_refresh(struct engine *engine);
void engine_view_deinit(struct engine *engine);
