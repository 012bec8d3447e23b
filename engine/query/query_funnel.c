// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_funnel.h"

#include "engine/dialect/dialect.h"
#include "engine/query/query_digest.h"
#include "engine/query/query_outcome.h"
#include "engine/query/query_session_rule.h"
#include "engine/query/query_units.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"

#include <string.h>

#define CHARGE_EVERY 1024u
#define CHARGE_SIZE (UINT64_C(1) << 20)

/// One worker and what it adds up.
struct funnel_worker {
    struct query_units units;
    struct query_part part;
    uint32_t since_charge; ///< attempts since memory was booked
    uint64_t charged_bytes;
};

struct funnel_run {
    const struct query_funnel *query;
    struct query_plan plan;
    struct query_tasks *tasks;
    struct query_funnel_asked asked;
    struct funnel_worker *workers;
    uint32_t worker_count;
};

static enum corong_status check_query(const struct query_funnel *query, struct corong_error *error)
{
    TRY(dialect_check(&query->funnel, error));
    TRY(funnel_check(&query->funnel, error));
    if (query->by_count > QUERY_SLICE_ATTRIBUTE_COUNT_MAX) {
        return error_set(error, CORONG_INVALID, "%u slice attributes are asked for, at most %u",
                         query->by_count, QUERY_SLICE_ATTRIBUTE_COUNT_MAX);
    }
    const struct query_range *range = &query->range;
    if (range->to_us != QUERY_TIME_NONE && range->from_us > range->to_us) {
        return error_set(error, CORONG_INVALID, "the range ends before it begins");
    }
    if (query->session_timeout_us < 0 || query->session_timeout_us > MICROSECONDS_PER_DAY) {
        return error_set(error, CORONG_INVALID, "the session timeout is not within 0 and 24 h");
    }
    return CORONG_OK;
}

/// Rows that can matter: entries lie in the range, completion follows within the window; where
/// sessions count, their bounds must be seen too.
static struct query_range rows_of(const struct query_funnel *query)
{
    struct query_range rows = query->range;
    int64_t timeout_us =
        query->session_timeout_us == 0 ? SESSION_TIMEOUT_DEFAULT_US : query->session_timeout_us;
    bool sessions = query->funnel.unit == FUNNEL_UNIT_SESSION || query->funnel.window_session;
    if (rows.to_us == QUERY_TIME_NONE) {
        rows.to_us = INT64_MAX;
    } else if (query->funnel.range_inside && !sessions) {
        rows.to_us = query_time_add(rows.to_us, -1);
    } else {
        rows.to_us = query_time_add(rows.to_us, sessions ? QUERY_SESSION_LOOK_AHEAD_US
                                                         : query->funnel.window_us);
    }
    if (rows.from_us != QUERY_TIME_NONE && sessions) {
        rows.from_us = query_time_add(rows.from_us, -QUERY_SESSION_LOOK_BACK_US(timeout_us));
    }
    return rows;
}

/// True where some row of the store has an amount.
static bool has_money(const struct store_snapshot *snapshot)
{
    int64_t least;
    int64_t largest;
    uint32_t count = store_snapshot_segment_count(snapshot);
    for (uint32_t i = 0; i < count; i++) {
        const struct segment_reader *reader = store_snapshot_segment(snapshot, i);
        uint32_t groups = segment_reader_group_count(reader);
        for (uint32_t g = 0; g < groups; g++) {
            if (segment_reader_column_zone(reader, g, COLUMN_AMOUNT, &least, &largest)) {
                return true;
            }
        }
    }
    return false;
}

/// The steps and, behind them, the exclusions and what a dialect wants to see, which the matcher
/// takes for further bits.
static const struct stage *stages_of(const struct query_funnel *query, struct stage *stages)
{
    const struct funnel *funnel = &query->funnel;
    bool every_event = dialect_needs_of(funnel).every_event;
    if (funnel->exclusion_count == 0 && !every_event) {
        return funnel->steps;
    }
    memcpy(stages, funnel->steps, funnel->step_count * sizeof(*stages));
    for (uint32_t i = 0; i < funnel->exclusion_count; i++) {
        stages[funnel->step_count + i] = funnel->exclusions[i].stage;
    }
    if (every_event) {
        stages[dialect_seen_step(funnel)] = (struct stage){.name = TEXT_LITERAL("every event")};
    }
    return stages;
}

