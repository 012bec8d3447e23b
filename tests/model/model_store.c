// SPDX-License-Identifier: Apache-2.0
#include "tests/model/model_store.h"

#include "engine/engine.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/storage.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MODEL_COLUMN_COUNT (COLUMN_SYSTEM_COUNT + 4)
#define PAD_SIZE_MAX 8192u

struct text model_name(int name)
{
    static const char names[] = "abcdefgh";
    return (struct text){names + name, 1};
}

struct text model_value(int value)
{
    static const char values[] = "pqrstuvw";
    return value < 0 ? TEXT_MISSING : (struct text){values + value, 1};
}

static void model_check(enum corong_status status, const struct corong_error *error)
{
    if (status != CORONG_OK) {
        test_fail(test_random_seed(), "model store: %s", error->message);
    }
}

static int64_t optional_integer(int64_t value)
{
    return value == ORACLE_NONE ? COLUMN_INTEGER_MISSING : value;
}

// Differs from event to event, so that tables grow; equal events have equal ones.
static struct text pad_of(const struct oracle_event *event, uint32_t size, char *bytes)
{
    int used = snprintf(bytes, PAD_SIZE_MAX, "%d %lld %lld %d %d %d %lld %lld %lld ", event->user,
                        (long long)event->time, (long long)event->sequence, event->name,
                        event->attributes[0], event->attributes[1], (long long)event->price,
                        (long long)event->amount, (long long)event->id);
    for (uint32_t i = (uint32_t)used; i < size; i++) {
        bytes[i] = bytes[i - (uint32_t)used];
    }
    return (struct text){bytes, size};
}

void model_store_push(struct engine_producer *producer, const struct oracle_event *from,
                      const struct model_columns *columns, bool map_ids)
{
    char user[16];
    char pad[PAD_SIZE_MAX];
    int user_size = snprintf(user, sizeof(user), "u%d", from->user);
    union canonical_value values[MODEL_COLUMN_COUNT] = {0};
    values[COLUMN_NAME].string = model_name(from->name);
    values[COLUMN_SEQUENCE].integer = from->sequence;
    values[COLUMN_ID_HASH].integer = map_ids ? optional_integer(from->id) : COLUMN_INTEGER_MISSING;
    values[COLUMN_RECEIVED].integer = COLUMN_INTEGER_MISSING;
    values[COLUMN_AMOUNT].integer = optional_integer(from->amount);
    values[COLUMN_CURRENCY].string = TEXT_MISSING;
    values[columns->attributes[0]].string = model_value(from->attributes[0]);
    values[columns->attributes[1]].string = model_value(from->attributes[1]);
    values[columns->attributes[2]].integer = optional_integer(from->price);
    if (columns->pad != 0) {
        values[columns->pad].string = pad_of(from, columns->pad_size, pad);
    }
    struct event event = {
        .user_id = {user, (size_t)user_size},
        .user_namespace = USER_NAMESPACE_KNOWN,
        .time_us = from->time,
        .values = values,
    };
    engine_push(producer, &event);
}

struct feeder {
    struct engine *engine;
    const struct oracle_event *events;
    int count;
    uint32_t index;
    uint32_t stride;
    uint64_t run;
    const struct model_columns *columns;
    bool map_ids;
};

static void feeder_cut(const struct feeder *feeder, uint64_t stored,
                       struct store_position *position)
{
    *position = (struct store_position){
        .id = {feeder->run, feeder->index},
        .name = TEXT_LITERAL("model"),
        .next_offset = (int64_t)stored,
        .anchor_offset = -1,
        .epoch = -1,
        .counters = {.messages = stored, .events = stored, .stored = stored},
    };
}

