// SPDX-License-Identifier: Apache-2.0
/// Several callers ask one linked store at once, from its first question on, each with several
/// workers and moments of its own: links are collected and rows of moved ids copied while others
/// wait or read, views come and go, and the answers are those of one caller alone.
/// CORONG_TEST_SCALE multiplies the events. Runs under TSan, too.
#include "engine/query/query.h"
#include "storage/base/clock.h"
#include "tests/support/event_builder.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLER_COUNT 4
#define EVENT_COUNT 2000
#define MOMENT_COUNT 7
#define FIRST_US (19700 * 24 * MICROSECONDS_PER_HOUR)
#define RANGE_US (500 * MICROSECONDS_PER_HOUR)

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

/// Times are coarse, so that ids of one person hold the same instants.
static void add_events(struct event_builder *builder, uint32_t count, uint64_t seed)
{
    static const char *const names[] = {"view", "view", "cart", "order", "help"};
    static const char *const countries[] = {"DE", "FR", "AT"};
    uint32_t ids = count / 20;
    for (uint32_t i = 0; i < count; i++) {
        char user[16];
        char other[16];
        uint32_t id = (uint32_t)(next_random(&seed) % ids);
        snprintf(user, sizeof(user), "u%u", id);
        snprintf(other, sizeof(other), "u%u", (id + (uint32_t)(next_random(&seed) % 5)) % ids);
        int64_t hour = (int64_t)(next_random(&seed) % 500);
        event_builder_event(builder, user, FIRST_US + hour * MICROSECONDS_PER_HOUR,
                            names[next_random(&seed) % 5]);
        event_builder_text(builder, "country", countries[next_random(&seed) % 3]);
        if (next_random(&seed) % 2 == 0) {
            event_builder_integer(builder, "id", (int64_t)(next_random(&seed) % 50));
        }
        if (next_random(&seed) % 8 == 0) {
            event_builder_text(builder, "$previous", other);
        }
    }
}

struct caller {
    struct store_snapshot *snapshot;
    uint32_t thread_count;
    uint32_t first; ///< moment
    char digests[MOMENT_COUNT][33];
    bool failed;
};

static void ask_once(struct caller *caller, uint32_t moment)
{
    static struct text names[] = {{"view", 4}, {"cart", 4}, {"order", 5}};
    struct stage steps[3] = {{.name = names[0], .events = &names[0], .event_count = 1},
                             {.name = names[1], .events = &names[1], .event_count = 1},
                             {.name = names[2], .events = &names[2], .event_count = 1}};
    struct query_funnel query = {
        .funnel = {.name = names[0],
                   .steps = steps,
                   .step_count = 3,
                   .window_us = 48 * MICROSECONDS_PER_HOUR},
        .range = {QUERY_TIME_NONE, QUERY_TIME_NONE},
        .where = TEXT_LITERAL("country <> 'AT'"),
        .by = {TEXT_LITERAL("country")},
        .by_count = 1,
        .as_of_us = FIRST_US + RANGE_US * (moment + 1) / MOMENT_COUNT,
        .limits = {.thread_count = caller->thread_count},
    };
    struct arena arena = {0};
    struct query_funnel_result result;
    struct corong_error error;
    if (query_funnel_run(caller->snapshot, &query, &arena, &result, &error) != CORONG_OK) {
        fprintf(stderr, "identity_stress: %s\n", error.message);
        caller->failed = true;
    } else {
        memcpy(caller->digests[moment], result.provenance.result_digest, 33);
    }
    arena_deinit(&arena);
}

static void *ask(void *argument)
{
    struct caller *caller = argument;
    for (uint32_t i = 0; i < 2 * MOMENT_COUNT && !caller->failed; i++) {
        ask_once(caller, (caller->first + i * (1 + caller->first)) % MOMENT_COUNT);
    }
    return NULL;
}

int main(void)
{
    const char *scale = getenv("CORONG_TEST_SCALE");
    uint32_t count = EVENT_COUNT * (uint32_t)(scale == NULL ? 1 : strtoul(scale, NULL, 10));
    struct event_builder *builder = event_builder_create();
    event_builder_attribute(builder, "country", COLUMN_STRING);
    event_builder_attribute(builder, "$previous", COLUMN_STRING);
    event_builder_group_rows(builder, 100);
    add_events(builder, count, 42);
    event_builder_deal(builder, 3, 7);
    struct caller callers[CALLER_COUNT] = {0};
    pthread_t threads[CALLER_COUNT];
    struct store_snapshot *snapshot = event_builder_snapshot(builder);
    for (uint32_t i = 0; i < CALLER_COUNT; i++) {
        callers[i] = (struct caller){.snapshot = snapshot, .thread_count = 1 + i, .first = i % 3};
        if (pthread_create(&threads[i], NULL, ask, &callers[i]) != 0) {
            return 1;
        }
    }
    bool good = true;
    for (uint32_t i = 0; i < CALLER_COUNT; i++) {
        pthread_join(threads[i], NULL);
    }
    struct caller alone = {.snapshot = event_builder_snapshot(builder), .thread_count = 1};
    ask(&alone);
    for (uint32_t i = 0; i < CALLER_COUNT; i++) {
        good = good && !callers[i].failed && !alone.failed &&
               memcmp(callers[i].digests, alone.digests, sizeof(alone.digests)) == 0;
    }
    event_builder_destroy(builder);
    printf("identity_stress: %u events, %d callers, %d moments, %s\n", count, CALLER_COUNT,
           MOMENT_COUNT, good ? alone.digests[MOMENT_COUNT - 1] : "FAILED");
    return good ? 0 : 1;
}
