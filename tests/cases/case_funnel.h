// SPDX-License-Identifier: Apache-2.0
/// A test vector's funnel as our query. Memory: the arena.
#pragma once

#include "engine/query/query.h"
#include "storage/base/arena.h"

#include <jansson.h>

/// Fills the query, or says in words why the product has no such rule (NULL: it has). Static
/// storage.
const char *case_funnel_query(const json_t *funnel, struct arena *arena,
                              struct query_funnel *query);
