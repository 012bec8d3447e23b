// SPDX-License-Identifier: Apache-2.0
// Many producers and shards with random delays and commits: in every committed version the store
// holds, of each producer, exactly the events up to its position: no event is ahead of its
// position, none behind, none twice. While it runs and at the end, with merges in background and
// without.
#include "engine/engine.h"

#include "storage/base/clock.h"
#include "tests/support/pump_rig.h"
#include "tests/support/test_random.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static uint64_t merge_count;

struct watcher {
    struct pump_rig *rig;
    pthread_t thread;
    atomic_bool done;
};

static void check_snapshot(struct pump_rig *rig, struct store_snapshot *snapshot)
{
    uint32_t count;
    const struct store_position *positions = store_snapshot_positions(snapshot, &count);
    pump_rig_check(rig, snapshot, positions, count);
    store_snapshot_close(snapshot);
}

static void *watch(void *argument)
{
    struct watcher *watcher = argument;
    struct arena arena = {0};
    while (!atomic_load(&watcher->done)) {
        struct store_snapshot *snapshot;
        struct engine_live_view view;
        engine_live_read(watcher->rig->engine.engine, &arena, &view);
        arena_reset(&arena);
        if (store_snapshot_open(&snapshot, watcher->rig->engine.directory, NULL) == CORONG_OK) {
            check_snapshot(watcher->rig, snapshot);
        }
        clock_sleep_us(20000);
    }
    arena_deinit(&arena);
    return NULL;
}

static uint64_t run(uint64_t seed)
{
    struct test_random random = test_random_start(seed);
    static struct pump_rig rig;
    struct engine_options options = {
        .producer_count = 1 + test_random_below(&random, 4),
        .shard_count = 1 + test_random_below(&random, 4),
        .memory_limit_bytes = UINT64_C(48) << 20,
        .commit_interval_us = 1000 + test_random_below(&random, 8000),
        // Merges come and go under the commits and the watcher's snapshots.
        .merge_in_background = seed % 2 == 0,
        .merge_eagerly = true, // on a busy machine idle time may never come
        .merge_quiet_us = 20000,
    };
    pump_rig_start(&rig, &options, test_scaled(5000), seed);
    struct watcher watcher = {.rig = &rig};
    if (pthread_create(&watcher.thread, NULL, watch, &watcher) != 0) {
        test_fail(seed, "no thread");
    }
    uint64_t total = pump_rig_end(&rig);
    atomic_store(&watcher.done, true);
    pthread_join(watcher.thread, NULL);
    struct arena arena = {0};
    struct engine_live_view view;
    engine_live_read(rig.engine.engine, &arena, &view);
    if (view.rows_committed != total || view.events != total) {
        test_fail(seed, "%lu pushed, %lu routed, %lu committed", total, view.events,
                  view.rows_committed);
    }
    arena_deinit(&arena);
    uint32_t running;
    merge_count += engine_merge_read(rig.engine.engine, &running).merge_count;
    struct store_snapshot *snapshot;
    struct corong_error error = {0};
    if (store_snapshot_open(&snapshot, rig.engine.directory, &error) != CORONG_OK) {
        test_fail(seed, "snapshot: %s", error.message);
    }
    check_snapshot(&rig, snapshot);
    engine_rig_close(&rig.engine);
    return view.commits;
}

int main(void)
{
    uint64_t seed = test_random_seed();
    uint64_t commits = 0;
    for (uint64_t i = 0; i < 4; i++) {
        commits += run(seed + i);
    }
    printf("barrier_stress: 4 engines, %lu commits, %lu merges, seed %lu\n", commits, merge_count,
           seed);
    return 0;
}
