// SPDX-License-Identifier: Apache-2.0
/// Users by how long ago they were last seen: counted by age and slice, and listed.
#include "engine/query/people/people.h"
#include "engine/query/people/people_list.h"
#include "engine/query/people/people_sleeper.h"
#include "engine/query/people/people_value.h"
#include "engine/query/query_cursor.h"
#include "engine/query/query_digest.h"
#include "engine/query/query_gather.h"
#include "engine/query/query_rank.h"
#include "storage/base/bytes.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"

#define CHARGE_EVERY 1024u

struct dormant_worker {
    struct dormant_run *run;
    struct query_cursor cursor;
    struct query_reading reading;
    struct query_slices slices;
    uint64_t *counts; ///< by slice and age
    uint32_t slice_count;
    uint32_t slice_capacity;
    struct people_rows *rows;
    struct people_sleeper user; ///< in hand
    struct text_buffer user_id;
    struct query_place last;
    struct arena arena;
    struct text_buffer row;
    struct hash128 digest;
    uint64_t never;
    uint64_t listed;
    uint64_t users;
    uint64_t matched;
    uint64_t after_as_of;
    uint64_t charged_bytes;
    uint32_t since_charge;
};

struct dormant_run {
    const struct people_dormant *query;
    const struct people_dormant_visitor *visitor;
    struct query_tasks *tasks;
    struct query_plan plan;
    struct stage stage;
    uint32_t columns[QUERY_SLICE_ATTRIBUTE_COUNT_MAX];
    struct people_list list;
    struct dormant_worker *workers;
    uint32_t worker_count;
    bool again; ///< a pass after the first: counts are known
    struct people_dormant_result result;
    struct arena arena;   ///< of the result
    struct arena scratch; ///< of the row in hand
};

static enum people_age age_of(const struct people_dormant *query, int64_t as_of_us, int64_t last_us)
{
    int64_t age_us = as_of_us - last_us;
    if (age_us < query->after_us) {
        return PEOPLE_AGE_ACTIVE;
    }
    return age_us < query->gone_us ? PEOPLE_AGE_DORMANT : PEOPLE_AGE_GONE;
}

static enum corong_status take_rows(void *context, struct query_source *source, uint32_t begin,
                                    uint32_t end, struct corong_error *error)
{
    (void)error;
    struct dormant_worker *worker = context;
    for (uint32_t row = begin; row < end; row++) {
        int64_t time_us = query_source_time(source, row);
        if (time_us > worker->run->plan.as_of_us) {
            worker->after_as_of += end - row;
            return CORONG_OK;
        }
        if (query_source_steps(source, row) == 0) {
            continue;
        }
        worker->user.first_us = worker->user.events == 0 ? time_us : worker->user.first_us;
        worker->user.last_us = time_us;
        worker->user.events++;
        worker->last = (struct query_place){source->index, source->group, row};
    }
    return CORONG_OK;
}

static void count_slice(struct dormant_worker *worker, uint32_t slice)
{
    if (slice >= worker->slice_capacity) {
        uint32_t capacity = slice < 32 ? 64 : slice * 2;
        worker->counts =
            memory_resize_array(worker->counts, capacity, PEOPLE_AGE_COUNT * sizeof(uint64_t));
        memset(worker->counts + (size_t)worker->slice_capacity * PEOPLE_AGE_COUNT, 0,
               (size_t)(capacity - worker->slice_capacity) * PEOPLE_AGE_COUNT * sizeof(uint64_t));
        worker->slice_capacity = capacity;
    }
    worker->slice_count = slice >= worker->slice_count ? slice + 1 : worker->slice_count;
    worker->counts[(size_t)slice * PEOPLE_AGE_COUNT + worker->user.age]++;
}

static enum corong_status charge(struct dormant_worker *worker, struct corong_error *error)
{
    uint64_t bytes = query_slices_bytes(&worker->slices) +
                     (uint64_t)worker->slice_capacity * PEOPLE_AGE_COUNT * sizeof(uint64_t);
    uint64_t grown = bytes - worker->charged_bytes;
    worker->charged_bytes = bytes;
    worker->since_charge = 0;
    return query_tasks_charge(worker->run->tasks, grown, "slices", error);
}

