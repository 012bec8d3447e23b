// SPDX-License-Identifier: Apache-2.0
/// What a replay brought home, as JSON and back. Private to tools/serve. Thread: any.
#pragma once

#include "ingest/service/service.h"
#include "tools/serve/serve.h"

#include <jansson.h>

/// Never NULL. Texts that are not UTF-8 are made visible.
json_t *books_wire_encode(const struct service_job_end *end);
/// The counters of a source, or a sum of them, by name. Never NULL.
json_t *books_wire_counters(const struct store_counters *counters);
/// Reads it back; members that are missing count 0. Memory: `arena`.
void books_wire_decode(const json_t *document, struct arena *arena,
                       struct client_replay_end *end_out);
