// SPDX-License-Identifier: Apache-2.0
/// Several callers ask one snapshot at once, each with several workers: the answers are one answer.
/// CORONG_TEST_SCALE multiplies the events. Runs under TSan, too.
#include "engine/query/query.h"
#include "storage/base/clock.h"
#include "tests/support/event_builder.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLER_COUNT 3
#define EVENT_COUNT 2000
#define CACHE_SIZE (256u << 10)

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

static void add_events(struct event_builder *builder, uint32_t count, uint64_t seed)
{
    static const char *const names[] = {"view", "view", "cart", "order", "help"};
    static const char *const countries[] = {"DE", "FR", "AT"};
    for (uint32_t i = 0; i < count; i++) {
        char user[16];
        snprintf(user, sizeof(user), "u%u", (unsigned)(next_random(&seed) % (count / 20)));
        int64_t time_us =
            (19700 * 24 + (int64_t)(next_random(&seed) % 500)) * MICROSECONDS_PER_HOUR;
        event_builder_event(builder, user, time_us, names[next_random(&seed) % 5]);
        event_builder_text(builder, "country", countries[next_random(&seed) % 3]);
        event_builder_integer(builder, "revenue", (int64_t)(next_random(&seed) % 100));
        event_builder_integer(builder, "id", (int64_t)(next_random(&seed) % 50));
    }
}

struct caller {
    struct store_snapshot *snapshot;
    uint32_t thread_count;
    char digest[33];
    bool failed;
};

static void *ask(void *argument)
{
    struct caller *caller = argument;
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
        .as_of_us = QUERY_TIME_NONE,
        .limits = {.thread_count = caller->thread_count},
    };
    for (int round = 0; round < 3 && !caller->failed; round++) {
        struct arena arena = {0};
        struct query_funnel_result result;
        struct corong_error error;
        if (query_funnel_run(caller->snapshot, &query, &arena, &result, &error) != CORONG_OK) {
            fprintf(stderr, "query_stress: %s\n", error.message);
            caller->failed = true;
        } else {
            memcpy(caller->digest, result.provenance.result_digest, sizeof(caller->digest));
        }
        arena_deinit(&arena);
    }
    return NULL;
}

int main(void)
{
    const char *scale = getenv("CORONG_TEST_SCALE");
    uint32_t count = EVENT_COUNT * (uint32_t)(scale == NULL ? 1 : strtoul(scale, NULL, 10));
    struct event_builder *builder = event_builder_create();
    event_builder_attribute(builder, "country", COLUMN_STRING);
    event_builder_group_rows(builder, 100);
    add_events(builder, count, 42);
    event_builder_deal(builder, 3, 7);
    struct caller callers[CALLER_COUNT] = {0};
    pthread_t threads[CALLER_COUNT];
    struct store_snapshot *snapshot = event_builder_snapshot(builder);
    // Too small for all: blocks are displaced while others look at them.
    struct cache *cache = cache_create(CACHE_SIZE);
    store_snapshot_use_cache(snapshot, cache);
    for (uint32_t i = 0; i < CALLER_COUNT; i++) {
        callers[i].snapshot = snapshot;
        callers[i].thread_count = 1 + i * 2;
        if (pthread_create(&threads[i], NULL, ask, &callers[i]) != 0) {
            return 1;
        }
    }
    bool good = true;
    for (uint32_t i = 0; i < CALLER_COUNT; i++) {
        pthread_join(threads[i], NULL);
        good = good && !callers[i].failed && strcmp(callers[i].digest, callers[0].digest) == 0;
    }
    uint64_t found = cache_read(cache).found;
    event_builder_destroy(builder);
    cache_destroy(cache);
    printf("query_stress: %u events, %" PRIu64 " blocks found in the cache, %s\n", count, found,
           good ? callers[0].digest : "FAILED");
    return good ? 0 : 1;
}
