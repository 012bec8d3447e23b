// SPDX-License-Identifier: Apache-2.0
/// Raw events per stage, or per event name, and bucket of time; distinct users of each.
#include "engine/query/query_cursor.h"
#include "engine/query/query_digest.h"
#include "engine/query/query_table.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <stdlib.h>
#include <string.h>

#define BUCKET_COUNT_MAX 1000000

/// Events and users of one stage or name.
struct stage_count {
    uint64_t events;
    uint64_t users;
    uint64_t last_user; ///< number of the last user counted, from 1
    uint64_t *buckets;
};

struct stages_worker {
    struct stages_run *run;
    struct query_cursor cursor;
    struct query_reading reading;
    struct query_table names;  ///< where names are counted
    uint32_t **number_of_code; ///< by segment: number of a name + 1
    struct stage_count *counts;
    uint32_t count_capacity;
    uint64_t users;
    uint64_t matched;
    uint64_t after_as_of;
};

/// One pass over the store: up to FUNNEL_STEP_COUNT_MAX stages, or all names.
struct stages_run {
    const struct query_stages *query;
    struct query_plan plan;
    struct query_tasks *tasks;
    struct stages_worker *workers;
    uint32_t worker_count;
    bool by_name;
    int64_t bucket_us;
    int64_t first_bucket; ///< number of the first bucket that may have rows
    uint32_t bucket_count;
};

/// What all passes add up to.
struct stages_total {
    struct arena arena;
    struct query_stage_row *rows; ///< buckets from first_bucket on
    uint32_t row_count;
    int64_t first_bucket;
    uint32_t bucket_count;
    struct query_work work;
    struct text_buffer definition;
};

static int64_t bucket_of(const struct stages_run *run, int64_t time_us)
{
    int64_t bucket = time_us / run->bucket_us;
    return bucket - (time_us % run->bucket_us < 0);
}

static enum corong_status grow_counts(struct stages_worker *worker, uint32_t number,
                                      struct corong_error *error)
{
    uint32_t capacity = number < 32 ? 64 : number * 2;
    uint64_t grown = (uint64_t)(capacity - worker->count_capacity) * sizeof(*worker->counts);
    TRY(query_tasks_charge(worker->run->tasks, grown, "event names", error));
    worker->counts = memory_resize_array(worker->counts, capacity, sizeof(*worker->counts));
    memset(worker->counts + worker->count_capacity, 0, (size_t)grown);
    worker->count_capacity = capacity;
    return CORONG_OK;
}

/// The counts of a stage or name, with its buckets.
static enum corong_status count_at(struct stages_worker *worker, uint32_t number,
                                   struct stage_count **count_out, struct corong_error *error)
{
    if (number >= worker->count_capacity) {
        TRY(grow_counts(worker, number, error));
    }
    struct stage_count *count = &worker->counts[number];
    if (count->buckets == NULL) {
        uint64_t size = (uint64_t)worker->run->bucket_count * sizeof(uint64_t);
        TRY(query_tasks_charge(worker->run->tasks, size, "buckets", error));
        count->buckets = memory_allocate_zeroed(worker->run->bucket_count, sizeof(uint64_t));
    }
    *count_out = count;
    return CORONG_OK;
}

static enum corong_status add_row(struct stages_worker *worker, uint32_t number, int64_t time_us,
                                  struct corong_error *error)
{
    struct stage_count *count;
    TRY(count_at(worker, number, &count, error));
    count->events++;
    count->users += count->last_user != worker->users;
    count->last_user = worker->users;
    count->buckets[bucket_of(worker->run, time_us) - worker->run->first_bucket]++;
    return CORONG_OK;
}

/// The number of a row's event name.
static uint32_t number_of_name(struct stages_worker *worker, const struct query_source *source,
                               uint32_t row)
{
    const struct dictionary *names = source->segment->names;
    uint32_t **numbers = &worker->number_of_code[source->segment->origin];
    if (*numbers == NULL) {
        *numbers = memory_allocate_zeroed((size_t)names->count + 1, sizeof(uint32_t));
    }
    uint32_t code = query_source_name(source, row);
    if ((*numbers)[code] == 0) {
        (*numbers)[code] = query_table_number(&worker->names, dictionary_text(names, code)) + 1;
    }
    return (*numbers)[code] - 1;
}

