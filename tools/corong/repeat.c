// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/repeat.h"

#include "storage/base/clock.h"

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

/// What asking once took, all of it: wall, and of the processor in all threads.
struct repeat_cost {
    double seconds;
    double cpu_seconds;
};

static enum corong_status ask_once(repeat_function *function, void *context, const char *digest,
                                   struct repeat_cost *cost_out, struct corong_error *error)
{
    struct arena arena = {0};
    struct query_provenance again = {0};
    int64_t start_us = clock_monotonic_us();
    uint64_t start_cpu_ns = clock_process_ns();
    enum corong_status status = function(context, &arena, &again, error);
    cost_out->cpu_seconds = (double)(clock_process_ns() - start_cpu_ns) / 1e9;
    cost_out->seconds = (double)(clock_monotonic_us() - start_us) / (double)MICROSECONDS_PER_SECOND;
    if (status == CORONG_OK && strcmp(again.result_digest, digest) != 0) {
        status = error_set(error, CORONG_CORRUPT,
                           "asked again, the answer differs: digest %s, the first time %s",
                           again.result_digest, digest);
    }
    arena_deinit(&arena);
    return status;
}

enum corong_status repeat_ask(const struct options *options, repeat_function *function,
                              void *context, struct query_provenance *provenance,
                              struct corong_error *error)
{
    uint32_t count = (uint32_t)options_number(options, OPTION_REPEAT, 0);
    double *seconds = arena_allocate_zeroed(options->arena, count + 1, sizeof(*seconds));
    double *cpu_seconds = arena_allocate_zeroed(options->arena, count + 1, sizeof(*cpu_seconds));
    for (uint32_t index = 0; index < count; index++) {
        struct repeat_cost cost;
        TRY(ask_once(function, context, provenance->result_digest, &cost, error));
        seconds[index] = cost.seconds;
        cpu_seconds[index] = cost.cpu_seconds;
    }
    provenance->repeat_seconds = seconds;
    provenance->repeat_cpu_seconds = cpu_seconds;
    provenance->repeat_count = count;
    return CORONG_OK;
}
