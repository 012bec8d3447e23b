// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/console.h"
#include "tools/corong/people_question.h"
#include "tools/corong/query_object.h"
#include "tools/corong/question.h"
#include "tools/corong/question_funnel.h"
#include "tools/report/report.h"

/// A trace on its way to standard output.
struct trace_list {
    struct people_trace query;
    struct report_people *report;
    struct report_style style;
    struct text_buffer out;
};

static enum corong_status begin(void *context, const struct people_trace_result *result,
                                struct corong_error *error)
{
    (void)error;
    struct trace_list *list = context;
    report_trace_begin(list->report, &list->query, result);
    return CORONG_OK;
}

static enum corong_status take(void *context, const struct people_event *event,
                               struct corong_error *error)
{
    struct trace_list *list = context;
    report_trace_event(list->report, event);
    return people_question_flush(&list->out, error);
}

/// The result lives as long as the run, so the end is written by the last call before it returns.
static enum corong_status end(void *context, struct corong_error *error)
{
    (void)error;
    report_trace_end(((struct trace_list *)context)->report);
    return CORONG_OK;
}

static enum exit_code write_trace(struct trace_list *list, struct store_snapshot *snapshot,
                                  uint8_t user_namespace)
{
    struct corong_error error = {0};
    struct people_trace_visitor visitor = {list, begin, take, end};
    list->report = report_people_create(&list->style, &list->out);
    enum corong_status status =
        people_trace_run(snapshot, &list->query, user_namespace, &visitor, &error);
    report_people_destroy(list->report);
    if (status != CORONG_OK) {
        text_buffer_deinit(&list->out);
        return console_fail(&error);
    }
    return console_write(stdout, &list->out);
}

static enum corong_status unknown_user(struct store_snapshot *snapshot, struct text user,
                                       struct corong_error *error)
{
    struct people_nearest nearest[PEOPLE_NEAREST_COUNT];
    uint32_t count;
    TRY(people_find_nearest(snapshot, user, nearest, &count, error));
    if (count == 0) {
        return error_set(error, CORONG_NOT_FOUND,
                         "no user '%.*s' is in this store; 'corong users' lists those of a funnel",
                         (int)user.size, user.bytes);
    }
    struct text_buffer list = {0};
    for (uint32_t i = 0; i < count; i++) {
        text_buffer_printf(&list, "%s'%.*s' (%s)", i == 0 ? "" : ", ", (int)nearest[i].size,
                           nearest[i].bytes, people_namespace_name(nearest[i].user_namespace));
    }
    enum corong_status status =
        error_set(error, CORONG_NOT_FOUND, "no user '%.*s' is in this store; did you mean %s?",
                  (int)user.size, user.bytes, list.bytes);
    text_buffer_deinit(&list);
    return status;
}

/// The namespace meant: the one given, or the only one that has the id.
static enum corong_status take_namespace(const struct options *options,
                                         struct store_snapshot *snapshot, struct text user,
                                         uint8_t *namespace_out, struct corong_error *error)
{
    uint32_t found;
    TRY(people_find(snapshot, user, &found, error));
    if (options_given(options, OPTION_NAMESPACE)) {
        *namespace_out = (uint8_t)options->values[OPTION_NAMESPACE].number;
        found &= UINT32_C(1) << *namespace_out;
    }
    if (found == 0) {
        return unknown_user(snapshot, user, error);
    }
    if ((found & (found - 1)) != 0) {
        return error_set(error, CORONG_INVALID,
                         "'%.*s' is the id of several users%s%s%s; say which with --namespace",
                         (int)user.size, user.bytes, found & 1 ? ", a known one" : "",
                         found & 2 ? ", an anonymous one" : "", found & 4 ? ", an account" : "");
    }
    *namespace_out = (uint8_t)__builtin_ctz(found);
    return CORONG_OK;
}

/// The same options without the user: the next word names the funnel.
static struct options without_user(const struct options *options)
{
    struct options rest = *options;
    rest.operands++;
    rest.operand_strings++;
    rest.operand_count--;
    return rest;
}

static enum exit_code ask(const struct options *options, const struct config *config,
                          struct store_snapshot *snapshot)
{
    struct corong_error error = {0};
    struct query_funnel funnel;
    struct options rest = without_user(options);
    struct trace_list list = {.query = {.funnel = &funnel,
                                        .user_id = options->operands[0],
                                        .stages = config->definitions.stages,
                                        .stage_count = config->definitions.stage_count}};
    uint8_t user_namespace = 0;
    if (question_funnel(&rest, config, snapshot, &funnel, &error) != CORONG_OK ||
        people_question_gather(options, list.query.gather, &list.query.gather_count, &error) !=
            CORONG_OK) {
        return console_fail(&error);
    }
    if (options_given(options, OPTION_PRINT_QUERY)) {
        return query_object_print(options, config, &funnel.funnel);
    }
    if (take_namespace(options, snapshot, list.query.user_id, &user_namespace, &error) !=
        CORONG_OK) {
        return console_fail(&error);
    }
    list.style = query_object_style(options, config, &funnel.funnel);
    return write_trace(&list, snapshot, user_namespace);
}

enum exit_code cmd_trace(const struct options *options)
{
    return question_run(options, ask);
}