/// The slice and the values of the user's last event.
static enum corong_status look_up(struct dormant_worker *worker, uint32_t *slice_out,
                                  struct corong_error *error)
{
    const struct dormant_run *run = worker->run;
    *slice_out = 0;
    if (run->query->by_count == 0) {
        return CORONG_OK;
    }
    struct query_source *source = &worker->cursor.sources[worker->last.source];
    const struct row_group *rows;
    TRY(query_source_look(source, worker->last.group, &rows, error));
    for (uint32_t i = 0; i < run->query->by_count; i++) {
        TRY(people_value(source, rows, run->columns[i], worker->last.row, &worker->arena,
                         &worker->user.values[i], error));
    }
    return query_slices_at(&worker->slices, source, rows, worker->last.row, slice_out, error);
}

static enum corong_status list_user(struct dormant_worker *worker, struct corong_error *error)
{
    struct dormant_run *run = worker->run;
    if ((run->query->listed >> worker->user.age & 1) == 0) {
        return CORONG_OK;
    }
    text_buffer_reset(&worker->row);
    people_sleeper_write(&worker->user, run->query->by_count, &worker->row);
    struct text row = {worker->row.bytes, worker->row.size};
    if (!run->again) {
        worker->listed++;
        worker->digest = hash128_add(worker->digest, hash_bytes128(row.bytes, row.size));
    }
    return people_rows_add(worker->rows, row, error);
}

/// The id must be kept before the rows are gone through: its row group may be gone then.
static void keep_id(struct dormant_worker *worker)
{
    const struct query_source *source = &worker->cursor.sources[worker->cursor.parts[0]];
    const struct row_group *rows = &source->rows;
    uint32_t start = rows->id_offsets[source->user];
    text_buffer_reset(&worker->user_id);
    text_buffer_append_string(&worker->user_id, "");
    text_buffer_append(&worker->user_id, rows->id_bytes + start,
                       rows->id_offsets[source->user + 1] - start);
    worker->user.user_id = (struct text){worker->user_id.bytes, worker->user_id.size};
    worker->user.user_namespace = rows->user_flags[source->user] & USER_NAMESPACE_MASK;
}

static enum corong_status take_user(struct dormant_worker *worker, struct corong_error *error)
{
    struct dormant_run *run = worker->run;
    bool rows_after = run->plan.time_max_us > run->plan.as_of_us;
    worker->users += !run->again;
    worker->user.events = 0;
    if (worker->cursor.possible == 0 && !rows_after) {
        worker->never += !run->again;
        return query_cursor_skip(&worker->cursor, error);
    }
    keep_id(worker);
    TRY(query_cursor_rows(&worker->cursor, take_rows, worker, error));
    if (worker->user.events == 0) {
        worker->never += !run->again;
        return CORONG_OK;
    }
    uint32_t slice;
    arena_reset(&worker->arena);
    worker->user.age = age_of(run->query, run->plan.as_of_us, worker->user.last_us);
    worker->matched += worker->user.events;
    TRY(look_up(worker, &slice, error));
    if (!run->again) {
        count_slice(worker, slice);
    }
    TRY(list_user(worker, error));
    return ++worker->since_charge < CHARGE_EVERY ? CORONG_OK : charge(worker, error);
}

static enum corong_status run_task(void *context, uint32_t which, uint32_t index,
                                   struct corong_error *error)
{
    struct dormant_run *run = context;
    struct dormant_worker *worker = &run->workers[which];
    int64_t start_us = clock_monotonic_us();
    int64_t read_before_us = worker->reading.read_us;
    TRY(query_cursor_seek(&worker->cursor, index, error));
    while (query_cursor_next(&worker->cursor)) {
        TRY(take_user(worker, error));
    }
    worker->reading.match_us +=
        clock_monotonic_us() - start_us - (worker->reading.read_us - read_before_us);
    return charge(worker, error);
}

static void start_workers(struct dormant_run *run)
{
    const struct people_dormant *query = run->query;
    run->worker_count = query_tasks_thread_count(run->tasks);
    run->workers = memory_allocate_zeroed(run->worker_count, sizeof(*run->workers));
    people_list_init(&run->list, run->tasks, query->limits.memory_limit_bytes,
                     query->row_budget_bytes, query->row_count_max);
    for (uint32_t i = 0; i < run->worker_count; i++) {
        struct dormant_worker *worker = &run->workers[i];
        worker->run = run;
        worker->rows = &run->list.rows[i];
        query_cursor_init(&worker->cursor, &run->plan, run->tasks, &worker->reading);
        query_slices_init(&worker->slices, &run->plan, run->columns, query->by_count);
    }
}

