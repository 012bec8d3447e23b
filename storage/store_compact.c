// SPDX-License-Identifier: Apache-2.0
/// Merges that share no segment, written side by side. Each is committed by the thread that wrote
/// it, under the lock: the store sees one after the other.
#include "storage/storage.h"

#include "storage/base/memory.h"
#include "storage/compact/compact.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define THREAD_COUNT_MAX 16u

/// One merge of a round.
struct compaction_task {
    struct compact_plan plan;
    uint64_t bytes; ///< that it holds, about
    bool is_taken;
};

/// All fields but those set before the threads are under the lock.
struct compaction {
    struct store *store;
    const struct store_compact_options *options;
    struct compaction_task *tasks; ///< of this round
    uint32_t task_count;
    pthread_mutex_t lock;
    pthread_mutex_t telling; ///< who has it calls `progress`; taken before the lock
    pthread_cond_t changed;  ///< a merge ended
    uint64_t bytes_running;
    uint32_t running_count;
    uint64_t row_count_done;
    uint64_t row_count;
    enum corong_status status; ///< of the first failure
    struct corong_error error;
    int64_t *periods_left; ///< that the memory limit keeps apart
    uint32_t periods_left_count;
};

/// Turns the rows of one merge into the rows of the whole compaction.
struct progress_relay {
    struct compaction *compaction;
    uint64_t told;
};

/// Tells how many rows are done, unless somebody does just now: nobody waits for what that waits
/// for, a terminal perhaps.
static void tell(struct compaction *compaction)
{
    const struct store_compact_options *options = compaction->options;
    if (options->progress == NULL || pthread_mutex_trylock(&compaction->telling) != 0) {
        return;
    }
    pthread_mutex_lock(&compaction->lock);
    uint64_t rows = compaction->row_count_done;
    pthread_mutex_unlock(&compaction->lock);
    uint64_t total = compaction->row_count;
    options->progress(options->context, rows < total ? rows : total, total);
    pthread_mutex_unlock(&compaction->telling);
}

static void relay_progress(void *context, uint64_t done)
{
    struct progress_relay *relay = context;
    struct compaction *compaction = relay->compaction;
    pthread_mutex_lock(&compaction->lock);
    compaction->row_count_done += done - relay->told;
    pthread_mutex_unlock(&compaction->lock);
    relay->told = done;
    tell(compaction);
}

static bool has_failed(void *context)
{
    struct compaction *compaction = ((const struct progress_relay *)context)->compaction;
    pthread_mutex_lock(&compaction->lock);
    bool failed = compaction->status != CORONG_OK;
    pthread_mutex_unlock(&compaction->lock);
    return failed;
}

static enum corong_status commit_outcome(struct store *store, const struct compact_plan *plan,
                                         const struct compact_outcome *outcome,
                                         struct corong_error *error)
{
    uint32_t removed_count;
    struct segment_meta *removed = compact_plan_segments(plan, &removed_count);
    struct store_commit commit = {
        .added = outcome->segments,
        .added_count = outcome->segment_count,
        .removed = removed,
        .removed_count = removed_count,
        .duplicates = outcome->duplicates,
    };
    enum corong_status status = store_commit(store, &commit, error);
    memory_free(removed);
    return status;
}

/// Without the lock, but for the commit.
static enum corong_status merge_plan(struct compaction *compaction, const struct compact_plan *plan,
                                     struct corong_error *error)
{
    struct progress_relay relay = {.compaction = compaction};
    struct compact_request request = {
        .directory = store_segment_directory(compaction->store),
        .schema = store_schema(compaction->store),
        .plan = plan,
        .progress = relay_progress,
        .is_cancelled = has_failed,
        .context = &relay,
    };
    struct compact_outcome outcome;
    TRY(compact_merge(&request, &outcome, error));
    relay_progress(&relay, plan->row_count);
    pthread_mutex_lock(&compaction->lock);
    enum corong_status status = commit_outcome(compaction->store, plan, &outcome, error);
    pthread_mutex_unlock(&compaction->lock);
    if (status != CORONG_OK) {
        compact_outcome_discard(&outcome, request.directory);
    }
    memory_free(outcome.segments);
    return status;
}

