// SPDX-License-Identifier: Apache-2.0
// Backfills: one job at a time is planned, shared out among the backfill threads, and waited for
// until the store holds all that was read.
#include "ingest/service/service_state.h"

#include "ingest/counters.h"
#include "ingest/ingest_dead.h"
#include "ingest/replay/replay.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"

#include <time.h>

#define COMMIT_LOOK_US 20000
#define LOOK_ANYWAY_ROUNDS 25u
#define SAMPLE_COUNT_MAX (REJECT_REASON_COUNT * REJECT_SAMPLE_COUNT)

static void set_state(struct service_job *job, enum service_job_state state)
{
    struct service *service = job->service;
    pthread_mutex_lock(&service->lock);
    job->state = state;
    pthread_cond_broadcast(&service->changed);
    pthread_mutex_unlock(&service->lock);
}

static enum corong_status plan_files(struct service_job *job, const struct store *store,
                                     struct corong_error *error)
{
    const struct service_options *options = &job->service->options;
    struct replay_options replay = {
        .paths = job->options.paths,
        .path_count = job->options.path_count,
        .message_size_max =
            options->message_size_max != 0 ? options->message_size_max : DECODE_MESSAGE_SIZE_MAX,
        .dead_letters = job->options.dead_letters,
        .input = job->options.input > 0 ? job->options.input : 0,
    };
    if (!job->options.dead_letters) {
        return replay_plan_create(&job->plan, &replay, store, error);
    }
    if (mapping_has_header(job->options.mapping)) {
        return error_set(error, CORONG_UNSUPPORTED,
                         "cannot feed dead letters to a CSV or TSV mapping: a letter is one line "
                         "and has no header");
    }
    struct ingest_dead dead;
    enum corong_status status = ingest_dead_init(&dead, store, error);
    if (status == CORONG_OK) {
        replay.limit = ingest_dead_limit;
        replay.limit_context = &dead;
        status = replay_plan_create(&job->plan, &replay, store, error);
    }
    ingest_dead_deinit(&dead);
    return status;
}

/// Positions as committed: every job before this one is, so nothing of its files is on the way.
static enum corong_status open_committed(const struct service *service, struct store **store_out,
                                         struct corong_error *error)
{
    struct store_options read_only = {.read_only = true};
    return store_open(store_out, service->options.directory, &read_only, error);
}

static enum corong_status plan(struct service_job *job, struct corong_error *error)
{
    struct store *store;
    TRY(open_committed(job->service, &store, error));
    enum corong_status status = plan_files(job, store, error);
    for (uint32_t index = 0; status == CORONG_OK && index < job->plan->file_count; index++) {
        job->plan->files[index].start.name = TEXT_MISSING; // it was the store's
    }
    store_close(store);
    TRY(status);
    return service_engine_adopt(job->service, job->options.mapping, error);
}

static bool engine_is_over(struct service *service)
{
    pthread_mutex_lock(&service->lock);
    bool over = service->over;
    pthread_mutex_unlock(&service->lock);
    return over;
}

static void wait_for_threads(struct service_job *job)
{
    struct service *service = job->service;
    pthread_mutex_lock(&service->lock);
    job->busy_count = service->backfill_count;
    job->state = SERVICE_JOB_READING;
    pthread_cond_broadcast(&service->changed);
    while (job->busy_count > 0 && service->ended_count < service->worker_count) {
        pthread_cond_wait(&service->changed, &service->lock);
    }
    pthread_mutex_unlock(&service->lock);
}

static bool holds_all(const struct service_job *job, const struct store *store)
{
    for (uint32_t index = 0; index < job->end_count; index++) {
        const struct file_end *end = &job->ends[index];
        const struct store_position *position = store_position_find(store, end->id);
        if (end->message_count > 0 &&
            (position == NULL || position->counters.messages < end->message_count)) {
            return false;
        }
    }
    return true;
}

