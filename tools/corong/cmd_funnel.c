// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/console.h"
#include "tools/corong/dialect_answer.h"
#include "tools/corong/query_object.h"
#include "tools/corong/question.h"
#include "tools/corong/question_funnel.h"
#include "tools/corong/repeat.h"

/// A question that may be asked again.
struct funnel_again {
    struct store_snapshot *snapshot;
    const struct query_funnel *query;
};

static enum corong_status ask_again(void *context, struct arena *arena,
                                    struct query_provenance *provenance_out,
                                    struct corong_error *error)
{
    const struct funnel_again *asked = context;
    struct query_funnel_result result = {0};
    TRY(query_funnel_run(asked->snapshot, asked->query, arena, &result, error));
    *provenance_out = result.provenance;
    return CORONG_OK;
}

static bool nobody_enters(const struct query_funnel *query,
                          const struct query_funnel_result *result)
{
    const struct funnel *funnel = &query->funnel;
    return result->total.steps[0].reached == 0 && result->provenance.rows_stored > 0 &&
           !funnel->entry_open && funnel->order != FUNNEL_ORDER_ANY;
}

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
    if (options_given(options, OPTION_DIALECT_DIFF)) {
        return dialect_difference(options, config, &query, snapshot);
    }
    if (options_given(options, OPTION_DIALECT_ANSWER)) {
        return dialect_answer(options, config, &query, snapshot);
    }
    struct cache *cache = repeat_cache(options, snapshot, &query.limits);
    enum corong_status status = query_funnel_run(snapshot, &query, options->arena, &result, &error);
    if (status == CORONG_OK) {
        struct funnel_again again = {snapshot, &query};
        status = repeat_ask(options, ask_again, &again, &result.provenance, &error);
    }
    cache_destroy(cache);
    if (status != CORONG_OK) {
        return console_fail(&error);
    }
    if (nobody_enters(&query, &result)) {
        console_note("nobody enters: no event of the first step is left by the range and the "
                     "filters; 'corong stages' shows what there is, and when");
    }
    struct text_buffer out = {0};
    struct report_style style = query_object_style(options, config, &query.funnel);
    report_funnel(&query, &result, &style, &out);
    return console_write(stdout, &out);
}

enum exit_code cmd_funnel(const struct options *options)
{
    return question_run(options, ask);
}
