// SPDX-License-Identifier: Apache-2.0
// Goal: a question over a view gives exactly the oracle's answer over the events below the view's
// positions, whenever the view is taken: between commits, while one is written, while a full tail
// is flushed; over one store or over several that share people and attributes in different order.
// Method: one thread pushes a random data set into one to three engines, with pauses and commits at
// random; another takes views of all of them all the time, opens them as one snapshot, and asks.
// At the end the united stores have the result digest of one store that holds everything.
#include "engine/engine.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "tests/model/model_question.h"
#include "tests/model/model_store.h"
#include "tests/support/store_directory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define DATA_SET_COUNT 24
#define STORE_COUNT_MAX 3u
#define PRODUCER_COUNT_MAX 2u
#define SHARD_BYTES (UINT64_C(5) << 20) ///< tails of the least size, so that they fill

struct feed {
    struct engine_producer *producer;
    const struct oracle_event *events[MODEL_EVENT_COUNT_MAX]; ///< in the order of pushing
    int count;                                                ///< in all
    int pushed;
};

struct node {
    char *directory;
    struct store *store;
    struct engine *engine;
    struct model_columns columns;
    struct feed feeds[PRODUCER_COUNT_MAX];
    uint32_t producer_count;
};

struct rig {
    struct model_data *data;
    struct node nodes[STORE_COUNT_MAX];
    uint32_t node_count;
    struct hash_secret secret;
    uint64_t seed;
    struct query_memo *memo; ///< of who asks
    atomic_bool done;
};

static uint64_t view_count;
static uint64_t chunk_view_count;
static uint64_t busy_count;
static uint64_t most_chunks;

static void must(enum corong_status status, const struct corong_error *error)
{
    if (status != CORONG_OK) {
        test_fail(test_random_seed(), "%s", error->message);
    }
}

static void node_open(struct rig *rig, struct node *node, struct test_random *random)
{
    struct corong_error error;
    struct store_options store_options = {.create = true, .secret = &rig->secret};
    node->directory = store_directory_create();
    must(store_open(&node->store, node->directory, &store_options, &error), &error);
    bool fills = test_random_below(random, 2) == 0;
    uint32_t shard_count = 1 + test_random_below(random, 3);
    model_store_columns(node->store, test_random_below(random, 3), fills ? 6000 : 0,
                        &node->columns);
    node->producer_count = 1 + test_random_below(random, PRODUCER_COUNT_MAX);
    struct engine_options options = {
        .store = node->store,
        .schema = store_schema(node->store),
        .shard_count = shard_count,
        .producer_count = node->producer_count,
        .memory_limit_bytes = shard_count * (fills ? SHARD_BYTES : 32 * SHARD_BYTES),
        .commit_interval_us = 1000 * (1 + test_random_below(random, 40)),
        .view_interval_us = 1,
    };
    must(engine_open(&node->engine, &options, &error), &error);
    for (uint32_t i = 0; i < node->producer_count; i++) {
        node->feeds[i] = (struct feed){.producer = engine_producer_open(node->engine)};
    }
}

static void node_close(struct node *node)
{
    engine_close(node->engine);
    store_close(node->store);
    store_directory_remove(node->directory);
}

static struct engine_cut cut_of(const struct feed *feed, uint32_t index,
                                struct store_position *position)
{
    uint64_t stored = (uint64_t)feed->pushed;
    *position = (struct store_position){
        .id = {7, index},
        .name = TEXT_LITERAL("feed"),
        .next_offset = feed->pushed,
        .anchor_offset = -1,
        .epoch = -1,
        .counters = {.messages = stored, .events = stored, .stored = stored},
    };
    return (struct engine_cut){.positions = position, .position_count = 1};
}

static void serve_barriers(struct node *node)
{
    for (uint32_t i = 0; i < node->producer_count; i++) {
        if (engine_barrier_wanted(node->feeds[i].producer)) {
            struct store_position position;
            struct engine_cut cut = cut_of(&node->feeds[i], i, &position);
            engine_barrier(node->feeds[i].producer, &cut);
        }
    }
}

