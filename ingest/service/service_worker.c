// SPDX-License-Identifier: Apache-2.0
// The threads of a service: one that reads the topics, some that read files when there are any.
#include "ingest/service/service_state.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"

static struct engine *wait_for_engine(struct service *service)
{
    pthread_mutex_lock(&service->lock);
    uint64_t generation = service->generation;
    service->left_count++;
    pthread_cond_broadcast(&service->changed);
    while (service->generation == generation && !service->over && !service->ending) {
        pthread_cond_wait(&service->changed, &service->lock);
    }
    struct engine *engine = service->generation == generation ? NULL : service->engine;
    pthread_mutex_unlock(&service->lock);
    return engine;
}

/// What was delivered since the last commit was abandoned: a consumer goes back in place, a file is
/// opened again.
static void go_back(struct service_worker *worker)
{
    struct service *service = worker->service;
    if (!service->abandoned) {
        return;
    }
    if (worker->kafka != NULL) {
        pump_rewind(&worker->pump, service->positions, service->position_count);
    } else if (worker->job != NULL) {
        worker->files.again = true;
        worker->pump.stop = &worker->halt;
    }
}

static void leave(void *context, struct pump *pump)
{
    struct service_worker *worker = context;
    struct service *service = worker->service;
    pump_close(pump);
    struct engine *engine = wait_for_engine(service);
    if (engine == NULL) {
        pump_stop_ask(&worker->stop);
        if (worker->job != NULL) {
            service_job_stop(worker->job);
        }
        return;
    }
    go_back(worker);
    pump_enter(pump, engine);
    if (worker->kafka != NULL) {
        worker->mapping = service->mapping;
    }
    pump_set_mapping(pump, worker->mapping, store_schema(service->options.store));
}

static void open_pump(struct service_worker *worker)
{
    struct service *service = worker->service;
    pump_open(&worker->pump, service->engine, worker->mapping, store_schema(service->options.store),
              worker->progress, &worker->stop);
    worker->host.leave = leave;
    worker->host.context = worker;
    worker->pump.host = &worker->host;
}

static void end_thread(struct service_worker *worker)
{
    struct service *service = worker->service;
    bool waits = worker->pump.producer == NULL;
    if (!waits) {
        pump_close(&worker->pump);
    }
    pthread_mutex_lock(&service->lock);
    service->ended_count++;
    service->left_count -= waits; // it waited for an engine that did not come
    worker->ended = true;
    pthread_cond_broadcast(&service->changed);
    pthread_mutex_unlock(&service->lock);
}

/// True where the pump is in an engine and was not asked to stop.
static bool goes_on(const struct service_worker *worker)
{
    return worker->pump.producer != NULL && !pump_stop_asked(&worker->stop);
}

/// A consumer that ends or fails for good ends the service: main sees the failure.
static void fail(struct service_worker *worker, const struct corong_error *error)
{
    struct service *service = worker->service;
    pthread_mutex_lock(&service->lock);
    if (service->failure.status == CORONG_OK) {
        service->failure = *error;
    }
    pthread_mutex_unlock(&service->lock);
    service_log(service, SERVICE_ERROR, "%s", error->message);
}

void *service_worker_kafka(void *argument)
{
    struct service_worker *worker = argument;
    struct corong_error error = {0};
    worker->mapping = worker->service->mapping;
    open_pump(worker);
    enum corong_status status = CORONG_OK;
    do {
        status = pump_read(&worker->pump, worker->kafka, NULL, NULL, &error);
    } while (status == CORONG_OK && goes_on(worker));
    if (status != CORONG_OK) {
        fail(worker, &error);
    }
    end_thread(worker);
    return NULL;
}

/// The thread's counts begin anew with each job; the service's go on.
static void keep_figures(struct service_worker *worker)
{
    struct service *service = worker->service;
    pthread_mutex_lock(&service->lock);
    service->finished.messages += pump_progress_get(&worker->progress->messages);
    service->finished.events += pump_progress_get(&worker->progress->events);
    service->finished.rejected += pump_progress_get(&worker->progress->rejected);
    pump_progress_set(&worker->progress->messages, 0);
    pump_progress_set(&worker->progress->events, 0);
    pump_progress_set(&worker->progress->rejected, 0);
    pthread_mutex_unlock(&service->lock);
}

/// All its chains, in as many engines as it takes.
static void read_job(struct service_worker *worker, struct service_job *job)
{
    struct service *service = worker->service;
    struct pump *pump = &worker->pump;
    worker->job = job;
    keep_figures(worker);
    pump_reset_books(pump);
    worker->mapping = job->options.mapping;
    pump_set_mapping(pump, worker->mapping, store_schema(service->options.store));
    file_run_init(&worker->files, pump, job->plan, &job->chains);
    if (worker == &service->workers[service->worker_count - service->backfill_count]) {
        file_run_pass_stored(&worker->files);
    }
    do {
        pump->stop = &job->stop;
        file_run_read(&worker->files);
    } while (worker->files.chain != REPLAY_NONE && goes_on(worker));
    pump->stop = &worker->stop;
    worker->mapping = NULL;
    worker->job = NULL;
    service_job_take_share(job, worker);
    pump_set_mapping(pump, NULL, NULL);
}

void *service_worker_backfill(void *argument)
{
    struct service_worker *worker = argument;
    pump_stop_ask(&worker->halt);
    open_pump(worker);
    do {
        struct service_job *job = service_job_next(worker);
        if (job != NULL) {
            read_job(worker, job);
        } else if (pump_read(&worker->pump, &worker->idle, NULL, NULL, NULL) != CORONG_OK) {
            ASSERT(false); // it has nothing that could fail
        }
    } while (goes_on(worker));
    end_thread(worker);
    return NULL;
}
