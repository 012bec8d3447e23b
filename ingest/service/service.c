// SPDX-License-Identifier: Apache-2.0
#include "ingest/service/service.h"

#include "ingest/service/service_state.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define SENTENCE_SIZE 1280
#define IDLE_WAIT_US 5000
#define PLANNER_WAIT_US 50000

void service_log(struct service *service, enum service_severity severity, const char *format, ...)
{
    char sentence[SENTENCE_SIZE];
    va_list arguments;
    if (service->options.log == NULL) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    service->options.log(service->options.log_context, severity, sentence);
}

/// A source without messages: what a backfill thread reads between two jobs.
static enum source_poll idle_poll(struct source *source, struct source_message *message_out,
                                  struct corong_error *error)
{
    (void)message_out;
    (void)error;
    struct service_worker *worker =
        (struct service_worker *)((char *)source - offsetof(struct service_worker, idle));
    struct service *service = worker->service;
    clock_sleep_us(IDLE_WAIT_US);
    pthread_mutex_lock(&service->lock);
    const struct service_job *job = service->jobs;
    bool fresh =
        job != NULL && job->state == SERVICE_JOB_READING && job->number != worker->job_number;
    pthread_mutex_unlock(&service->lock);
    return fresh ? SOURCE_END : SOURCE_IDLE;
}

static uint32_t idle_partition_count(struct source *source)
{
    (void)source;
    return 0;
}

static void idle_position(struct source *source, uint32_t partition_index,
                          struct store_position *position_out)
{
    (void)source;
    (void)partition_index;
    (void)position_out;
    ASSERT(false); // it has no partition
}

static void idle_progress(struct source *source, uint64_t *done_out, uint64_t *total_out)
{
    (void)source;
    *done_out = 0;
    *total_out = 0;
}

static struct text idle_header(struct source *source)
{
    (void)source;
    return TEXT_MISSING;
}

static void idle_close(struct source *source)
{
    (void)source;
}

static const struct source_operations idle_operations = {
    .poll = idle_poll,
    .partition_count = idle_partition_count,
    .position = idle_position,
    .progress = idle_progress,
    .committed = NULL,
    .header = idle_header,
    .close = idle_close,
};

static uint32_t pick_backfill_count(const struct service_options *options)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t count = options->backfill_count != 0 ? options->backfill_count : (uint32_t)(cores / 2);
    count = count < SERVICE_BACKFILL_COUNT_MAX ? count : SERVICE_BACKFILL_COUNT_MAX;
    return count > 0 ? count : 1;
}

static void take_notice(void *context, const char *sentence)
{
    service_log(context, SERVICE_WARNING, "%s", sentence);
}

static void take_news(void *context, const char *sentence)
{
    service_log(context, SERVICE_INFO, "%s", sentence);
}

static enum corong_status open_kafka(struct service *service, struct service_worker *worker,
                                     struct corong_error *error)
{
    const struct service_options *options = &service->options;
    struct kafka_options kafka = {
        .topics = options->kafka_topics,
        .properties = options->kafka_properties,
        .message_size_max = options->message_size_max,
        .store = options->store,
        .group = options->group,
        .queue_limit_bytes = options->queue_limit_bytes,
        .notice = take_notice,
        .news = take_news,
        .notice_context = service,
    };
    return kafka_open(&worker->kafka, &kafka, error);
}

static void make_workers(struct service *service)
{
    const struct service_options *options = &service->options;
    service->backfill_count = pick_backfill_count(options);
    service->worker_count = service->backfill_count + (options->kafka_topics != NULL);
    service->workers = memory_allocate_zeroed(service->worker_count, sizeof(*service->workers));
    size_t size = service->worker_count * sizeof(*service->progress);
    service->progress = memory_allocate_aligned(_Alignof(struct pump_progress), size);
    memset(service->progress, 0, size);
    for (uint32_t index = 0; index < service->worker_count; index++) {
        struct service_worker *worker = &service->workers[index];
        worker->service = service;
        worker->progress = &service->progress[index];
        worker->idle.operations = &idle_operations;
    }
}

