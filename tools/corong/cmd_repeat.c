// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/console.h"
#include "tools/corong/question.h"

static enum corong_status take_question(const struct options *options, const struct config *config,
                                        struct store_snapshot *snapshot, struct stage *stage,
                                        struct people_repeat *query, struct corong_error *error)
{
    struct text *names;
    uint32_t name_count;
    TRY(question_event_names(snapshot, options->arena, &names, &name_count, error));
    TRY(config_step(config, options->arena, options->operands[0], stage, error));
    TRY(question_check_stage(config, stage, names, name_count, error));
    *query = (struct people_repeat){
        .stage = stage,
        .range = question_range(options),
        .where = options->values[OPTION_WHERE].text,
        .rank_count = (uint32_t)options_number(options, OPTION_TIMES, 0),
        .as_of_us = options_number(options, OPTION_AS_OF, QUERY_TIME_NONE),
        .limits = question_limits(options, config),
    };
    return CORONG_OK;
}

static enum exit_code ask(const struct options *options, const struct config *config,
                          struct store_snapshot *snapshot)
{
    struct corong_error error = {0};
    struct stage stage = {0};
    struct people_repeat query;
    struct people_repeat_result result;
    if (take_question(options, config, snapshot, &stage, &query, &error) != CORONG_OK ||
        people_repeat_run(snapshot, &query, options->arena, &result, &error) != CORONG_OK) {
        return console_fail(&error);
    }
    struct text_buffer out = {0};
    struct report_style style = console_style(options, stdout);
    enum report_measure measure =
        (enum report_measure)options_number(options, OPTION_BARS, REPORT_MEASURE_SO_FAR);
    report_repeat(&query, &result, measure, &style, &out);
    return console_write(stdout, &out);
}

enum exit_code cmd_repeat(const struct options *options)
{
    return question_run(options, ask);
}
