// SPDX-License-Identifier: Apache-2.0
#include "tests/cases/case_levels.h"

#include "storage/base/memory.h"

struct levels_answer {
    json_t *levels;
    json_t *matched;
    int64_t unit_us;
};

static void visit_user(void *context, uint8_t user_namespace, struct text user_id, uint32_t level,
                       const int64_t *matched_us, bool open)
{
    (void)user_namespace;
    (void)open;
    struct levels_answer *answer = context;
    char *user = memory_copy_string(user_id.bytes, user_id.size);
    json_t *times = json_array();
    for (uint32_t step = 0; step < level; step++) {
        json_array_append_new(times, json_integer(matched_us[step] / answer->unit_us));
    }
    json_object_set_new(answer->levels, user, json_integer(level));
    json_object_set_new(answer->matched, user, times);
    memory_free(user);
}

struct query_funnel case_levels_question(void)
{
    return (struct query_funnel){
        .funnel = {.name = TEXT_LITERAL("case")},
        .range = {QUERY_TIME_NONE, QUERY_TIME_NONE},
        .as_of_us = QUERY_TIME_NONE,
        .limits = {.thread_count = 1},
    };
}

static json_t *counts_of(const struct query_funnel_result *result, uint32_t step_count)
{
    json_t *reached = json_array();
    for (uint32_t step = 0; step < step_count; step++) {
        json_array_append_new(reached, json_integer((json_int_t)result->total.steps[step].reached));
    }
    return reached;
}

enum corong_status case_levels_answer(struct case_run *run, const struct query_funnel *query)
{
    struct levels_answer answer = {json_object(), json_object(), run->unit_us};
    struct query_funnel_result result;
    json_object_set_new(run->line, "levels_by_user", answer.levels);
    json_object_set_new(run->line, "matched_ts_by_user", answer.matched);
    TRY(query_funnel_users(run->store, query, visit_user, &answer, &run->error));
    TRY(query_funnel_run(run->store, query, run->arena, &result, &run->error));
    case_kind_add_absent(run, answer.levels, json_integer(0));
    case_kind_add_absent(run, answer.matched, json_array());
    json_object_set_new(run->line, "step_counts", counts_of(&result, query->funnel.step_count));
    return CORONG_OK;
}
