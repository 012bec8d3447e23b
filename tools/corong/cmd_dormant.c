// SPDX-License-Identifier: Apache-2.0
#include "storage/base/clock.h"
#include "tools/corong/console.h"
#include "tools/corong/people_question.h"
#include "tools/corong/question.h"
#include "tools/report/report.h"

#include <inttypes.h>

#define AFTER_DEFAULT_US (30 * MICROSECONDS_PER_DAY)

/// Words of --list behind the ages themselves.
#define LIST_ALL 3
#define LIST_NONE 4

struct dormant_list {
    struct people_dormant query;
    struct stage stage;
    struct report_people *report;
    struct report_style style;
    struct text_buffer out;
    uint64_t count;
};

static enum corong_status begin(void *context, const struct people_dormant_result *result,
                                struct corong_error *error)
{
    (void)error;
    struct dormant_list *list = context;
    list->count = result->listed_count;
    report_dormant_begin(list->report, &list->query, result);
    return CORONG_OK;
}

static enum corong_status take(void *context, const struct people_sleeper *user,
                               struct corong_error *error)
{
    struct dormant_list *list = context;
    report_dormant_user(list->report, user);
    return people_question_flush(&list->out, error);
}

static enum corong_status end(void *context, struct corong_error *error)
{
    (void)error;
    report_dormant_end(((struct dormant_list *)context)->report);
    return CORONG_OK;
}

static enum corong_status take_stage(const struct options *options, const struct config *config,
                                     struct store_snapshot *snapshot, struct dormant_list *list,
                                     struct corong_error *error)
{
    struct text *names;
    uint32_t name_count;
    if (!options_given(options, OPTION_DID)) {
        return CORONG_OK;
    }
    TRY(question_event_names(snapshot, options->arena, &names, &name_count, error));
    TRY_IN(
        config_step(config, options->arena, options->values[OPTION_DID].text, &list->stage, error),
        error, "--did");
    list->query.stage = &list->stage;
    return question_check_stage(config, &list->stage, names, name_count, error);
}

static enum corong_status take_question(const struct options *options, const struct config *config,
                                        struct store_snapshot *snapshot, struct dormant_list *list,
                                        struct corong_error *error)
{
    struct people_dormant *query = &list->query;
    int64_t listed = options_number(options, OPTION_LIST, PEOPLE_AGE_DORMANT);
    *query = (struct people_dormant){
        .where = options->values[OPTION_WHERE].text,
        .after_us = options_number(options, OPTION_AFTER, AFTER_DEFAULT_US),
        .gone_us = options_number(options, OPTION_GONE, INT64_MAX),
        .top = (uint32_t)options_number(options, OPTION_TOP, QUERY_TOP_DEFAULT),
        .as_of_us = options_number(options, OPTION_AS_OF, QUERY_TIME_NONE),
        .limits = question_limits(options, config),
        .listed = listed == LIST_ALL    ? (1u << PEOPLE_AGE_COUNT) - 1
                  : listed == LIST_NONE ? 0
                                        : 1u << listed,
    };
    TRY(question_by(options, query->by, QUERY_SLICE_ATTRIBUTE_COUNT_MAX, &query->by_count, error));
    TRY(people_question_rows(options, &query->row_count_max, error));
    return take_stage(options, config, snapshot, list, error);
}

static enum exit_code ask(const struct options *options, const struct config *config,
                          struct store_snapshot *snapshot)
{
    struct corong_error error = {0};
    struct dormant_list list = {.style = console_style(options, stdout)};
    if (take_question(options, config, snapshot, &list, &error) != CORONG_OK) {
        return console_fail(&error);
    }
    struct people_dormant_visitor visitor = {&list, begin, take, end};
    list.report = report_people_create(&list.style, &list.out);
    enum corong_status status = people_dormant_run(snapshot, &list.query, &visitor, &error);
    report_people_destroy(list.report);
    if (status != CORONG_OK) {
        text_buffer_deinit(&list.out);
        return console_fail(&error);
    }
    if (list.style.format == REPORT_CSV && list.query.listed != 0) {
        console_note("%" PRIu64 " rows", list.count);
    }
    return console_write(stdout, &list.out);
}

enum exit_code cmd_dormant(const struct options *options)
{
    return question_run(options, ask);
}
