// SPDX-License-Identifier: Apache-2.0
/// The units behind a cell. All workers go through all users, each keeps the smallest rows of the
/// cell that fit into its share of memory; what was dropped comes in another pass.
#include "engine/query/people/people_attempt.h"
#include "engine/query/people/people_cell.h"
#include "engine/query/people/people_gather.h"
#include "engine/query/people/people_list.h"
#include "engine/query/people/people_unit.h"
#include "engine/query/query_funnel.h"
#include "storage/base/bytes.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"

struct users_worker {
    struct users_run *run;
    struct query_units units;
    struct people_fill fill;
    struct people_gather gather;
    struct people_rows *rows;
    struct people_unit unit;
    struct text_buffer row;
    uint64_t count;        ///< units of the cell
    struct hash128 digest; ///< sum over their rows
};

struct users_run {
    const struct people_users *query;
    struct query_tasks *tasks;
    struct query_funnel_asked asked;
    struct query_plan plan;
    struct people_gather_plan gathering;
    struct people_unit_shape shape;
    struct query_funnel_result listing; ///< OTHER: the answer that lists the others
    struct arena listed;
    struct users_worker *workers;
    uint32_t worker_count;
    bool again; ///< a pass after the first: count and digest are known
    struct people_users_result result;
    struct people_list list;
    const struct people_users_visitor *visitor;
    struct arena arena; ///< of the row in hand
};

static enum corong_status report(void *context, struct query_units *units,
                                 const struct query_attempt *attempt, struct corong_error *error)
{
    struct users_worker *worker = context;
    struct users_run *run = worker->run;
    struct people_unit *unit = &worker->unit;
    if (!people_cell_has(&run->query->cell, attempt)) {
        return CORONG_OK;
    }
    TRY(people_attempt_fill(&worker->fill, units, attempt, unit, error));
    if (!worker->fill.in_slice) {
        return CORONG_OK;
    }
    TRY(people_gather_between(&worker->gather, units->cursor.key, unit->entry_us,
                              people_attempt_end(unit), unit->gathered, error));
    unit->session_us = worker->gather.session.start_us;
    text_buffer_reset(&worker->row);
    people_unit_write(unit, &run->shape, &worker->row);
    struct text row = {worker->row.bytes, worker->row.size};
    if (!run->again) {
        worker->count++;
        worker->digest = hash128_add(worker->digest, hash_bytes128(row.bytes, row.size));
    }
    return people_rows_add(worker->rows, row, error);
}

static enum corong_status run_task(void *context, uint32_t worker, uint32_t index,
                                   struct corong_error *error)
{
    struct users_run *run = context;
    return query_units_task(&run->workers[worker].units, index, error);
}

static void start_workers(struct users_run *run)
{
    const struct people_users *query = run->query;
    run->worker_count = query_tasks_thread_count(run->tasks);
    people_list_init(&run->list, run->tasks, query->funnel->limits.memory_limit_bytes,
                     query->row_budget_bytes, query->row_count_max);
    run->workers = memory_allocate_zeroed(run->worker_count, sizeof(*run->workers));
    for (uint32_t i = 0; i < run->worker_count; i++) {
        struct users_worker *worker = &run->workers[i];
        worker->run = run;
        worker->fill.query = run->query->funnel;
        worker->fill.cell = &query->cell;
        worker->fill.listing = &run->listing;
        query_attribution_init(&worker->fill.attribution, query->funnel, run->asked.columns);
        query_units_init(&worker->units, &run->plan, run->query->funnel, run->tasks, report,
                         worker);
        people_gather_init(&worker->gather, &run->gathering, run->tasks);
        worker->rows = &run->list.rows[i];
    }
}

static void stop_workers(struct users_run *run)
{
    for (uint32_t i = 0; i < run->worker_count; i++) {
        struct users_worker *worker = &run->workers[i];
        query_units_deinit(&worker->units);
        people_gather_deinit(&worker->gather);
        arena_deinit(&worker->fill.arena);
        text_buffer_deinit(&worker->row);
    }
    people_list_deinit(&run->list);
    memory_free(run->workers);
}

static void describe(const struct users_run *run, struct text_buffer *out)
{
    const struct people_users *query = run->query;
    query_digest_text(out, "question", TEXT_LITERAL("users"));
    query_funnel_describe(query->funnel, out);
    people_cell_describe(&query->cell, query->funnel->by_count, out);
    for (uint32_t i = 0; i < query->gather_count; i++) {
        query_digest_text(out, "gather", query->gather[i]);
    }
}