static void start_threads(struct service *service)
{
    for (uint32_t index = 0; index < service->worker_count; index++) {
        struct service_worker *worker = &service->workers[index];
        void *(*run)(void *) =
            worker->kafka != NULL ? service_worker_kafka : service_worker_backfill;
        ASSERT(pthread_create(&worker->thread, NULL, run, worker) == 0);
        (void)pthread_setname_np(worker->thread, "corong-pump");
        worker->started = true;
    }
    ASSERT(pthread_create(&service->planner, NULL, service_job_plan_all, service) == 0);
    service->planner_started = true;
}

static enum corong_status set_up(struct service *service, struct corong_error *error)
{
    make_workers(service);
    if (service->mapping != NULL) {
        TRY(mapping_bind(service->mapping, service->options.store, error));
    }
    if (service->options.kafka_topics != NULL) {
        TRY(open_kafka(service, &service->workers[0], error));
    }
    TRY(service_engine_open(service, error));
    start_threads(service);
    return CORONG_OK;
}

/// Writers first: those who hold the engine for a moment must not keep a reload waiting for ever.
static void init_locks(struct service *service)
{
    pthread_rwlockattr_t rwlock;
    pthread_condattr_t condition;
    pthread_rwlockattr_init(&rwlock);
    pthread_rwlockattr_setkind_np(&rwlock, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&service->engine_lock, &rwlock);
    pthread_rwlockattr_destroy(&rwlock);
    pthread_condattr_init(&condition);
    pthread_condattr_setclock(&condition, CLOCK_MONOTONIC);
    pthread_cond_init(&service->changed, &condition);
    pthread_condattr_destroy(&condition);
    pthread_mutex_init(&service->lock, NULL);
    pthread_mutex_init(&service->exchange_lock, NULL);
}

enum corong_status service_open(struct service **service_out, const struct service_options *options,
                                struct corong_error *error)
{
    ASSERT(options->store != NULL && options->directory != NULL);
    ASSERT(options->kafka_topics == NULL || options->mapping != NULL);
    struct service *service = memory_allocate_zeroed(1, sizeof(*service));
    service->options = *options;
    service->mapping = options->mapping;
    service->definitions = options->definitions;
    service->live_range = options->live_range;
    service->live_zone = options->live_zone;
    service->opened_us = clock_monotonic_us();
    init_locks(service);
    enum corong_status status = set_up(service, error);
    if (status != CORONG_OK) {
        service_close(service);
        return status;
    }
    *service_out = service;
    return CORONG_OK;
}

enum corong_status service_tick(struct service *service, struct corong_error *error)
{
    if (service_engine_failed(service)) {
        TRY(service_engine_recover(service, error));
    }
    pthread_mutex_lock(&service->lock);
    struct corong_error failure = service->failure;
    pthread_mutex_unlock(&service->lock);
    if (failure.status != CORONG_OK && error != NULL) {
        *error = failure;
    }
    return failure.status;
}

/// Waits a moment. True: the planner is at its end.
static bool planner_has_ended(struct service *service)
{
    int64_t until_us = clock_monotonic_us() + PLANNER_WAIT_US;
    struct timespec until = {until_us / MICROSECONDS_PER_SECOND,
                             until_us % MICROSECONDS_PER_SECOND * 1000};
    pthread_mutex_lock(&service->lock);
    if (!service->planner_ended) {
        pthread_cond_timedwait(&service->changed, &service->lock, &until);
    }
    bool ended = service->planner_ended;
    pthread_mutex_unlock(&service->lock);
    return ended;
}

/// Threads that a full disk holds must come to their end.
static void expect_drain(struct service *service)
{
    struct engine *engine = service_hold(service);
    if (engine != NULL) {
        engine_expect_drain(engine);
        service_release(service);
    }
}

