// SPDX-License-Identifier: Apache-2.0
/// Sessions whose start lies in a range: how many, of how many users, how long, bounced, still
/// alive; by an attribute of their first event.
#include "engine/query/query_cursor.h"
#include "engine/query/query_digest.h"
#include "engine/query/query_durations.h"
#include "engine/query/query_rank.h"
#include "engine/query/query_session_run.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"

#include <string.h>

#define CHARGE_EVERY 1024u

/// Sums of one slice.
struct session_sum {
    uint64_t sessions;
    uint64_t users;
    uint64_t events;
    uint64_t bounces;
    uint64_t live;
    uint64_t last_user; ///< number of the last user counted, from 1
};

struct sessions_worker {
    const struct sessions_run *run;
    struct query_cursor cursor;
    struct query_reading reading;
    struct query_slices slices;
    struct session_sum total;
    struct session_sum *sums; ///< by slice
    uint32_t slice_count;
    uint32_t slice_capacity;
    uint32_t *length_slices; ///< one per session
    int64_t *lengths_us;
    uint64_t length_count;
    uint64_t length_capacity;
    uint32_t *user_slices; ///< slices of the present user, distinct
    uint32_t user_slice_count;
    uint32_t user_slice_capacity;
    struct text_buffer sharers; ///< users in several slices: u32 count, then the slices
    struct query_session_rule rule;
    uint32_t slice;  ///< of the present session
    uint64_t events; ///< in it
    uint64_t users;
    uint64_t after_as_of;
    uint64_t charged_bytes;
    uint32_t since_charge;
};

struct sessions_run {
    const struct query_sessions *query;
    struct query_plan plan;
    struct query_tasks *tasks;
    struct sessions_worker *workers;
    uint32_t worker_count;
    int64_t timeout_us;
    int64_t to_us; ///< of the range, its open end filled in
    uint32_t column;
    uint32_t column_count; ///< 1 where an attribute is asked for
};

static enum corong_status charge(struct sessions_worker *worker, struct corong_error *error)
{
    uint64_t bytes = worker->slice_capacity * sizeof(*worker->sums) +
                     worker->length_capacity * (sizeof(uint32_t) + sizeof(int64_t)) +
                     worker->sharers.capacity + query_slices_bytes(&worker->slices) +
                     worker->user_slice_capacity * sizeof(uint32_t);
    uint64_t grown = bytes - worker->charged_bytes;
    worker->charged_bytes = bytes;
    worker->since_charge = 0;
    return query_tasks_charge(worker->run->tasks, grown, "sessions and their lengths", error);
}

static void reserve_slice(struct sessions_worker *worker, uint32_t slice)
{
    if (slice >= worker->slice_capacity) {
        uint32_t capacity = slice < 32 ? 64 : slice * 2;
        worker->sums = memory_resize_array(worker->sums, capacity, sizeof(*worker->sums));
        memset(worker->sums + worker->slice_capacity, 0,
               (capacity - worker->slice_capacity) * sizeof(*worker->sums));
        worker->slice_capacity = capacity;
    }
    worker->slice_count = slice >= worker->slice_count ? slice + 1 : worker->slice_count;
}

static void add_length(struct sessions_worker *worker, int64_t length_us)
{
    if (worker->length_count == worker->length_capacity) {
        uint64_t capacity = worker->length_capacity == 0 ? 1024 : worker->length_capacity * 2;
        worker->lengths_us = memory_resize_array(worker->lengths_us, capacity, sizeof(int64_t));
        worker->length_slices =
            memory_resize_array(worker->length_slices, capacity, sizeof(uint32_t));
        worker->length_capacity = capacity;
    }
    worker->length_slices[worker->length_count] = worker->slice;
    worker->lengths_us[worker->length_count++] = length_us;
}

static void note_user_slice(struct sessions_worker *worker, uint32_t slice)
{
    if (worker->user_slice_count == worker->user_slice_capacity) {
        uint32_t capacity = worker->user_slice_capacity == 0 ? 16 : worker->user_slice_capacity * 2;
        worker->user_slices = memory_resize_array(worker->user_slices, capacity, sizeof(uint32_t));
        worker->user_slice_capacity = capacity;
    }
    worker->user_slices[worker->user_slice_count++] = slice;
}

/// Adds a session to a sum; true where it is the user's first there.
static bool add_to_sum(const struct sessions_worker *worker, struct session_sum *sum, bool live)
{
    bool first = sum->last_user != worker->users;
    sum->sessions++;
    sum->users += first;
    sum->events += worker->events;
    sum->bounces += worker->events == 1;
    sum->live += live;
    sum->last_user = worker->users;
    return first;
}