/// Under the lock. The next merge that fits beside those that run; alone any fits. NULL: none now.
static struct compaction_task *next_task(struct compaction *compaction, bool *is_any_left_out)
{
    uint64_t limit = compaction->options->memory_limit_bytes / 4 * 3;
    *is_any_left_out = false;
    for (uint32_t index = 0; index < compaction->task_count; index++) {
        struct compaction_task *task = &compaction->tasks[index];
        if (task->is_taken) {
            continue;
        }
        if (limit == 0 || compaction->running_count == 0 ||
            compaction->bytes_running + task->bytes <= limit) {
            return task;
        }
        *is_any_left_out = true;
    }
    return NULL;
}

/// Under the lock, which it gives up while it works.
static void run_task(struct compaction *compaction, struct compaction_task *task)
{
    struct corong_error error = {0};
    task->is_taken = true;
    compaction->running_count++;
    compaction->bytes_running += task->bytes;
    pthread_mutex_unlock(&compaction->lock);
    enum corong_status status = merge_plan(compaction, &task->plan, &error);
    pthread_mutex_lock(&compaction->lock);
    if (status != CORONG_OK && compaction->status == CORONG_OK) {
        compaction->status = status;
        compaction->error = error;
    }
    compaction->running_count--;
    compaction->bytes_running -= task->bytes;
    pthread_cond_broadcast(&compaction->changed);
}

static void *work(void *context)
{
    struct compaction *compaction = context;
    pthread_mutex_lock(&compaction->lock);
    while (compaction->status == CORONG_OK) {
        bool is_any_left_out;
        struct compaction_task *task = next_task(compaction, &is_any_left_out);
        if (task != NULL) {
            run_task(compaction, task);
        } else if (is_any_left_out) {
            pthread_cond_wait(&compaction->changed, &compaction->lock);
        } else {
            break;
        }
    }
    pthread_mutex_unlock(&compaction->lock);
    return NULL;
}

/// One thread is the caller's own: a round needs no other.
static void run_round(struct compaction *compaction)
{
    pthread_t threads[THREAD_COUNT_MAX];
    uint32_t wanted = compaction->options->thread_count;
    wanted = wanted > THREAD_COUNT_MAX ? THREAD_COUNT_MAX : wanted;
    wanted = wanted > compaction->task_count ? compaction->task_count : wanted;
    uint32_t count = 0;
    while (count + 1 < wanted && pthread_create(&threads[count], NULL, work, compaction) == 0) {
        (void)pthread_setname_np(threads[count], "corong-merge");
        count++;
    }
    (void)work(compaction);
    while (count > 0) {
        pthread_join(threads[--count], NULL);
    }
}

static bool is_left_out(const struct compaction *compaction, int64_t period)
{
    uint32_t index = 0;
    while (index < compaction->periods_left_count && compaction->periods_left[index] != period) {
        index++;
    }
    return index < compaction->periods_left_count;
}

static void leave_out(struct compaction *compaction, int64_t period)
{
    compaction->periods_left =
        memory_resize_array(compaction->periods_left, compaction->periods_left_count + (size_t)1,
                            sizeof(*compaction->periods_left));
    compaction->periods_left[compaction->periods_left_count++] = period;
}

/// The inputs' dictionaries and the merged one are in memory together.
static enum corong_status measure(struct compaction *compaction, struct compaction_task *task,
                                  bool *fits_out, struct corong_error *error)
{
    uint64_t limit = compaction->options->memory_limit_bytes;
    *fits_out = true;
    if (limit > 0) {
        uint64_t bytes;
        const char *directory = store_segment_directory(compaction->store);
        TRY(compact_dictionary_bytes(directory, &task->plan, &bytes, error));
        *fits_out = compaction->options->every_period || bytes * 2 <= limit / 4 * 3;
        uint32_t columns = store_schema(compaction->store)->column_count;
        const struct compact_run output = {.row_count = task->plan.row_count};
        // The group being built may be two long.
        task->bytes = bytes * 2 + compact_plan_bytes(&task->plan, columns) +
                      2 * compact_run_bytes(&output, columns);
    }
    return CORONG_OK;
}