static void serve_all(struct rig *rig)
{
    for (uint32_t i = 0; i < rig->node_count; i++) {
        serve_barriers(&rig->nodes[i]);
    }
}

static void push_all(struct rig *rig, struct test_random *random)
{
    for (int at = 0; at < rig->data->count; at++) {
        struct node *node = &rig->nodes[test_random_below(random, rig->node_count)];
        struct feed *feed = &node->feeds[test_random_below(random, node->producer_count)];
        const struct oracle_event *event = &rig->data->events[at];
        model_store_push(feed->producer, event, &node->columns, rig->data->ids);
        // The asker reads the list only below positions that it gets from a later cut.
        feed->events[feed->pushed++] = event;
        if (test_random_below(random, 100) == 0) {
            engine_request_commit(node->engine);
        }
        serve_all(rig);
        for (uint32_t pauses = test_random_below(random, 40) == 0 ? 20 : 0; pauses > 0; pauses--) {
            clock_sleep_us(100);
            serve_all(rig);
        }
    }
}

// The events below the positions of a view.
static int add_seen(const struct node *node, const struct store_position *positions, uint32_t count,
                    struct oracle_event *events, int event_count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct feed *feed = &node->feeds[positions[i].id.low];
        for (int64_t at = 0; at < positions[i].next_offset; at++) {
            events[event_count++] = *feed->events[at];
        }
    }
    return event_count;
}

static bool open_views(struct rig *rig, const struct engine_view **views,
                       struct store_snapshot **snapshot_out)
{
    struct corong_error error;
    struct store_snapshot_part parts[STORE_COUNT_MAX];
    uint64_t chunks = 0;
    bool begun = true;
    for (uint32_t i = 0; i < rig->node_count; i++) {
        must(engine_view_acquire(rig->nodes[i].engine, 0, &views[i], &error), &error);
        parts[i] = (struct store_snapshot_part){rig->nodes[i].directory, views[i]->store_sequence,
                                                views[i]->chunk_fds, views[i]->chunk_count};
        chunks += views[i]->chunk_count;
        // Of a store without a commit any version is taken, which may be newer than the positions.
        begun &= views[i]->store_sequence > 0 || views[i]->chunk_count > 0;
    }
    if (!begun) {
        return false;
    }
    enum corong_status status =
        store_snapshot_open_parts(snapshot_out, parts, rig->node_count, &error);
    if (status == CORONG_BUSY && error.retriable) {
        busy_count++;
        return false;
    }
    must(status, &error);
    view_count++;
    chunk_view_count += chunks > 0;
    most_chunks = chunks > most_chunks ? chunks : most_chunks;
    return true;
}

static void ask_views(struct rig *rig, struct test_random *random)
{
    static struct oracle_event seen[MODEL_EVENT_COUNT_MAX];
    const struct engine_view *views[STORE_COUNT_MAX] = {0};
    struct store_snapshot *snapshot;
    if (open_views(rig, views, &snapshot)) {
        int count = 0;
        for (uint32_t i = 0; i < rig->node_count; i++) {
            count = add_seen(&rig->nodes[i], views[i]->positions, views[i]->position_count, seen,
                             count);
        }
        uint64_t rows = store_snapshot_totals(snapshot).rows;
        if (!rig->data->ids && rows != (uint64_t)count) {
            test_fail(test_random_seed(), "%lu rows in the view, %d events below its positions",
                      rows, count);
        }
        if (count > 0) {
            model_question_ask(snapshot, rig->data, seen, count, random);
            model_question_again(snapshot, rig->data, rig->memo, 1 + test_random_below(random, 4));
        }
        store_snapshot_close(snapshot);
    }
    for (uint32_t i = 0; i < rig->node_count; i++) {
        engine_view_release(rig->nodes[i].engine, views[i]);
    }
}

static void *ask_run(void *argument)
{
    struct rig *rig = argument;
    struct test_random random = test_random_start(rig->seed * 31 + 1);
    while (!atomic_load(&rig->done)) {
        ask_views(rig, &random);
        clock_sleep_us(test_random_below(&random, 2000));
    }
    return NULL;
}

