// SPDX-License-Identifier: Apache-2.0
/// Users whose events contain a pattern.
#include "engine/pattern/pattern.h"
#include "engine/query/query_cursor.h"
#include "engine/query/query_digest.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"

#define CAPACITY_MIN 1024u

struct pattern_run {
    const struct query_pattern *query;
    query_pattern_visit *visit;
    void *context;
    struct pattern pattern;
    struct query_plan plan;
    struct query_tasks *tasks;
    struct pattern_worker *workers;
    uint32_t worker_count;
};

/// One worker, the events of its present user and what it adds up.
struct pattern_worker {
    struct pattern_run *run;
    struct query_cursor cursor;
    struct query_reading reading;
    struct pattern_scratch scratch;
    struct pattern_event *events;
    uint32_t event_count;
    uint32_t event_capacity;
    struct query_pattern_result sums;
    uint64_t users_read;
    uint64_t matched;
    uint64_t after_as_of;
};

static enum corong_status add_event(struct pattern_worker *worker, int64_t time_us,
                                    uint32_t conditions, struct corong_error *error)
{
    if (worker->event_count == worker->event_capacity) {
        uint32_t capacity = worker->event_capacity == 0 ? CAPACITY_MIN : worker->event_capacity * 2;
        uint64_t grown = (uint64_t)(capacity - worker->event_capacity) * sizeof(worker->events[0]);
        TRY(query_tasks_charge(worker->run->tasks, grown, "the events of one user", error));
        worker->events = memory_resize_array(worker->events, capacity, sizeof(worker->events[0]));
        worker->event_capacity = capacity;
    }
    worker->events[worker->event_count++] = (struct pattern_event){time_us, conditions};
    return CORONG_OK;
}

static enum corong_status add_rows(void *context, struct query_source *source, uint32_t begin,
                                   uint32_t end, struct corong_error *error)
{
    struct pattern_worker *worker = context;
    const struct query_plan *plan = &worker->run->plan;
    for (uint32_t row = begin; row < end; row++) {
        int64_t time_us = query_source_time(source, row);
        uint32_t conditions = (uint32_t)query_source_steps(source, row);
        if (time_us > plan->as_of_us) {
            worker->after_as_of++;
        } else if (conditions != 0 && time_us >= plan->ask.rows.from_us &&
                   time_us <= plan->ask.rows.to_us) {
            TRY(add_event(worker, time_us, conditions, error));
        }
    }
    return CORONG_OK;
}

/// The id of the user at whom the cursor stands; valid until it moves on.
static struct text user_id(const struct pattern_worker *worker, uint8_t *user_namespace_out)
{
    const struct query_source *source = &worker->cursor.sources[worker->cursor.parts[0]];
    const struct row_group *rows = &source->rows;
    uint32_t start = rows->id_offsets[source->user];
    *user_namespace_out = rows->user_flags[source->user] & USER_NAMESPACE_MASK;
    return (struct text){rows->id_bytes + start, rows->id_offsets[source->user + 1] - start};
}

static enum corong_status tell(struct pattern_worker *worker, struct query_pattern_user *user,
                               struct corong_error *error)
{
    uint32_t matched[PATTERN_ACTION_COUNT_MAX];
    int64_t times_us[PATTERN_ACTION_COUNT_MAX];
    TRY(pattern_longest(&worker->run->pattern, &worker->scratch, worker->events,
                        worker->event_count, matched, &user->longest_count, error));
    for (uint32_t i = 0; i < user->longest_count; i++) {
        times_us[i] = worker->events[matched[i]].time_us;
    }
    user->longest_us = times_us;
    worker->run->visit(worker->run->context, user);
    return CORONG_OK;
}

