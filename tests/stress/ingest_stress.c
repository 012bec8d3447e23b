// SPDX-License-Identifier: Apache-2.0
// The whole way in under many threads: pumps over small files, plain and gzip, shards, commits
// every few milliseconds, a thread that asks to stop at a random moment, and one that reads
// progress, live counts and snapshots meanwhile. However often it was stopped, the store is the one
// that a single pump makes in one run. Meant for TSan; no Kafka here, for Debian's librdkafka does
// not run there.
#include "ingest/ingest.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "tests/support/input_files.h"
#include "tests/support/store_directory.h"
#include "tests/support/test_random.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define FILE_COUNT 9u
#define LINE_COUNT 700u ///< per file
#define BAD_EVERY 53u
#define STOPPED_RUN_COUNT 4u
#define STOP_AFTER_MAX_US 40000u

struct rig {
    uint64_t seed;
    char *input;
    char *directory;
    struct ingest *ingest;
    int64_t stop_after_us; ///< negative: never
    atomic_bool done;
    uint64_t reads;
};

static void write_file(const struct rig *rig, uint32_t number, uint32_t line_count)
{
    struct text_buffer text = {0};
    char name[32];
    for (uint32_t line = 0; line < line_count; line++) {
        if (line % BAD_EVERY == BAD_EVERY - 1) {
            text_buffer_append_string(&text, line % 2 == 0 ? "no event\n" : "\n");
        }
        text_buffer_printf(&text, "{\"user_id\":\"%u\",\"time\":%u,\"event\":\"%s\",\"page\":%u}\n",
                           (line * 7 + number) % 301, 1700000000u + line * 3000u,
                           line % 3 == 0 ? "view" : "order", number * 100000 + line);
    }
    bool packed = number % 3 == 1;
    size_t size = text.size;
    void *bytes = packed ? input_files_gzip(text.bytes, text.size, &size) : text.bytes;
    snprintf(name, sizeof(name), "%u.%s", number, packed ? "gz" : "json");
    memory_free(input_files_write(rig->input, name, bytes, size));
    if (packed) {
        memory_free(bytes);
    }
    text_buffer_deinit(&text);
}

static void *stop_later(void *argument)
{
    struct rig *rig = argument;
    if (rig->stop_after_us >= 0) {
        clock_sleep_us(rig->stop_after_us);
        ingest_stop(rig->ingest);
    }
    return NULL;
}

/// What a screen does, only without rest.
static void *watch(void *argument)
{
    struct rig *rig = argument;
    struct arena arena = {0};
    uint64_t messages_before = 0;
    while (!atomic_load(&rig->done)) {
        struct ingest_progress progress;
        struct engine_live_view view;
        struct store_snapshot *snapshot;
        ingest_progress(rig->ingest, &progress);
        if (progress.messages < messages_before) {
            test_fail(rig->seed, "progress went back");
        }
        messages_before = progress.messages;
        ingest_live(rig->ingest, &arena, &view);
        arena_reset(&arena);
        if (store_snapshot_open(&snapshot, rig->directory, NULL) == CORONG_OK) {
            store_snapshot_close(snapshot);
        }
        rig->reads++;
        clock_sleep_us(500);
    }
    arena_deinit(&arena);
    return NULL;
}

static struct definitions *journey(void)
{
    static struct text names[] = {{"view", 4}, {"order", 5}};
    static struct stage steps[2];
    static struct funnel funnel;
    static struct definitions definitions;
    for (uint32_t index = 0; index < 2; index++) {
        steps[index] = (struct stage){
            .name = names[index], .events = &names[index], .event_count = 1, .where = TEXT_MISSING};
    }
    funnel = (struct funnel){.name = TEXT_LITERAL("journey"),
                             .steps = steps,
                             .step_count = 2,
                             .window_us = FUNNEL_WINDOW_DEFAULT_US};
    definitions = (struct definitions){
        .stages = steps, .stage_count = 2, .funnels = &funnel, .funnel_count = 1};
    return &definitions;
}

static void start(pthread_t *thread, void *(*entry)(void *), struct rig *rig)
{
    if (pthread_create(thread, NULL, entry, rig) != 0) {
        test_fail(rig->seed, "no thread");
    }
}

