// SPDX-License-Identifier: Apache-2.0
/// Many small commits with and without merges in background: merge_bench DIRECTORY [COMMITS]
/// [EVENTS PER COMMIT] [MILLISECONDS BETWEEN COMMITS]. Each commit waits until it is durable; with
/// 0 milliseconds the next one begins at once. The digest must be the same in both forms.
#include "engine/engine.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define USER_COUNT 200000u
#define MEMORY_LIMIT_BYTES (UINT64_C(512) << 20)

struct bench {
    const char *directory;
    uint32_t commits;
    uint32_t events;
    int64_t pause_us;
    bool merges;
    struct store *store;
    struct engine *engine;
    uint64_t state;
    uint64_t pushed;
    int64_t commit_us_max;
    int64_t commit_us_sum;
};

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void must(enum corong_status status, const struct corong_error *error)
{
    if (status != CORONG_OK) {
        fprintf(stderr, "merge_bench: %s\n", error->message);
        exit(1);
    }
}

static uint32_t draw(struct bench *bench, uint32_t bound)
{
    bench->state = bench->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((bench->state >> 33) % bound);
}

static void push_one(struct bench *bench, struct engine_producer *producer)
{
    static const char *const names[] = {"visit", "product", "cart", "order"};
    static const char *const countries[] = {"DE", "FR", "ID", "IT", "US"};
    union canonical_value values[COLUMN_SYSTEM_COUNT + 1];
    char user[24];
    snprintf(user, sizeof(user), "user-%u", draw(bench, USER_COUNT));
    values[COLUMN_NAME].string = text_from(names[draw(bench, 4)]);
    values[COLUMN_SEQUENCE].integer = 0;
    values[COLUMN_ID_HASH].integer = draw(bench, UINT32_MAX);
    values[COLUMN_RECEIVED].integer = COLUMN_INTEGER_MISSING;
    values[COLUMN_AMOUNT].integer = COLUMN_INTEGER_MISSING;
    values[COLUMN_CURRENCY].string = TEXT_MISSING;
    values[COLUMN_SYSTEM_COUNT].string = text_from(countries[draw(bench, 5)]);
    struct event event = {
        .user_id = text_from(user), .time_us = (int64_t)bench->pushed * 1000, .values = values};
    engine_push(producer, &event);
    bench->pushed++;
}

static void commit(struct bench *bench, struct engine_producer *producer)
{
    int64_t started_us = clock_monotonic_us();
    struct store_position position = {
        .id = {1, 1},
        .name = TEXT_LITERAL("bench"),
        .next_offset = (int64_t)bench->pushed,
        .anchor_offset = -1,
        .epoch = -1,
        .counters = {.messages = bench->pushed, .events = bench->pushed, .stored = bench->pushed}};
    struct engine_cut cut = {.positions = &position, .position_count = 1};
    engine_request_commit(bench->engine);
    while (!engine_barrier_wanted(producer)) {
        clock_sleep_us(50);
    }
    uint64_t epoch = engine_barrier(producer, &cut);
    while (engine_committed_epoch(bench->engine) < epoch && !engine_failed(bench->engine)) {
        clock_sleep_us(50);
    }
    int64_t took_us = clock_monotonic_us() - started_us;
    bench->commit_us_max = took_us > bench->commit_us_max ? took_us : bench->commit_us_max;
    bench->commit_us_sum += took_us;
}

static void open_all(struct bench *bench, struct corong_error *error)
{
    struct store_options options = {.create = true};
    uint32_t index;
    must(store_open(&bench->store, bench->directory, &options, error), error);
    must(store_add_attribute(bench->store, TEXT_LITERAL("country"), COLUMN_STRING, &index, error),
         error);
    struct engine_options how = {
        .store = bench->store,
        .schema = store_schema(bench->store),
        .producer_count = 1,
        .memory_limit_bytes = MEMORY_LIMIT_BYTES,
        .commit_interval_us = 3600 * MICROSECONDS_PER_SECOND,
        .merge_in_background = bench->merges,
    };
    must(engine_open(&bench->engine, &how, error), error);
}

static void push_all(struct bench *bench)
{
    struct engine_producer *producer = engine_producer_open(bench->engine);
    for (uint32_t number = 0; number < bench->commits; number++) {
        for (uint32_t event = 0; event < bench->events; event++) {
            push_one(bench, producer);
        }
        commit(bench, producer);
        clock_sleep_us(bench->pause_us);
    }
    struct engine_cut none = {0};
    engine_producer_close(producer, &none);
}

static void report(struct bench *bench, double seconds, double cpu,
                   const struct store_merge_figures *figures)
{
    uint32_t segments;
    store_segments(bench->store, &segments);
    struct store_totals totals = store_totals(bench->store);
    struct corong_error error = {0};
    struct store_snapshot *snapshot;
    store_close(bench->store);
    int64_t started_us = clock_monotonic_us();
    must(store_snapshot_open(&snapshot, bench->directory, &error), &error);
    int64_t opened_us = clock_monotonic_us() - started_us;
    store_snapshot_close(snapshot);
    printf("%-14s %10.0f events/s, %5.1f s CPU, commit mean %5.1f ms, max %6.1f ms; %4u segments, "
           "%3u runs, %" PRIu64 " merges, amplification %.2f; opened in %.1f ms; digest "
           "%016" PRIx64 "\n",
           bench->merges ? "merging:" : "not merging:", (double)bench->pushed / seconds, cpu,
           (double)bench->commit_us_sum / bench->commits / 1e3, (double)bench->commit_us_max / 1e3,
           segments, figures->run_count, figures->merge_count,
           figures->bytes_flushed == 0 ? 1.0
                                       : (double)(figures->bytes_flushed + figures->bytes_merged) /
                                             (double)figures->bytes_flushed,
           (double)opened_us / 1e3, totals.digest.high);
}

static void run(struct bench bench, const char *directory, const char *name)
{
    struct corong_error error = {0};
    struct text_buffer path = {0};
    text_buffer_printf(&path, "%s/%s", directory, name);
    bench.directory = path.bytes;
    open_all(&bench, &error);
    int64_t started_us = clock_monotonic_us();
    double cpu = cpu_seconds();
    push_all(&bench);
    uint32_t running;
    must(engine_drain(bench.engine, &error), &error);
    double seconds = (double)(clock_monotonic_us() - started_us) / 1e6;
    cpu = cpu_seconds() - cpu;
    struct store_merge_figures figures = engine_merge_read(bench.engine, &running);
    engine_close(bench.engine);
    report(&bench, seconds, cpu, &figures);
    text_buffer_deinit(&path);
}

int main(int argument_count, char **arguments)
{
    if (argument_count < 2) {
        fprintf(stderr, "usage: merge_bench DIRECTORY [COMMITS] [EVENTS] [MILLISECONDS]\n");
        return 2;
    }
    struct bench bench = {
        .commits = argument_count > 2 ? (uint32_t)atoi(arguments[2]) : 600,
        .events = argument_count > 3 ? (uint32_t)atoi(arguments[3]) : 2000,
        .pause_us = argument_count > 4 ? atoll(arguments[4]) * 1000 : 0,
        .state = 42,
    };
    printf("%u commits of %u events, %" PRId64 " ms apart\n", bench.commits, bench.events,
           bench.pause_us / 1000);
    run(bench, arguments[1], "plain.store");
    bench.merges = true;
    run(bench, arguments[1], "merged.store");
    return 0;
}
