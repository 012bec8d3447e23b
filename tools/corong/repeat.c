// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/repeat.h"

struct cache *repeat_cache(const struct options *options, struct store_snapshot *snapshot,
                           struct query_limits *limits)
{
    if (!options_given(options, OPTION_REPEAT)) {
        return NULL;
    }
    uint64_t budget_bytes = limits->memory_limit_bytes / 2;
    limits->memory_limit_bytes -= budget_bytes;
    struct cache *cache = cache_create(budget_bytes);
    store_snapshot_use_cache(snapshot, cache);
    return cache;
}

static enum corong_status ask_once(repeat_function *function, void *context, const char *digest,
                                   double *seconds_out, struct corong_error *error)
{
    struct arena arena = {0};
    struct query_provenance again = {0};
    enum corong_status status = function(context, &arena, &again, error);
    if (status == CORONG_OK && strcmp(again.result_digest, digest) != 0) {
        status = error_set(error, CORONG_CORRUPT,
                           "asked again, the answer differs: digest %s, the first time %s",
                           again.result_digest, digest);
    }
    *seconds_out = again.seconds_total;
    arena_deinit(&arena);
    return status;
}

enum corong_status repeat_ask(const struct options *options, repeat_function *function,
                              void *context, struct query_provenance *provenance,
                              struct corong_error *error)
{
    uint32_t count = (uint32_t)options_number(options, OPTION_REPEAT, 0);
    double *seconds = arena_allocate_zeroed(options->arena, count + 1, sizeof(*seconds));
    for (uint32_t index = 0; index < count; index++) {
        TRY(ask_once(function, context, provenance->result_digest, &seconds[index], error));
    }
    provenance->repeat_seconds = seconds;
    provenance->repeat_count = count;
    return CORONG_OK;
}
