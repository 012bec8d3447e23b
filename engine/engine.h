// SPDX-License-Identifier: Apache-2.0
/// The engine: events in, sessions and live funnels in memory, sorted segments out, committed
/// together with the positions of the sources they came from. THREADS.md has the picture.
///
/// Roles: each ingest thread owns one `engine_producer`; each shard thread alone owns its users;
/// the committer thread owns the store. An event crosses threads once, in a batch, through a
/// bounded single-producer single-consumer ring; no lock and no allocation per event on that path.
/// Ownership: the caller keeps store, schema and definitions alive until engine_close().
#pragma once

#include "engine/event/event.h"
#include "engine/funnel/funnel.h"
#include "storage/base/error.h"
#include "storage/merge/merge.h"
#include "storage/storage.h"
#include "storage/zone/zone.h"

#include <stdbool.h>
#include <stdint.h>

#define ENGINE_SHARD_COUNT_MAX 64u
#define ENGINE_PRODUCER_COUNT_MAX 64u

enum engine_live_range {
    ENGINE_LIVE_ALL = 0, ///< everything
    ENGINE_LIVE_DAY,     ///< entries since the local midnight before as-of
};

struct engine_options {
    struct store *store;         ///< open for writing; the engine's committer uses it
    const struct schema *schema; ///< store_schema() after the mapping added its attributes
    const struct definitions *definitions; ///< stages and funnels to follow live; may be NULL
    uint32_t shard_count;                  ///< 0: one per core, at most ENGINE_SHARD_COUNT_MAX
    uint32_t producer_count;               ///< how many engine_producer_open() will come
    uint64_t memory_limit_bytes;           ///< for rings, tails and live users together
    int64_t commit_interval_us;            ///< at least this often while events arrive; 0 means 5 s
    int64_t session_timeout_us;            ///< 0 means 30 minutes
    int64_t view_interval_us;              ///< views are at least so far apart; 0 means 250 ms
    /// What the live funnels count, and in which zone days are days (NULL: UTC). Borrowed.
    enum engine_live_range live_range;
    const struct zone *live_zone;
    /// The live counts begin with what the store holds, and pending users are recomputed from it in
    /// the background. False: with the first event, and users stay pending.
    bool live_settles;
    /// Nobody will read the live view: no funnel is followed and no session counted.
    bool live_unread;
    int zstd_level; ///< 0 means 1
    /// A barrier that stands still for so long, while no shard waits for a disk, ends the process:
    /// engine_watch.h. 0 means 30 s; negative: never.
    int64_t barrier_limit_us;
    /// Merges runs while it commits, at low priority, with a quarter of the memory limit (the tails
    /// get that much less).
    bool merge_in_background;
    bool merge_eagerly;     ///< at normal priority
    int64_t merge_quiet_us; ///< store_merger_options.quiet_us
};

struct engine;
struct engine_producer;

/// Starts shard threads and the committer. Fails (CORONG_NO_MEMORY) where the limit is too small
/// for the fixed parts, and says how much is needed.
CORONG_MUST_CHECK enum corong_status engine_open(struct engine **engine_out,
                                                 const struct engine_options *options,
                                                 struct corong_error *error);

/// Makes the calling thread's hand-in. Thread: ingest.
struct engine_producer *engine_producer_open(struct engine *engine);

/// Copies one event into the batch of its user's shard. Blocks (never drops) while that shard's
/// ring is full. Thread: the producer's.
void engine_push(struct engine_producer *producer, const struct event *event);

/// While a push has been blocked for 100 ms and more, `waiting` is called every 100 ms: somebody
/// else may wait for a sign of life. It must not push. Thread: the producer's, as the call.
void engine_producer_on_wait(struct engine_producer *producer, void (*waiting)(void *context),
                             void *context);

/// True once per requested barrier: the thread must then call engine_barrier() between two
/// messages. One relaxed load; call it after every message. Thread: the producer's.
bool engine_barrier_wanted(struct engine_producer *producer);

/// What a producer has read so far, at a barrier. Borrowed during the call; `positions` carry
/// cumulative counters, of which `stored` counts the events pushed: before each commit it is
/// compared with what the shards received, and a difference fails the engine.
struct engine_cut {
    const struct store_position *positions;
    uint32_t position_count;
    struct text dead_letters; ///< framed bytes collected since the last barrier
};

/// Hands over partial batches and a marker in every ring: everything pushed before belongs to this
/// cut. Returns the epoch whose commit holds the cut. Thread: the producer's.
uint64_t engine_barrier(struct engine_producer *producer, const struct engine_cut *cut);

/// Last call of a producer: a final barrier that holds for all later commits. Thread: the
/// producer's.
void engine_producer_close(struct engine_producer *producer, const struct engine_cut *cut);

/// Everything that has arrived up to one barrier: one version of the store, and sealed segments
/// with exactly what came after it. See store_snapshot_open_parts(). Immutable.
struct engine_view {
    uint64_t store_sequence;
    const int
        *chunk_fds; ///< borrowed while the view is held; nobody can change what is behind them
    uint32_t chunk_count;
    const struct store_position *positions; ///< visible, of all sources of the store, by id
    uint32_t position_count;
    uint64_t chunk_rows; ///< rows in the chunks; copies of one event may be among them
    int64_t sealed_us;   ///< clock_monotonic_us(); everything pushed before is in the view
};

