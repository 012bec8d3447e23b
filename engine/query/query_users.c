// SPDX-License-Identifier: Apache-2.0
/// The users behind a funnel's numbers, in order of their keys: one worker, so that visits are
/// serial.
#include "engine/query/query_funnel.h"
#include "engine/query/query_units.h"

struct users_run {
    struct query_units units;
    void (*visit)(void *context, uint8_t user_namespace, struct text user_id, uint32_t level,
                  const int64_t *matched_us, bool open);
    void *context;
};

static enum corong_status report(void *context, struct query_units *units,
                                 const struct query_attempt *attempt, struct corong_error *error)
{
    (void)error;
    struct users_run *run = context;
    struct text id = {units->user_id.bytes == NULL ? "" : units->user_id.bytes,
                      units->user_id.size};
    int64_t matched_us[FUNNEL_STEP_COUNT_MAX];
    for (uint32_t k = 0; k < attempt->level; k++) {
        bool made = (attempt->made >> k & 1) != 0;
        matched_us[k] = made ? attempt->matched_us[k] : QUERY_TIME_NONE;
    }
    run->visit(run->context, units->user_namespace, id, attempt->level, matched_us, attempt->open);
    return CORONG_OK;
}

static enum corong_status run_task(void *context, uint32_t worker, uint32_t index,
                                   struct corong_error *error)
{
    (void)worker;
    struct users_run *run = context;
    return query_units_task(&run->units, index, error);
}

enum corong_status
query_funnel_users(struct store_snapshot *snapshot, const struct query_funnel *query,
                   void (*visit)(void *context, uint8_t user_namespace, struct text user_id,
                                 uint32_t level, const int64_t *matched_us, bool open),
                   void *context, struct corong_error *error)
{
    struct users_run run = {.visit = visit, .context = context};
    struct query_plan plan;
    struct query_ask ask;
    struct query_funnel_asked asked;
    TRY(query_funnel_ask(snapshot, query, &asked, &ask, error));
    ask.ids = true;
    ask.money = false;
    ask.column_count = ask.history ? ask.column_count : 0;
    struct query_limits limits = query->limits;
    limits.thread_count = 1;
    struct query_tasks *tasks = query_tasks_create(&limits);
    ask.tasks = tasks;
    enum corong_status status = query_plan_init(&plan, snapshot, &ask, 1, error);
    if (status == CORONG_OK) {
        query_units_init(&run.units, &plan, query, tasks, report, &run);
        status = query_tasks_run(tasks, plan.task_count, run_task, &run, error);
        query_units_deinit(&run.units);
        query_plan_deinit(&plan);
    }
    query_tasks_destroy(tasks);
    return status;
}
