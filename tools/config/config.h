// SPDX-License-Identifier: Apache-2.0
/// The one YAML file: mapping, stages, funnels, store, limits. Unknown keys are errors with a
/// suggestion and a line number; nothing below tools/ reads configuration.
///
/// ```yaml
/// store: ./shop.store
/// session_timeout: 30m
/// limits: { memory: 1GiB, shards: 2, commit_interval: 5s }
/// mapping: { preset: segment }          # or the keys of ingest/decode/README.md
/// stages:
///   visit: { events: [page_view, view], where: "page like '/%'", priority: 1, group: top }
/// funnels:
///   checkout: { steps: [visit, cart, { event: order, where: "revenue > 0" }], window: 7d, live:
///   country }
/// ```
/// Thread: main.
#pragma once

#include "engine/funnel/funnel.h"
#include "ingest/decode/decode.h"
#include "storage/base/arena.h"
#include "storage/base/error.h"

struct config {
    struct text path;        ///< missing: no file was read
    struct text store;       ///< missing unless set
    struct mapping *mapping; ///< NULL unless set
    struct definitions
        definitions; ///< includes the stage pack visit, click, order unless redefined
    int64_t session_timeout_us;
    uint64_t memory_limit_bytes;
    uint32_t shard_count;
    uint32_t pump_count;
    int64_t commit_interval_us;
    const char **kafka_properties; ///< "name=value", NULL-terminated
};

/// Defaults and the stage pack only.
void config_init(struct config *config, struct arena *arena);
/// Reads a file over the defaults.
CORONG_MUST_CHECK enum corong_status config_load(struct config *config, struct arena *arena,
                                                 const char *path, struct corong_error *error);
/// Turns a `--step` word into a stage: a stage's name, an event's name, or "NAME: where EXPR".
CORONG_MUST_CHECK enum corong_status config_step(const struct config *config, struct arena *arena,
                                                 struct text word, struct stage *stage_out,
                                                 struct corong_error *error);
/// Each value with its origin (file line, flag or default), as YAML. For --print-config.
void config_print(const struct config *config, struct text_buffer *out);
/// "64MiB", "1GiB", "500kB" or plain bytes.
CORONG_MUST_CHECK enum corong_status size_parse(struct text text, uint64_t *size_bytes_out,
                                                struct corong_error *error);
