// SPDX-License-Identifier: Apache-2.0
#include "storage/base/clock.h"
#include "tools/corong/console.h"
#include "tools/corong/query_object.h"
#include "tools/corong/question.h"
#include "tools/corong/settings.h"

static enum corong_status take_stages(const struct options *options, const struct config *config,
                                      struct store_snapshot *snapshot, struct query_stages *query,
                                      struct corong_error *error)
{
    struct text *names;
    uint32_t name_count;
    struct stage *stages =
        arena_allocate_zeroed(options->arena, options->operand_count + 1, sizeof(stages[0]));
    TRY(question_event_names(snapshot, options->arena, &names, &name_count, error));
    for (uint32_t index = 0; index < options->operand_count; index++) {
        TRY(config_step(config, options->arena, options->operands[index], &stages[index], error));
        TRY(question_check_stage(config, &stages[index], names, name_count, error));
    }
    query->stages = stages;
    query->stage_count = options->operand_count;
    return CORONG_OK;
}

static enum exit_code ask(const struct options *options, const struct config *config,
                          struct store_snapshot *snapshot)
{
    struct corong_error error = {0};
    struct query_stages_result result = {0};
    if (options_given(options, OPTION_PRINT_QUERY)) {
        return query_object_print(options, config, NULL);
    }
    struct query_stages query = {
        .range = question_range(options),
        .where = options->values[OPTION_WHERE].text,
        .bucket_us = options_number(options, OPTION_BUCKET, MICROSECONDS_PER_DAY),
        .as_of_us = options_number(options, OPTION_AS_OF, QUERY_TIME_NONE),
        .limits = question_limits(options, config),
    };
    if (take_stages(options, config, snapshot, &query, &error) != CORONG_OK ||
        query_stages_run(snapshot, &query, options->arena, &result, &error) != CORONG_OK) {
        return console_fail(&error);
    }
    struct text_buffer out = {0};
    struct report_style style = query_object_style(options, config, NULL);
    report_stages(&query, &result, &style, &out);
    return console_write(stdout, &out);
}

enum exit_code cmd_stages(const struct options *options)
{
    return question_run(options, ask);
}