/// Counts the session that is ending; `last` says that the user has no later one.
static enum corong_status end_session(struct sessions_worker *worker,
                                      const struct query_session_rule *ended, bool last,
                                      struct corong_error *error)
{
    const struct sessions_run *run = worker->run;
    if (!ended->any || ended->start_us < run->query->range.from_us ||
        ended->start_us >= run->to_us) {
        return CORONG_OK;
    }
    bool live = last && query_session_joins(ended, run->plan.as_of_us);
    reserve_slice(worker, worker->slice);
    add_to_sum(worker, &worker->total, live);
    if (add_to_sum(worker, &worker->sums[worker->slice], live)) {
        note_user_slice(worker, worker->slice);
    }
    add_length(worker, ended->last_us - ended->start_us);
    return ++worker->since_charge < CHARGE_EVERY ? CORONG_OK : charge(worker, error);
}

static enum corong_status begin_session(struct sessions_worker *worker, struct query_source *source,
                                        uint32_t row, struct corong_error *error)
{
    worker->events = 0;
    worker->slice = 0;
    if (worker->run->column_count == 0) {
        return CORONG_OK;
    }
    const struct row_group *rows;
    TRY(query_source_look(source, source->group, &rows, error));
    return query_slices_at(&worker->slices, source, rows, row, &worker->slice, error);
}

static enum corong_status add_rows(void *context, struct query_source *source, uint32_t begin,
                                   uint32_t end, struct corong_error *error)
{
    struct sessions_worker *worker = context;
    while (end > begin && query_source_time(source, end - 1) > worker->run->plan.as_of_us) {
        worker->after_as_of++;
        end--;
    }
    struct query_session_run run = {.row = begin, .end = end};
    while (run.row < end) {
        struct query_session_rule before = worker->rule;
        uint32_t first = run.row;
        query_session_run_next(&run, &worker->rule, source);
        if (run.begins) {
            TRY(end_session(worker, &before, false, error));
            TRY(begin_session(worker, source, first, error));
        }
        worker->events += run.row - first;
    }
    return CORONG_OK;
}

/// Users in several slices: what `(other)` must not count twice.
static void note_sharer(struct sessions_worker *worker)
{
    if (worker->user_slice_count > 1) {
        text_buffer_append(&worker->sharers, &worker->user_slice_count, sizeof(uint32_t));
        text_buffer_append(&worker->sharers, worker->user_slices,
                           worker->user_slice_count * sizeof(uint32_t));
    }
    worker->user_slice_count = 0;
}

static enum corong_status run_task(void *context, uint32_t which, uint32_t index,
                                   struct corong_error *error)
{
    struct sessions_run *run = context;
    struct sessions_worker *worker = &run->workers[which];
    int64_t start_us = clock_monotonic_us();
    int64_t read_before_us = worker->reading.read_us;
    TRY(query_cursor_seek(&worker->cursor, index, error));
    while (query_cursor_next(&worker->cursor)) {
        worker->users++;
        worker->rule.any = false;
        TRY(query_cursor_rows(&worker->cursor, add_rows, worker, error));
        TRY(end_session(worker, &worker->rule, true, error));
        note_sharer(worker);
    }
    worker->reading.match_us +=
        clock_monotonic_us() - start_us - (worker->reading.read_us - read_before_us);
    return charge(worker, error);
}

static void start_workers(struct sessions_run *run)
{
    run->worker_count = query_tasks_thread_count(run->tasks);
    run->workers = memory_allocate_zeroed(run->worker_count, sizeof(*run->workers));
    for (uint32_t i = 0; i < run->worker_count; i++) {
        struct sessions_worker *worker = &run->workers[i];
        worker->run = run;
        worker->rule.timeout_us = run->timeout_us;
        query_cursor_init(&worker->cursor, &run->plan, run->tasks, &worker->reading);
        query_slices_init(&worker->slices, &run->plan, &run->column, run->column_count);
    }
}

static void stop_workers(struct sessions_run *run)
{
    for (uint32_t i = 0; i < run->worker_count; i++) {
        struct sessions_worker *worker = &run->workers[i];
        query_cursor_deinit(&worker->cursor);
        query_slices_deinit(&worker->slices);
        memory_free(worker->sums);
        memory_free(worker->length_slices);
        memory_free(worker->lengths_us);
        memory_free(worker->user_slices);
        text_buffer_deinit(&worker->sharers);
    }
    memory_free(run->workers);
}

static void add_sum(struct query_session_row *row, const struct session_sum *sum)
{
    row->sessions += sum->sessions;
    row->users += sum->users;
    row->events += sum->events;
    row->bounces += sum->bounces;
    row->live += sum->live;
}