static enum corong_status add_rows(void *context, struct query_source *source, uint32_t begin,
                                   uint32_t end, struct corong_error *error)
{
    struct stages_worker *worker = context;
    const struct query_plan *plan = &worker->run->plan;
    for (uint32_t row = begin; row < end; row++) {
        int64_t time_us = query_source_time(source, row);
        if (time_us > plan->as_of_us) {
            worker->after_as_of++;
            continue;
        }
        uint64_t steps = query_source_steps(source, row);
        if (steps == 0 || time_us < plan->ask.rows.from_us || time_us > plan->ask.rows.to_us) {
            continue;
        }
        worker->matched++;
        if (worker->run->by_name) {
            TRY(add_row(worker, number_of_name(worker, source, row), time_us, error));
            continue;
        }
        for (; steps != 0; steps &= steps - 1) {
            TRY(add_row(worker, (uint32_t)__builtin_ctzll(steps), time_us, error));
        }
    }
    return CORONG_OK;
}

static enum corong_status run_task(void *context, uint32_t which, uint32_t index,
                                   struct corong_error *error)
{
    struct stages_run *run = context;
    struct stages_worker *worker = &run->workers[which];
    int64_t start_us = clock_monotonic_us();
    int64_t read_before_us = worker->reading.read_us;
    TRY(query_cursor_seek(&worker->cursor, index, error));
    while (query_cursor_next(&worker->cursor)) {
        worker->users++;
        TRY(query_cursor_rows(&worker->cursor, add_rows, worker, error));
    }
    worker->reading.match_us +=
        clock_monotonic_us() - start_us - (worker->reading.read_us - read_before_us);
    return CORONG_OK;
}

static void start_workers(struct stages_run *run)
{
    run->worker_count = query_tasks_thread_count(run->tasks);
    run->workers = memory_allocate_zeroed(run->worker_count, sizeof(*run->workers));
    for (uint32_t i = 0; i < run->worker_count; i++) {
        struct stages_worker *worker = &run->workers[i];
        worker->run = run;
        worker->number_of_code =
            memory_allocate_zeroed((size_t)run->plan.stored_count + 1, sizeof(uint32_t *));
        query_cursor_init(&worker->cursor, &run->plan, run->tasks, &worker->reading);
    }
}

static void stop_worker(struct stages_run *run, struct stages_worker *worker)
{
    for (uint32_t i = 0; i < worker->count_capacity; i++) {
        memory_free(worker->counts[i].buckets);
    }
    for (uint32_t i = 0; i < run->plan.stored_count; i++) {
        memory_free(worker->number_of_code[i]);
    }
    memory_free(worker->counts);
    memory_free(worker->number_of_code);
    query_table_deinit(&worker->names);
    query_cursor_deinit(&worker->cursor);
}

static void stop_workers(struct stages_run *run)
{
    for (uint32_t i = 0; i < run->worker_count; i++) {
        stop_worker(run, &run->workers[i]);
    }
    memory_free(run->workers);
}

/// Buckets that rows of the plan can fall in.
static enum corong_status set_buckets(struct stages_run *run, struct corong_error *error)
{
    const struct query_plan *plan = &run->plan;
    int64_t from_us =
        plan->time_min_us > plan->ask.rows.from_us ? plan->time_min_us : plan->ask.rows.from_us;
    int64_t to_us =
        plan->time_max_us < plan->ask.rows.to_us ? plan->time_max_us : plan->ask.rows.to_us;
    to_us = plan->as_of_us < to_us ? plan->as_of_us : to_us;
    if (from_us > to_us) {
        return CORONG_OK;
    }
    run->first_bucket = bucket_of(run, from_us);
    int64_t count = bucket_of(run, to_us) - run->first_bucket + 1;
    if (count > BUCKET_COUNT_MAX) {
        return error_set(error, CORONG_INVALID,
                         "the range has %lld buckets, at most %d; ask for longer buckets or a "
                         "shorter range",
                         (long long)count, BUCKET_COUNT_MAX);
    }
    run->bucket_count = (uint32_t)count;
    return CORONG_OK;
}

static void row_init(struct stages_total *total, struct query_stage_row *row, struct text name)
{
    *row = (struct query_stage_row){.name = arena_copy_text(&total->arena, name)};
    row->bucket_events =
        arena_allocate_zeroed(&total->arena, (size_t)total->bucket_count + 1, sizeof(uint64_t));
}

static void add_count(const struct stages_run *run, struct query_stage_row *row,
                      const struct stage_count *count)
{
    row->events += count->events;
    row->users += count->users;
    for (uint32_t b = 0; count->buckets != NULL && b < run->bucket_count; b++) {
        row->bucket_events[b] += count->buckets[b];
    }
}