/// A view that is at most `age_max_us` old, or holds all events that were pushed: where the last
/// one does not, a barrier is asked for and waited for. Without such calls nothing is sealed and
/// nothing is paid. Where no barrier comes for two seconds (a commit may be waiting for a full
/// disk), the last view is given; its `sealed_us` tells. Fails with the engine's own error once it
/// has failed. Any thread; hand it back with engine_view_release().
CORONG_MUST_CHECK enum corong_status engine_view_acquire(struct engine *engine, int64_t age_max_us,
                                                         const struct engine_view **view_out,
                                                         struct corong_error *error);
/// NULL-safe. May come after engine_close(); then `engine` is not looked at. Any thread.
void engine_view_release(struct engine *engine, const struct engine_view *view);

/// Asks for a commit now, without waiting. Any thread.
void engine_request_commit(struct engine *engine);

/// The cuts of all epochs up to this one are durable in the store. One acquire load. Any thread.
uint64_t engine_committed_epoch(const struct engine *engine);

/// A drain will follow: from now on a full disk is waited for ten seconds only. A producer that is
/// held by full rings would otherwise never come to its close. Any thread.
void engine_expect_drain(struct engine *engine);

/// Waits until every producer has closed and everything is committed, stops the threads and returns
/// the first error of any of them. Thread: main.
CORONG_MUST_CHECK enum corong_status engine_drain(struct engine *engine,
                                                  struct corong_error *error);

/// Where the engine merges in background: from now on every period is merged into one run, until
/// that is done once. Any thread.
void engine_request_compact(struct engine *engine);
/// What merging did since the engine opened, as of the last commit or merge; `running_out`: merges
/// under way. All 0 where it does not merge. Any thread.
struct store_merge_figures engine_merge_read(struct engine *engine, uint32_t *running_out);

/// True while a shard waits for a full disk (or for descriptors). Any thread.
bool engine_waits_for_disk(const struct engine *engine);

/// True once a commit failed for good; producers should stop. Any thread.
bool engine_failed(const struct engine *engine);

/// Frees. Without a drain before it, what was not committed is forgotten. NULL-safe. Thread: main.
void engine_close(struct engine *engine);

/// One funnel's live counts. Levels beyond the funnel's step count are 0.
struct engine_live_slice {
    struct text value; ///< attribute value, or missing for `(none)`; in `arena`
    uint64_t reached[FUNNEL_STEP_COUNT_MAX];
};
struct engine_live_funnel {
    struct text name;
    uint32_t step_count;
    struct text *steps;                      ///< their names
    uint64_t reached[FUNNEL_STEP_COUNT_MAX]; ///< all slices together
    uint32_t slice_count;
    struct engine_live_slice *slices; ///< only where the funnel has a live slice attribute
};
struct engine_live_view {
    uint64_t events; ///< routed to shards since the engine opened
    uint64_t users;  ///< live users in memory
    uint64_t users_evicted;
    uint64_t pending;  ///< users whose live answer waits for a recomputation from the store; at
                       ///< least 1 while the store is still being read for the first time
    uint64_t settled;  ///< recomputations so far
    uint64_t sessions; ///< started in the range, as far as arrival order was time order
    uint64_t commits;
    uint64_t rows_committed;
    uint64_t live_state_bytes; ///< of the live users' table, slack included
    uint64_t memory_bytes;     ///< rings + tails + live users
    int64_t as_of_us;          ///< INT64_MIN: no event yet
    int64_t range_from_us;     ///< of the counts' entries; INT64_MIN: everything
    struct text zone;          ///< of the day that began then; missing for everything
    bool range_is_split;       ///< a new day just began and some shard still counts the last one
    struct text failure;       ///< why nothing is recomputed at present; missing: nothing is wrong
    uint32_t funnel_count;
    struct engine_live_funnel *funnels;
};

/// What the engine's memory is used for, in bytes.
struct engine_memory {
    uint64_t limit;       ///< of all of it
    uint64_t rings;       ///< when full
    uint64_t tails;       ///< rows that are not in a segment, their strings, the room to sort them
    uint64_t chunks;      ///< of views since the last commit; in memory files, not resident
    uint64_t live;        ///< users followed live, with all that belongs to them
    uint64_t merges;      ///< at most, of the merges under way
    uint64_t merge_limit; ///< of each
};
/// As of each shard's last batch. Any thread.
struct engine_memory engine_memory_read(struct engine *engine);

/// Processor time of the shards that is not their users', since the engine opened.
struct engine_cpu {
    uint64_t write_ns; ///< sorting, encoding and writing what is committed
    uint64_t show_ns;  ///< the same of views
};
/// As of each shard's last barrier. Any thread.
struct engine_cpu engine_cpu_read(struct engine *engine);

/// Reads the counters of all shards without stopping one. A day that just began is waited for (half
/// a second at most). Memory: `arena`. Any thread.
void engine_live_read(struct engine *engine, struct arena *arena,
                      struct engine_live_view *view_out);