static void *feeder_main(void *context)
{
    const struct feeder *feeder = context;
    struct engine_producer *producer = engine_producer_open(feeder->engine);
    struct store_position position;
    uint64_t stored = 0;
    for (int index = (int)feeder->index; index < feeder->count; index += (int)feeder->stride) {
        model_store_push(producer, &feeder->events[index], feeder->columns, feeder->map_ids);
        stored++;
        if (engine_barrier_wanted(producer)) {
            feeder_cut(feeder, stored, &position);
            engine_barrier(producer, &(struct engine_cut){&position, 1, TEXT_MISSING});
        }
        if (index % 97 == 0) {
            engine_request_commit(feeder->engine);
        }
    }
    feeder_cut(feeder, stored, &position);
    engine_producer_close(producer, &(struct engine_cut){&position, 1, TEXT_MISSING});
    return NULL;
}

static void model_run(struct store *store, const struct model_columns *columns,
                      const struct oracle_event *events, int count,
                      const struct model_store_options *options, uint64_t run)
{
    struct corong_error error;
    struct engine *engine;
    struct engine_options engine_options = {
        .store = store,
        .schema = store_schema(store),
        .shard_count = options->shard_count,
        .producer_count = options->producer_count,
        .memory_limit_bytes = UINT64_C(256) << 20,
    };
    model_check(engine_open(&engine, &engine_options, &error), &error);
    pthread_t threads[8];
    struct feeder feeders[8];
    for (uint32_t index = 0; index < options->producer_count; index++) {
        feeders[index] = (struct feeder){
            engine, events, count, index, options->producer_count, run, columns, options->map_ids};
        pthread_create(&threads[index], NULL, feeder_main, &feeders[index]);
    }
    for (uint32_t index = 0; index < options->producer_count; index++) {
        pthread_join(threads[index], NULL);
    }
    model_check(engine_drain(engine, &error), &error);
    engine_close(engine);
}

void model_store_columns(struct store *store, uint32_t first, uint32_t pad_size,
                         struct model_columns *columns_out)
{
    static const struct {
        struct text name;
        enum column_type type;
    } attributes[] = {
        {{"a0", 2}, COLUMN_STRING}, {{"a1", 2}, COLUMN_STRING}, {{"price", 5}, COLUMN_INTEGER}};
    struct corong_error error;
    *columns_out = (struct model_columns){.pad_size = pad_size};
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t which = (first + i) % 3;
        model_check(store_add_attribute(store, attributes[which].name, attributes[which].type,
                                        &columns_out->attributes[which], &error),
                    &error);
    }
    if (pad_size > 0) {
        ASSERT(pad_size <= PAD_SIZE_MAX);
        model_check(store_add_attribute(store, TEXT_LITERAL("zz"), COLUMN_STRING, &columns_out->pad,
                                        &error),
                    &error);
    }
}

char *model_store_build(const struct oracle_event *events, int count,
                        const struct model_store_options *options, struct test_random *random)
{
    char pattern[] = "/tmp/corong-model-XXXXXX";
    char *directory = memory_copy_string(mkdtemp(pattern), sizeof(pattern) - 1);
    struct corong_error error;
    int begin = 0;
    for (uint32_t run = 0; run < options->run_count; run++) {
        struct store *store;
        struct store_options store_options = {.create = true};
        model_check(store_open(&store, directory, &store_options, &error), &error);
        struct model_columns columns;
        model_store_columns(store, 0, 0, &columns);
        int left = count - begin;
        int share = run + 1 == options->run_count
                        ? left
                        : (int)test_random_below(random, (uint32_t)left + 1);
        model_run(store, &columns, events + begin, share, options, run);
        begin += share;
        if (options->compact && run + 1 == options->run_count) {
            model_check(store_compact(store, &(struct store_compact_options){0}, NULL, &error),
                        &error);
        }
        store_close(store);
    }
    return directory;
}

void model_store_remove(char *directory)
{
    char command[256];
    snprintf(command, sizeof(command), "rm -rf '%s'", directory);
    if (system(command) != 0) {
        fprintf(stderr, "could not remove %s\n", directory);
    }
    memory_free(directory);
}