static uint64_t request_commit(struct service *service)
{
    struct arena arena = {0};
    struct engine_live_view view = {0};
    struct engine *engine = service_hold(service);
    if (engine != NULL) {
        engine_request_commit(engine);
        engine_live_read(engine, &arena, &view);
        service_release(service);
    }
    arena_deinit(&arena);
    return view.commits;
}

/// The store as it is when everything that the job read is in it. NULL: it will not come to that.
static struct store *wait_for_commit(struct service_job *job)
{
    struct corong_error error = {0};
    uint64_t seen = UINT64_MAX;
    for (uint32_t round = 0;; round++) {
        bool over = engine_is_over(job->service);
        uint64_t commits = over ? 0 : request_commit(job->service);
        struct store *store = NULL;
        // Looking is dear in a store of many files; but the count begins anew in another engine.
        if (commits != seen || over || round % LOOK_ANYWAY_ROUNDS == 0) {
            seen = commits;
            if (open_committed(job->service, &store, &error) != CORONG_OK) {
                job->end.error = error;
                return NULL;
            }
            if (over || holds_all(job, store)) {
                return store;
            }
            store_close(store);
        }
        clock_sleep_us(COMMIT_LOOK_US);
    }
}

/// What the job added is what the store holds of its files now, less what it held before.
static void close_books(struct service_job *job, const struct store *store)
{
    struct ingest_books *books = &job->end.books;
    uint32_t count;
    const struct store_position *positions = store_positions(store, &count);
    for (uint32_t index = 0; index < count; index++) {
        counters_add(&books->all, &positions[index].counters);
    }
    for (uint32_t index = 0; index < job->end_count; index++) {
        const struct file_end *end = &job->ends[index];
        const struct store_position *position = store_position_find(store, end->id);
        if (position != NULL) {
            counters_add(&books->run, &position->counters);
        }
    }
    counters_subtract(&books->run, &job->before);
    books->files = job->plan->file_count;
}

static void read_all(struct service_job *job)
{
    struct store *before;
    struct store_totals totals = {0};
    bool alone = job->service->options.kafka_topics == NULL;
    if (open_committed(job->service, &before, &job->end.error) != CORONG_OK) {
        return;
    }
    totals = store_totals(before);
    store_close(before);
    wait_for_threads(job);
    set_state(job, SERVICE_JOB_COMMITTING);
    struct store *store = wait_for_commit(job);
    if (store != NULL) {
        close_books(job, store);
        job->end.books.duplicates_run =
            alone ? store_totals(store).duplicates - totals.duplicates : 0;
        store_close(store);
    }
}

static void run_job(struct service_job *job)
{
    struct corong_error error = {0};
    set_state(job, SERVICE_JOB_PLANNING);
    if (pump_stop_asked(&job->stop)) {
        job->end.stopped = true;
    } else if (plan(job, &error) != CORONG_OK) {
        job->end.error = error;
    } else {
        read_all(job);
    }
    job->end.stopped = job->end.stopped || pump_stop_asked(&job->stop);
    job->end.samples = job->samples;
    job->end.notes = job->notes;
    job->end.note_is_failure = job->note_is_failure;
}

/// The first of the queue, or NULL: the service stops and all have been seen to.
static struct service_job *wait_for_job(struct service *service)
{
    pthread_mutex_lock(&service->lock);
    while (service->jobs == NULL && !service->stopping && !service->over) {
        pthread_cond_wait(&service->changed, &service->lock);
    }
    struct service_job *job = service->jobs;
    pthread_mutex_unlock(&service->lock);
    return job;
}

static void finish_job(struct service *service, struct service_job *job)
{
    pthread_mutex_lock(&service->lock);
    service->jobs = job->next;
    service->jobs_done++;
    job->state = SERVICE_JOB_DONE;
    pthread_cond_broadcast(&service->changed);
    pthread_mutex_unlock(&service->lock);
}