/// Users of `(other)` were added once per slice; takes the repetitions away.
static void subtract_sharers(const struct sessions_worker *worker, const uint32_t *outputs,
                             uint32_t listed, struct query_session_row *other)
{
    size_t at = 0;
    while (at < worker->sharers.size) {
        uint32_t count;
        memcpy(&count, worker->sharers.bytes + at, sizeof(count));
        at += sizeof(count);
        uint32_t unlisted = 0;
        for (uint32_t i = 0; i < count; i++, at += sizeof(uint32_t)) {
            uint32_t slice;
            memcpy(&slice, worker->sharers.bytes + at, sizeof(slice));
            unlisted += outputs[slice] == listed;
        }
        other->users -= unlisted > 1 ? unlisted - 1 : 0;
    }
}

/// Lengths by output, then of all.
static enum corong_status fill_lengths(struct sessions_run *run, const struct query_rank *rank,
                                       struct query_session_row **outputs,
                                       struct query_session_row *total, struct corong_error *error)
{
    uint64_t count = 0;
    for (uint32_t w = 0; w < run->worker_count; w++) {
        count += run->workers[w].length_count;
    }
    TRY(query_tasks_charge(run->tasks, count * 2 * sizeof(int64_t), "session lengths", error));
    int64_t *values = memory_allocate((count + 1) * sizeof(*values));
    uint64_t *ends = memory_allocate_zeroed((size_t)rank->listed + 2, sizeof(*ends));
    for (uint32_t w = 0; w < run->worker_count; w++) {
        for (uint64_t i = 0; i < run->workers[w].length_count; i++) {
            ends[rank->output_of_slice[w][run->workers[w].length_slices[i]] + 1]++;
        }
    }
    for (uint32_t o = 0; o <= rank->listed; o++) {
        ends[o + 1] += ends[o];
    }
    for (uint32_t w = 0; w < run->worker_count; w++) {
        const struct sessions_worker *worker = &run->workers[w];
        for (uint64_t i = 0; i < worker->length_count; i++) {
            values[ends[rank->output_of_slice[w][worker->length_slices[i]]]++] =
                worker->lengths_us[i];
        }
    }
    uint64_t start = 0;
    for (uint32_t o = 0; o <= rank->listed; o++) {
        query_durations_of(values + start, ends[o] - start, &outputs[o]->length);
        start = ends[o];
    }
    if (rank->listed == 0) {
        total->length = outputs[0]->length; // nothing is told apart
    } else {
        query_durations_of(values, count, &total->length);
    }
    memory_free(values);
    memory_free(ends);
    return CORONG_OK;
}

static void rank_values(const struct sessions_run *run, struct query_rank *rank,
                        struct arena *scratch)
{
    struct query_rank_part *parts = arena_allocate(scratch, run->worker_count * sizeof(*parts));
    for (uint32_t w = 0; w < run->worker_count; w++) {
        const struct sessions_worker *worker = &run->workers[w];
        uint64_t *counts =
            arena_allocate(scratch, ((size_t)worker->slice_count + 1) * sizeof(*counts));
        for (uint32_t s = 0; s < worker->slice_count; s++) {
            counts[s] = worker->sums[s].sessions;
        }
        parts[w] = (struct query_rank_part){&worker->slices, worker->slice_count, counts, NULL};
    }
    uint32_t top = run->query->top == 0 ? QUERY_TOP_DEFAULT : run->query->top;
    query_rank_slices(rank, parts, run->worker_count, run->column_count == 0 ? 0 : top, scratch);
}

static enum corong_status fill_rows(struct sessions_run *run, const struct query_rank *rank,
                                    struct arena *arena, struct arena *scratch,
                                    struct query_sessions_result *result,
                                    struct corong_error *error)
{
    struct query_session_row **outputs =
        arena_allocate(scratch, ((size_t)rank->listed + 1) * sizeof(struct query_session_row *));
    result->row_count = rank->listed;
    result->rows = arena_allocate_zeroed(arena, (size_t)rank->listed + 1, sizeof(*result->rows));
    for (uint32_t i = 0; i < rank->listed; i++) {
        result->rows[i].value = arena_copy_text(arena, rank->values[i][0]);
        outputs[i] = &result->rows[i];
    }
    outputs[rank->listed] = &result->other;
    result->has_other = run->column_count > 0 && rank->slice_count > rank->listed;
    for (uint32_t w = 0; w < run->worker_count; w++) {
        const struct sessions_worker *worker = &run->workers[w];
        add_sum(&result->total, &worker->total);
        for (uint32_t s = 0; s < worker->slice_count; s++) {
            if (rank->output_of_slice[w][s] != QUERY_RANK_NONE) {
                add_sum(outputs[rank->output_of_slice[w][s]], &worker->sums[s]);
            }
        }
        subtract_sharers(worker, rank->output_of_slice[w], rank->listed, &result->other);
    }
    return fill_lengths(run, rank, outputs, &result->total, error);
}

