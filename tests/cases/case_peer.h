// SPDX-License-Identifier: Apache-2.0
/// Vectors of PostHog and Pinot: a case's question by these systems' rules. Memory: the arena.
#pragma once

#include "engine/query/peer/peer.h"
#include "tests/cases/case_kind.h"

struct case_peer {
    struct case_run *run;
    struct query_funnel query;
    json_t *levels; ///< by user, of the line
    json_t *matched;
};

/// Fills steps, window, filter, range and groups.
CORONG_MUST_CHECK enum corong_status case_peer_init(struct case_peer *peer, struct case_run *run);
/// Values joined by '|'.
char *case_peer_key(struct case_peer *peer, const struct text *values, uint32_t count);
/// "props.NAME".
const char *case_peer_property_path(const struct case_run *run, const char *name);
/// Adds a JSON value under a key of the line.
void case_peer_add(const struct case_peer *peer, const char *key, json_t *value);
