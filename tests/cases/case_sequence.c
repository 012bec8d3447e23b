// SPDX-License-Identifier: Apache-2.0
// Vectors of ClickHouse's sequenceMatch, sequenceCount and sequenceMatchEvents. Their times have no
// unit, so the numbers of a pattern count what the times count.
#include "engine/query/query.h"
#include "storage/base/memory.h"
#include "tests/cases/case_kind.h"
#include "tests/cases/case_step.h"

#include <string.h>

struct sequence_answer {
    json_t *matches;
    json_t *counts;
    json_t *longest;
    int64_t unit_us;
};

static bool takes(const struct case_run *run)
{
    return strncmp(case_kind_word(run, "function"), "sequence", 8) == 0;
}

static void visit(void *context, const struct query_pattern_user *user)
{
    struct sequence_answer *answer = context;
    char *name = memory_copy_string(user->id.bytes, user->id.size);
    json_t *times = json_array();
    for (uint32_t i = 0; i < user->longest_count; i++) {
        json_array_append_new(times, json_integer(user->longest_us[i] / answer->unit_us));
    }
    json_object_set_new(answer->matches, name, json_integer(user->matches));
    json_object_set_new(answer->longest, name, times);
    if (user->counted) {
        json_object_set_new(answer->counts, name, json_integer((json_int_t)user->count));
    }
    memory_free(name);
}

static enum corong_status answer(struct case_run *run)
{
    struct sequence_answer answer = {json_object(), json_object(), json_object(), run->unit_us};
    struct query_pattern_result result;
    struct stage *steps;
    struct query_pattern query = {.pattern = text_from(case_kind_word(run, "pattern")),
                                  .unit_us = run->unit_us,
                                  .range = {QUERY_TIME_NONE, QUERY_TIME_NONE},
                                  .as_of_us = QUERY_TIME_NONE};
    json_object_set_new(run->line, "match_by_user", answer.matches);
    json_object_set_new(run->line, "count_by_user", answer.counts);
    json_object_set_new(run->line, "match_ts_by_user", answer.longest);
    TRY(case_step_build_all(json_object_get(run->funnel, "steps"), run->arena, &steps,
                            &query.step_count, &run->error));
    query.steps = steps;
    TRY(query_pattern_run(run->store, &query, visit, &answer, &result, &run->error));
    case_kind_add_absent(run, answer.matches, json_integer(0));
    case_kind_add_absent(run, answer.longest, json_array());
    return CORONG_OK;
}

const struct case_kind case_sequence_kind = {.takes = takes, .answer = answer, .in_order = true};