/// Rows of all names that the workers saw.
static enum corong_status collect_names(struct stages_run *run, struct stages_total *total,
                                        struct corong_error *error)
{
    struct query_table names = {0};
    for (uint32_t w = 0; w < run->worker_count; w++) {
        for (uint32_t i = 0; i < run->workers[w].names.count; i++) {
            query_table_number(&names, run->workers[w].names.keys[i]);
        }
    }
    uint64_t size = (uint64_t)names.count * run->bucket_count * sizeof(uint64_t);
    enum corong_status status = query_tasks_charge(run->tasks, size, "buckets", error);
    if (status == CORONG_OK) {
        total->row_count = names.count;
        total->rows =
            arena_allocate(&total->arena, ((size_t)names.count + 1) * sizeof(*total->rows));
        for (uint32_t i = 0; i < names.count; i++) {
            row_init(total, &total->rows[i], names.keys[i]);
        }
        for (uint32_t w = 0; w < run->worker_count; w++) {
            const struct stages_worker *worker = &run->workers[w];
            for (uint32_t i = 0; i < worker->names.count; i++) {
                add_count(run, &total->rows[query_table_number(&names, worker->names.keys[i])],
                          &worker->counts[i]);
            }
        }
    }
    query_table_deinit(&names);
    return status;
}

/// Rows of the stages of this pass, behind those of the passes before.
static void collect_stages(struct stages_run *run, struct stages_total *total,
                           const struct stage *stages, uint32_t stage_count)
{
    for (uint32_t k = 0; k < stage_count; k++) {
        struct query_stage_row *row = &total->rows[total->row_count++];
        row_init(total, row, stages[k].name);
        for (uint32_t w = 0; w < run->worker_count; w++) {
            if (k < run->workers[w].count_capacity) {
                add_count(run, row, &run->workers[w].counts[k]);
            }
        }
    }
}

static void add_work(const struct stages_run *run, struct query_work *work, bool first)
{
    for (uint32_t i = 0; i < run->worker_count; i++) {
        const struct stages_worker *worker = &run->workers[i];
        work->after_as_of += first ? worker->after_as_of : 0;
        query_work_add(work, &worker->reading);
        work->events_matched += worker->matched;
        work->users_read += first ? worker->users : 0;
    }
    work->thread_count = run->worker_count;
}

static void describe_stage(struct text_buffer *out, const struct stage *stage,
                           const struct filter *where)
{
    query_digest_text(out, "stage", stage->name);
    for (uint32_t i = 0; i < stage->event_count; i++) {
        query_digest_text(out, "event", stage->events[i]);
    }
    query_digest_filter(out, where);
}

static void describe(const struct stages_run *run, struct text_buffer *out)
{
    query_digest_text(out, "question", TEXT_LITERAL("stages"));
    query_digest_range(out, &run->query->range);
    query_digest_integer(out, "bucket", run->bucket_us);
    query_digest_filter(out, run->plan.where);
}

/// The pass's plan is built and its workers have run; takes their sums over.
static enum corong_status take_pass(struct stages_run *run, struct stages_total *total,
                                    const struct stage *stages, uint32_t stage_count, bool first,
                                    struct corong_error *error)
{
    if (first) {
        total->first_bucket = run->first_bucket;
        total->bucket_count = run->bucket_count;
        describe(run, &total->definition);
    }
    add_work(run, &total->work, first);
    if (run->by_name) {
        return collect_names(run, total, error);
    }
    for (uint32_t k = 0; k < stage_count; k++) {
        describe_stage(&total->definition, &stages[k], run->plan.step_where[k]);
    }
    collect_stages(run, total, stages, stage_count);
    return CORONG_OK;
}

/// Everything that every pass asks alike.
static struct query_ask ask_of(const struct query_stages *query)
{
    int64_t to_us = query->range.to_us;
    return (struct query_ask){
        .where = query->where,
        .rows = {query->range.from_us,
                 to_us == QUERY_TIME_NONE ? INT64_MAX : query_time_add(to_us, -1)},
        .as_of_us = query->as_of_us,
        .order = QUERY_ORDER_NONE,
    };
}

static enum corong_status run_pass(struct stages_run *run, struct stages_total *total,
                                   const struct stage *stages, uint32_t stage_count, bool first,
                                   struct corong_error *error)
{
    start_workers(run);
    enum corong_status status =
        query_tasks_run(run->tasks, run->plan.task_count, run_task, run, error);
    if (status == CORONG_OK) {
        status = take_pass(run, total, stages, stage_count, first, error);
    }
    stop_workers(run);
    return status;
}

static int compare_by_count(const void *left, const void *right)
{
    const struct query_stage_row *a = left;
    const struct query_stage_row *b = right;
    if (a->events != b->events) {
        return a->events > b->events ? -1 : 1;
    }
    return text_compare(a->name, b->name);
}