static void stop_workers(struct dormant_run *run)
{
    for (uint32_t i = 0; i < run->worker_count; i++) {
        struct dormant_worker *worker = &run->workers[i];
        query_cursor_deinit(&worker->cursor);
        query_slices_deinit(&worker->slices);
        memory_free(worker->counts);
        arena_deinit(&worker->arena);
        text_buffer_deinit(&worker->user_id);
        text_buffer_deinit(&worker->row);
    }
    people_list_deinit(&run->list);
    memory_free(run->workers);
}

/// Ranks the workers' slices by their users.
static void rank_slices(const struct dormant_run *run, struct query_rank *rank,
                        struct arena *scratch)
{
    struct query_rank_part *parts = arena_allocate(scratch, run->worker_count * sizeof(*parts));
    for (uint32_t w = 0; w < run->worker_count; w++) {
        const struct dormant_worker *worker = &run->workers[w];
        uint64_t *users =
            arena_allocate_zeroed(scratch, (size_t)worker->slice_count + 1, sizeof(*users));
        for (uint32_t i = 0; i < worker->slice_count * PEOPLE_AGE_COUNT; i++) {
            users[i / PEOPLE_AGE_COUNT] += worker->counts[i];
        }
        parts[w] = (struct query_rank_part){
            .slices = &worker->slices, .slice_count = worker->slice_count, .counts = users};
    }
    uint32_t top = run->query->top == 0 ? QUERY_TOP_DEFAULT : run->query->top;
    query_rank_slices(rank, parts, run->worker_count, run->query->by_count == 0 ? 0 : top, scratch);
}

static void add_ages(struct people_dormant_slice *slice, const uint64_t *ages)
{
    for (uint32_t age = 0; age < PEOPLE_AGE_COUNT; age++) {
        slice->users[age] += ages[age];
    }
}

static void fill_slices(struct dormant_run *run)
{
    struct people_dormant_result *result = &run->result;
    struct arena scratch = {0};
    struct query_rank rank;
    rank_slices(run, &rank, &scratch);
    uint32_t by_count = run->query->by_count;
    result->slice_count = rank.listed;
    result->other_slice_count = by_count == 0 ? 0 : rank.slice_count - rank.listed;
    result->slices =
        arena_allocate_zeroed(&run->arena, (size_t)rank.listed + 1, sizeof(*result->slices));
    for (uint32_t i = 0; i < rank.listed; i++) {
        result->slices[i].values = arena_allocate(&run->arena, by_count * sizeof(struct text));
        for (uint32_t v = 0; v < by_count; v++) {
            result->slices[i].values[v] = arena_copy_text(&run->arena, rank.values[i][v]);
        }
    }
    for (uint32_t w = 0; w < run->worker_count; w++) {
        const struct dormant_worker *worker = &run->workers[w];
        for (uint32_t s = 0; s < worker->slice_count; s++) {
            const uint64_t *ages = &worker->counts[(size_t)s * PEOPLE_AGE_COUNT];
            uint32_t output = rank.output_of_slice[w][s];
            add_ages(&result->total, ages);
            if (output != QUERY_RANK_NONE) {
                add_ages(output < rank.listed ? &result->slices[output] : &result->other, ages);
            }
        }
        result->never += worker->never;
        result->listed_count += worker->listed;
    }
    arena_deinit(&scratch);
}

static void describe(const struct dormant_run *run, struct text_buffer *out)
{
    const struct people_dormant *query = run->query;
    query_digest_text(out, "question", TEXT_LITERAL("dormant"));
    query_digest_text(out, "stage", run->stage.name);
    for (uint32_t i = 0; i < run->stage.event_count; i++) {
        query_digest_text(out, "event", run->stage.events[i]);
    }
    query_digest_filter(out, run->plan.step_where[0]);
    query_digest_filter(out, run->plan.where);
    query_digest_integer(out, "after", query->after_us);
    query_digest_integer(out, "gone", query->gone_us);
    query_digest_integer(out, "listed", query->listed);
    for (uint32_t i = 0; i < query->by_count; i++) {
        query_digest_text(out, "by", query->by[i]);
    }
    query_digest_integer(out, "top", query->top == 0 ? QUERY_TOP_DEFAULT : query->top);
}

