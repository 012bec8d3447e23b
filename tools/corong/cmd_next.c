// SPDX-License-Identifier: Apache-2.0
#include "engine/query/next/next.h"
#include "tools/corong/console.h"
#include "tools/corong/people_question.h"
#include "tools/corong/query_object.h"
#include "tools/corong/question.h"
#include "tools/corong/question_funnel.h"
#include "tools/corong/repeat.h"
#include "tools/report/report.h"

/// The attempts that --reached, --dropped, --open, --lost or --won names.
static enum corong_status take_cell(const struct options *options, struct next_question *question,
                                    struct corong_error *error)
{
    static const enum next_kind KINDS[] = {[PEOPLE_CELL_REACHED] = NEXT_REACHED,
                                           [PEOPLE_CELL_DROPPED] = NEXT_DROPPED,
                                           [PEOPLE_CELL_OPEN] = NEXT_OPEN,
                                           [PEOPLE_CELL_LOST] = NEXT_LOST,
                                           [PEOPLE_CELL_WON] = NEXT_WON};
    struct people_cell cell;
    TRY(people_question_cell(options, question->funnel, &cell, error));
    question->kind = KINDS[cell.kind];
    question->step = cell.step;
    return CORONG_OK;
}

/// A question that may be asked again.
struct next_repeat {
    struct store_snapshot *snapshot;
    const struct next_question *question;
};

static enum corong_status ask_again(void *context, struct arena *arena,
                                    struct query_provenance *provenance_out,
                                    struct corong_error *error)
{
    const struct next_repeat *asked = context;
    struct next_result result;
    TRY(next_run(asked->snapshot, asked->question, arena, &result, error));
    *provenance_out = result.provenance;
    return CORONG_OK;
}

static enum corong_status answer(const struct options *options, struct store_snapshot *snapshot,
                                 const struct next_question *question, struct next_result *result,
                                 struct corong_error *error)
{
    struct next_repeat again = {snapshot, question};
    TRY(next_run(snapshot, question, options->arena, result, error));
    return repeat_ask(options, ask_again, &again, &result->provenance, error);
}

static enum exit_code ask(const struct options *options, const struct config *config,
                          struct store_snapshot *snapshot)
{
    struct corong_error error = {0};
    struct query_funnel funnel;
    struct next_result result;
    struct next_question question = {
        .funnel = &funnel,
        .show = options->values[OPTION_SHOW].text,
        .depth = (uint32_t)options_number(options, OPTION_DEPTH, 1),
        .top = (uint32_t)options_number(options, OPTION_TOP, QUERY_TOP_DEFAULT),
    };
    if (question_funnel(options, config, snapshot, &funnel, &error) != CORONG_OK ||
        take_cell(options, &question, &error) != CORONG_OK) {
        return console_fail(&error);
    }
    if (options_given(options, OPTION_PRINT_QUERY)) {
        return query_object_print(options, config, &funnel.funnel);
    }
    struct cache *cache = repeat_cache(options, snapshot, &funnel.limits);
    enum corong_status status = answer(options, snapshot, &question, &result, &error);
    cache_destroy(cache);
    if (status != CORONG_OK) {
        return console_fail(&error);
    }
    struct text_buffer out = {0};
    struct report_style style = query_object_style(options, config, &funnel.funnel);
    report_next(&question, &result, &style, &out);
    return console_write(stdout, &out);
}

enum exit_code cmd_next(const struct options *options)
{
    return question_run(options, ask);
}
