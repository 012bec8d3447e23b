// SPDX-License-Identifier: Apache-2.0
/// The funnel question that flags, query object and configuration make together: one for every verb
/// that asks about a funnel. Thread: main.
#pragma once

#include "engine/query/query.h"
#include "tools/config/config.h"
#include "tools/corong/options.h"

/// A funnel's name or --step, else the query object's `funnel`, else the only funnel defined, else
/// the usual journey; then the rules, flags before keys. `snapshot` may be NULL: then stages are
/// not compared with what is stored, and no journey can be guessed. Memory: options->arena.
CORONG_MUST_CHECK enum corong_status question_funnel(const struct options *options,
                                                     const struct config *config,
                                                     struct store_snapshot *snapshot,
                                                     struct query_funnel *query_out,
                                                     struct corong_error *error);
