// SPDX-License-Identifier: Apache-2.0
// Many small commits with merges under them, watched by readers of the store and of views: every
// version holds each event once, up to the positions it names; at the end, by a
// drain or by giving up in the middle of a merge, no file is left that the store does not name.
#include "engine/engine.h"

#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "storage/file/file.h"
#include "tests/support/engine_rig.h"
#include "tests/support/test_random.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMIT_COUNT 64u
#define EVENTS_PER_COMMIT 24u
#define EVENT_COUNT (COMMIT_COUNT * EVENTS_PER_COMMIT)

struct rig {
    struct engine_rig engine;
    uint64_t seed;
    bool gives_up; ///< closes without a drain
    atomic_bool done;
    uint64_t views;
    uint64_t snapshots;
};

static void push_events(struct rig *rig, struct engine_producer *producer, uint64_t *pushed,
                        struct test_random *random)
{
    for (uint32_t i = 0; i < EVENTS_PER_COMMIT; i++) {
        union canonical_value values[RIG_COLUMN_COUNT];
        char user[32];
        snprintf(user, sizeof(user), "user %u", test_random_below(random, 50));
        struct event event = engine_rig_event(
            values, user, (int64_t)test_random_below(random, 1000) * 1000000, "page_view");
        values[RIG_PRODUCER].integer = 0;
        values[RIG_NUMBER].integer = (int64_t)*pushed;
        engine_push(producer, &event);
        (*pushed)++;
    }
    (void)rig;
}

static void commit(struct rig *rig, struct engine_producer *producer, uint64_t pushed)
{
    struct engine *engine = rig->engine.engine;
    struct store_position position = {
        .id = {7, 7},
        .name = TEXT_LITERAL("source"),
        .next_offset = (int64_t)pushed,
        .anchor_offset = -1,
        .epoch = -1,
        .counters = {.messages = pushed, .events = pushed, .stored = pushed}};
    struct engine_cut cut = {.positions = &position, .position_count = 1};
    engine_request_commit(engine);
    uint64_t epoch = 0;
    // A barrier that a view asked for comes first now and then; its cut goes with the commit.
    while (engine_committed_epoch(engine) < epoch || epoch == 0) {
        if (engine_failed(engine)) {
            test_fail(rig->seed, "the engine failed");
        }
        if (engine_barrier_wanted(producer)) {
            epoch = engine_barrier(producer, &cut);
            engine_request_commit(engine);
        }
        clock_sleep_us(100);
    }
}

struct check {
    struct rig *rig;
    uint8_t seen[EVENT_COUNT];
    uint64_t count;
};

static void check_row(void *context, const struct engine_rig_row *row)
{
    struct check *check = context;
    uint64_t number = (uint64_t)row->values[RIG_NUMBER];
    if (number >= EVENT_COUNT || check->seen[number]++ != 0) {
        test_fail(check->rig->seed, "event %" PRIu64 " is wrong or there twice", number);
    }
    check->count++;
}

/// The snapshot holds the first events, as many as it has, each once.
static void check_snapshot(struct rig *rig, struct store_snapshot *snapshot, uint64_t wanted)
{
    struct check check = {.rig = rig};
    engine_rig_rows(snapshot, check_row, &check);
    for (uint64_t number = 0; number < check.count; number++) {
        if (check.seen[number] != 1) {
            test_fail(rig->seed, "event %" PRIu64 " of %" PRIu64 " is not there", number,
                      check.count);
        }
    }
    if (check.count != wanted) {
        test_fail(rig->seed, "%" PRIu64 " events, positions say %" PRIu64, check.count, wanted);
    }
}

static uint64_t stored_in(const struct store_position *positions, uint32_t count)
{
    return count == 0 ? 0 : positions[0].counters.stored;
}

static void *watch_store(void *argument)
{
    struct rig *rig = argument;
    while (!atomic_load(&rig->done)) {
        struct store_snapshot *snapshot;
        if (store_snapshot_open(&snapshot, rig->engine.directory, NULL) == CORONG_OK) {
            uint32_t count;
            const struct store_position *positions = store_snapshot_positions(snapshot, &count);
            check_snapshot(rig, snapshot, stored_in(positions, count));
            store_snapshot_close(snapshot);
            rig->snapshots++;
        }
        clock_sleep_us(3000);
    }
    return NULL;
}

static void look_through(struct rig *rig, const struct engine_view *view)
{
    struct store_snapshot_part part = {
        .directory = rig->engine.directory,
        .sequence = view->store_sequence,
        .chunk_fds = view->chunk_fds,
        .chunk_count = view->chunk_count,
    };
    struct store_snapshot *snapshot;
    struct corong_error error = {0};
    enum corong_status status = store_snapshot_open_parts(&snapshot, &part, 1, &error);
    if (status == CORONG_BUSY) {
        return; // a commit or an exchange came between
    }
    if (status != CORONG_OK) {
        test_fail(rig->seed, "view: %s", error.message);
    }
    check_snapshot(rig, snapshot, stored_in(view->positions, view->position_count));
    store_snapshot_close(snapshot);
    rig->views++;
}

