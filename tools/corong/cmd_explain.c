// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/console.h"
#include "tools/corong/query_object.h"
#include "tools/corong/question.h"
#include "tools/corong/question_funnel.h"

/// How many events of the store each step takes; a question's `where` hides events from its steps.
static enum corong_status count_steps(const struct query_funnel *query,
                                      struct store_snapshot *snapshot, struct arena *arena,
                                      struct query_stages_result *steps,
                                      struct query_stages_result *names, struct corong_error *error)
{
    struct query_stages question = {
        .where = query->where,
        .as_of_us = query->as_of_us,
        .limits = query->limits,
    };
    question.range = (struct query_range){QUERY_TIME_NONE, QUERY_TIME_NONE};
    TRY(query_stages_run(snapshot, &question, arena, names, error));
    question.stages = query->funnel.steps;
    question.stage_count = query->funnel.step_count;
    return query_stages_run(snapshot, &question, arena, steps, error);
}

static enum exit_code ask(const struct options *options, const struct config *config,
                          struct store_snapshot *snapshot)
{
    struct corong_error error = {0};
    struct query_funnel query;
    struct query_stages_result steps = {0};
    struct query_stages_result names = {0};
    if (question_funnel(options, config, snapshot, &query, &error) != CORONG_OK) {
        return console_fail(&error);
    }
    if (options_given(options, OPTION_PRINT_QUERY)) {
        return query_object_print(options, config, &query.funnel);
    }
    if (snapshot != NULL &&
        count_steps(&query, snapshot, options->arena, &steps, &names, &error) != CORONG_OK) {
        return console_fail(&error);
    }
    struct report_explained seen = {snapshot == NULL ? NULL : &steps,
                                    snapshot == NULL ? NULL : &names};
    struct text_buffer out = {0};
    report_explain(&query, &seen, &out);
    return console_write(stdout, &out);
}

enum exit_code cmd_explain(const struct options *options)
{
    return question_run_anyway(options, ask);
}
