// SPDX-License-Identifier: Apache-2.0
#include "tools/config/config_source.h"

#define TOPIC_COUNT_MAX 256u

static const char *const ON_GAP[] = {"halt", "continue", NULL};
static const char *const ON_RESET[] = {"halt", "restart", NULL};

static enum corong_status load_topics(struct config *config, struct arena *arena,
                                      const struct yaml_place *place)
{
    struct text *topics;
    uint32_t count;
    if (place->node == NULL) {
        return CORONG_OK;
    }
    TRY(yaml_walk_texts(place, arena, TOPIC_COUNT_MAX, &topics, &count));
    config->kafka_topics = arena_allocate_zeroed(arena, count + 1u, sizeof(char *));
    for (uint32_t index = 0; index < count; index++) {
        config->kafka_topics[index] = arena_copy_text(arena, topics[index]).bytes;
    }
    config->origins[CONFIG_TOPICS] = yaml_walk_line(place);
    return CORONG_OK;
}

/// Short for a property of the consumer, checked here so that the fault has its line.
static enum corong_status load_property(struct config *config, struct arena *arena,
                                        const struct yaml_place *kafka, const char *key,
                                        const char *property, const char *const *words)
{
    struct yaml_place place = yaml_walk_key(kafka, arena, key);
    struct text value;
    uint32_t ignored;
    if (place.node == NULL) {
        return CORONG_OK;
    }
    if (words != NULL) {
        TRY(yaml_walk_word(&place, words, &ignored));
    }
    TRY(yaml_walk_text(&place, &value));
    uint32_t count = 0;
    while (config->kafka_properties[count] != NULL) {
        count++;
    }
    const char **all = arena_allocate_zeroed(arena, count + 2u, sizeof(all[0]));
    memcpy(all, config->kafka_properties, count * sizeof(all[0]));
    struct text_buffer pair = {0};
    text_buffer_printf(&pair, "%s=%.*s", property, (int)value.size, value.bytes);
    all[count] = arena_copy_string(arena, pair.bytes);
    text_buffer_deinit(&pair);
    config->kafka_properties = all;
    return CORONG_OK;
}

enum corong_status config_source_load(struct config *config, struct arena *arena,
                                      const struct yaml_place *place)
{
    static const char *const KINDS[] = {"kafka", NULL};
    static const char *const KEYS[] = {"topics", "group", "on_gap", "on_reset", NULL};
    if (place->node == NULL) {
        return CORONG_OK;
    }
    TRY(yaml_walk_check_keys(place, KINDS));
    struct yaml_place kafka = yaml_walk_key(place, arena, "kafka");
    if (kafka.node == NULL) {
        return CORONG_OK;
    }
    TRY(yaml_walk_check_keys(&kafka, KEYS));
    struct yaml_place topics = yaml_walk_key(&kafka, arena, "topics");
    TRY(load_topics(config, arena, &topics));
    TRY(load_property(config, arena, &kafka, "group", "group.id", NULL));
    TRY(load_property(config, arena, &kafka, "on_gap", "corong.on_gap", ON_GAP));
    return load_property(config, arena, &kafka, "on_reset", "corong.on_reset", ON_RESET);
}