/// What is known after the first pass.
static void seal(struct users_run *run, struct store_snapshot *snapshot, int64_t start_us)
{
    struct query_work work = {.start_us = start_us, .thread_count = run->worker_count};
    struct people_users_result *result = &run->result;
    struct hash128 digest = {0};
    for (uint32_t i = 0; i < run->worker_count; i++) {
        query_units_add_work(&run->workers[i].units, &work);
        result->count += run->workers[i].count;
        digest = hash128_add(digest, run->workers[i].digest);
    }
    query_digest_provenance(&run->plan, snapshot, &work, &result->provenance);
    struct text_buffer definition = {0};
    struct text_buffer bytes = {0};
    describe(run, &definition);
    text_buffer_append_u64(&bytes, result->count);
    text_buffer_append(&bytes, &digest, sizeof(digest));
    query_digest_seal(&result->provenance, &definition, &bytes);
}

static enum corong_status visit_row(void *context, struct text row, struct corong_error *error)
{
    struct users_run *run = context;
    struct people_unit unit;
    arena_reset(&run->arena);
    people_unit_read(row, &run->shape, &run->arena, &unit);
    return run->visitor->unit(run->visitor->context, &unit, error);
}

/// Passes until nothing is missing.
static enum corong_status run_passes(struct users_run *run, struct store_snapshot *snapshot,
                                     int64_t start_us, struct corong_error *error)
{
    bool more = true;
    while (more) {
        TRY(query_tasks_run(run->tasks, run->plan.task_count, run_task, run, error));
        if (!run->again) {
            seal(run, snapshot, start_us);
            TRY(run->visitor->begin(run->visitor->context, &run->result, error));
        }
        run->again = true;
        TRY(people_list_visit(&run->list, visit_row, run, &more, error));
    }
    return CORONG_OK;
}

/// The slices that the answer lists: those of `(other)` are in none of them.
static enum corong_status list_slices(struct users_run *run, struct store_snapshot *snapshot,
                                      struct corong_error *error)
{
    struct query_funnel_result *result = &run->listing;
    if (!run->query->cell.other) {
        return CORONG_OK;
    }
    TRY(query_funnel_run(snapshot, run->query->funnel, &run->listed, result, error));
    if (!result->has_other) {
        return error_set(error, CORONG_INVALID,
                         "the answer has no (other): all %u values are listed",
                         result->slice_count);
    }
    return CORONG_OK;
}

static enum corong_status prepare(struct users_run *run, struct store_snapshot *snapshot,
                                  struct corong_error *error)
{
    const struct people_users *query = run->query;
    struct query_ask ask;
    TRY(query_funnel_ask(snapshot, query->funnel, &run->asked, &ask, error));
    TRY(people_cell_check(&query->cell, query->funnel, error));
    TRY(list_slices(run, snapshot, error));
    ask.ids = true;
    ask.tasks = run->tasks;
    TRY(people_gather_plan_init(&run->gathering, snapshot, query->gather, query->gather_count,
                                query->funnel, run->tasks, error));
    run->shape = (struct people_unit_shape){.value_count = query->funnel->by_count,
                                            .unit_value_count = ask.unit_column_count,
                                            .gather_count = query->gather_count};
    enum corong_status status =
        query_plan_init(&run->plan, snapshot, &ask, query_tasks_thread_count(run->tasks), error);
    if (status != CORONG_OK) {
        people_gather_plan_deinit(&run->gathering);
    }
    return status;
}

enum corong_status people_users_run(struct store_snapshot *snapshot,
                                    const struct people_users *query,
                                    const struct people_users_visitor *visitor,
                                    struct corong_error *error)
{
    int64_t start_us = clock_monotonic_us();
    struct users_run run = {.query = query, .visitor = visitor};
    run.tasks = query_tasks_create(&query->funnel->limits);
    enum corong_status status = prepare(&run, snapshot, error);
    if (status == CORONG_OK) {
        start_workers(&run);
        status = run_passes(&run, snapshot, start_us, error);
        stop_workers(&run);
        people_gather_plan_deinit(&run.gathering);
        query_plan_deinit(&run.plan);
    }
    arena_deinit(&run.arena);
    arena_deinit(&run.listed);
    query_tasks_destroy(run.tasks);
    return status;
}