/// Which of them `where` hides no event from: the exclusions.
static uint32_t not_hidden(const struct funnel *funnel)
{
    return (uint32_t)((UINT64_C(1) << dialect_seen_step(funnel)) -
                      (UINT64_C(1) << funnel->step_count));
}

enum corong_status query_funnel_ask(struct store_snapshot *snapshot,
                                    const struct query_funnel *query,
                                    struct query_funnel_asked *asked, struct query_ask *ask_out,
                                    struct corong_error *error)
{
    TRY(check_query(query, error));
    const struct schema *schema = store_snapshot_schema(snapshot);
    for (uint32_t i = 0; i < query->by_count; i++) {
        TRY_IN(query_plan_attribute(schema, query->by[i], &asked->columns[i], error), error, "by");
    }
    *ask_out = (struct query_ask){
        .steps = stages_of(query, asked->stages),
        .step_count = dialect_seen_step(&query->funnel) +
                      (dialect_needs_of(&query->funnel).every_event ? 1 : 0),
        .where = query->where,
        .not_hidden = not_hidden(&query->funnel),
        .rows = rows_of(query),
        .as_of_us = query->as_of_us,
        .order = QUERY_ORDER_STEPS,
        .every_row = query->funnel.unit == FUNNEL_UNIT_SESSION || query->funnel.window_session,
        .money = has_money(snapshot),
        .columns = asked->columns,
        .column_count = query->by_count,
    };
    return CORONG_OK;
}

/// Books what the worker's sums have grown by.
static enum corong_status charge(struct funnel_worker *worker, struct corong_error *error)
{
    uint64_t bytes =
        query_tally_bytes(&worker->part.tally) + query_slices_bytes(&worker->part.slices);
    uint64_t grown = bytes - worker->charged_bytes;
    worker->charged_bytes = bytes;
    worker->since_charge = 0;
    return grown == 0
               ? CORONG_OK
               : query_tasks_charge(worker->units.tasks, grown, "slices and durations", error);
}

/// Adds the amounts of the matched events.
static enum corong_status add_money(struct funnel_worker *worker,
                                    const struct query_attempt *attempt, uint32_t slice,
                                    struct corong_error *error)
{
    for (uint32_t made = attempt->made; made != 0; made &= made - 1) {
        uint32_t k = (uint32_t)__builtin_ctz(made);
        const struct row_group *rows;
        struct query_place place = attempt->places[k];
        TRY(query_units_look(&worker->units, place, &rows, error));
        const struct column_packed *amounts = &rows->packed[COLUMN_AMOUNT];
        int64_t amount =
            amounts->exists ? column_packed_integer(amounts, place.row) : COLUMN_INTEGER_MISSING;
        if (amount == COLUMN_INTEGER_MISSING) {
            continue;
        }
        struct query_money_key key = {.slice = slice, .step = k};
        TRY(query_slices_currency(&worker->part.slices, &worker->units.cursor.sources[place.source],
                                  rows, place.row, &key.currency, error));
        query_tally_money(&worker->part.tally, &key, amount);
    }
    return CORONG_OK;
}

static enum corong_status report(void *context, struct query_units *units,
                                 const struct query_attempt *attempt, struct corong_error *error)
{
    struct funnel_worker *worker = context;
    struct query_place entry = query_attempt_entry(attempt);
    uint32_t slice = 0;
    if (worker->part.slices.count > 0) {
        const struct row_group *rows;
        TRY(query_units_look(units, entry, &rows, error));
        TRY(query_slices_at(&worker->part.slices, &units->cursor.sources[entry.source], rows,
                            entry.row, &slice, error));
    }
    query_tally_attempt(&worker->part.tally, slice, attempt);
    if (units->plan->ask.money) {
        TRY(add_money(worker, attempt, slice, error));
    }
    // Values may be long: a thousand of them between two charges would be too many.
    uint64_t value_bytes = worker->part.slices.values.arena.used_bytes;
    bool due =
        ++worker->since_charge >= CHARGE_EVERY || value_bytes > worker->charged_bytes + CHARGE_SIZE;
    return due ? charge(worker, error) : CORONG_OK;
}

static enum corong_status work_task(void *context, uint32_t worker, uint32_t index,
                                    struct corong_error *error)
{
    struct funnel_run *run = context;
    TRY(query_units_task(&run->workers[worker].units, index, error));
    return charge(&run->workers[worker], error);
}

