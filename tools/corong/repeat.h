// SPDX-License-Identifier: Apache-2.0
/// --again: a question asked again and again in one process, as a server or a benchmark of warm
/// caches would. Thread: main.
#pragma once

#include "engine/query/query.h"
#include "tools/corong/options.h"

/// Asks once; the answer lives in `arena`, its provenance is all that is looked at.
typedef enum corong_status repeat_function(void *context, struct arena *arena,
                                           struct query_provenance *provenance_out,
                                           struct corong_error *error);
/// With --again, half of the memory keeps what was decoded for the next time; else NULL. Destroyed
/// by the caller.
struct cache *repeat_cache(const struct options *options, struct store_snapshot *snapshot,
                           struct query_limits *limits);
/// Asks as often as --again says (not at all without it) and leaves the seconds of each time, wall
/// and processor, in `provenance`, that of the answer that is there already. Every time must give
/// its digest: CORONG_CORRUPT otherwise. Memory: the seconds in options->arena, the answers are
/// dropped.
CORONG_MUST_CHECK enum corong_status repeat_ask(const struct options *options,
                                                repeat_function *function, void *context,
                                                struct query_provenance *provenance,
                                                struct corong_error *error);
