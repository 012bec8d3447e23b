// SPDX-License-Identifier: Apache-2.0
#include "tools/config/config.h"

#include "engine/engine.h"
#include "storage/base/clock.h"
#include "tools/config/config_funnel.h"
#include "tools/config/config_live.h"
#include "tools/config/config_source.h"
#include "tools/config/config_stage.h"
#include "tools/config/yaml_walk.h"

#define MEMORY_LIMIT_DEFAULT (UINT64_C(1) << 30)
#define MEMORY_LIMIT_MIN (UINT64_C(64) << 20)
#define KAFKA_PROPERTY_COUNT_MAX 256u

void config_init(struct config *config, struct arena *arena)
{
    static const char *no_properties[] = {NULL};
    *config = (struct config){
        .session_timeout_us = SESSION_TIMEOUT_DEFAULT_US,
        .live_range = ENGINE_LIVE_DAY,
        .memory_limit_bytes = MEMORY_LIMIT_DEFAULT,
        .commit_interval_us = 5 * MICROSECONDS_PER_SECOND,
        .kafka_properties = no_properties,
    };
    config_stage_pack(config, arena);
}

/// The value of a key, with its line noted as the origin of `value`.
static struct yaml_place value_of(struct config *config, struct arena *arena,
                                  const struct yaml_place *place, const char *key,
                                  enum config_value value)
{
    struct yaml_place found = yaml_walk_key(place, arena, key);
    if (found.node != NULL) {
        config->origins[value] = yaml_walk_line(&found);
    }
    return found;
}

static enum corong_status load_count(struct config *config, struct arena *arena,
                                     const struct yaml_place *place, const char *key,
                                     enum config_value value, uint32_t *count_out)
{
    int64_t count = *count_out;
    struct yaml_place found = value_of(config, arena, place, key, value);
    if (found.node != NULL) {
        TRY(yaml_walk_integer(&found, 0, ENGINE_SHARD_COUNT_MAX, &count));
    }
    *count_out = (uint32_t)count;
    return CORONG_OK;
}

static enum corong_status load_limits(struct config *config, struct arena *arena,
                                      const struct yaml_place *place)
{
    static const char *const KEYS[] = {"memory", "shards", "parallel", "commit_interval", NULL};
    if (place->node == NULL) {
        return CORONG_OK;
    }
    TRY(yaml_walk_check_keys(place, KEYS));
    struct yaml_place memory = value_of(config, arena, place, "memory", CONFIG_MEMORY);
    struct yaml_place interval =
        value_of(config, arena, place, "commit_interval", CONFIG_COMMIT_INTERVAL);
    if (memory.node != NULL) {
        TRY(yaml_walk_size(&memory, &config->memory_limit_bytes));
        if (config->memory_limit_bytes < MEMORY_LIMIT_MIN) {
            return yaml_walk_fail(&memory, CORONG_INVALID, "too small, at least 64MiB is needed");
        }
    }
    if (interval.node != NULL) {
        TRY(yaml_walk_duration(&interval, &config->commit_interval_us));
        if (config->commit_interval_us < MICROSECONDS_PER_SECOND / 10) {
            return yaml_walk_fail(&interval, CORONG_INVALID, "too short, at least 100ms is needed");
        }
    }
    TRY(load_count(config, arena, place, "shards", CONFIG_SHARDS, &config->shard_count));
    return load_count(config, arena, place, "parallel", CONFIG_PARALLEL, &config->pump_count);
}

static enum corong_status load_scalars(struct config *config, struct arena *arena,
                                       const struct yaml_place *root)
{
    struct yaml_place store = value_of(config, arena, root, "store", CONFIG_STORE);
    struct yaml_place group = yaml_walk_key(root, arena, "store_group");
    struct yaml_place timeout =
        value_of(config, arena, root, "session_timeout", CONFIG_SESSION_TIMEOUT);
    if (group.node != NULL) {
        if (store.node != NULL) {
            return yaml_walk_fail(&group, CORONG_INVALID, "there is a 'store' too; give one");
        }
        config->origins[CONFIG_STORE] = yaml_walk_line(&group);
        config->store_is_group = true;
        store = group;
    }
    if (store.node != NULL) {
        TRY(yaml_walk_text(&store, &config->store));
        config->store = arena_copy_text(arena, config->store);
    }
    if (timeout.node != NULL) {
        TRY(yaml_walk_duration(&timeout, &config->session_timeout_us));
        if (config->session_timeout_us <= 0 || config->session_timeout_us > MICROSECONDS_PER_DAY) {
            return yaml_walk_fail(&timeout, CORONG_INVALID,
                                  "more than 0 and at most 24h is allowed");
        }
    }
    return CORONG_OK;
}