/// Takes the plan, or leaves its period out.
static enum corong_status add_task(struct compaction *compaction, struct compact_plan *plan,
                                   struct corong_error *error)
{
    int64_t period = plan->runs[0].segments[0].period;
    struct compaction_task task = {.plan = *plan};
    bool fits = !is_left_out(compaction, period);
    enum corong_status status = CORONG_OK;
    if (fits) {
        status = measure(compaction, &task, &fits, error);
        if (status == CORONG_OK && !fits) {
            leave_out(compaction, period);
        }
    }
    if (status == CORONG_OK && fits) {
        compaction->tasks[compaction->task_count++] = task;
    } else {
        compact_plan_deinit(plan);
    }
    return status;
}

/// The largest first, so that no long one is begun last; merges of equal stores in equal order.
static int compare_tasks(const void *left, const void *right)
{
    const struct compact_plan *a = &((const struct compaction_task *)left)->plan;
    const struct compact_plan *b = &((const struct compaction_task *)right)->plan;
    if (a->row_count != b->row_count) {
        return a->row_count > b->row_count ? -1 : 1;
    }
    const struct segment_meta *first = &a->runs[0].segments[0];
    const struct segment_meta *second = &b->runs[0].segments[0];
    if (first->period != second->period) {
        return first->period < second->period ? -1 : 1;
    }
    return hash128_compare(first->key_min, second->key_min);
}

static enum corong_status plan_round(struct compaction *compaction, struct corong_error *error)
{
    uint32_t segment_count;
    const struct segment_meta *segments = store_segments(compaction->store, &segment_count);
    struct compact_plan *plans;
    uint32_t count = compact_plan_all(segments, segment_count, &plans);
    enum corong_status status = CORONG_OK;
    compaction->tasks = memory_allocate_zeroed(count, sizeof(*compaction->tasks));
    for (uint32_t index = 0; index < count; index++) {
        if (status == CORONG_OK) {
            status = add_task(compaction, &plans[index], error);
        } else {
            compact_plan_deinit(&plans[index]);
        }
    }
    if (compaction->task_count > 1) {
        qsort(compaction->tasks, compaction->task_count, sizeof(*compaction->tasks), compare_tasks);
    }
    memory_free(plans);
    return status;
}

static void end_round(struct compaction *compaction)
{
    for (uint32_t index = 0; index < compaction->task_count; index++) {
        compact_plan_deinit(&compaction->tasks[index].plan);
    }
    memory_free(compaction->tasks);
    compaction->tasks = NULL;
    compaction->task_count = 0;
}

/// Sets of more runs than are merged at once take several rounds.
static enum corong_status run_rounds(struct compaction *compaction, struct corong_error *error)
{
    for (;;) {
        enum corong_status status = plan_round(compaction, error);
        bool is_done = compaction->task_count == 0;
        if (status == CORONG_OK && !is_done) {
            run_round(compaction);
            status = compaction->status;
            if (status != CORONG_OK && error != NULL) {
                *error = compaction->error;
            }
        }
        end_round(compaction);
        if (status != CORONG_OK || is_done) {
            return status;
        }
    }
}

enum corong_status store_compact(struct store *store, const struct store_compact_options *options,
                                 uint32_t *periods_left_out, struct corong_error *error)
{
    uint32_t count;
    const struct segment_meta *segments = store_segments(store, &count);
    struct compaction compaction = {
        .store = store,
        .options = options,
        .row_count = compact_plan_rows(segments, count),
    };
    pthread_mutex_init(&compaction.lock, NULL);
    pthread_mutex_init(&compaction.telling, NULL);
    pthread_cond_init(&compaction.changed, NULL);
    enum corong_status status = run_rounds(&compaction, error);
    pthread_cond_destroy(&compaction.changed);
    pthread_mutex_destroy(&compaction.telling);
    pthread_mutex_destroy(&compaction.lock);
    memory_free(compaction.periods_left);
    if (periods_left_out != NULL) {
        *periods_left_out = compaction.periods_left_count;
    }
    return status;
}
