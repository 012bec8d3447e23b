// SPDX-License-Identifier: Apache-2.0
/// --again: a question asked again and again in one process, as a server or a benchmark of warm
/// caches would. Thread: main.
#pragma once

#include "engine/query/query.h"
#include "tools/corong/options.h"

/// Asks as often as --again says (not at all without it) and leaves the wall seconds of each time
/// in the provenance of `result`, which holds the answer already. Every time must give its digest:
/// CORONG_CORRUPT otherwise. Memory: the seconds in options->arena, the answers are dropped.
CORONG_MUST_CHECK enum corong_status repeat_funnel(const struct options *options,
                                                   struct store_snapshot *snapshot,
                                                   const struct query_funnel *query,
                                                   struct query_funnel_result *result,
                                                   struct corong_error *error);