/// Asks the pattern about the gathered events.
static enum corong_status answer_user(struct pattern_worker *worker,
                                      struct query_pattern_user *user, struct corong_error *error)
{
    const struct pattern *pattern = &worker->run->pattern;
    TRY(pattern_match(pattern, &worker->scratch, worker->events, worker->event_count,
                      &user->matches, error));
    user->counted = pattern_count(pattern, &worker->scratch, worker->events, worker->event_count,
                                  &user->count, NULL) == CORONG_OK;
    worker->matched += worker->event_count;
    worker->sums.users++;
    worker->sums.matching += user->matches;
    worker->sums.matches += user->counted ? user->count : 0;
    worker->sums.uncounted += !user->counted;
    return worker->run->visit == NULL ? CORONG_OK : tell(worker, user, error);
}

static enum corong_status run_user(struct pattern_worker *worker, struct corong_error *error)
{
    struct query_pattern_user user = {0};
    struct text_buffer id = {0};
    worker->users_read++;
    worker->event_count = 0;
    if (worker->run->visit != NULL) {
        // Its row group may be gone once its rows are read.
        text_buffer_append_text(&id, user_id(worker, &user.user_namespace));
        user.id = (struct text){id.bytes == NULL ? "" : id.bytes, id.size};
    }
    enum corong_status status = query_cursor_rows(&worker->cursor, add_rows, worker, error);
    if (status == CORONG_OK && worker->event_count > 0) {
        status = answer_user(worker, &user, error);
    }
    text_buffer_deinit(&id);
    return status;
}

static enum corong_status run_task(void *context, uint32_t which, uint32_t index,
                                   struct corong_error *error)
{
    struct pattern_run *run = context;
    struct pattern_worker *worker = &run->workers[which];
    int64_t start_us = clock_monotonic_us();
    int64_t read_before_us = worker->reading.read_us;
    TRY(query_cursor_seek(&worker->cursor, index, error));
    while (query_cursor_next(&worker->cursor)) {
        TRY(run_user(worker, error));
    }
    worker->reading.match_us +=
        clock_monotonic_us() - start_us - (worker->reading.read_us - read_before_us);
    return CORONG_OK;
}

static enum corong_status start_workers(struct pattern_run *run, struct corong_error *error)
{
    run->worker_count = query_tasks_thread_count(run->tasks);
    run->workers = memory_allocate_zeroed(run->worker_count, sizeof(*run->workers));
    for (uint32_t i = 0; i < run->worker_count; i++) {
        run->workers[i].run = run;
        query_cursor_init(&run->workers[i].cursor, &run->plan, run->tasks,
                          &run->workers[i].reading);
    }
    return query_tasks_charge(run->tasks, run->worker_count * PATTERN_SCRATCH_BYTES_MAX,
                              "searching for the pattern", error);
}

static void stop_workers(struct pattern_run *run)
{
    for (uint32_t i = 0; i < run->worker_count; i++) {
        query_cursor_deinit(&run->workers[i].cursor);
        pattern_scratch_deinit(&run->workers[i].scratch);
        memory_free(run->workers[i].events);
    }
    memory_free(run->workers);
}

static void describe(const struct pattern_run *run, struct text_buffer *out)
{
    const struct query_pattern *query = run->query;
    query_digest_text(out, "question", TEXT_LITERAL("pattern"));
    query_digest_text(out, "pattern", query->pattern);
    query_digest_integer(out, "unit", query->unit_us);
    for (uint32_t k = 0; k < query->step_count; k++) {
        query_digest_text(out, "step", query->steps[k].name);
        for (uint32_t i = 0; i < query->steps[k].event_count; i++) {
            query_digest_text(out, "event", query->steps[k].events[i]);
        }
        query_digest_filter(out, run->plan.step_where[k]);
    }
    query_digest_range(out, &query->range);
    query_digest_filter(out, run->plan.where);
}

