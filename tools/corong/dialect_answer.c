// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/dialect_answer.h"

#include "engine/query/peer/peer.h"
#include "tools/corong/console.h"
#include "tools/corong/query_object.h"
#include "tools/report/report.h"

#include <string.h>

#define DIFF_ROWS_DEFAULT 20

const char *const DIALECT_ANSWERS[] = {"breakdown",   "trends", "time_to_convert",
                                       "correlation", "runs",   NULL};
#define ANSWER_RUNS 4

enum exit_code dialect_difference(const struct options *options, const struct config *config,
                                  const struct query_funnel *query, struct store_snapshot *snapshot)
{
    struct corong_error error = {0};
    struct peer_diff_result result;
    struct text dialect = options->values[OPTION_DIALECT_DIFF].text;
    const char *idle = query->by_count > 0                             ? "--by"
                       : query->compared                               ? "--compare"
                       : query->survival                               ? "--survival"
                       : query->throughput != QUERY_BUCKET_NONE        ? "--throughput"
                       : query->trend != QUERY_BUCKET_NONE             ? "--trend"
                       : options_given(options, OPTION_DIALECT_ANSWER) ? "--dialect-answer"
                                                                       : NULL;
    if (idle != NULL) {
        error_set(&error, CORONG_INVALID,
                  "--dialect-diff compares the levels of all users and knows no %s; leave it out",
                  idle);
        return console_fail(&error);
    }
    if (peer_diff_run(snapshot, query, dialect, options->arena, &result, &error) != CORONG_OK) {
        return console_fail(&error);
    }
    struct text_buffer out = {0};
    struct report_style style = query_object_style(options, config, &query->funnel);
    uint32_t rows = (uint32_t)options_number(options, OPTION_TOP, DIFF_ROWS_DEFAULT);
    report_dialect_diff(query, dialect, &result, rows, &style, &out);
    return console_write(stdout, &out);
}

/// Our words for whose value counts, as PostHog has them.
static enum corong_status take_attribution(const struct query_funnel *query,
                                           struct peer_posthog *question,
                                           struct corong_error *error)
{
    question->attribution_step = query->attribution_step > 0 ? query->attribution_step - 1 : 0;
    switch (query->attribution) {
    case QUERY_ATTRIBUTION_ENTRY:
    case QUERY_ATTRIBUTION_FIRST:
        question->attribution = PEER_FIRST_TOUCH;
        return CORONG_OK;
    case QUERY_ATTRIBUTION_LAST:
        question->attribution = PEER_LAST_TOUCH;
        return CORONG_OK;
    case QUERY_ATTRIBUTION_EACH:
        question->attribution = PEER_ALL_EVENTS;
        return CORONG_OK;
    case QUERY_ATTRIBUTION_STEP:
        question->attribution = PEER_STEP;
        return CORONG_OK;
    default:
        return error_set(error, CORONG_INVALID,
                         "PostHog attributes to first (default), last, each (its all_events) or "
                         "step:K");
    }
}

static enum corong_status ask_posthog(const struct options *options,
                                      const struct query_funnel *query,
                                      const struct report_style *style, uint32_t answer,
                                      struct store_snapshot *snapshot, struct text_buffer *out,
                                      struct corong_error *error)
{
    struct peer_posthog_result result;
    struct peer_posthog question = {
        .query = query,
        .view = (enum peer_view)answer,
        .optional = query->funnel.optional,
        .tie_window_us = query->funnel.dialect_modes == 0 ? POSTHOG_TIE_WINDOW_US : 0,
        .limit = (uint32_t)options_number(options, OPTION_TOP, QUERY_TOP_DEFAULT),
        .interval = query->trend == QUERY_BUCKET_NONE
                        ? POSTHOG_DAY
                        : (enum posthog_interval)(query->trend - QUERY_BUCKET_HOUR),
    };
    if (query->funnel.dialect != DIALECT_POSTHOG) {
        return error_set(error, CORONG_INVALID,
                         "--dialect-answer %s is PostHog's: add --dialect posthog",
                         DIALECT_ANSWERS[answer]);
    }
    if (query->zone != NULL) {
        return error_set(error, CORONG_INVALID, "PostHog's intervals are those of UTC here");
    }
    TRY(take_attribution(query, &question, error));
    TRY(peer_posthog_run(snapshot, &question, options->arena, &result, error));
    report_peer_posthog(&question, &result, style, out);
    return CORONG_OK;
}

static enum corong_status ask_pinot(const struct options *options, const struct query_funnel *query,
                                    const struct report_style *style,
                                    struct store_snapshot *snapshot, struct text_buffer *out,
                                    struct corong_error *error)
{
    struct peer_pinot_result result;
    struct peer_pinot question = {.query = query, .modes = query->funnel.dialect_modes};
    if (query->funnel.dialect != DIALECT_PINOT) {
        return error_set(error, CORONG_INVALID,
                         "--dialect-answer runs is Pinot's: add --dialect pinot");
    }
    bool sets = question.modes > (PINOT_KEEP_ALL | PINOT_STRICT_INCREASE | PINOT_STRICT_ORDER |
                                  PINOT_STRICT_DEDUPLICATION);
    question.function = sets ? PEER_PINOT_FUNNEL_COUNT : PEER_PINOT_COMPLETE_COUNT;
    question.modes = sets ? 0 : question.modes;
    TRY(peer_pinot_run(snapshot, &question, options->arena, &result, error));
    report_peer_pinot(&question, &result, style, out);
    return CORONG_OK;
}

/// What is asked beside a funnel's numbers is no part of these answers.
static enum corong_status check_alone(const struct query_funnel *query, uint32_t answer,
                                      struct corong_error *error)
{
    bool trends = strcmp(DIALECT_ANSWERS[answer], "trends") == 0;
    bool sliced =
        trends || answer == ANSWER_RUNS || strcmp(DIALECT_ANSWERS[answer], "breakdown") == 0;
    const char *idle = query->by_count > 0 && !sliced                 ? "--by"
                       : query->compared                              ? "--compare"
                       : query->survival                              ? "--survival"
                       : query->throughput != QUERY_BUCKET_NONE       ? "--throughput"
                       : query->trend != QUERY_BUCKET_NONE && !trends ? "--trend"
                                                                      : NULL;
    if (idle == NULL) {
        return CORONG_OK;
    }
    return error_set(error, CORONG_INVALID, "--dialect-answer %s knows no %s; leave it out",
                     DIALECT_ANSWERS[answer], idle);
}

enum exit_code dialect_answer(const struct options *options, const struct config *config,
                              const struct query_funnel *query, struct store_snapshot *snapshot)
{
    struct corong_error error = {0};
    struct text_buffer out = {0};
    uint32_t answer = (uint32_t)options_number(options, OPTION_DIALECT_ANSWER, 0);
    struct report_style style = query_object_style(options, config, &query->funnel);
    enum corong_status status = check_alone(query, answer, &error);
    if (status == CORONG_OK) {
        status = answer == ANSWER_RUNS
                     ? ask_pinot(options, query, &style, snapshot, &out, &error)
                     : ask_posthog(options, query, &style, answer, snapshot, &out, &error);
    }
    if (status != CORONG_OK) {
        text_buffer_deinit(&out);
        return console_fail(&error);
    }
    return console_write(stdout, &out);
}
