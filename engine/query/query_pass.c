// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_pass.h"

#include "engine/query/memo/memo.h"
#include "storage/base/memory.h"

enum corong_status query_pass_open(struct query_pass *pass, struct store_snapshot *snapshot,
                                   const struct query_funnel *query,
                                   const struct query_pass_calls *calls,
                                   const struct query_pass_options *options,
                                   struct corong_error *error)
{
    *pass = (struct query_pass){.query = query,
                                .calls = calls,
                                .buckets = options->buckets,
                                .brief = options->brief,
                                .context = options->context};
    struct query_ask ask;
    TRY(query_funnel_ask(snapshot, query, &pass->asked, &ask, error));
    pass->tasks = query_tasks_create(&query->limits);
    ask.tasks = pass->tasks;
    ask.column_count = options->no_slices ? 0 : ask.column_count;
    ask.money = ask.money && !options->no_money;
    ask.no_texts = options->no_texts;
    if (options->trail_column != NULL) {
        ask.columns = options->trail_column;
        ask.column_count = 1;
        ask.every_row = true;
        ask.order = QUERY_ORDER_ALL;
    }
    uint32_t threads = query_tasks_thread_count(pass->tasks);
    enum corong_status status = query_plan_init(&pass->plan, snapshot, &ask, threads, error);
    if (status != CORONG_OK) {
        query_tasks_destroy(pass->tasks);
    }
    return status;
}

static enum corong_status work_task(void *context, uint32_t worker, uint32_t index,
                                    struct corong_error *error)
{
    struct query_pass *pass = context;
    struct query_pass_worker *at = &pass->workers[worker];
    TRY(query_units_task(&at->units, index, error));
    return pass->calls->settle == NULL ? CORONG_OK
                                       : pass->calls->settle(at->state, &at->units, error);
}

/// Lets the workers go on from what was found the last time, and keep what they find.
static void remember(struct query_pass *pass)
{
    if (!pass->brief || pass->buckets != NULL || pass->workers[0].units.block == NULL ||
        pass->plan.ask.unit_column_count > 0) {
        return;
    }
    pass->memo = query_memo_begin(&pass->plan, pass->query, pass->worker_count);
    for (uint32_t i = 0; i < pass->worker_count && pass->memo != NULL; i++) {
        struct query_units *units = &pass->workers[i].units;
        units->hand = query_memo_hand(pass->memo, i);
        query_block_remember(units->block, units->hand);
    }
}

enum corong_status query_pass_run(struct query_pass *pass, struct corong_error *error)
{
    pass->worker_count = query_tasks_thread_count(pass->tasks);
    pass->workers = memory_allocate_zeroed(pass->worker_count, sizeof(*pass->workers));
    for (uint32_t i = 0; i < pass->worker_count; i++) {
        struct query_pass_worker *worker = &pass->workers[i];
        worker->state = memory_allocate_zeroed(1, pass->calls->state_size);
        pass->calls->init(pass, worker->state);
        query_units_init(&worker->units, &pass->plan, pass->query, pass->tasks, pass->calls->report,
                         worker->state);
        worker->units.brief = pass->brief ? pass->calls->brief : NULL;
        worker->units.note = pass->calls->note;
        if (pass->calls->trail != NULL) {
            query_units_follow(&worker->units, pass->calls->trail(worker->state));
        }
        if (pass->buckets != NULL) {
            query_units_by_bucket(&worker->units, pass->buckets);
        }
    }
    remember(pass);
    enum corong_status status =
        query_tasks_run(pass->tasks, pass->plan.task_count, work_task, pass, error);
    pass->succeeded = status == CORONG_OK;
    return status;
}

void query_pass_close(struct query_pass *pass)
{
    query_memo_end(pass->memo, pass->succeeded);
    for (uint32_t i = 0; i < pass->worker_count; i++) {
        query_units_deinit(&pass->workers[i].units);
        pass->calls->deinit(pass->workers[i].state);
        memory_free(pass->workers[i].state);
    }
    memory_free(pass->workers);
    query_plan_deinit(&pass->plan);
    query_tasks_destroy(pass->tasks);
}