void *service_job_plan_all(void *argument)
{
    struct service *service = argument;
    struct service_job *job;
    while ((job = wait_for_job(service)) != NULL) {
        run_job(job);
        finish_job(service, job);
    }
    pthread_mutex_lock(&service->lock);
    service->planner_ended = true;
    pthread_cond_broadcast(&service->changed);
    pthread_mutex_unlock(&service->lock);
    return NULL;
}

struct service_job *service_job_next(struct service_worker *worker)
{
    struct service *service = worker->service;
    pthread_mutex_lock(&service->lock);
    struct service_job *job = service->jobs;
    bool fresh =
        job != NULL && job->state == SERVICE_JOB_READING && job->number != worker->job_number;
    if (fresh) {
        worker->job_number = job->number;
    }
    pthread_mutex_unlock(&service->lock);
    return fresh ? job : NULL;
}

static void take_notes(struct service_job *job, const struct file_run *files)
{
    uint32_t count = job->end.note_count + files->note_count;
    job->notes = memory_resize_array(job->notes, count + 1u, sizeof(*job->notes));
    job->note_is_failure =
        memory_resize_array(job->note_is_failure, count + 1u, sizeof(*job->note_is_failure));
    for (uint32_t index = 0; index < files->note_count; index++) {
        uint32_t at = job->end.note_count++;
        job->notes[at] = arena_copy_string(&job->arena, files->notes[index].sentence);
        job->note_is_failure[at] = files->notes[index].failure;
    }
}

static uint32_t samples_of(const struct service_job *job, enum reject_reason reason)
{
    uint32_t count = 0;
    for (uint32_t index = 0; index < job->end.sample_count; index++) {
        count += job->samples[index].reason == reason;
    }
    return count;
}

static void take_samples(struct service_job *job, const struct reject_log *log)
{
    if (job->samples == NULL) {
        job->samples = memory_allocate_zeroed(SAMPLE_COUNT_MAX, sizeof(*job->samples));
    }
    for (uint32_t reason = 0; reason < REJECT_REASON_COUNT; reason++) {
        uint32_t kept = samples_of(job, (enum reject_reason)reason);
        for (uint32_t at = 0; at < log->sample_counts[reason] && kept < REJECT_SAMPLE_COUNT;
             at++, kept++) {
            job->samples[job->end.sample_count++] = log->samples[reason][at];
        }
    }
}

static void take_ends(struct service_job *job, const struct file_run *files)
{
    uint32_t count = job->end_count + files->end_count;
    job->ends = memory_resize_array(job->ends, count + 1u, sizeof(*job->ends));
    if (files->end_count > 0) {
        memcpy(job->ends + job->end_count, files->ends, files->end_count * sizeof(*job->ends));
    }
    job->end_count = count;
}

void service_job_take_share(struct service_job *job, struct service_worker *worker)
{
    struct service *service = job->service;
    struct file_run *files = &worker->files;
    struct decode_notes bent = pump_notes(&worker->pump);
    pthread_mutex_lock(&service->lock);
    take_notes(job, files);
    take_samples(job, &worker->pump.rejects);
    take_ends(job, files);
    counters_add(&job->before, &files->before);
    job->end.books.files_skipped += files->skipped_count;
    job->end.books.files_resumed += files->resumed_count;
    job->end.books.bent.mistyped += bent.mistyped;
    job->end.books.bent.time_floored += bent.time_floored;
    job->end.books.bent.amount_rounded += bent.amount_rounded;
    if (job->end.error.status == CORONG_OK) {
        job->end.error = files->error;
    }
    job->busy_count--;
    pthread_cond_broadcast(&service->changed);
    pthread_mutex_unlock(&service->lock);
    file_run_deinit(files);
}

