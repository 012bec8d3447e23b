// SPDX-License-Identifier: Apache-2.0
// A service reads what a replay would, also while its engine is exchanged under it.
#include "ingest/service/service.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "tests/support/input_files.h"
#include "tests/support/store_directory.h"

#include <criterion/criterion.h>
#include <string.h>

#define EVENT_COUNT 20000u

struct rig {
    char *store_directory;
    char *input;
    struct store *store;
    struct service *service;
    struct arena arena;
};

static struct mapping *mapping_make(struct arena *arena, const char *preset)
{
    struct mapping *mapping;
    struct corong_error error = {0};
    cr_assert_eq(mapping_from_preset(&mapping, arena, text_from(preset), &error), CORONG_OK, "%s",
                 error.message);
    return mapping;
}

static struct rig rig_open(void)
{
    struct rig rig = {store_directory_create(), input_files_create(), NULL, NULL, {0}};
    struct corong_error error = {0};
    struct store_options create = {.create = true};
    cr_assert_eq(store_open(&rig.store, rig.store_directory, &create, &error), CORONG_OK);
    struct service_options options = {
        .store = rig.store,
        .directory = rig.store_directory,
        .backfill_count = 2,
        .shard_count = 2,
        .memory_limit_bytes = 128u << 20,
        .commit_interval_us = 20000,
    };
    cr_assert_eq(service_open(&rig.service, &options, &error), CORONG_OK, "%s", error.message);
    return rig;
}

static void rig_close(struct rig *rig)
{
    struct corong_error error = {0};
    cr_assert_eq(service_stop(rig->service, &error), CORONG_OK, "%s", error.message);
    service_close(rig->service);
    store_close(rig->store);
    store_directory_remove(rig->store_directory);
    input_files_remove(rig->input);
    arena_deinit(&rig->arena);
}

static char *put_events(const struct rig *rig, const char *name, uint32_t from, uint32_t to)
{
    struct text_buffer text = {0};
    for (uint32_t index = from; index < to; index++) {
        text_buffer_printf(&text, "{\"user_id\":\"u%u\",\"time\":%u,\"event\":\"%s\"}\n",
                           index % 97, 1700000000u + index, index % 3 == 0 ? "view" : "click");
    }
    char *path = input_files_write(rig->input, name, text.bytes, text.size);
    text_buffer_deinit(&text);
    return path;
}

static struct service_job *submit(struct rig *rig, const char *path, const char *preset)
{
    struct corong_error error = {0};
    struct service_job *job;
    struct service_job_options options = {
        .paths = &path,
        .path_count = 1,
        .mapping = mapping_make(&rig->arena, preset),
        .input = -1,
    };
    cr_assert_eq(service_job_submit(&job, rig->service, &options, &error), CORONG_OK, "%s",
                 error.message);
    return job;
}

static const struct service_job_end *finish(struct service_job *job)
{
    while (service_job_wait(job, MICROSECONDS_PER_SECOND, NULL) != SERVICE_JOB_DONE) {
    }
    const struct service_job_end *end = service_job_end(job);
    cr_assert(ingest_books_balance(&end->books.run));
    cr_assert(ingest_books_balance(&end->books.all));
    return end;
}

static uint64_t rows_committed(const struct rig *rig)
{
    struct corong_error error = {0};
    struct store_snapshot *snapshot;
    cr_assert_eq(store_snapshot_open(&snapshot, rig->store_directory, &error), CORONG_OK);
    uint64_t rows = store_snapshot_totals(snapshot).rows;
    store_snapshot_close(snapshot);
    return rows;
}

Test(service, test_jobs_are_durable_when_they_are_done_and_count_once)
{
    struct rig rig = rig_open();
    char *path = put_events(&rig, "a.json", 0, EVENT_COUNT);
    for (uint32_t round = 0; round < 3; round++) {
        struct service_job *job = submit(&rig, path, "generic");
        const struct service_job_end *end = finish(job);
        cr_assert_eq(end->error.status, CORONG_OK, "%s", end->error.message);
        cr_assert_eq(end->books.run.stored, round == 0 ? EVENT_COUNT : 0);
        cr_assert_eq(end->books.all.stored, EVENT_COUNT);
        cr_assert_eq(end->books.files_skipped, round == 0 ? 0 : 1);
        cr_assert_eq(rows_committed(&rig), EVENT_COUNT);
        service_job_destroy(job);
    }
    memory_free(path);
    rig_close(&rig);
}

Test(service, test_a_file_goes_on_in_the_next_engine)
{
    struct rig rig = rig_open();
    struct definitions none = {0};
    struct service_change change = {.definitions = &none};
    char *path = put_events(&rig, "a.json", 0, EVENT_COUNT * 5);
    struct service_job *job = submit(&rig, path, "generic");
    uint32_t reloads = 0;
    while (service_job_wait(job, 1000, NULL) != SERVICE_JOB_DONE) {
        struct corong_error error = {0};
        cr_assert_eq(service_reload(rig.service, &change, NULL, &error), CORONG_OK, "%s",
                     error.message);
        reloads++;
    }
    const struct service_job_end *end = finish(job);
    cr_assert_eq(end->books.run.stored, EVENT_COUNT * 5);
    cr_assert_eq(rows_committed(&rig), EVENT_COUNT * 5);
    cr_assert_geq(reloads, 1);
    service_job_destroy(job);
    memory_free(path);
    rig_close(&rig);
}

Test(service, test_a_job_may_bring_attributes_and_a_stopped_one_goes_on)
{
    struct rig rig = rig_open();
    char *first = put_events(&rig, "a.json", 0, EVENT_COUNT);
    char *second = put_events(&rig, "b.json", EVENT_COUNT, EVENT_COUNT * 10);
    struct service_job *job = submit(&rig, first, "generic");
    struct service_job *next = submit(&rig, second, "segment");
    finish(job);
    service_job_stop(next);
    const struct service_job_end *end = finish(next);
    cr_assert(end->stopped, "%s", end->error.message);
    uint64_t messages = end->books.run.messages;
    service_job_destroy(job);
    service_job_destroy(next);
    next = submit(&rig, second, "segment");
    end = finish(next);
    cr_assert_eq(end->books.run.messages + messages, EVENT_COUNT * 9);
    service_job_destroy(next);
    memory_free(first);
    memory_free(second);
    rig_close(&rig);
}

Test(service, test_a_job_of_nothing_says_so)
{
    struct rig rig = rig_open();
    struct service_job *job = submit(&rig, "/nowhere/at/all.json", "generic");
    const struct service_job_end *end = finish(job);
    cr_assert_eq(end->error.status, CORONG_IO, "%s", end->error.message);
    service_job_destroy(job);
    rig_close(&rig);
}

Test(service, test_stopping_ends_jobs_in_order)
{
    struct rig rig = rig_open();
    struct corong_error error = {0};
    char *path = put_events(&rig, "a.json", 0, EVENT_COUNT * 5);
    struct service_job *job = submit(&rig, path, "generic");
    struct service_job *waiting = submit(&rig, path, "generic");
    cr_assert_eq(service_stop(rig.service, &error), CORONG_OK, "%s", error.message);
    cr_assert(finish(job)->stopped);
    cr_assert(finish(waiting)->stopped);
    cr_assert_eq(rows_committed(&rig), service_job_end(job)->books.run.stored);
    service_job_destroy(job);
    service_job_destroy(waiting);
    memory_free(path);
    rig_close(&rig);
}