static enum corong_status load_kafka(struct config *config, struct arena *arena,
                                     const struct yaml_place *place)
{
    uint32_t count = yaml_walk_count(place);
    if (place->node == NULL) {
        return CORONG_OK;
    }
    TRY(yaml_walk_check_keys(place, NULL));
    if (count > KAFKA_PROPERTY_COUNT_MAX) {
        return yaml_walk_fail(place, CORONG_INVALID, "%u properties, at most %u are allowed", count,
                              KAFKA_PROPERTY_COUNT_MAX);
    }
    struct text_buffer pair = {0};
    config->kafka_properties = arena_allocate_zeroed(arena, count + 1, sizeof(char *));
    enum corong_status status = CORONG_OK;
    for (uint32_t index = 0; index < count && status == CORONG_OK; index++) {
        struct text name;
        struct text value;
        struct yaml_place member = yaml_walk_member(place, arena, index, &name);
        status = yaml_walk_text(&member, &value);
        if (status == CORONG_OK) {
            text_buffer_reset(&pair);
            text_buffer_append_text(&pair, name);
            text_buffer_append(&pair, "=", 1);
            text_buffer_append_text(&pair, value);
            config->kafka_properties[index] = arena_copy_string(arena, pair.bytes);
        }
    }
    text_buffer_deinit(&pair);
    return status;
}

static enum corong_status load_mapping(struct mapping **mapping_out, struct arena *arena,
                                       const struct yaml_walk *walk, const struct yaml_place *place)
{
    if (yaml_walk_is_scalar(place)) { // `mapping: otto`, short for { preset: otto }
        struct text preset;
        struct corong_error inner;
        TRY(yaml_walk_text(place, &preset));
        enum corong_status status = mapping_from_preset(mapping_out, arena, preset, &inner);
        return status == CORONG_OK ? CORONG_OK
                                   : yaml_walk_fail(place, CORONG_INVALID, "%s", inner.message);
    }
    return mapping_parse(mapping_out, arena, (yaml_document_t *)&walk->document, place->node,
                         walk->file_name, walk->error);
}

static enum corong_status load_root(struct config *config, struct arena *arena,
                                    const struct yaml_walk *walk)
{
    static const char *const KEYS[] = {
        "store", "session_timeout", "limits",      "mapping", "stages", "funnels",
        "kafka", "sources",         "store_group", "live",    NULL};
    struct yaml_place root = yaml_walk_root(walk);
    if (root.node == NULL) {
        return CORONG_OK; // an empty file: defaults
    }
    TRY(yaml_walk_check_keys(&root, KEYS));
    struct yaml_place limits = yaml_walk_key(&root, arena, "limits");
    struct yaml_place stages = yaml_walk_key(&root, arena, "stages");
    struct yaml_place funnels = yaml_walk_key(&root, arena, "funnels");
    struct yaml_place kafka = value_of(config, arena, &root, "kafka", CONFIG_KAFKA);
    struct yaml_place mapping = value_of(config, arena, &root, "mapping", CONFIG_MAPPING);
    TRY(load_scalars(config, arena, &root));
    TRY(load_limits(config, arena, &limits));
    struct yaml_place sources = yaml_walk_key(&root, arena, "sources");
    struct yaml_place live = value_of(config, arena, &root, "live", CONFIG_LIVE);
    TRY(config_live_load(config, arena, &live));
    TRY(load_kafka(config, arena, &kafka));
    TRY(config_source_load(config, arena, &sources));
    TRY(config_stage_load(config, arena, &stages));
    TRY(config_funnel_load(config, arena, &funnels));
    return mapping.node == NULL ? CORONG_OK : load_mapping(&config->mapping, arena, walk, &mapping);
}

enum corong_status config_load(struct config *config, struct arena *arena, const char *path,
                               struct corong_error *error)
{
    struct yaml_walk walk;
    TRY(yaml_walk_open(&walk, path, error));
    config->path = text_from(arena_copy_string(arena, path));
    enum corong_status status = load_root(config, arena, &walk);
    yaml_walk_close(&walk);
    return status;
}

/// The value of `mapping:`, or the whole document where it has no such key. Closes the walk.
static enum corong_status take_mapping(struct mapping **mapping_out, struct arena *arena,
                                       struct yaml_walk *walk)
{
    struct yaml_place root = yaml_walk_root(walk);
    struct yaml_place place = yaml_walk_key(&root, arena, "mapping");
    struct yaml_place chosen = place.node == NULL ? root : place;
    enum corong_status status =
        chosen.node == NULL
            ? yaml_walk_fail(&root, CORONG_INVALID, "the file is empty; a mapping is expected")
            : load_mapping(mapping_out, arena, walk, &chosen);
    yaml_walk_close(walk);
    return status;
}

enum corong_status config_load_mapping(struct mapping **mapping_out, struct arena *arena,
                                       const char *path, struct corong_error *error)
{
    struct yaml_walk walk;
    TRY(yaml_walk_open(&walk, path, error));
    return take_mapping(mapping_out, arena, &walk);
}

enum corong_status config_parse_mapping(struct mapping **mapping_out, struct arena *arena,
                                        const char *name, struct text text,
                                        struct corong_error *error)
{
    struct yaml_walk walk;
    TRY(yaml_walk_open_text(&walk, name, text, error));
    return take_mapping(mapping_out, arena, &walk);
}