static void run_threads(struct rig *rig, struct ingest_books *books_out)
{
    pthread_t stopper;
    pthread_t watcher;
    struct corong_error error = {0};
    atomic_store(&rig->done, false);
    start(&watcher, watch, rig);
    start(&stopper, stop_later, rig);
    if (ingest_run(rig->ingest, &error) != CORONG_OK) {
        test_fail(rig->seed, "run: %s", error.message);
    }
    pthread_join(stopper, NULL);
    atomic_store(&rig->done, true);
    pthread_join(watcher, NULL);
    ingest_books(rig->ingest, books_out);
    if (!ingest_books_balance(&books_out->run) || !ingest_books_balance(&books_out->all)) {
        test_fail(rig->seed, "the books do not balance");
    }
}

static struct store_totals run_once(struct rig *rig, uint32_t pump_count, uint32_t shard_count,
                                    struct ingest_books *books_out)
{
    struct corong_error error = {0};
    struct arena arena = {0};
    struct store *store;
    struct mapping *mapping;
    struct store_options create = {.create = true};
    const char *path = rig->input;
    if (store_open(&store, rig->directory, &create, &error) != CORONG_OK ||
        mapping_from_preset(&mapping, &arena, TEXT_LITERAL("generic"), &error) != CORONG_OK ||
        mapping_bind(mapping, store, &error) != CORONG_OK) {
        test_fail(rig->seed, "%s", error.message);
    }
    struct ingest_options options = {
        .store = store,
        .mapping = mapping,
        .definitions = journey(),
        .paths = &path,
        .path_count = 1,
        .pump_count = pump_count,
        .shard_count = shard_count,
        .memory_limit_bytes = UINT64_C(64) << 20,
        .commit_interval_us = 3000,
    };
    if (ingest_create(&rig->ingest, &options, &error) != CORONG_OK) {
        test_fail(rig->seed, "%s", error.message);
    }
    run_threads(rig, books_out);
    ingest_destroy(rig->ingest);
    struct store_totals totals = store_totals(store);
    store_close(store);
    arena_deinit(&arena);
    return totals;
}

static struct store_totals run_undisturbed(struct rig *rig, struct ingest_books *books_out)
{
    rig->directory = store_directory_create();
    rig->stop_after_us = -1;
    struct store_totals totals = run_once(rig, 1, 1, books_out);
    store_directory_remove(rig->directory);
    return totals;
}

/// Returns how many runs were stopped before the end.
static uint32_t run_disturbed(struct rig *rig, const struct store_totals *expected,
                              const struct store_counters *counters)
{
    struct test_random random = test_random_start(rig->seed);
    struct ingest_books books = {0};
    struct store_totals totals;
    uint32_t stopped = 0;
    rig->directory = store_directory_create();
    for (uint32_t run = 0; run <= STOPPED_RUN_COUNT; run++) {
        rig->stop_after_us = test_random_below(&random, STOP_AFTER_MAX_US);
        if (run == STOPPED_RUN_COUNT) {
            rig->stop_after_us = -1;
        }
        totals = run_once(rig, 2 + test_random_below(&random, 3), 1 + test_random_below(&random, 4),
                          &books);
        stopped += books.all.messages < counters->messages;
    }
    if (!hash128_equal(totals.digest, expected->digest) || totals.rows != expected->rows) {
        test_fail(rig->seed, "%lu rows, not %lu, or another digest", totals.rows, expected->rows);
    }
    if (memcmp(&books.all, counters, sizeof(*counters)) != 0) {
        test_fail(rig->seed, "the books of the pieces are not those of the whole");
    }
    store_directory_remove(rig->directory);
    return stopped;
}

int main(void)
{
    struct rig rig = {.seed = test_random_seed()};
    struct ingest_books books;
    uint32_t stopped = 0;
    uint64_t rounds = test_scaled(1);
    rig.input = input_files_create();
    for (uint32_t number = 0; number < FILE_COUNT; number++) {
        write_file(&rig, number, LINE_COUNT);
    }
    struct store_totals expected = run_undisturbed(&rig, &books);
    if (expected.rows != FILE_COUNT * LINE_COUNT) {
        test_fail(rig.seed, "%lu rows", expected.rows);
    }
    for (uint64_t round = 0; round < rounds; round++, rig.seed++) {
        stopped += run_disturbed(&rig, &expected, &books.all);
    }
    input_files_remove(rig.input);
    printf("ingest_stress: %lu stores of %lu rows, %u runs stopped short, %lu reads meanwhile, "
           "seed %lu\n",
           rounds, expected.rows, stopped, rig.reads, test_random_seed());
    return 0;
}
