// SPDX-License-Identifier: Apache-2.0
#include "tools/config/config_source.h"

#define TOPIC_COUNT_MAX 256u

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

enum corong_status config_source_load(struct config *config, struct arena *arena,
                                      const struct yaml_place *place)
{
    static const char *const KINDS[] = {"kafka", NULL};
    static const char *const KEYS[] = {"topics", NULL};
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
    return load_topics(config, arena, &topics);
}
