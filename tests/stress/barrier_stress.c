// SPDX-License-Identifier: Apache-2.0
// Many producers and shards with random delays and commits: in every committed version the store
// holds, of each producer, exactly the events up to its position: no event is ahead of its
// position, none behind, none twice. While it runs and at the end, with merges in background and
// without.
#include "engine/engine.h"

#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "tests/support/engine_rig.h"
#include "tests/support/test_random.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define PRODUCER_COUNT_MAX 8u

static uint64_t merge_count;

struct pump {
    struct rig *rig;
    uint32_t index;
    uint64_t seed;
    uint64_t count;
    uint64_t pushed;
};

struct rig {
    struct engine_rig engine;
    uint64_t seed;
    uint32_t producer_count;
    bool merges;
    struct pump pumps[PRODUCER_COUNT_MAX];
    atomic_bool done;
};

static struct hash128 source_id(uint32_t index)
{
    return hash_bytes128(&index, sizeof(index));
}

static void make_position(const struct pump *pump, struct store_position *position)
{
    *position = (struct store_position){
        .id = source_id(pump->index),
        .name = TEXT_LITERAL("source"),
        .next_offset = (int64_t)pump->pushed,
        .anchor_offset = -1,
        .epoch = -1,
    };
    position->counters.messages = pump->pushed;
    position->counters.events = pump->pushed;
    position->counters.stored = pump->pushed;
}

static void push_one(struct pump *pump, struct engine_producer *producer,
                     struct test_random *random)
{
    union canonical_value values[RIG_COLUMN_COUNT];
    char user[32];
    snprintf(user, sizeof(user), "user %u", test_random_below(random, 500));
    int64_t time_us = (int64_t)(test_random_below(random, 20) * 86400u) * 1000000;
    struct event event = engine_rig_event(values, user, time_us, "page_view");
    values[RIG_PRODUCER].integer = pump->index;
    values[RIG_NUMBER].integer = (int64_t)pump->pushed;
    engine_push(producer, &event);
    pump->pushed++;
}

static void pause_at_random(struct test_random *random)
{
    uint32_t draw = test_random_below(random, 100);
    if (draw == 0) {
        clock_sleep_us(test_random_below(random, 3000));
    } else if (draw < 3) {
        sched_yield();
    }
}

static void *pump_run(void *argument)
{
    struct pump *pump = argument;
    struct engine *engine = pump->rig->engine.engine;
    struct test_random random = test_random_start(pump->seed);
    // Some open late, so that a barrier may be under way.
    clock_sleep_us(test_random_below(&random, 20000));
    struct engine_producer *producer = engine_producer_open(engine);
    struct store_position position;
    struct engine_cut cut = {.positions = &position, .position_count = 1};
    while (pump->pushed < pump->count) {
        push_one(pump, producer, &random);
        pause_at_random(&random);
        if (test_random_below(&random, 4000) == 0) {
            engine_request_commit(engine);
        }
        if (pump->rig->merges && pump->pushed % (pump->count / 100 + 1) == 0) {
            engine_request_commit(engine); // many small runs
            clock_sleep_us(4000);
        }
        if (engine_barrier_wanted(producer) || test_random_below(&random, 9000) == 0) {
            make_position(pump, &position);
            engine_barrier(producer, &cut);
        }
    }
    make_position(pump, &position);
    engine_producer_close(producer, &cut);
    return NULL;
}

struct check {
    struct rig *rig;
    uint8_t *seen[PRODUCER_COUNT_MAX];
    uint64_t counts[PRODUCER_COUNT_MAX];
};

static void check_row(void *context, const struct engine_rig_row *row)
{
    struct check *check = context;
    uint64_t producer = (uint64_t)row->values[RIG_PRODUCER];
    uint64_t number = (uint64_t)row->values[RIG_NUMBER];
    if (producer >= check->rig->producer_count || number >= check->rig->pumps[producer].count ||
        check->seen[producer][number]++ != 0) {
        test_fail(check->rig->seed, "event %lu of producer %lu is wrong or there twice", number,
                  producer);
    }
    check->counts[producer]++;
}

