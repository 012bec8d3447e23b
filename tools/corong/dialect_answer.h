// SPDX-License-Identifier: Apache-2.0
/// `corong funnel --dialect NAME --dialect-answer WORD`: what only the named system answers, by its
/// own rules. And --dialect-diff. Thread: main.
#pragma once

#include "engine/query/query.h"
#include "tools/config/config.h"
#include "tools/corong/verbs.h"

/// The words of --dialect-answer, NULL behind the last.
extern const char *const DIALECT_ANSWERS[];

/// Asks and writes. The question names its dialect already.
enum exit_code dialect_answer(const struct options *options, const struct config *config,
                              const struct query_funnel *query, struct store_snapshot *snapshot);
/// Whom the system of --dialect-diff counts differently.
enum exit_code dialect_difference(const struct options *options, const struct config *config,
                                  const struct query_funnel *query,
                                  struct store_snapshot *snapshot);
