// SPDX-License-Identifier: Apache-2.0
/// The one YAML file: mapping, stages, funnels, store, limits. Unknown keys are errors with a
/// suggestion and a line number; nothing below tools/ reads configuration.
///
/// ```yaml
/// store: ./shop.store                   # or store_group: ./shop.group
/// session_timeout: 30m
/// live: { range: day, zone: Europe/Berlin }  # what a server's live funnels count: day or all
/// limits: { memory: 1GiB, shards: 2, commit_interval: 5s }
/// mapping: { preset: segment }          # or the keys of ingest/decode/README.md
/// stages:
///   visit: { events: [page_view, view], where: "page like '/%'", priority: 1, group: top }
///   cart: add_to_cart                 # short for { events: [add_to_cart] }
/// funnels:
///   checkout: { steps: [visit, cart, { event: order, where: "revenue > 0" }], window: 7d, live:
///   country }
/// kafka: { bootstrap.servers: "localhost:9092" }   # any librdkafka property
/// sources:
///   kafka: { topics: [clicks, "orders:0,3"], group: shop, on_gap: halt, on_reset: halt }
/// ```
/// Thread: main.
#pragma once

#include "engine/engine.h"
#include "engine/funnel/funnel.h"
#include "ingest/decode/decode.h"
#include "storage/base/arena.h"
#include "storage/base/error.h"
#include "tools/config/yaml_walk.h" // part of this door: documents of other kinds are read with it

#define CONFIG_ORIGIN_DEFAULT 0u
#define CONFIG_ORIGIN_FLAG UINT32_MAX

/// Values whose origin is remembered: a line of the file, or one of the two above.
enum config_value {
    CONFIG_STORE = 0,
    CONFIG_SESSION_TIMEOUT,
    CONFIG_MEMORY,
    CONFIG_SHARDS,
    CONFIG_PARALLEL,
    CONFIG_COMMIT_INTERVAL,
    CONFIG_MAPPING,
    CONFIG_KAFKA,
    CONFIG_TOPICS,
    CONFIG_LIVE,
    CONFIG_VALUE_COUNT,
};

struct config {
    struct text path;        ///< missing: no file was read
    struct text store;       ///< missing unless set
    bool store_is_group;     ///< `store` is a group's directory
    struct mapping *mapping; ///< NULL unless set
    struct definitions
        definitions; ///< includes the stage pack visit, click, order unless redefined
    int64_t session_timeout_us;
    enum engine_live_range live_range; ///< of a server's live funnels
    const struct zone *live_zone;      ///< whose midnights begin a day; NULL: UTC's
    uint64_t memory_limit_bytes;
    uint32_t shard_count;
    uint32_t pump_count;
    int64_t commit_interval_us;
    const char **kafka_properties; ///< "name=value", NULL-terminated
    const char **kafka_topics;     ///< NULL-terminated, or NULL: none
    uint32_t origins[CONFIG_VALUE_COUNT];
    uint32_t *stage_origins;  ///< one per stage
    uint32_t *funnel_origins; ///< one per funnel
};

/// Defaults and the stage pack only.
void config_init(struct config *config, struct arena *arena);
/// Reads a file over the defaults.
CORONG_MUST_CHECK enum corong_status config_load(struct config *config, struct arena *arena,
                                                 const char *path, struct corong_error *error);
/// Reads only a mapping: the value of `mapping:` in the file, or the whole file where it has no
/// such key.
CORONG_MUST_CHECK enum corong_status config_load_mapping(struct mapping **mapping_out,
                                                         struct arena *arena, const char *path,
                                                         struct corong_error *error);
/// The same from text, for a mapping that came from elsewhere. `name` is for error messages.
CORONG_MUST_CHECK enum corong_status config_parse_mapping(struct mapping **mapping_out,
                                                          struct arena *arena, const char *name,
                                                          struct text text,
                                                          struct corong_error *error);
/// Turns a `--step` word into a stage: a stage's name; an event's name; either with a condition, as
/// in "order where revenue > 0"; or "NAME: where EXPR", any event that satisfies EXPR, shown as
/// NAME; or "where EXPR", shown as EXPR.
CORONG_MUST_CHECK enum corong_status config_step(const struct config *config, struct arena *arena,
                                                 struct text word, struct stage *stage_out,
                                                 struct corong_error *error);
/// Each value with its origin (file line, flag or default), as YAML. For --print-config.
void config_print(const struct config *config, struct text_buffer *out);
/// A value as YAML reads it back: plain, or in double quotes.
void config_print_value(struct text value, struct text_buffer *out);
/// The body of a funnel's definition, name included, four spaces deep: what config_funnel_inline()
/// reads back to an equal one without any stage of a configuration.
void config_print_question(const struct funnel *funnel, struct text_buffer *out);
/// Reads a definition that stands alone, as under `funnels:` but with its `name`, if any, inside.
CORONG_MUST_CHECK enum corong_status config_funnel_inline(const struct config *config,
                                                          struct arena *arena,
                                                          const struct yaml_place *place,
                                                          struct funnel *funnel_out);
/// "64MiB", "1GiB", "500kB" or plain bytes.
CORONG_MUST_CHECK enum corong_status size_parse(struct text text, uint64_t *size_bytes_out,
                                                struct corong_error *error);

/// The words of the funnel YAML for its enums.
const char *words_order(enum funnel_order order);
const char *words_unit(enum funnel_unit unit);
const char *words_attempts(enum funnel_attempts attempts);
const char *words_ties(enum funnel_ties ties);
const char *words_range(bool inside);
const char *words_effect(bool remove);
/// "7d", "session" or "none".
void words_window(const struct funnel *funnel, struct text_buffer *out);
/// The reverse of words_window(). CORONG_INVALID names what is allowed.
CORONG_MUST_CHECK enum corong_status words_window_parse(struct text text, struct funnel *funnel,
                                                        struct corong_error *error);
/// The nearest of `words` (NULL-terminated) if it is near enough to be meant, or NULL.
const char *words_nearest(struct text word, const char *const *words);
