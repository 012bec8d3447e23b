// SPDX-License-Identifier: Apache-2.0
#include "tests/support/pump_rig.h"

#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "tests/support/test_random.h"

#include <sched.h>
#include <stdio.h>

static struct hash128 source_id(uint32_t index)
{
    return hash_bytes128(&index, sizeof(index));
}

static void make_position(const struct rig_pump *pump, struct store_position *position)
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

static void push_one(struct rig_pump *pump, struct engine_producer *producer,
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
    struct rig_pump *pump = argument;
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

void pump_rig_start(struct pump_rig *rig, const struct engine_options *options,
                    uint64_t event_count, uint64_t seed)
{
    *rig = (struct pump_rig){.seed = seed,
                             .pump_count = options->producer_count,
                             .merges = options->merge_in_background};
    ASSERT(rig->pump_count <= PUMP_COUNT_MAX);
    engine_rig_open(&rig->engine, options);
    for (uint32_t i = 0; i < rig->pump_count; i++) {
        rig->pumps[i] =
            (struct rig_pump){.rig = rig, .index = i, .seed = seed * 31 + i, .count = event_count};
        int failed = pthread_create(&rig->pumps[i].thread, NULL, pump_run, &rig->pumps[i]);
        ASSERT(failed == 0);
    }
}

uint64_t pump_rig_end(struct pump_rig *rig)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < rig->pump_count; i++) {
        pthread_join(rig->pumps[i].thread, NULL);
        total += rig->pumps[i].count;
    }
    struct corong_error error = {0};
    if (engine_drain(rig->engine.engine, &error) != CORONG_OK) {
        test_fail(rig->seed, "drain: %s", error.message);
    }
    return total;
}

struct check {
    const struct pump_rig *rig;
    uint8_t *seen[PUMP_COUNT_MAX];
};

static void check_row(void *context, const struct engine_rig_row *row)
{
    struct check *check = context;
    uint64_t producer = (uint64_t)row->values[RIG_PRODUCER];
    uint64_t number = (uint64_t)row->values[RIG_NUMBER];
    if (producer >= check->rig->pump_count || number >= check->rig->pumps[producer].count ||
        check->seen[producer][number]++ != 0) {
        test_fail(check->rig->seed, "event %lu of producer %lu is wrong or there twice", number,
                  producer);
    }
}

void pump_rig_check(const struct pump_rig *rig, struct store_snapshot *snapshot,
                    const struct store_position *positions, uint32_t position_count)
{
    struct check check = {.rig = rig};
    for (uint32_t i = 0; i < rig->pump_count; i++) {
        check.seen[i] = memory_allocate_zeroed(rig->pumps[i].count, 1);
    }
    engine_rig_rows(snapshot, check_row, &check);
    for (uint32_t i = 0; i < rig->pump_count; i++) {
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
