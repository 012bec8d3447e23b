// SPDX-License-Identifier: Apache-2.0
#include "tools/config/config_stage.h"

static struct text VISIT_EVENTS[] = {
    {"visit", 5}, {"page_view", 9}, {"pageview", 8}, {"view", 4}, {"page", 4}, {"$pageview", 9},
};
static struct text CLICK_EVENTS[] = {{"click", 5}, {"clicks", 6}, {"link_clicked", 12}};
static struct text ORDER_EVENTS[] = {
    {"order", 5}, {"orders", 6}, {"purchase", 8}, {"order_completed", 15}, {"Order Completed", 15},
};

#define EVENT_COUNT(events) (sizeof(events) / sizeof((events)[0]))

static const struct stage PACK[] = {
    {{"visit", 5}, VISIT_EVENTS, EVENT_COUNT(VISIT_EVENTS), {NULL, 0}, 0, {"top", 3}},
    {{"click", 5}, CLICK_EVENTS, EVENT_COUNT(CLICK_EVENTS), {NULL, 0}, 0, {"middle", 6}},
    {{"order", 5}, ORDER_EVENTS, EVENT_COUNT(ORDER_EVENTS), {NULL, 0}, 0, {"bottom", 6}},
};
#define PACK_COUNT ((uint32_t)EVENT_COUNT(PACK))

void config_stage_pack(struct config *config, struct arena *arena)
{
    struct stage *stages = arena_allocate_zeroed(arena, PACK_COUNT, sizeof(stages[0]));
    memcpy(stages, PACK, sizeof(PACK));
    config->definitions.stages = stages;
    config->definitions.stage_count = PACK_COUNT;
    config->stage_origins = arena_allocate_zeroed(arena, PACK_COUNT, sizeof(uint32_t));
}

struct text config_stage_both(struct arena *arena, struct text left, struct text right)
{
    if (left.bytes == NULL || right.bytes == NULL) {
        return left.bytes == NULL ? right : left;
    }
    struct text_buffer both = {0};
    text_buffer_printf(&both, "(%.*s) and (%.*s)", (int)left.size, left.bytes, (int)right.size,
                       right.bytes);
    struct text copy = arena_copy_text(arena, (struct text){both.bytes, both.size});
    text_buffer_deinit(&both);
    return copy;
}

enum corong_status config_stage_label(struct stage *stage, struct arena *arena,
                                      const struct yaml_place *place)
{
    static const char *const GROUPS[] = {"top", "middle", "bottom", NULL};
    struct yaml_place priority = yaml_walk_key(place, arena, "priority");
    struct yaml_place group = yaml_walk_key(place, arena, "group");
    if (priority.node != NULL) {
        int64_t value;
        TRY(yaml_walk_integer(&priority, -1000000, 1000000, &value));
        stage->priority = (int32_t)value;
    }
    if (group.node != NULL) {
        uint32_t index;
        TRY(yaml_walk_word(&group, GROUPS, &index));
        stage->group = text_from(GROUPS[index]);
    }
    return CORONG_OK;
}

static enum corong_status load_details(struct stage *stage, struct arena *arena,
                                       const struct yaml_place *place)
{
    struct yaml_place where = yaml_walk_key(place, arena, "where");
    if (where.node != NULL) {
        TRY(yaml_walk_text(&where, &stage->where));
        stage->where = arena_copy_text(arena, stage->where);
    }
    return config_stage_label(stage, arena, place);
}

/// `visit: page_view`, `visit: [page_view, view]`, or a mapping.
static enum corong_status load_stage(struct stage *stage, struct arena *arena,
                                     const struct yaml_place *place)
{
    static const char *const KEYS[] = {"events", "event", "where", "priority", "group", NULL};
    if (!yaml_walk_is_mapping(place)) {
        return yaml_walk_texts(place, arena, STAGE_EVENT_COUNT_MAX, &stage->events,
                               &stage->event_count);
    }
    TRY(yaml_walk_check_keys(place, KEYS));
    struct yaml_place events = yaml_walk_key(place, arena, "events");
    struct yaml_place event = yaml_walk_key(place, arena, "event");
    if (events.node != NULL && event.node != NULL) {
        return yaml_walk_fail(&event, CORONG_INVALID,
                              "'events' is given too; one of them is enough");
    }
    struct yaml_place chosen = events.node != NULL ? events : event;
    if (chosen.node != NULL) {
        TRY(yaml_walk_texts(&chosen, arena, STAGE_EVENT_COUNT_MAX, &stage->events,
                            &stage->event_count));
    }
    TRY(load_details(stage, arena, place));
    if (stage->event_count == 0 && stage->where.bytes == NULL) {
        return yaml_walk_fail(place, CORONG_INVALID, "'events' or 'where' is needed");
    }
    return CORONG_OK;
}

static void put_stage(struct config *config, const struct stage *stage, uint32_t line)
{
    struct definitions *definitions = &config->definitions;
    uint32_t index = 0;
    while (index < definitions->stage_count &&
           !text_equal(definitions->stages[index].name, stage->name)) {
        index++;
    }
    definitions->stages[index] = *stage;
    config->stage_origins[index] = line;
    definitions->stage_count += index == definitions->stage_count;
}

/// Room for `count` more stages.
static void grow(struct config *config, struct arena *arena, uint32_t count)
{
    uint32_t had = config->definitions.stage_count;
    struct stage *stages = arena_allocate_zeroed(arena, had + count, sizeof(stages[0]));
    uint32_t *origins = arena_allocate_zeroed(arena, had + count, sizeof(origins[0]));
    memcpy(stages, config->definitions.stages, had * sizeof(stages[0]));
    memcpy(origins, config->stage_origins, had * sizeof(origins[0]));
    config->definitions.stages = stages;
    config->stage_origins = origins;
}

enum corong_status config_stage_load(struct config *config, struct arena *arena,
                                     const struct yaml_place *place)
{
    if (place->node == NULL) {
        return CORONG_OK;
    }
    TRY(yaml_walk_check_keys(place, NULL));
    grow(config, arena, yaml_walk_count(place));
    for (uint32_t index = 0; index < yaml_walk_count(place); index++) {
        struct text name;
        struct stage stage = {0};
        struct yaml_place member = yaml_walk_member(place, arena, index, &name);
        if (name.size == 0) {
            return yaml_walk_fail(&member, CORONG_INVALID, "a stage needs a name");
        }
        stage.name = arena_copy_text(arena, name);
        TRY(load_stage(&stage, arena, &member));
        put_stage(config, &stage, yaml_walk_line(&member));
    }
    return CORONG_OK;
}
