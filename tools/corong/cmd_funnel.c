// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/console.h"
#include "tools/corong/query_object.h"
#include "tools/corong/question.h"
#include "tools/corong/question_funnel.h"
#include "tools/corong/repeat.h"

static enum exit_code ask(const struct options *options, const struct config *config,
                          struct store_snapshot *snapshot)
{
    struct corong_error error = {0};
    struct query_funnel query;
    struct query_funnel_result result = {0};
    if (question_funnel(options, config, snapshot, &query, &error) != CORONG_OK) {
        return console_fail(&error);
    }
    if (options_given(options, OPTION_PRINT_QUERY)) {
        return query_object_print(options, config, &query.funnel);
    }
    if (query_funnel_run(snapshot, &query, options->arena, &result, &error) != CORONG_OK ||
        repeat_funnel(options, snapshot, &query, &result, &error) != CORONG_OK) {
        return console_fail(&error);
    }
    struct text_buffer out = {0};
    struct report_style style = console_style(options, stdout);
    report_funnel(&query, &result, &style, &out);
    return console_write(stdout, &out);
}

enum exit_code cmd_funnel(const struct options *options)
{
    return question_run(options, ask);
}
