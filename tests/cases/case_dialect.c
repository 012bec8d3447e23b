// SPDX-License-Identifier: Apache-2.0
// Vectors of the funnel functions of SQL engines: the dialect that bears the engine's name, with
// the vector's modes.
#include "engine/dialect/dialect.h"
#include "tests/cases/case_levels.h"
#include "tests/cases/case_step.h"

#include <string.h>

static bool takes(const struct case_run *run)
{
    const char *function = case_kind_word(run, "function");
    return strcmp(function, "windowFunnel") == 0 || strcmp(function, "window_funnel") == 0;
}

// "NAME:MODE,MODE", the way users write it. Doris has a word for no mode.
static void append_dialect(const struct case_run *run, struct text_buffer *out)
{
    size_t index;
    json_t *mode;
    const char *mark = ":";
    text_buffer_append_string(out, run->peer);
    json_array_foreach(json_object_get(run->funnel, "mode"), index, mode)
    {
        if (strcmp(json_string_value(mode), "default") != 0) {
            text_buffer_printf(out, "%s%s", mark, json_string_value(mode));
            mark = ",";
        }
    }
}

static enum corong_status answer(struct case_run *run)
{
    struct query_funnel query = case_levels_question();
    struct funnel *funnel = &query.funnel;
    struct text_buffer dialect = {0};
    const json_t *window = json_object_get(run->funnel, "window_ms");
    if (!case_kind_lacks(run, "exclusions") || !case_kind_lacks(run, "breakdown")) {
        return error_set(&run->error, CORONG_UNSUPPORTED, "more than steps and a window");
    }
    funnel->window_us = json_integer_value(window) * run->unit_us;
    TRY(case_step_build_all(json_object_get(run->funnel, "steps"), run->arena, &funnel->steps,
                            &funnel->step_count, &run->error));
    append_dialect(run, &dialect);
    struct text words = arena_copy_text(run->arena, (struct text){dialect.bytes, dialect.size});
    text_buffer_deinit(&dialect);
    TRY(dialect_parse(words, funnel, &run->error));
    TRY(dialect_apply(funnel, &run->error));
    return case_levels_answer(run, &query);
}

const struct case_kind case_dialect_kind = {.takes = takes, .answer = answer, .in_order = true};
