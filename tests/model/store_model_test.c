// SPDX-License-Identifier: Apache-2.0
// Goal: events pushed through the real engine, store and query give exactly the oracle's answer,
// whatever the batches, shards, commits and merges, and the same digest for any order of the same
// events. Method: random data sets of a few hundred people with short histories; for each, a store
// built in a random way and several random questions; every number of the answer is compared.
#include "storage/base/memory.h"
#include "tests/model/model_question.h"
#include "tests/model/model_store.h"

#include <stdio.h>
#include <string.h>

#define DATA_SET_COUNT 60
#define QUESTIONS_PER_DATA_SET 12
static struct store_snapshot *open_snapshot(const char *directory)
{
    struct corong_error error;
    struct store_snapshot *snapshot;
    if (store_snapshot_open(&snapshot, directory, &error) != CORONG_OK) {
        test_fail(test_random_seed(), "snapshot failed: %s", error.message);
    }
    return snapshot;
}

static struct model_digest digest_of(const char *directory)
{
    struct model_digest digest;
    struct store_snapshot *snapshot = open_snapshot(directory);
    model_question_digest(snapshot, &digest);
    store_snapshot_close(snapshot);
    return digest;
}

static void random_options(const struct model_data *data, struct test_random *random,
                           struct model_store_options *options)
{
    *options = (struct model_store_options){
        .shard_count = 1 + test_random_below(random, 8),
        .producer_count = 1 + test_random_below(random, 3),
        .run_count = 1 + test_random_below(random, 4),
        .compact = test_random_below(random, 2),
        .map_ids = data->ids,
    };
}

static void shuffle(struct oracle_event *events, int count, struct test_random *random)
{
    for (int index = count - 1; index > 0; index--) {
        int other = (int)test_random_below(random, (uint32_t)index + 1);
        struct oracle_event event = events[index];
        events[index] = events[other];
        events[other] = event;
    }
}

// The same events in another order, through other shards, producers and commits; with ids mapped,
// some of them a second time.
static void same_digest(const char *directory, const struct model_data *data,
                        struct test_random *random)
{
    static struct oracle_event copy[2 * MODEL_EVENT_COUNT_MAX];
    struct model_store_options options;
    int count = data->count;
    memcpy(copy, data->events, (size_t)count * sizeof(*copy));
    for (int index = 0; data->ids && index < data->count; index += 3) {
        copy[count++] = data->events[index];
    }
    shuffle(copy, count, random);
    random_options(data, random, &options);
    options.compact = true;
    char *other = model_store_build(copy, count, &options, random);
    struct model_digest digest = digest_of(directory);
    struct model_digest other_digest = digest_of(other);
    model_store_remove(other);
    if (strcmp(digest.store, other_digest.store) != 0 ||
        strcmp(digest.result, other_digest.result) != 0) {
        test_fail(test_random_seed(), "digests %s, %s, in another order %s, %s", digest.store,
                  digest.result, other_digest.store, other_digest.result);
    }
}

int main(void)
{
    uint64_t seed = test_random_seed();
    struct test_random random = test_random_start(seed);
    struct model_data *data = memory_allocate_zeroed(1, sizeof(*data));
    uint64_t set_count = test_scaled(DATA_SET_COUNT);
    for (uint64_t set = 0; set < set_count; set++) {
        struct model_store_options options;
        model_data_fill(data, &random);
        random_options(data, &random, &options);
        char *directory = model_store_build(data->events, data->count, &options, &random);
        struct store_snapshot *snapshot = open_snapshot(directory);
        for (int question = 0; question < QUESTIONS_PER_DATA_SET; question++) {
            model_question_ask(snapshot, data, data->events, data->count, &random);
        }
        store_snapshot_close(snapshot);
        if (options.compact) {
            same_digest(directory, data, &random);
        }
        model_store_remove(directory);
    }
    memory_free(data);
    printf("store model: %llu data sets, %llu histories asked about, %llu numbers compared, 0 "
           "differences, seed %llu\n",
           (unsigned long long)set_count, (unsigned long long)model_question_histories,
           (unsigned long long)model_question_comparisons, (unsigned long long)seed);
    return 0;
}
