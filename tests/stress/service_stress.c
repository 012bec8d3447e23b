// SPDX-License-Identifier: Apache-2.0
// A service under everything at once: jobs, reloads, views, figures, a stop in the middle. What the
// store holds at the end is what was read, each event once.
#include "ingest/service/service.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "tests/support/input_files.h"
#include "tests/support/store_directory.h"
#include "tests/support/test_random.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define FILE_COUNT 4u
#define EVENT_COUNT 4000u ///< per file
#define VIEWER_COUNT 2u

struct rig {
    struct store *store;
    struct service *service;
    char *store_directory;
    char *input;
    char *paths[FILE_COUNT];
    struct arena arena;
    atomic_bool done;
    atomic_uint_fast64_t views;
};

static void must(enum corong_status status, const struct corong_error *error)
{
    if (status != CORONG_OK) {
        fprintf(stderr, "%s\n", error->message);
    }
    ASSERT(status == CORONG_OK);
}

static void write_files(struct rig *rig)
{
    for (uint32_t file = 0; file < FILE_COUNT; file++) {
        struct text_buffer text = {0};
        char name[32];
        for (uint32_t at = 0; at < EVENT_COUNT; at++) {
            uint32_t index = file * EVENT_COUNT + at;
            text_buffer_printf(
                &text, "{\"user_id\":\"u%u\",\"time\":%u,\"event\":\"%s\",\"a%u\":\"x\"}\n",
                index % 211, 1700000000u + index, index % 3 == 0 ? "view" : "click", file);
        }
        snprintf(name, sizeof(name), "part-%u.json", file);
        rig->paths[file] = input_files_write(rig->input, name, text.bytes, text.size);
        text_buffer_deinit(&text);
    }
}

static void open_service(struct rig *rig)
{
    struct corong_error error = {0};
    struct store_options create = {.create = true};
    must(store_open(&rig->store, rig->store_directory, &create, &error), &error);
    struct service_options options = {
        .store = rig->store,
        .directory = rig->store_directory,
        .backfill_count = 2,
        .shard_count = 2,
        .memory_limit_bytes = 128u << 20,
        .commit_interval_us = 30000,
    };
    must(service_open(&rig->service, &options, &error), &error);
}

static void *look(void *argument)
{
    struct rig *rig = argument;
    while (!atomic_load(&rig->done)) {
        struct corong_error error;
        struct arena arena = {0};
        struct service_figures figures;
        struct engine_live_view live;
        const struct engine_view *view;
        service_figures(rig->service, &figures);
        struct engine *engine = service_hold(rig->service);
        if (engine != NULL) {
            engine_live_read(engine, &arena, &live);
            if (engine_view_acquire(engine, 0, &view, &error) == CORONG_OK) {
                atomic_fetch_add(&rig->views, 1);
                engine_view_release(engine, view);
            }
            service_release(rig->service);
        }
        arena_deinit(&arena);
        clock_sleep_us(3000);
    }
    return NULL;
}

static struct service_job *submit(struct rig *rig, const char *path)
{
    struct corong_error error = {0};
    struct service_job *job;
    struct service_job_options options = {.paths = &path, .path_count = 1, .input = -1};
    must(mapping_from_preset(&options.mapping, &rig->arena, TEXT_LITERAL("generic"), &error),
         &error);
    must(service_job_submit(&job, rig->service, &options, &error), &error);
    return job;
}

/// All files, with reloads meanwhile; some jobs are stopped and asked for again.
static uint32_t read_all(struct rig *rig, struct test_random *random)
{
    struct definitions none = {0};
    struct service_change change = {.definitions = &none};
    struct corong_error error = {0};
    uint32_t reloads = 0;
    for (uint32_t file = 0; file < FILE_COUNT; file++) {
        bool stopped;
        do {
            struct service_job *job = submit(rig, rig->paths[file]);
            bool stops = test_random_below(random, 2) == 0;
            while (service_job_wait(job, 2000, NULL) != SERVICE_JOB_DONE) {
                must(service_reload(rig->service, &change, NULL, &error), &error);
                must(service_tick(rig->service, &error), &error);
                reloads++;
                if (stops && reloads % 3 == 0) {
                    service_job_stop(job);
                }
            }
            stopped = service_job_end(job)->stopped;
            must(service_job_end(job)->error.status, &service_job_end(job)->error);
            service_job_destroy(job);
        } while (stopped);
    }
    return reloads;
}

static void check(const struct rig *rig)
{
    struct corong_error error = {0};
    struct store_snapshot *snapshot;
    must(store_snapshot_open(&snapshot, rig->store_directory, &error), &error);
    ASSERT(store_snapshot_totals(snapshot).rows == FILE_COUNT * EVENT_COUNT);
    store_snapshot_close(snapshot);
    must(store_verify(rig->store_directory, NULL, NULL, &error), &error);
}

int main(void)
{
    uint64_t seed = test_random_seed();
    struct test_random random = test_random_start(seed);
    struct rig rig = {.store_directory = store_directory_create(), .input = input_files_create()};
    struct corong_error error = {0};
    pthread_t viewers[VIEWER_COUNT];
    write_files(&rig);
    open_service(&rig);
    for (uint32_t index = 0; index < VIEWER_COUNT; index++) {
        ASSERT(pthread_create(&viewers[index], NULL, look, &rig) == 0);
    }
    uint32_t reloads = read_all(&rig, &random);
    struct service_job *late = submit(&rig, rig.paths[0]);
    atomic_store(&rig.done, true);
    for (uint32_t index = 0; index < VIEWER_COUNT; index++) {
        pthread_join(viewers[index], NULL);
    }
    must(service_stop(rig.service, &error), &error);
    service_job_destroy(late);
    service_close(rig.service);
    store_close(rig.store);
    check(&rig);
    printf("seed %lu: %u events, %u reloads, %lu views\n", seed, FILE_COUNT * EVENT_COUNT, reloads,
           (unsigned long)atomic_load(&rig.views));
    for (uint32_t file = 0; file < FILE_COUNT; file++) {
        memory_free(rig.paths[file]);
    }
    store_directory_remove(rig.store_directory);
    input_files_remove(rig.input);
    arena_deinit(&rig.arena);
    return 0;
}