static void check_snapshot(struct rig *rig, struct store_snapshot *snapshot)
{
    struct check check = {.rig = rig};
    for (uint32_t i = 0; i < rig->producer_count; i++) {
        check.seen[i] = memory_allocate_zeroed(rig->pumps[i].count, 1);
    }
    engine_rig_rows(snapshot, check_row, &check);
    uint32_t position_count;
    const struct store_position *positions = store_snapshot_positions(snapshot, &position_count);
    for (uint32_t i = 0; i < rig->producer_count; i++) {
        uint64_t expected = 0;
        for (uint32_t at = 0; at < position_count; at++) {
            if (hash128_equal(positions[at].id, source_id(i))) {
                expected = positions[at].counters.stored;
            }
        }
        // As many as the position says, each once, and none of them beyond it.
        for (uint64_t number = 0; number < rig->pumps[i].count; number++) {
            if (check.seen[i][number] != (number < expected)) {
                test_fail(rig->seed, "producer %u: event %lu against position %lu", i, number,
                          expected);
            }
        }
        memory_free(check.seen[i]);
    }
}

static void *watch(void *argument)
{
    struct rig *rig = argument;
    struct arena arena = {0};
    while (!atomic_load(&rig->done)) {
        struct store_snapshot *snapshot;
        struct engine_live_view view;
        engine_live_read(rig->engine.engine, &arena, &view);
        arena_reset(&arena);
        if (store_snapshot_open(&snapshot, rig->engine.directory, NULL) == CORONG_OK) {
            check_snapshot(rig, snapshot);
            store_snapshot_close(snapshot);
        }
        clock_sleep_us(20000);
    }
    arena_deinit(&arena);
    return NULL;
}

static void start_thread(pthread_t *thread, void *(*entry)(void *), void *argument)
{
    if (pthread_create(thread, NULL, entry, argument) != 0) {
        fprintf(stderr, "no thread\n");
        _Exit(1);
    }
}

static uint64_t run(uint64_t seed)
{
    struct test_random random = test_random_start(seed);
    static struct rig rig;
    rig = (struct rig){
        .seed = seed, .producer_count = 1 + test_random_below(&random, 4), .merges = seed % 2 == 0};
    struct engine_options options = {
        .shard_count = 1 + test_random_below(&random, 4),
        .producer_count = rig.producer_count,
        .memory_limit_bytes = UINT64_C(48) << 20,
        .commit_interval_us = 1000 + test_random_below(&random, 8000),
        // Merges come and go under the commits and the watcher's snapshots.
        .merge_in_background = rig.merges,
        .merge_eagerly = true, // on a busy machine idle time may never come
        .merge_quiet_us = 20000,
    };
    engine_rig_open(&rig.engine, &options);
    pthread_t threads[PRODUCER_COUNT_MAX];
    pthread_t watcher;
    uint64_t total = 0;
    for (uint32_t i = 0; i < rig.producer_count; i++) {
        rig.pumps[i] = (struct pump){&rig, i, seed * 31 + i, test_scaled(5000), 0};
        total += rig.pumps[i].count;
        start_thread(&threads[i], pump_run, &rig.pumps[i]);
    }
    start_thread(&watcher, watch, &rig);
    for (uint32_t i = 0; i < rig.producer_count; i++) {
        pthread_join(threads[i], NULL);
    }
    struct corong_error error = {0};
    if (engine_drain(rig.engine.engine, &error) != CORONG_OK) {
        test_fail(seed, "drain: %s", error.message);
    }
    atomic_store(&rig.done, true);
    pthread_join(watcher, NULL);
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
    if (store_snapshot_open(&snapshot, rig.engine.directory, &error) != CORONG_OK) {
        test_fail(seed, "snapshot: %s", error.message);
    }
    check_snapshot(&rig, snapshot);
    store_snapshot_close(snapshot);
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