static void seal(const struct pattern_run *run, struct store_snapshot *snapshot,
                 const struct query_work *work, struct query_pattern_result *result)
{
    struct text_buffer definition = {0};
    struct text_buffer bytes = {0};
    query_digest_provenance(&run->plan, snapshot, work, &result->provenance);
    describe(run, &definition);
    query_digest_integer(&bytes, "users", (int64_t)result->users);
    query_digest_integer(&bytes, "matching", (int64_t)result->matching);
    query_digest_integer(&bytes, "matches", (int64_t)result->matches);
    query_digest_integer(&bytes, "uncounted", (int64_t)result->uncounted);
    query_digest_seal(&result->provenance, &definition, &bytes);
}

static void fill_result(const struct pattern_run *run, struct store_snapshot *snapshot,
                        int64_t start_us, struct query_pattern_result *result)
{
    struct query_work work = {.start_us = start_us, .thread_count = run->worker_count};
    *result = (struct query_pattern_result){0};
    for (uint32_t i = 0; i < run->worker_count; i++) {
        const struct pattern_worker *worker = &run->workers[i];
        result->users += worker->sums.users;
        result->matching += worker->sums.matching;
        result->matches += worker->sums.matches;
        result->uncounted += worker->sums.uncounted;
        work.after_as_of += worker->after_as_of;
        query_work_add(&work, &worker->reading);
        work.events_matched += worker->matched;
        work.users_read += worker->users_read;
    }
    seal(run, snapshot, &work, result);
}

static struct query_ask ask_of(const struct pattern_run *run)
{
    const struct query_pattern *query = run->query;
    int64_t to_us = query->range.to_us;
    return (struct query_ask){
        .steps = query->steps,
        .step_count = query->step_count,
        .where = query->where,
        .rows = {query->range.from_us,
                 to_us == QUERY_TIME_NONE ? INT64_MAX : query_time_add(to_us, -1)},
        .as_of_us = query->as_of_us,
        .order = QUERY_ORDER_STEPS,
        .ids = run->visit != NULL,
        .tasks = run->tasks,
    };
}

static enum corong_status check_query(const struct query_pattern *query, struct corong_error *error)
{
    if (query->step_count < 1 || query->step_count > FUNNEL_STEP_COUNT_MAX) {
        return error_set(error, CORONG_INVALID, "%u steps (1 to %u are allowed)", query->step_count,
                         FUNNEL_STEP_COUNT_MAX);
    }
    if (query->range.to_us != QUERY_TIME_NONE && query->range.from_us > query->range.to_us) {
        return error_set(error, CORONG_INVALID, "the range ends before it begins");
    }
    return CORONG_OK;
}

enum corong_status query_pattern_run(struct store_snapshot *snapshot,
                                     const struct query_pattern *query, query_pattern_visit *visit,
                                     void *context, struct query_pattern_result *result_out,
                                     struct corong_error *error)
{
    struct pattern_run run = {.query = query, .visit = visit, .context = context};
    int64_t start_us = clock_monotonic_us();
    int64_t unit_us = query->unit_us == 0 ? MICROSECONDS_PER_SECOND : query->unit_us;
    TRY(check_query(query, error));
    TRY(pattern_parse(query->pattern, query->step_count, unit_us, &run.pattern, error));
    struct query_limits limits = query->limits;
    limits.thread_count = visit == NULL ? limits.thread_count : 1;
    run.tasks = query_tasks_create(&limits);
    struct query_ask ask = ask_of(&run);
    enum corong_status status =
        query_plan_init(&run.plan, snapshot, &ask, query_tasks_thread_count(run.tasks), error);
    if (status == CORONG_OK) {
        status = start_workers(&run, error);
        if (status == CORONG_OK) {
            status = query_tasks_run(run.tasks, run.plan.task_count, run_task, &run, error);
        }
        if (status == CORONG_OK) {
            fill_result(&run, snapshot, start_us, result_out);
        }
        stop_workers(&run);
        query_plan_deinit(&run.plan);
    }
    query_tasks_destroy(run.tasks);
    return status;
}