static void *watch_views(void *argument)
{
    struct rig *rig = argument;
    while (!atomic_load(&rig->done)) {
        const struct engine_view *view;
        if (engine_view_acquire(rig->engine.engine, 0, &view, NULL) == CORONG_OK) {
            look_through(rig, view);
            engine_view_release(rig->engine.engine, view);
        }
        clock_sleep_us(1000);
    }
    return NULL;
}

static void start_thread(pthread_t *thread, void *(*entry)(void *), void *argument)
{
    if (pthread_create(thread, NULL, entry, argument) != 0) {
        fprintf(stderr, "no thread\n");
        _Exit(1);
    }
}

static void push_all(struct rig *rig)
{
    struct test_random random = test_random_start(rig->seed);
    struct engine_producer *producer = engine_producer_open(rig->engine.engine);
    uint64_t pushed = 0;
    while (pushed < EVENT_COUNT) {
        push_events(rig, producer, &pushed, &random);
        commit(rig, producer, pushed);
        if (test_random_below(&random, 40) == 0) {
            engine_request_compact(rig->engine.engine);
        }
    }
    engine_producer_close(producer, &(struct engine_cut){0});
}

static void count_name(void *user, const char *name)
{
    *(uint32_t *)user += strstr(name, ".fseg") != NULL;
}

/// After the engine: the files are the store's segments, and all events are there.
static void check_end(struct rig *rig)
{
    struct corong_error error = {0};
    char path[4200];
    uint32_t files = 0;
    uint32_t segments;
    snprintf(path, sizeof(path), "%s/seg", rig->engine.directory);
    store_segments(rig->engine.store, &segments);
    if (file_list(path, count_name, &files, &error) != CORONG_OK || files != segments) {
        test_fail(rig->seed, "%u files for %u segments", files, segments);
    }
    struct store_snapshot *snapshot;
    if (store_snapshot_open(&snapshot, rig->engine.directory, &error) != CORONG_OK) {
        test_fail(rig->seed, "snapshot: %s", error.message);
    }
    check_snapshot(rig, snapshot, EVENT_COUNT);
    store_snapshot_close(snapshot);
}

/// What the engine left in several runs is merged side by side.
static void compact_rest(struct rig *rig)
{
    struct corong_error error = {0};
    struct store_compact_options options = {.memory_limit_bytes = UINT64_C(96) << 20,
                                            .thread_count = 3};
    if (store_compact(rig->engine.store, &options, NULL, &error) != CORONG_OK) {
        test_fail(rig->seed, "compaction: %s", error.message);
    }
}

static struct store_merge_figures run(uint64_t seed, uint64_t *views, uint64_t *snapshots)
{
    static struct rig rig;
    rig = (struct rig){.seed = seed, .gives_up = seed % 2 == 1};
    struct engine_options options = {
        .shard_count = 2,
        .producer_count = 1,
        .memory_limit_bytes = UINT64_C(96) << 20,
        .commit_interval_us = MICROSECONDS_PER_HOUR,
        .view_interval_us = 2000,
        .merge_in_background = true,
        .merge_eagerly = true, // on a busy machine idle time may never come
        .merge_quiet_us = 50000,
    };
    engine_rig_open(&rig.engine, &options);
    pthread_t watchers[2];
    start_thread(&watchers[0], watch_store, &rig);
    start_thread(&watchers[1], watch_views, &rig);
    push_all(&rig);
    struct corong_error error = {0};
    if (!rig.gives_up && engine_drain(rig.engine.engine, &error) != CORONG_OK) {
        test_fail(seed, "drain: %s", error.message);
    }
    atomic_store(&rig.done, true);
    pthread_join(watchers[0], NULL);
    pthread_join(watchers[1], NULL);
    uint32_t running;
    struct store_merge_figures figures = engine_merge_read(rig.engine.engine, &running);
    if (figures.failure_count != 0) {
        test_fail(seed, "a merge failed: %s", figures.last_failure);
    }
    engine_close(rig.engine.engine);
    rig.engine.engine = NULL;
    check_end(&rig);
    compact_rest(&rig);
    check_end(&rig);
    *views += rig.views;
    *snapshots += rig.snapshots;
    engine_rig_close(&rig.engine);
    return figures;
}

int main(void)
{
    uint64_t seed = test_random_seed();
    uint64_t views = 0;
    uint64_t snapshots = 0;
    uint64_t merges = 0;
    uint64_t rounds = test_scaled(3);
    for (uint64_t i = 0; i < rounds; i++) {
        merges += run(seed + i, &views, &snapshots).merge_count;
    }
    printf("merge_stress: %" PRIu64 " engines of %u commits, %" PRIu64 " merges under %" PRIu64
           " snapshots and %" PRIu64 " views, seed %" PRIu64 "\n",
           rounds, COMMIT_COUNT, merges, snapshots, views, seed);
    if (merges == 0) {
        test_fail(seed, "nothing was merged");
    }
    return 0;
}
