// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_merge.h"

#include "engine/engine_state.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

// Periods grow quiet without anybody's doing: they are looked at this often.
#define LOOK_INTERVAL_US (10 * MICROSECONDS_PER_SECOND)
#define RETRY_PAUSE_US MICROSECONDS_PER_SECOND
// From the kernel's ioprio.h, which has no header for programs here.
#define IOPRIO_OF_THREAD 1
#define IOPRIO_IDLE (3 << 13)
#define LEAST_PRIORITY 19

uint64_t engine_merge_memory_limit(const struct engine *engine)
{
    const struct engine_options *options = &engine->options;
    return options->merge_in_background ? options->memory_limit_bytes / 8 * ENGINE_MERGE_EIGHTHS
                                        : 0;
}

void engine_merge_open(struct engine *engine)
{
    struct engine_merges *merges = &engine->merges;
    if (!engine->options.merge_in_background) {
        return;
    }
    struct store_merger_options options = {
        .memory_limit_bytes = engine_merge_memory_limit(engine),
        .quiet_us = engine->options.merge_quiet_us,
    };
    merges->merger = store_merger_create(engine->options.store, &options, clock_monotonic_us());
    merges->look_again = true;
    engine->merge_figures = store_merger_figures(merges->merger);
}

void engine_merge_close(struct engine *engine)
{
    store_merger_destroy(engine->merges.merger);
    engine->merges.merger = NULL;
}

static void publish_figures(struct engine *engine)
{
    struct store_merge_figures figures = store_merger_figures(engine->merges.merger);
    uint32_t running = 0;
    for (int size = 0; size < STORE_MERGE_SIZE_COUNT; size++) {
        running += engine->merges.jobs[size].merge != NULL;
    }
    pthread_mutex_lock(&engine->lock);
    engine->merge_figures = figures;
    engine->merges_running = running;
    pthread_mutex_unlock(&engine->lock);
}

void engine_merge_committed(struct engine *engine, const struct segment_meta *added, uint32_t count)
{
    struct engine_merges *merges = &engine->merges;
    if (merges->merger != NULL && count > 0) {
        store_merger_committed(merges->merger, added, count, clock_monotonic_us());
        merges->look_again = true;
    }
}

bool engine_merge_is_due(const struct engine *engine, int64_t now_us)
{
    const struct engine_merges *merges = &engine->merges;
    if (merges->merger == NULL) {
        return false;
    }
    bool due = engine->compact_requested || merges->look_again || now_us >= merges->look_at_us;
    for (int size = 0; size < STORE_MERGE_SIZE_COUNT; size++) {
        const struct engine_merge_job *job = &merges->jobs[size];
        // Acquire, pairs with the release in run_job(): its result is there.
        due |= job->merge != NULL && now_us >= job->retry_at_us &&
               atomic_load_explicit(&job->done, memory_order_acquire);
    }
    return due;
}

// A thread of low priority must hold no lock that others wait for: it takes none of the engine's.
static void *run_job(void *argument)
{
    struct engine_merge_job *job = argument;
    if (job->is_polite) {
        // Where these are refused the merge is only less polite.
        (void)!setpriority(PRIO_PROCESS, (id_t)gettid(), LEAST_PRIORITY);
        (void)!syscall(SYS_ioprio_set, IOPRIO_OF_THREAD, 0, IOPRIO_IDLE);
    }
    job->status = store_merge_write(job->merge, &job->error);
    // Release, pairs with the acquire of the committer's looks.
    atomic_store_explicit(&job->done, true, memory_order_release);
    return NULL;
}

static void start_job(struct engine_merge_job *job, struct store_merge *merge, bool is_eager)
{
    job->merge = merge;
    job->is_polite = !is_eager && !store_merge_is_urgent(merge);
    job->joined = false;
    job->retry_at_us = 0;
    job->error = (struct corong_error){0};
    // Relaxed: the thread that reads it is not there yet.
    atomic_store_explicit(&job->done, false, memory_order_relaxed);
    int failed = pthread_create(&job->thread, NULL, run_job, job);
    if (failed == 0) {
        (void)pthread_setname_np(job->thread, "corong-merge");
    } else {
        // No thread to be had: tried again after the pause that a failure makes.
        job->joined = true;
        job->status = error_set(&job->error, CORONG_IO, "cannot start a thread to merge");
        atomic_store_explicit(&job->done, true, memory_order_relaxed);
    }
}

