// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/console.h"
#include "tools/corong/people_question.h"
#include "tools/corong/query_object.h"
#include "tools/corong/question.h"
#include "tools/corong/question_funnel.h"
#include "tools/report/report.h"

#include <inttypes.h>

/// A list on its way to standard output.
struct users_list {
    struct people_users query;
    struct people_users_result result;
    struct report_people *report;
    struct report_style style;
    struct text_buffer out;
};

static enum corong_status begin(void *context, const struct people_users_result *result,
                                struct corong_error *error)
{
    (void)error;
    struct users_list *list = context;
    list->result = *result;
    report_users_begin(list->report, &list->query, &list->result);
    return CORONG_OK;
}

static enum corong_status take(void *context, const struct people_unit *unit,
                               struct corong_error *error)
{
    struct users_list *list = context;
    report_users_unit(list->report, unit);
    return people_question_flush(&list->out, error);
}

static enum exit_code write_list(struct users_list *list, struct store_snapshot *snapshot)
{
    struct corong_error error = {0};
    struct people_users_visitor visitor = {list, begin, take};
    list->report = report_people_create(&list->style, &list->out);
    enum corong_status status = people_users_run(snapshot, &list->query, &visitor, &error);
    if (status == CORONG_OK) {
        report_users_end(list->report);
    }
    report_people_destroy(list->report);
    if (status != CORONG_OK) {
        text_buffer_deinit(&list->out);
        return console_fail(&error);
    }
    if (list->style.format == REPORT_CSV) {
        console_note("%" PRIu64 " rows, result %.12s", list->result.count,
                     list->result.provenance.result_digest);
    }
    return console_write(stdout, &list->out);
}

static enum exit_code ask(const struct options *options, const struct config *config,
                          struct store_snapshot *snapshot)
{
    struct corong_error error = {0};
    struct query_funnel funnel;
    struct users_list list = {.query = {.funnel = &funnel}};
    if (question_funnel(options, config, snapshot, &funnel, &error) != CORONG_OK ||
        people_question_bucket(options, &funnel, &error) != CORONG_OK ||
        people_question_cell(options, &funnel, &list.query.cell, &error) != CORONG_OK ||
        people_question_gather(options, list.query.gather, &list.query.gather_count, &error) !=
            CORONG_OK ||
        people_question_rows(options, &list.query.row_count_max, &error) != CORONG_OK) {
        return console_fail(&error);
    }
    if (options_given(options, OPTION_PRINT_QUERY)) {
        return query_object_print(options, config, &funnel.funnel);
    }
    list.style = query_object_style(options, config, &funnel.funnel);
    return write_list(&list, snapshot);
}

enum exit_code cmd_users(const struct options *options)
{
    return question_run(options, ask);
}
