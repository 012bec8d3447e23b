// SPDX-License-Identifier: Apache-2.0
// A lane between two threads: every word arrives once and in order, for the smallest capacities,
// with indices that wrap, random delays on both sides, and sleeping on both sides.
#include "engine/event/lane.h"
#include "engine/event/parker.h"

#include "tests/support/test_random.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

struct rig {
    struct lane lane;
    struct parker producer;
    struct parker consumer;
    uint64_t count;
    uint64_t seed;
    uint32_t delay; // one of so many steps is delayed; 0: none
};

static void delay(struct test_random *random, uint32_t one_of)
{
    if (one_of != 0 && test_random_below(random, one_of) == 0) {
        sched_yield();
    }
}

static void push_waiting(struct rig *rig, uintptr_t word)
{
    struct parker_patience patience = {0};
    while (!lane_push(&rig->lane, word)) {
        if (!parker_pause(&patience)) {
            continue;
        }
        parker_prepare(&rig->producer);
        if (lane_push(&rig->lane, word)) {
            parker_cancel(&rig->producer);
            break;
        }
        // Long: a lost wake-up shows as a test that takes minutes.
        parker_sleep(&rig->producer, INT64_C(10000000));
    }
    parker_wake(&rig->consumer);
}

static void *produce(void *argument)
{
    struct rig *rig = argument;
    struct test_random random = test_random_start(rig->seed);
    for (uint64_t i = 0; i < rig->count; i++) {
        push_waiting(rig, (uintptr_t)i);
        delay(&random, rig->delay);
    }
    return NULL;
}

static uintptr_t pop_waiting(struct rig *rig)
{
    uintptr_t word;
    struct parker_patience patience = {0};
    while (!lane_pop(&rig->lane, &word)) {
        if (!parker_pause(&patience)) {
            continue;
        }
        parker_prepare(&rig->consumer);
        if (!lane_empty(&rig->lane)) {
            parker_cancel(&rig->consumer);
            continue;
        }
        parker_sleep(&rig->consumer, INT64_C(10000000));
    }
    parker_wake(&rig->producer);
    return word;
}

static void run(uint64_t capacity, uint64_t first_index, uint32_t one_of, uint64_t seed)
{
    struct rig rig = {.count = test_scaled(6000), .seed = seed, .delay = one_of};
    lane_init(&rig.lane, capacity, first_index);
    parker_init(&rig.producer);
    parker_init(&rig.consumer);
    pthread_t thread;
    if (pthread_create(&thread, NULL, produce, &rig) != 0) {
        test_fail(seed, "no thread");
    }
    struct test_random random = test_random_start(seed + 1);
    for (uint64_t expected = 0; expected < rig.count; expected++) {
        uintptr_t word = pop_waiting(&rig);
        if (word != expected) {
            test_fail(seed, "capacity %lu: %lu came, %lu expected", capacity, (uint64_t)word,
                      expected);
        }
        delay(&random, one_of);
    }
    pthread_join(thread, NULL);
    lane_deinit(&rig.lane);
}

int main(void)
{
    uint64_t seed = test_random_seed();
    uint64_t runs = 0;
    for (uint64_t capacity = 1; capacity <= 64; capacity *= capacity < 4 ? 2 : 16) {
        for (uint32_t one_of = 0; one_of <= 16; one_of = one_of == 0 ? 3 : one_of + 13) {
            run(capacity, 0, one_of, seed + runs++);
            run(capacity, UINT64_MAX - 1000, one_of, seed + runs++);
        }
    }
    printf("lane_stress: %lu runs of %lu words, seed %lu\n", runs, test_scaled(6000), seed);
    return 0;
}