// Without a producer that answers, the asker would wait: it ends first.
static void end_asking(struct rig *rig, pthread_t thread)
{
    atomic_store(&rig->done, true);
    while (pthread_tryjoin_np(thread, NULL) != 0) {
        serve_all(rig);
        clock_sleep_us(100);
    }
}

static void drain_all(struct rig *rig)
{
    struct corong_error error;
    for (uint32_t i = 0; i < rig->node_count; i++) {
        struct node *node = &rig->nodes[i];
        for (uint32_t at = 0; at < node->producer_count; at++) {
            struct store_position position;
            struct engine_cut cut = cut_of(&node->feeds[at], at, &position);
            engine_producer_close(node->feeds[at].producer, &cut);
        }
        must(engine_drain(node->engine, &error), &error);
    }
}

// All stores as one against one store that holds everything.
static void check_united(struct rig *rig, struct test_random *random)
{
    struct corong_error error;
    struct store_snapshot *snapshot;
    struct store_snapshot_part parts[STORE_COUNT_MAX] = {0};
    for (uint32_t i = 0; i < rig->node_count; i++) {
        parts[i].directory = rig->nodes[i].directory;
    }
    must(store_snapshot_open_parts(&snapshot, parts, rig->node_count, &error), &error);
    model_question_ask(snapshot, rig->data, rig->data->events, rig->data->count, random);
    struct model_digest united;
    model_question_digest(snapshot, &united);
    store_snapshot_close(snapshot);
    struct model_store_options options = {
        .shard_count = 2, .producer_count = 1, .run_count = 1, .map_ids = rig->data->ids};
    char *single = model_store_build(rig->data->events, rig->data->count, &options, random);
    must(store_snapshot_open(&snapshot, single, &error), &error);
    struct model_digest alone;
    model_question_digest(snapshot, &alone);
    store_snapshot_close(snapshot);
    model_store_remove(single);
    if (strcmp(united.result, alone.result) != 0) {
        test_fail(test_random_seed(), "result digest of %u stores %s, of one %s", rig->node_count,
                  united.result, alone.result);
    }
}

static void run(uint64_t seed, struct model_data *data, struct test_random *random)
{
    static struct rig rig;
    memset(&rig, 0, sizeof(rig));
    rig.data = data;
    rig.seed = seed;
    rig.memo = query_memo_create(UINT64_C(16) << 20);
    rig.node_count = 1 + test_random_below(random, STORE_COUNT_MAX);
    hash_random_bytes(&rig.secret, sizeof(rig.secret));
    for (uint32_t i = 0; i < rig.node_count; i++) {
        node_open(&rig, &rig.nodes[i], random);
    }
    pthread_t asker;
    int failed = pthread_create(&asker, NULL, ask_run, &rig);
    ASSERT(failed == 0);
    push_all(&rig, random);
    end_asking(&rig, asker);
    drain_all(&rig);
    check_united(&rig, random);
    for (uint32_t i = 0; i < rig.node_count; i++) {
        node_close(&rig.nodes[i]);
    }
    query_memo_destroy(rig.memo);
}

int main(void)
{
    uint64_t seed = test_random_seed();
    struct test_random random = test_random_start(seed);
    struct model_data *data = memory_allocate_zeroed(1, sizeof(*data));
    uint64_t set_count = test_scaled(DATA_SET_COUNT);
    for (uint64_t set = 0; set < set_count; set++) {
        model_data_fill(data, &random);
        run(seed + set, data, &random);
    }
    memory_free(data);
    printf("view model: %llu data sets, %llu views (%llu with chunks, at most %llu), %llu asked "
           "again, %llu histories, %llu numbers compared, %llu users remembered, 0 differences, "
           "seed %llu\n",
           (unsigned long long)set_count, (unsigned long long)view_count,
           (unsigned long long)chunk_view_count, (unsigned long long)most_chunks,
           (unsigned long long)busy_count, (unsigned long long)model_question_histories,
           (unsigned long long)model_question_comparisons,
           (unsigned long long)model_question_remembered, (unsigned long long)seed);
    return 0;
}