static void digest_slice(struct text_buffer *out, const struct people_dormant_slice *slice,
                         uint32_t by_count)
{
    for (uint32_t i = 0; i < by_count && slice->values != NULL; i++) {
        query_digest_text(out, "value", slice->values[i]);
    }
    text_buffer_append(out, slice->users, sizeof(slice->users));
}

static void seal(struct dormant_run *run, struct store_snapshot *snapshot, int64_t start_us)
{
    struct query_work work = {.start_us = start_us, .thread_count = run->worker_count};
    struct people_dormant_result *result = &run->result;
    struct hash128 digest = {0};
    for (uint32_t i = 0; i < run->worker_count; i++) {
        const struct dormant_worker *worker = &run->workers[i];
        work.after_as_of += worker->after_as_of;
        query_work_add(&work, &worker->reading);
        work.events_matched += worker->matched;
        work.users_read += worker->users;
        digest = hash128_add(digest, worker->digest);
    }
    query_digest_provenance(&run->plan, snapshot, &work, &result->provenance);
    struct text_buffer definition = {0};
    struct text_buffer bytes = {0};
    describe(run, &definition);
    digest_slice(&bytes, &result->total, 0);
    for (uint32_t i = 0; i < result->slice_count; i++) {
        digest_slice(&bytes, &result->slices[i], run->query->by_count);
    }
    digest_slice(&bytes, &result->other, 0);
    text_buffer_append_u64(&bytes, result->never);
    text_buffer_append(&bytes, &digest, sizeof(digest));
    query_digest_seal(&result->provenance, &definition, &bytes);
}

static enum corong_status visit_row(void *context, struct text row, struct corong_error *error)
{
    struct dormant_run *run = context;
    struct people_sleeper user;
    arena_reset(&run->scratch);
    people_sleeper_read(row, run->query->by_count, &run->scratch, &user);
    user.age = age_of(run->query, run->plan.as_of_us, user.last_us);
    return run->visitor->user(run->visitor->context, &user, error);
}

static enum corong_status run_passes(struct dormant_run *run, struct store_snapshot *snapshot,
                                     int64_t start_us, struct corong_error *error)
{
    const struct people_dormant_visitor *visitor = run->visitor;
    bool more = true;
    while (more) {
        TRY(query_tasks_run(run->tasks, run->plan.task_count, run_task, run, error));
        if (!run->again) {
            fill_slices(run);
            seal(run, snapshot, start_us);
            TRY(visitor->begin(visitor->context, &run->result, error));
        }
        run->again = true;
        TRY(people_list_visit(&run->list, visit_row, run, &more, error));
    }
    return visitor->end(visitor->context, error);
}

static enum corong_status prepare(struct dormant_run *run, struct store_snapshot *snapshot,
                                  struct corong_error *error)
{
    const struct people_dormant *query = run->query;
    if (query->after_us < 0 || query->gone_us < query->after_us) {
        return error_set(error, CORONG_INVALID, "users cannot be gone before they are dormant");
    }
    for (uint32_t i = 0; i < query->by_count; i++) {
        TRY_IN(query_plan_attribute(store_snapshot_schema(snapshot), query->by[i], &run->columns[i],
                                    error),
               error, "by");
    }
    run->stage = query->stage != NULL ? *query->stage : (struct stage){0};
    struct query_ask ask = {
        .steps = &run->stage,
        .step_count = 1,
        .where = query->where,
        .rows = {INT64_MIN, INT64_MAX},
        .as_of_us = query->as_of_us,
        .order = QUERY_ORDER_STEPS,
        .every_row = true,
        .ids = true,
        .columns = run->columns,
        .column_count = query->by_count,
        .tasks = run->tasks,
    };
    return query_plan_init(&run->plan, snapshot, &ask, query_tasks_thread_count(run->tasks), error);
}

enum corong_status people_dormant_run(struct store_snapshot *snapshot,
                                      const struct people_dormant *query,
                                      const struct people_dormant_visitor *visitor,
                                      struct corong_error *error)
{
    int64_t start_us = clock_monotonic_us();
    struct dormant_run run = {.query = query, .visitor = visitor};
    run.tasks = query_tasks_create(&query->limits);
    enum corong_status status = prepare(&run, snapshot, error);
    if (status == CORONG_OK) {
        start_workers(&run);
        status = run_passes(&run, snapshot, start_us, error);
        stop_workers(&run);
        query_plan_deinit(&run.plan);
    }
    arena_deinit(&run.arena);
    arena_deinit(&run.scratch);
    query_tasks_destroy(run.tasks);
    return status;
}