/// The last job may need another engine to come to its commit.
static void wait_for_planner(struct service *service)
{
    struct corong_error ignored;
    while (!planner_has_ended(service)) {
        expect_drain(service); // of whatever engine is there
        if (service_engine_failed(service) &&
            service_engine_recover(service, &ignored) != CORONG_OK) {
            continue; // it is over, and everybody knows
        }
    }
}

static void stop_jobs(struct service *service)
{
    pthread_mutex_lock(&service->lock);
    service->stopping = true;
    for (struct service_job *job = service->jobs; job != NULL; job = job->next) {
        service_job_stop(job);
    }
    pthread_cond_broadcast(&service->changed);
    pthread_mutex_unlock(&service->lock);
    if (service->planner_started) {
        wait_for_planner(service);
        pthread_join(service->planner, NULL);
        service->planner_started = false;
    }
}

static void join_workers(struct service *service)
{
    pthread_mutex_lock(&service->lock);
    service->ending = true;
    pthread_cond_broadcast(&service->changed);
    pthread_mutex_unlock(&service->lock);
    for (uint32_t index = 0; index < service->worker_count; index++) {
        pump_stop_ask(&service->workers[index].stop);
    }
    for (uint32_t index = 0; index < service->worker_count; index++) {
        if (service->workers[index].started) {
            pthread_join(service->workers[index].thread, NULL);
            service->workers[index].started = false;
        }
    }
}

enum corong_status service_stop(struct service *service, struct corong_error *error)
{
    stop_jobs(service);
    expect_drain(service);
    join_workers(service);
    struct corong_error failure = {0};
    enum corong_status status = service->over ? CORONG_OK : engine_drain(service->engine, &failure);
    if (status == CORONG_FENCED) {
        // Whoever has the source now reads it: nothing is lost and nothing failed.
        service_log(service, SERVICE_WARNING, "what was not committed is left to others: %s",
                    failure.message);
    } else if (status != CORONG_OK && service->failure.status == CORONG_OK) {
        service->failure = failure;
    }
    if (service->failure.status != CORONG_OK && error != NULL) {
        *error = service->failure;
    }
    return service->failure.status;
}

void service_close(struct service *service)
{
    if (service == NULL) {
        return;
    }
    stop_jobs(service);
    join_workers(service);
    engine_close(service->engine);
    for (uint32_t index = 0; service->workers != NULL && index < service->worker_count; index++) {
        struct service_worker *worker = &service->workers[index];
        pump_deinit(&worker->pump);
        if (worker->kafka != NULL) {
            worker->kafka->operations->close(worker->kafka);
        }
    }
    pthread_rwlock_destroy(&service->engine_lock);
    pthread_mutex_destroy(&service->exchange_lock);
    pthread_mutex_destroy(&service->lock);
    pthread_cond_destroy(&service->changed);
    memory_free(service->positions);
    arena_deinit(&service->position_names);
    memory_free(service->workers);
    memory_free(service->progress);
    memory_free(service);
}

void service_figures(struct service *service, struct service_figures *figures_out)
{
    pthread_mutex_lock(&service->lock);
    struct service_figures figures = {
        .exchanges = service->exchange_count,
        .jobs_done = service->jobs_done,
        .opened_us = service->opened_us,
        .pause_last_us = service->pause_last_us,
        .messages = service->finished.messages,
        .events = service->finished.events,
        .rejected = service->finished.rejected,
    };
    for (const struct service_job *job = service->jobs; job != NULL; job = job->next) {
        figures.jobs_waiting++;
    }
    for (uint32_t index = 0; index < service->worker_count; index++) {
        const struct pump_progress *progress = &service->progress[index];
        figures.messages += pump_progress_get(&progress->messages);
        figures.events += pump_progress_get(&progress->events);
        figures.rejected += pump_progress_get(&progress->rejected);
    }
    pthread_mutex_unlock(&service->lock);
    *figures_out = figures;
}

bool service_kafka(struct service *service, struct arena *arena, struct kafka_status *status_out)
{
    if (service->options.kafka_topics == NULL) {
        return false;
    }
    kafka_status(service->workers[0].kafka, arena, status_out);
    return true;
}
