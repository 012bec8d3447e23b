// SPDX-License-Identifier: Apache-2.0
#include "tests/cases/case_peer.h"

#include "tests/cases/case_condition.h"
#include "tests/cases/case_store.h"

#include <string.h>

static bool fill_steps(struct case_peer *peer)
{
    struct funnel *funnel = &peer->query.funnel;
    const json_t *steps = json_object_get(peer->run->funnel, "steps");
    size_t index;
    json_t *step;
    funnel->step_count = (uint32_t)json_array_size(steps);
    funnel->steps =
        arena_allocate_zeroed(peer->run->arena, funnel->step_count + 1, sizeof(*funnel->steps));
    json_array_foreach((json_t *)(uintptr_t)steps, index, step)
    {
        if (!case_condition_stage(step, peer->run->arena, &funnel->steps[index])) {
            return false;
        }
    }
    return true;
}

static bool fill_exclusions(struct case_peer *peer)
{
    struct funnel *funnel = &peer->query.funnel;
    const json_t *exclusions = json_object_get(peer->run->funnel, "exclusions");
    size_t index;
    json_t *exclusion;
    funnel->exclusion_count = (uint32_t)json_array_size(exclusions);
    funnel->exclusions = arena_allocate_zeroed(peer->run->arena, funnel->exclusion_count + 1,
                                               sizeof(*funnel->exclusions));
    json_array_foreach((json_t *)(uintptr_t)exclusions, index, exclusion)
    {
        struct funnel_exclusion *filled = &funnel->exclusions[index];
        filled->after = (uint32_t)json_integer_value(json_object_get(exclusion, "from_step")) + 1;
        filled->before = (uint32_t)json_integer_value(json_object_get(exclusion, "to_step")) + 1;
        if (!case_condition_stage(exclusion, peer->run->arena, &filled->stage)) {
            return false;
        }
    }
    return true;
}

static void fill_groups(struct case_peer *peer)
{
    const json_t *props = json_object_get(json_object_get(peer->run->funnel, "breakdown"), "props");
    size_t index;
    json_t *property;
    json_array_foreach((json_t *)(uintptr_t)props, index, property)
    {
        if (index < QUERY_SLICE_ATTRIBUTE_COUNT_MAX) {
            const char *name = case_store_attribute(json_string_value(property));
            peer->query.by[peer->query.by_count++] =
                text_from(arena_copy_string(peer->run->arena, name));
        }
    }
}

static int64_t limit_of(const struct case_peer *peer, const char *name, int64_t after_us)
{
    const json_t *value = json_object_get(peer->run->funnel, name);
    return json_is_integer(value) ? json_integer_value(value) * peer->run->unit_us + after_us
                                  : QUERY_TIME_NONE;
}

enum corong_status case_peer_init(struct case_peer *peer, struct case_run *run)
{
    *peer = (struct case_peer){.run = run};
    const json_t *window = json_object_get(peer->run->funnel, "window_ms");
    const char *order = case_kind_word(run, "order");
    bool any = strcmp(order, "any") == 0 || strcmp(order, "unordered") == 0;
    bool strict = strcmp(order, "strict") == 0;
    peer->query = (struct query_funnel){
        .funnel = {.name = TEXT_LITERAL("case"),
                   .window_us = json_is_integer(window) ? json_integer_value(window) * run->unit_us
                                                        : FUNNEL_WINDOW_NONE,
                   .order = any      ? FUNNEL_ORDER_ANY
                            : strict ? FUNNEL_ORDER_STRICT
                                     : FUNNEL_ORDER_LOOSE},
        .range = {limit_of(peer, "date_from_ms", 0), limit_of(peer, "date_to_ms", 1)},
        .as_of_us = QUERY_TIME_NONE,
        .limits = {.thread_count = 1},
    };
    fill_groups(peer);
    bool known = fill_steps(peer) && fill_exclusions(peer) &&
                 case_condition_filter(json_object_get(peer->run->funnel, "filter"),
                                       peer->run->arena, &peer->query.where);
    return known
               ? CORONG_OK
               : error_set(&run->error, CORONG_UNSUPPORTED, "a condition that filters do not have");
}

char *case_peer_key(struct case_peer *peer, const struct text *values, uint32_t count)
{
    struct text_buffer key = {0};
    for (uint32_t i = 0; i < count; i++) {
        text_buffer_append_string(&key, i > 0 ? "|" : "");
        text_buffer_append_text(&key, values[i]);
    }
    char *copy = arena_allocate(peer->run->arena, key.size + 1);
    memcpy(copy, key.bytes == NULL ? "" : key.bytes, key.size);
    copy[key.size] = '\0';
    text_buffer_deinit(&key);
    return copy;
}

const char *case_peer_property_path(const struct case_run *run, const char *name)
{
    struct text_buffer path = {0};
    text_buffer_printf(&path, "props.%s", name);
    const char *copy = arena_copy_string(run->arena, path.bytes);
    text_buffer_deinit(&path);
    return copy;
}

void case_peer_add(const struct case_peer *peer, const char *key, json_t *value)
{
    json_object_set_new(peer->run->line, key, value);
}
