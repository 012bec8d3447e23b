// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_tasks.h"

#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

struct query_tasks {
    struct query_limits limits;
    uint32_t thread_count;
    atomic_uint_fast64_t memory_bytes; ///< booked so far
    atomic_uint_fast32_t next_task;
    atomic_bool stopped; ///< some worker failed: the others give up early
};

struct worker {
    struct query_tasks *tasks;
    query_task_function *function;
    void *context;
    uint32_t index;
    uint32_t task_count;
    enum corong_status status;
    struct corong_error error;
};

static uint32_t cores(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : (uint32_t)count;
}

struct query_tasks *query_tasks_create(const struct query_limits *limits)
{
    struct query_tasks *tasks = memory_allocate_zeroed(1, sizeof(*tasks));
    tasks->limits = *limits;
    if (tasks->limits.memory_limit_bytes == 0) {
        tasks->limits.memory_limit_bytes = QUERY_MEMORY_LIMIT_DEFAULT;
    }
    uint32_t count = limits->thread_count == 0 ? cores() : limits->thread_count;
    tasks->thread_count = count > QUERY_THREAD_COUNT_MAX ? QUERY_THREAD_COUNT_MAX : count;
    return tasks;
}

void query_tasks_destroy(struct query_tasks *tasks)
{
    memory_free(tasks);
}

uint32_t query_tasks_thread_count(const struct query_tasks *tasks)
{
    return tasks->thread_count;
}

enum corong_status query_tasks_check(struct query_tasks *tasks, struct corong_error *error)
{
    const struct query_limits *limits = &tasks->limits;
    // Relaxed: the caller's flag carries no data.
    if (limits->cancelled != NULL &&
        atomic_load_explicit(limits->cancelled, memory_order_relaxed)) {
        return error_set(error, CORONG_CANCELLED, "the question was cancelled");
    }
    if (limits->deadline_us != 0 && clock_monotonic_us() >= limits->deadline_us) {
        return error_set(error, CORONG_CANCELLED, "the question's deadline has passed");
    }
    // Relaxed: a worker that sees the flag one row group late only wastes that group's time.
    if (atomic_load_explicit(&tasks->stopped, memory_order_relaxed)) {
        return error_set(error, CORONG_CANCELLED, "another worker of this question failed");
    }
    return CORONG_OK;
}

enum corong_status query_tasks_charge(struct query_tasks *tasks, uint64_t bytes, const char *what,
                                      struct corong_error *error)
{
    // Relaxed: only the sum matters, and an addition is never lost.
    uint64_t before = atomic_fetch_add_explicit(&tasks->memory_bytes, bytes, memory_order_relaxed);
    if (before + bytes > tasks->limits.memory_limit_bytes) {
        return error_set(error, CORONG_NO_MEMORY,
                         "the question needs more than its memory limit of %" PRIu64
                         " bytes for %s; raise the limit, or ask for a shorter range or fewer "
                         "slice attributes",
                         tasks->limits.memory_limit_bytes, what);
    }
    return CORONG_OK;
}

uint64_t query_tasks_room(const struct query_tasks *tasks)
{
    // Relaxed: a figure that others change at any moment.
    uint64_t booked = atomic_load_explicit(&tasks->memory_bytes, memory_order_relaxed);
    uint64_t limit = tasks->limits.memory_limit_bytes;
    return booked < limit ? limit - booked : 0;
}

void query_tasks_return(struct query_tasks *tasks, uint64_t bytes)
{
    // Relaxed: only the sum matters, as above.
    atomic_fetch_sub_explicit(&tasks->memory_bytes, bytes, memory_order_relaxed);
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct query_tasks *tasks = worker->tasks;
    while (worker->status == CORONG_OK) {
        // Relaxed: each number is handed out once; tasks share no data that it would publish.
        uint32_t index =
            (uint32_t)atomic_fetch_add_explicit(&tasks->next_task, 1, memory_order_relaxed);
        if (index >= worker->task_count) {
            break;
        }
        worker->status = query_tasks_check(tasks, &worker->error);
        if (worker->status == CORONG_OK) {
            worker->status =
                worker->function(worker->context, worker->index, index, &worker->error);
        }
    }
    if (worker->status != CORONG_OK) {
        // Relaxed: see query_tasks_check().
        atomic_store_explicit(&tasks->stopped, true, memory_order_relaxed);
    }
    return NULL;
}

/// A worker's own failure goes before the "another worker failed" of those it stopped.
static enum corong_status first_failure(const struct worker *workers, uint32_t count,
                                        struct corong_error *error)
{
    const struct worker *failed = NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (workers[i].status != CORONG_OK &&
            (failed == NULL || failed->status == CORONG_CANCELLED)) {
            failed = &workers[i];
        }
    }
    if (failed == NULL) {
        return CORONG_OK;
    }
    if (error != NULL) {
        *error = failed->error;
    }
    return failed->status;
}

enum corong_status query_tasks_run(struct query_tasks *tasks, uint32_t task_count,
                                   query_task_function *function, void *context,
                                   struct corong_error *error)
{
    // Relaxed: no worker runs yet, and pthread_create() publishes.
    atomic_store_explicit(&tasks->next_task, 0, memory_order_relaxed);
    uint32_t count = tasks->thread_count < task_count ? tasks->thread_count : task_count;
    struct worker *workers = memory_allocate_zeroed(count + 1, sizeof(*workers));
    pthread_t threads[QUERY_THREAD_COUNT_MAX];
    uint32_t started = 1; // the caller is worker 0
    for (uint32_t i = 0; i < count; i++) {
        workers[i] = (struct worker){.tasks = tasks,
                                     .function = function,
                                     .context = context,
                                     .index = i,
                                     .task_count = task_count};
    }
    while (started < count &&
           pthread_create(&threads[started], NULL, work, &workers[started]) == 0) {
        started++; // fewer threads than asked for only take longer
    }
    if (count > 0) {
        work(&workers[0]);
    }
    for (uint32_t i = 1; i < started; i++) {
        ASSERT(pthread_join(threads[i], NULL) == 0);
    }
    enum corong_status status = first_failure(workers, count, error);
    memory_free(workers);
    return status;
}