static void digest_row(struct text_buffer *out, const struct query_session_row *row)
{
    query_digest_text(out, "value", row->value);
    query_digest_integer(out, "sessions", (int64_t)row->sessions);
    query_digest_integer(out, "users", (int64_t)row->users);
    query_digest_integer(out, "events", (int64_t)row->events);
    query_digest_integer(out, "bounces", (int64_t)row->bounces);
    query_digest_integer(out, "live", (int64_t)row->live);
    query_digest_durations(out, &row->length);
}

static void seal(const struct sessions_run *run, struct store_snapshot *snapshot, int64_t start_us,
                 struct query_sessions_result *result)
{
    struct query_work work = {.start_us = start_us, .thread_count = run->worker_count};
    for (uint32_t i = 0; i < run->worker_count; i++) {
        const struct sessions_worker *worker = &run->workers[i];
        work.after_as_of += worker->after_as_of;
        query_work_add(&work, &worker->reading);
        work.events_matched += worker->total.events;
        work.users_read += worker->users;
    }
    query_digest_provenance(&run->plan, snapshot, &work, &result->provenance);
    struct text_buffer definition = {0};
    query_digest_text(&definition, "question", TEXT_LITERAL("sessions"));
    query_digest_range(&definition, &run->query->range);
    query_digest_integer(&definition, "timeout", run->timeout_us);
    query_digest_text(&definition, "by", run->query->by);
    query_digest_integer(&definition, "top",
                         run->query->top == 0 ? QUERY_TOP_DEFAULT : run->query->top);
    struct text_buffer bytes = {0};
    digest_row(&bytes, &result->total);
    for (uint32_t i = 0; i < result->row_count; i++) {
        digest_row(&bytes, &result->rows[i]);
    }
    digest_row(&bytes, &result->other);
    query_digest_seal(&result->provenance, &definition, &bytes);
}

static enum corong_status prepare(struct sessions_run *run, struct store_snapshot *snapshot,
                                  struct corong_error *error)
{
    const struct query_sessions *query = run->query;
    run->timeout_us =
        query->session_timeout_us == 0 ? SESSION_TIMEOUT_DEFAULT_US : query->session_timeout_us;
    if (run->timeout_us < 0 || run->timeout_us > MICROSECONDS_PER_DAY) {
        return error_set(error, CORONG_INVALID, "the session timeout is not within 0 and 24 h");
    }
    run->to_us = query->range.to_us == QUERY_TIME_NONE ? INT64_MAX : query->range.to_us;
    if (query->by.bytes != NULL) {
        TRY_IN(
            query_plan_attribute(store_snapshot_schema(snapshot), query->by, &run->column, error),
            error, "by");
        run->column_count = 1;
    }
    struct query_ask ask = {
        .rows = {query->range.from_us, query_time_add(run->to_us, QUERY_SESSION_LOOK_AHEAD_US)},
        .as_of_us = query->as_of_us,
        .order = run->column_count > 0 ? QUERY_ORDER_ALL : QUERY_ORDER_NONE,
        .every_row = true,
        .columns = &run->column,
        .column_count = run->column_count,
        .session_timeout_us = run->timeout_us,
    };
    if (query->range.from_us != QUERY_TIME_NONE) {
        ask.rows.from_us =
            query_time_add(ask.rows.from_us, -QUERY_SESSION_LOOK_BACK_US(run->timeout_us));
    }
    ask.tasks = run->tasks;
    return query_plan_init(&run->plan, snapshot, &ask, query_tasks_thread_count(run->tasks), error);
}

static enum corong_status run_workers(struct sessions_run *run, struct arena *arena,
                                      struct query_sessions_result *result,
                                      struct corong_error *error)
{
    TRY(query_tasks_run(run->tasks, run->plan.task_count, run_task, run, error));
    struct arena scratch = {0};
    struct query_rank rank;
    *result = (struct query_sessions_result){0};
    rank_values(run, &rank, &scratch);
    enum corong_status status = fill_rows(run, &rank, arena, &scratch, result, error);
    arena_deinit(&scratch);
    return status;
}

enum corong_status query_sessions_run(struct store_snapshot *snapshot,
                                      const struct query_sessions *query, struct arena *arena,
                                      struct query_sessions_result *result_out,
                                      struct corong_error *error)
{
    int64_t start_us = clock_monotonic_us();
    struct sessions_run run = {.query = query, .tasks = query_tasks_create(&query->limits)};
    enum corong_status status = prepare(&run, snapshot, error);
    if (status == CORONG_OK) {
        start_workers(&run);
        status = run_workers(&run, arena, result_out, error);
        if (status == CORONG_OK) {
            seal(&run, snapshot, start_us, result_out);
        }
        stop_workers(&run);
        query_plan_deinit(&run.plan);
    }
    query_tasks_destroy(run.tasks);
    return status;
}