/// Copies rows to the caller's arena and cuts empty buckets off at both ends.
static void fill_rows(const struct stages_total *total, int64_t bucket_us, struct arena *arena,
                      struct query_stages_result *result)
{
    uint32_t first = total->bucket_count;
    uint32_t end = 0;
    for (uint32_t i = 0; i < total->row_count; i++) {
        for (uint32_t b = 0; b < total->bucket_count; b++) {
            bool some = total->rows[i].bucket_events[b] > 0;
            first = some && b < first ? b : first;
            end = some && b >= end ? b + 1 : end;
        }
    }
    *result = (struct query_stages_result){.row_count = total->row_count, .bucket_us = bucket_us};
    result->bucket_count = end > first ? end - first : 0;
    result->first_bucket_us =
        result->bucket_count == 0 ? 0 : (total->first_bucket + first) * bucket_us;
    result->rows = arena_allocate(arena, ((size_t)total->row_count + 1) * sizeof(*result->rows));
    for (uint32_t i = 0; i < total->row_count; i++) {
        struct query_stage_row *row = &result->rows[i];
        *row = total->rows[i];
        row->name = arena_copy_text(arena, row->name);
        row->bucket_events =
            arena_allocate_zeroed(arena, (size_t)result->bucket_count + 1, sizeof(uint64_t));
        if (result->bucket_count > 0) {
            memcpy(row->bucket_events, total->rows[i].bucket_events + first,
                   result->bucket_count * sizeof(uint64_t));
        }
    }
}

static void digest_rows(const struct query_stages_result *result, struct text_buffer *out)
{
    query_digest_integer(out, "first", result->first_bucket_us);
    query_digest_integer(out, "buckets", result->bucket_count);
    for (uint32_t i = 0; i < result->row_count; i++) {
        const struct query_stage_row *row = &result->rows[i];
        query_digest_text(out, "name", row->name);
        query_digest_integer(out, "events", (int64_t)row->events);
        query_digest_integer(out, "users", (int64_t)row->users);
        text_buffer_append(out, row->bucket_events, result->bucket_count * sizeof(uint64_t));
    }
}

static void seal(const struct stages_run *run, struct store_snapshot *snapshot,
                 struct stages_total *total, struct query_stages_result *result)
{
    struct text_buffer bytes = {0};
    query_digest_provenance(&run->plan, snapshot, &total->work, &result->provenance);
    digest_rows(result, &bytes);
    query_digest_seal(&result->provenance, &total->definition, &bytes);
}

/// All passes; the last one's plan is left for the provenance.
static enum corong_status run_passes(struct stages_run *run, struct store_snapshot *snapshot,
                                     struct stages_total *total, struct corong_error *error)
{
    static const struct stage every_event = {0};
    const struct query_stages *query = run->query;
    uint32_t count = run->by_name ? 1 : query->stage_count;
    total->rows = arena_allocate(&total->arena, ((size_t)count + 1) * sizeof(*total->rows));
    for (uint32_t at = 0; at < count; at += FUNNEL_STEP_COUNT_MAX) {
        struct query_ask ask = ask_of(query);
        uint32_t left = count - at;
        ask.steps = run->by_name ? &every_event : query->stages + at;
        ask.tasks = at == 0 ? run->tasks : NULL; // a later pass finds most of them decoded
        ask.step_count = left < FUNNEL_STEP_COUNT_MAX ? left : FUNNEL_STEP_COUNT_MAX;
        query_plan_deinit(&run->plan);
        TRY(query_plan_init(&run->plan, snapshot, &ask, query_tasks_thread_count(run->tasks),
                            error));
        TRY(set_buckets(run, error));
        TRY(run_pass(run, total, ask.steps, ask.step_count, at == 0, error));
    }
    return CORONG_OK;
}

enum corong_status query_stages_run(struct store_snapshot *snapshot,
                                    const struct query_stages *query, struct arena *arena,
                                    struct query_stages_result *result_out,
                                    struct corong_error *error)
{
    if (query->bucket_us < 0) {
        return error_set(error, CORONG_INVALID, "the bucket is shorter than nothing");
    }
    struct stages_run run = {.query = query, .by_name = query->stage_count == 0};
    struct stages_total total = {.work.start_us = clock_monotonic_us()};
    run.bucket_us = query->bucket_us == 0 ? MICROSECONDS_PER_DAY : query->bucket_us;
    run.tasks = query_tasks_create(&query->limits);
    enum corong_status status = run_passes(&run, snapshot, &total, error);
    if (status == CORONG_OK) {
        if (run.by_name && total.row_count > 0) {
            qsort(total.rows, total.row_count, sizeof(*total.rows), compare_by_count);
        }
        fill_rows(&total, run.bucket_us, arena, result_out);
        seal(&run, snapshot, &total, result_out);
    }
    query_plan_deinit(&run.plan);
    query_tasks_destroy(run.tasks);
    text_buffer_deinit(&total.definition);
    arena_deinit(&total.arena);
    return status;
}
