// SPDX-License-Identifier: Apache-2.0
// Several threads take and hold views while producers push, tails fill and commits go on: every
// view holds, of each producer, exactly the events up to its position, however long it is held and
// whatever the engine has done since, its end included, with merges in background and without.
#include "engine/engine.h"

#include "storage/base/clock.h"
#include "tests/support/pump_rig.h"
#include "tests/support/test_random.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define ASKER_COUNT 3u
#define HELD_COUNT 4u

struct asker {
    struct pump_rig *rig;
    uint64_t seed;
    pthread_t thread;
    const struct engine_view *held[HELD_COUNT];
};

static atomic_bool done;
static atomic_ulong view_count;
static atomic_ulong chunk_count;
static atomic_ulong checked_count;

static void check_view(struct asker *asker, const struct engine_view *view)
{
    if (view->store_sequence == 0 && view->chunk_count == 0) {
        return; // any version may be opened for it
    }
    struct store_snapshot_part part = {asker->rig->engine.directory, view->store_sequence,
                                       view->chunk_fds, view->chunk_count};
    struct store_snapshot *snapshot;
    struct corong_error error = {0};
    enum corong_status status = store_snapshot_open_parts(&snapshot, &part, 1, &error);
    if (status == CORONG_BUSY && error.retriable) {
        return; // a commit came in between
    }
    if (status != CORONG_OK) {
        test_fail(asker->rig->seed, "snapshot: %s", error.message);
    }
    pump_rig_check(asker->rig, snapshot, view->positions, view->position_count);
    atomic_fetch_add(&checked_count, 1);
    store_snapshot_close(snapshot);
}

static void *ask(void *argument)
{
    static const int64_t ages_us[] = {0, 0, 2000, 50000};
    struct asker *asker = argument;
    struct engine *engine = asker->rig->engine.engine;
    struct test_random random = test_random_start(asker->seed);
    while (!atomic_load(&done)) {
        uint32_t place = test_random_below(&random, HELD_COUNT);
        engine_view_release(engine, asker->held[place]);
        struct corong_error error = {0};
        int64_t age_us = ages_us[test_random_below(&random, 4)];
        if (engine_view_acquire(engine, age_us, &asker->held[place], &error) != CORONG_OK) {
            test_fail(asker->rig->seed, "view: %s", error.message);
        }
        atomic_fetch_add(&view_count, 1);
        atomic_fetch_add(&chunk_count, asker->held[place]->chunk_count);
        // The one just taken, or an old one: it is good for its version, or refused.
        const struct engine_view *view = asker->held[test_random_below(&random, HELD_COUNT)];
        check_view(asker, view != NULL ? view : asker->held[place]);
        clock_sleep_us(test_random_below(&random, 4000));
    }
    return NULL;
}

static void run(uint64_t seed)
{
    struct test_random random = test_random_start(seed);
    static struct pump_rig rig;
    uint32_t shard_count = 1 + test_random_below(&random, 4);
    struct engine_options options = {
        .producer_count = 1 + test_random_below(&random, 4),
        .shard_count = shard_count,
        // Tails of the least size, so that there is not always room for chunks.
        .memory_limit_bytes = shard_count * (UINT64_C(8) << 20),
        .commit_interval_us = 1000 + test_random_below(&random, 60000),
        .view_interval_us = 1 + test_random_below(&random, 3000),
        .merge_in_background = seed % 2 == 0,
        .merge_eagerly = true,
        .merge_quiet_us = 20000,
    };
    pump_rig_start(&rig, &options, test_scaled(6000), seed);
    struct asker askers[ASKER_COUNT] = {0};
    atomic_store(&done, false);
    for (uint32_t i = 0; i < ASKER_COUNT; i++) {
        askers[i].rig = &rig;
        askers[i].seed = seed * 17 + i;
        if (pthread_create(&askers[i].thread, NULL, ask, &askers[i]) != 0) {
            test_fail(seed, "no thread");
        }
    }
    pump_rig_end(&rig);
    atomic_store(&done, true);
    for (uint32_t i = 0; i < ASKER_COUNT; i++) {
        pthread_join(askers[i].thread, NULL);
    }
    // The last commit is the last view; older ones may outlive the engine.
    const struct engine_view *last;
    if (engine_view_acquire(rig.engine.engine, 0, &last, NULL) != CORONG_OK ||
        last->chunk_count != 0) {
        test_fail(seed, "the last view has chunks");
    }
    check_view(&askers[0], last);
    engine_view_release(rig.engine.engine, last);
    engine_rig_close(&rig.engine);
    for (uint32_t i = 0; i < ASKER_COUNT * HELD_COUNT; i++) {
        engine_view_release(NULL, askers[i / HELD_COUNT].held[i % HELD_COUNT]);
    }
}

int main(void)
{
    uint64_t seed = test_random_seed();
    for (uint64_t i = 0; i < 4; i++) {
        run(seed + i);
    }
    printf("view_stress: 4 engines, %lu views with %lu chunks, %lu checked, seed %lu\n",
           atomic_load(&view_count), atomic_load(&chunk_count), atomic_load(&checked_count), seed);
    return 0;
}
