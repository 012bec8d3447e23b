// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/repeat.h"

static enum corong_status ask_once(struct store_snapshot *snapshot,
                                   const struct query_funnel *query, const char *digest,
                                   double *seconds_out, struct corong_error *error)
{
    struct arena arena = {0};
    struct query_funnel_result again = {0};
    enum corong_status status = query_funnel_run(snapshot, query, &arena, &again, error);
    if (status == CORONG_OK && strcmp(again.provenance.result_digest, digest) != 0) {
        status = error_set(error, CORONG_CORRUPT,
                           "asked again, the answer differs: digest %s, the first time %s",
                           again.provenance.result_digest, digest);
    }
    *seconds_out = again.provenance.seconds_total;
    arena_deinit(&arena);
    return status;
}

enum corong_status repeat_funnel(const struct options *options, struct store_snapshot *snapshot,
                                 const struct query_funnel *query,
                                 struct query_funnel_result *result, struct corong_error *error)
{
    uint32_t count = (uint32_t)options_number(options, OPTION_REPEAT, 0);
    double *seconds = arena_allocate_zeroed(options->arena, count + 1, sizeof(*seconds));
    for (uint32_t index = 0; index < count; index++) {
        TRY(ask_once(snapshot, query, result->provenance.result_digest, &seconds[index], error));
    }
    result->provenance.repeat_seconds = seconds;
    result->provenance.repeat_count = count;
    return CORONG_OK;
}
