// SPDX-License-Identifier: Apache-2.0
// Vectors of our own rules.
#include "tests/cases/case_levels.h"
#include "tests/cases/case_step.h"

#include <string.h>

static bool takes(const struct case_run *run)
{
    return strcmp(run->peer, "ours") == 0 && strcmp(case_kind_word(run, "function"), "funnel") == 0;
}

static enum corong_status answer(struct case_run *run)
{
    struct query_funnel query = case_levels_question();
    struct funnel *funnel = &query.funnel;
    const json_t *window = json_object_get(run->funnel, "window_ms");
    if (strcmp(case_kind_word(run, "order"), "ordered") != 0 ||
        !case_kind_lacks(run, "exclusions") || !case_kind_lacks(run, "breakdown")) {
        return error_set(&run->error, CORONG_UNSUPPORTED, "more than steps and a window");
    }
    funnel->window_us =
        json_is_null(window) ? FUNNEL_WINDOW_NONE : json_integer_value(window) * run->unit_us;
    funnel->ties =
        strcmp(case_kind_word(run, "ties"), "strict") == 0 ? FUNNEL_TIES_STRICT : FUNNEL_TIES_ANY;
    TRY(case_step_build_all(json_object_get(run->funnel, "steps"), run->arena, &funnel->steps,
                            &funnel->step_count, &run->error));
    return case_levels_answer(run, &query);
}

const struct case_kind case_funnel_kind = {.takes = takes, .answer = answer};