static void start_workers(struct funnel_run *run)
{
    run->worker_count = query_tasks_thread_count(run->tasks);
    run->workers = memory_allocate_zeroed(run->worker_count, sizeof(*run->workers));
    for (uint32_t i = 0; i < run->worker_count; i++) {
        struct funnel_worker *worker = &run->workers[i];
        query_units_init(&worker->units, &run->plan, run->query, run->tasks, report, worker);
        query_slices_init(&worker->part.slices, &run->plan, run->asked.columns,
                          run->query->by_count);
        query_tally_init(&worker->part.tally, &run->plan, run->query->funnel.step_count);
    }
}

static void stop_workers(struct funnel_run *run)
{
    for (uint32_t i = 0; i < run->worker_count; i++) {
        query_units_deinit(&run->workers[i].units);
        query_slices_deinit(&run->workers[i].part.slices);
        query_tally_deinit(&run->workers[i].part.tally);
    }
    memory_free(run->workers);
}

static enum corong_status fill_result(struct funnel_run *run, struct arena *arena,
                                      struct query_funnel_result *result_out,
                                      struct corong_error *error)
{
    struct query_part *parts[QUERY_THREAD_COUNT_MAX];
    for (uint32_t i = 0; i < run->worker_count; i++) {
        parts[i] = &run->workers[i].part;
    }
    struct query_outcome outcome = {.query = run->query,
                                    .tasks = run->tasks,
                                    .parts = parts,
                                    .part_count = run->worker_count,
                                    .arena = arena};
    return query_outcome_fill(&outcome, result_out, error);
}

void query_funnel_describe(const struct query_funnel *query, const struct query_plan *plan,
                           struct text_buffer *out)
{
    int64_t timeout_us =
        query->session_timeout_us == 0 ? SESSION_TIMEOUT_DEFAULT_US : query->session_timeout_us;
    funnel_describe(&query->funnel, out);
    query_digest_range(out, &query->range);
    query_digest_filter(out, plan->where);
    for (uint32_t i = 0; i < query->by_count; i++) {
        query_digest_text(out, "by", query->by[i]);
    }
    query_digest_integer(out, "top", query->top == 0 ? QUERY_TOP_DEFAULT : query->top);
    query_digest_integer(out, "session", timeout_us);
}

static void seal(const struct funnel_run *run, struct store_snapshot *snapshot, int64_t start_us,
                 struct query_funnel_result *result)
{
    struct query_work work = {.start_us = start_us, .thread_count = run->worker_count};
    for (uint32_t i = 0; i < run->worker_count; i++) {
        query_units_add_work(&run->workers[i].units, &work);
    }
    query_digest_provenance(&run->plan, snapshot, &work, &result->provenance);
    struct text_buffer definition = {0};
    struct text_buffer bytes = {0};
    query_digest_text(&definition, "question", TEXT_LITERAL("funnel"));
    query_funnel_describe(run->query, &run->plan, &definition);
    query_digest_funnel(&bytes, result, run->query->funnel.step_count, run->query->by_count);
    query_digest_seal(&result->provenance, (struct text){definition.bytes, definition.size},
                      (struct text){bytes.bytes, bytes.size});
    text_buffer_deinit(&definition);
    text_buffer_deinit(&bytes);
}

enum corong_status query_funnel_run(struct store_snapshot *snapshot,
                                    const struct query_funnel *query, struct arena *arena,
                                    struct query_funnel_result *result_out,
                                    struct corong_error *error)
{
    int64_t start_us = clock_monotonic_us();
    struct funnel_run run = {.query = query};
    struct query_ask ask;
    TRY(query_funnel_ask(snapshot, query, &run.asked, &ask, error));
    run.tasks = query_tasks_create(&query->limits);
    ask.tasks = run.tasks;
    enum corong_status status =
        query_plan_init(&run.plan, snapshot, &ask, query_tasks_thread_count(run.tasks), error);
    if (status == CORONG_OK) {
        start_workers(&run);
        status = query_tasks_run(run.tasks, run.plan.task_count, work_task, &run, error);
        if (status == CORONG_OK) {
            status = fill_result(&run, arena, result_out, error);
        }
        if (status == CORONG_OK) {
            seal(&run, snapshot, start_us, result_out);
        }
        stop_workers(&run);
        query_plan_deinit(&run.plan);
    }
    query_tasks_destroy(run.tasks);
    return status;
}