/// Under the lock.
static uint32_t queue_length(struct service *service, struct service_job ***end_out)
{
    uint32_t count = 0;
    *end_out = &service->jobs;
    for (; **end_out != NULL; *end_out = &(**end_out)->next) {
        count++;
    }
    return count;
}

static enum corong_status enqueue(struct service *service, struct service_job *job,
                                  struct corong_error *error)
{
    struct service_job **end;
    enum corong_status status = CORONG_OK;
    pthread_mutex_lock(&service->lock);
    uint32_t waiting = queue_length(service, &end);
    if (service->stopping || service->over) {
        status = error_set(error, CORONG_BUSY, "the server is stopping");
    } else if (waiting >= SERVICE_JOB_WAITING_MAX) {
        status = error_set(error, CORONG_BUSY, "%u replays wait for their turn already", waiting);
    } else {
        job->number = ++service->job_number;
        *end = job;
        pthread_cond_broadcast(&service->changed);
    }
    pthread_mutex_unlock(&service->lock);
    return status;
}

enum corong_status service_job_submit(struct service_job **job_out, struct service *service,
                                      const struct service_job_options *options,
                                      struct corong_error *error)
{
    struct service_job *job = memory_allocate_zeroed(1, sizeof(*job));
    job->service = service;
    job->options = *options;
    const char **paths =
        arena_allocate_zeroed(&job->arena, options->path_count + 1u, sizeof(*paths));
    for (uint32_t index = 0; index < options->path_count; index++) {
        paths[index] = arena_copy_string(&job->arena, options->paths[index]);
    }
    job->options.paths = paths;
    enum corong_status status = enqueue(service, job, error);
    if (status != CORONG_OK) {
        arena_deinit(&job->arena);
        memory_free(job);
        return status;
    }
    *job_out = job;
    return CORONG_OK;
}

void service_job_stop(struct service_job *job)
{
    pump_stop_ask(&job->stop);
}

static void read_progress(const struct service_job *job, struct ingest_progress *progress_out)
{
    const struct service *service = job->service;
    bool begun = job->state >= SERVICE_JOB_READING;
    *progress_out = (struct ingest_progress){
        .bytes_total = begun && job->plan != NULL ? job->plan->bytes_total : 0,
    };
    for (uint32_t index = 0; begun && index < service->backfill_count; index++) {
        const struct pump_progress *progress =
            &service->progress[service->worker_count - service->backfill_count + index];
        progress_out->messages += pump_progress_get(&progress->messages);
        progress_out->events += pump_progress_get(&progress->events);
        progress_out->rejected += pump_progress_get(&progress->rejected);
        progress_out->bytes_done += pump_progress_get(&progress->bytes_done);
    }
}

enum service_job_state service_job_wait(struct service_job *job, int64_t timeout_us,
                                        struct ingest_progress *progress_out)
{
    struct service *service = job->service;
    int64_t until_us = clock_monotonic_us() + timeout_us;
    struct timespec until = {until_us / MICROSECONDS_PER_SECOND,
                             until_us % MICROSECONDS_PER_SECOND * 1000};
    pthread_mutex_lock(&service->lock);
    while (job->state != SERVICE_JOB_DONE &&
           pthread_cond_timedwait(&service->changed, &service->lock, &until) == 0) {
    }
    enum service_job_state state = job->state;
    if (progress_out != NULL) {
        read_progress(job, progress_out);
    }
    pthread_mutex_unlock(&service->lock);
    return state;
}

const struct service_job_end *service_job_end(const struct service_job *job)
{
    return &job->end;
}

void service_job_destroy(struct service_job *job)
{
    service_job_stop(job);
    while (service_job_wait(job, MICROSECONDS_PER_SECOND, NULL) != SERVICE_JOB_DONE) {
    }
    replay_plan_destroy(job->plan);
    memory_free(job->samples);
    memory_free(job->notes);
    memory_free(job->note_is_failure);
    memory_free(job->ends);
    arena_deinit(&job->arena);
    memory_free(job);
}
