// SPDX-License-Identifier: Apache-2.0
// Goal: what holds of every question, whatever the right numbers are: slices sum to the total (but
// for `each`, whose groups overlap); won, open and lost are all that entered; attempts `all` win at
// least as often as `best`; and the answer (by its digest) is the same where the same events came
// in another order, through other producers, shards, commits and merges, and by other threads.
// Method: random data sets and questions of model_question, every data set in two stores.
#include "storage/base/memory.h"
#include "tests/model/model_question.h"
#include "tests/model/model_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DATA_SET_COUNT 3
#define QUESTIONS_PER_DATA_SET 60

static uint64_t sums_compared;
static uint64_t orders_compared;
static uint64_t attempts_compared;

static void expect(bool holds, const char *what, uint64_t left, uint64_t right)
{
    if (!holds) {
        test_fail(test_random_seed(), "%s: %" PRIu64 " and %" PRIu64, what, left, right);
    }
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

static struct store_snapshot *build(const struct model_data *data, struct test_random *random,
                                    char **directory_out)
{
    const struct model_store_options options = {
        .shard_count = 1 + test_random_below(random, 8),
        .producer_count = 1 + test_random_below(random, 3),
        .run_count = 1 + test_random_below(random, 4),
        .compact = test_random_below(random, 2),
        .map_ids = data->ids,
    };
    struct corong_error error;
    struct store_snapshot *snapshot;
    *directory_out = model_store_build(data->events, data->count, &options, random);
    if (store_snapshot_open(&snapshot, *directory_out, &error) != CORONG_OK) {
        test_fail(test_random_seed(), "snapshot failed: %s", error.message);
    }
    return snapshot;
}

static void run(struct store_snapshot *snapshot, const struct query_funnel *query,
                struct arena *arena, struct query_funnel_result *result)
{
    struct corong_error error;
    if (query_funnel_run(snapshot, query, arena, result, &error) != CORONG_OK) {
        test_fail(test_random_seed(), "question failed: %s", error.message);
    }
}

static void add(struct query_slice *sum, const struct query_slice *slice, uint32_t step_count)
{
    sum->won += slice->won;
    sum->open += slice->open;
    sum->lost += slice->lost;
    for (uint32_t k = 0; k < step_count; k++) {
        sum->steps[k].reached += slice->steps[k].reached;
        sum->steps[k].dropped += slice->steps[k].dropped;
        sum->steps[k].open += slice->steps[k].open;
        sum->steps[k].lost += slice->steps[k].lost;
        sum->steps[k].from_previous.count += slice->steps[k].from_previous.count;
    }
}

static void check_sums(const struct query_funnel *query, const struct query_funnel_result *result)
{
    const struct query_slice *total = &result->total;
    struct query_step steps[FUNNEL_STEP_COUNT_MAX] = {0};
    struct query_slice sum = {.steps = steps};
    uint32_t step_count = query->funnel.step_count;
    for (uint32_t i = 0; i < result->slice_count; i++) {
        add(&sum, &result->slices[i], step_count);
    }
    if (result->has_other) {
        add(&sum, &result->other, step_count);
    }
    expect(sum.won == total->won, "won", sum.won, total->won);
    expect(sum.open == total->open, "open", sum.open, total->open);
    expect(sum.lost == total->lost, "lost", sum.lost, total->lost);
    for (uint32_t k = 0; k < step_count; k++) {
        const struct query_step *whole = &total->steps[k];
        expect(steps[k].reached == whole->reached, "reached", steps[k].reached, whole->reached);
        expect(steps[k].dropped == whole->dropped, "dropped", steps[k].dropped, whole->dropped);
        expect(steps[k].open == whole->open, "open at", steps[k].open, whole->open);
        expect(steps[k].lost == whole->lost, "lost at", steps[k].lost, whole->lost);
        expect(steps[k].from_previous.count == whole->from_previous.count, "timed",
               steps[k].from_previous.count, whole->from_previous.count);
    }
    sums_compared += 3 + 5 * (uint64_t)step_count;
}

/// The same events in another order, asked with another number of threads.
static void check_order(struct store_snapshot *other, const struct query_funnel *query,
                        const struct query_funnel_result *result, struct arena *arena)
{
    struct query_funnel again = *query;
    struct query_funnel_result result_other;
    again.limits.thread_count = query->limits.thread_count == 1 ? 3 : 1;
    run(other, &again, arena, &result_other);
    if (strcmp(result->provenance.result_digest, result_other.provenance.result_digest) != 0) {
        test_fail(test_random_seed(), "another order, another answer: %s and %s",
                  result->provenance.result_digest, result_other.provenance.result_digest);
    }
    orders_compared++;
}

static void check_attempts(struct store_snapshot *snapshot, const struct query_funnel *query,
                           struct arena *arena)
{
    struct query_funnel best = *query;
    struct query_funnel_result result;
    best.by_count = 0;
    best.attribution = QUERY_ATTRIBUTION_ENTRY;
    best.funnel.attempts = FUNNEL_ATTEMPTS_BEST;
    run(snapshot, &best, arena, &result);
    uint64_t won_best = result.total.won;
    best.funnel.attempts = FUNNEL_ATTEMPTS_ALL;
    run(snapshot, &best, arena, &result);
    expect(result.total.won >= won_best, "won by all, by best", result.total.won, won_best);
    attempts_compared++;
}

static void ask(struct store_snapshot *const snapshots[2], const struct model_data *data,
                struct test_random *random)
{
    struct arena arena = {0};
    struct query_funnel query;
    struct query_funnel_result result;
    model_question_make(data, random, &arena, &query);
    query.top = test_random_below(random, 2) == 0 ? 1 + test_random_below(random, 4) : 1000;
    query.attribution = (enum query_attribution)test_random_below(random, 5); // `each` is the last
    query.attribution_step = 1 + test_random_below(random, query.funnel.step_count);
    if (test_random_below(random, 2) == 0) {
        query.by[query.by_count++] = TEXT_LITERAL("price");
    }
    query.where_user = test_random_below(random, 4) == 0 ? TEXT_LITERAL("a1 != 'p'") : TEXT_MISSING;
    run(snapshots[0], &query, &arena, &result);
    if (query.by_count > 0) {
        check_sums(&query, &result);
    }
    check_order(snapshots[1], &query, &result, &arena);
    check_attempts(snapshots[0], &query, &arena);
    arena_deinit(&arena);
}

int main(void)
{
    uint64_t seed = test_random_seed();
    struct test_random random = test_random_start(seed);
    struct model_data *data = memory_allocate_zeroed(1, sizeof(*data));
    uint64_t set_count = test_scaled(DATA_SET_COUNT);
    for (uint64_t set = 0; set < set_count; set++) {
        struct store_snapshot *snapshots[2];
        char *directories[2];
        model_data_fill(data, &random);
        for (uint32_t store = 0; store < 2; store++) {
            snapshots[store] = build(data, &random, &directories[store]);
            shuffle(data->events, data->count, &random);
        }
        for (int question = 0; question < QUESTIONS_PER_DATA_SET; question++) {
            ask(snapshots, data, &random);
        }
        for (uint32_t store = 0; store < 2; store++) {
            store_snapshot_close(snapshots[store]);
            model_store_remove(directories[store]);
        }
    }
    memory_free(data);
    printf("properties: %" PRIu64 " sums of slices, %" PRIu64 " questions of events in another "
           "order, %" PRIu64 " of attempts all and best, 0 differences, seed %" PRIu64 "\n",
           sums_compared, orders_compared, attempts_compared, seed);
    return 0;
}
