// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/console.h"
#include "tools/corong/query_object.h"
#include "tools/corong/question.h"
#include "tools/corong/settings.h"

static enum exit_code ask(const struct options *options, const struct config *config,
                          struct store_snapshot *snapshot)
{
    struct corong_error error = {0};
    struct query_sessions_result result = {0};
    uint32_t by_count = 0;
    if (options_given(options, OPTION_PRINT_QUERY)) {
        return query_object_print(options, config, NULL);
    }
    struct query_sessions query = {
        .range = question_range(options),
        .session_timeout_us = config->session_timeout_us,
        .top = (uint32_t)options_number(options, OPTION_TOP, QUERY_TOP_DEFAULT),
        .as_of_us = options_number(options, OPTION_AS_OF, QUERY_TIME_NONE),
        .limits = question_limits(options, config),
    };
    if (question_by(options, &query.by, 1, &by_count, &error) != CORONG_OK ||
        query_sessions_run(snapshot, &query, options->arena, &result, &error) != CORONG_OK) {
        return console_fail(&error);
    }
    struct text_buffer out = {0};
    struct report_style style = query_object_style(options, config, NULL);
    report_sessions(&query, &result, &style, &out);
    return console_write(stdout, &out);
}

enum exit_code cmd_sessions(const struct options *options)
{
    return question_run(options, ask);
}