static void join_job(struct engine_merge_job *job)
{
    if (!job->joined) {
        pthread_join(job->thread, NULL);
        job->joined = true;
    }
}

// The job's thread has ended. False: the exchange failed for good.
static bool finish_job(struct engine *engine, struct engine_merge_job *job, bool is_last_try)
{
    struct engine_merges *merges = &engine->merges;
    struct corong_error error = {0};
    join_job(job);
    if (job->status != CORONG_OK) {
        store_merger_drop(merges->merger, job->merge, &job->error, clock_monotonic_us());
        job->merge = NULL;
        return true;
    }
    if (store_merger_exchange(merges->merger, job->merge, &error) == CORONG_OK) {
        job->merge = NULL;
        merges->look_again = true;
        engine_view_refresh(engine);
        return true;
    }
    bool passes = shard_error_passes(&error);
    if (passes && !is_last_try) {
        job->retry_at_us = clock_monotonic_us() + RETRY_PAUSE_US;
        return true;
    }
    store_merger_drop(merges->merger, job->merge, NULL, clock_monotonic_us());
    job->merge = NULL;
    if (!passes) {
        engine_commit_fail(engine, &error);
    }
    return passes;
}

static bool take_compact_request(struct engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    bool requested = engine->compact_requested;
    engine->compact_requested = false;
    pthread_mutex_unlock(&engine->lock);
    return requested;
}

bool engine_merge_turn(struct engine *engine)
{
    struct engine_merges *merges = &engine->merges;
    int64_t now_us = clock_monotonic_us();
    bool good = true;
    if (take_compact_request(engine)) {
        store_merger_want_all(merges->merger);
    }
    merges->look_again = false;
    merges->look_at_us = now_us + LOOK_INTERVAL_US;
    for (int size = 0; size < STORE_MERGE_SIZE_COUNT; size++) {
        struct engine_merge_job *job = &merges->jobs[size];
        // Acquire, pairs with the release in run_job(): its result is there.
        if (job->merge != NULL && now_us >= job->retry_at_us &&
            atomic_load_explicit(&job->done, memory_order_acquire)) {
            good = finish_job(engine, job, false) && good;
        }
    }
    for (int size = 0; good && size < STORE_MERGE_SIZE_COUNT; size++) {
        struct engine_merge_job *job = &merges->jobs[size];
        struct store_merge *merge =
            job->merge == NULL
                ? store_merger_plan(merges->merger, (enum store_merge_size)size, now_us)
                : NULL;
        if (merge != NULL) {
            start_job(job, merge, engine->options.merge_eagerly);
        }
    }
    publish_figures(engine);
    return good;
}

void engine_merge_stop(struct engine *engine)
{
    struct engine_merges *merges = &engine->merges;
    for (int size = 0; size < STORE_MERGE_SIZE_COUNT; size++) {
        if (merges->jobs[size].merge != NULL) {
            store_merge_cancel(merges->jobs[size].merge);
        }
    }
    for (int size = 0; size < STORE_MERGE_SIZE_COUNT; size++) {
        struct engine_merge_job *job = &merges->jobs[size];
        if (job->merge != NULL) {
            (void)finish_job(engine, job, true);
        }
    }
    if (merges->merger != NULL) {
        publish_figures(engine);
    }
}

void engine_request_compact(struct engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    engine->compact_requested = true;
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
}

struct store_merge_figures engine_merge_read(struct engine *engine, uint32_t *running_out)
{
    pthread_mutex_lock(&engine->lock);
    struct store_merge_figures figures = engine->merge_figures;
    *running_out = engine->merges_running;
    pthread_mutex_unlock(&engine->lock);
    return figures;
}
