// SPDX-License-Identifier: Apache-2.0
#include "tests/cases/case_condition.h"

#include "tests/cases/case_store.h"

#include <stdlib.h>
#include <string.h>

static void append_escaped(struct text_buffer *out, const char *text, const char *special,
                           const char *by)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (strchr(special, *at) != NULL) {
            text_buffer_append_string(out, by);
        }
        text_buffer_append(out, at, 1);
    }
}

static void append_literal(struct text_buffer *out, const json_t *value)
{
    if (json_is_string(value)) {
        text_buffer_append_string(out, "'");
        append_escaped(out, json_string_value(value), "'", "'");
        text_buffer_append_string(out, "'");
        return;
    }
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    text_buffer_append_string(out, text);
    free(text);
}

static void append_list(struct text_buffer *out, const json_t *values)
{
    size_t index;
    json_t *value;
    json_array_foreach((json_t *)(uintptr_t)values, index, value)
    {
        text_buffer_append_string(out, index > 0 ? ", " : " (");
        append_literal(out, value);
    }
    text_buffer_append_string(out, ")");
}

static void append_contains(struct text_buffer *out, const char *property, const json_t *value)
{
    struct text_buffer pattern = {0};
    append_escaped(&pattern, json_string_value(value), "%_\\", "\\");
    text_buffer_printf(out, "\"%s\" ilike '%%", property);
    text_buffer_append(&pattern, "", 1);
    append_escaped(out, pattern.bytes, "'", "'");
    text_buffer_append_string(out, "%'");
    text_buffer_deinit(&pattern);
}

static bool append_test(struct text_buffer *out, const char *given, const char *operator,
                        const json_t * value)
{
    const char *property = case_store_attribute(given);
    static const char *const words[][2] = {
        {"eq", "="}, {"lt", "<"}, {"le", "<="}, {"gt", ">"}, {"ge", ">="}};
    for (size_t index = 0; index < sizeof(words) / sizeof(words[0]); index++) {
        if (strcmp(operator, words[index][0]) == 0) {
            text_buffer_printf(out, "\"%s\" %s ", property, words[index][1]);
            append_literal(out, value);
            return true;
        }
    }
    if (strcmp(operator, "ne") == 0) {
        text_buffer_printf(out, "(\"%s\" is null or \"%s\" != ", property, property);
        append_literal(out, value);
        text_buffer_append_string(out, ")");
        return true;
    }
    if (strcmp(operator, "in") == 0) {
        text_buffer_printf(out, "\"%s\" in", property);
        append_list(out, value);
        return json_array_size(value) > 0;
    }
    if (strcmp(operator, "nin") == 0) {
        text_buffer_printf(out, "(\"%s\" is null or \"%s\" not in", property, property);
        append_list(out, value);
        text_buffer_append_string(out, ")");
        return json_array_size(value) > 0;
    }
    if (strcmp(operator, "icontains") == 0 && json_is_string(value)) {
        append_contains(out, property, value);
        return true;
    }
    bool set = strcmp(operator, "is_set") == 0;
    if (set || strcmp(operator, "is_null") == 0) {
        text_buffer_printf(out, "\"%s\" is %snull", property,
                           set == json_is_true(value) ? "not " : "");
        return true;
    }
    return false;
}

static bool append_conditions(struct text_buffer *out, const json_t *conditions)
{
    const char *property;
    json_t *condition;
    bool known = true;
    json_object_foreach((json_t *)(uintptr_t)conditions, property, condition)
    {
        const char *operator;
        json_t *value;
        if (!json_is_object(condition)) {
            text_buffer_append_string(out, out->size > 0 ? " and " : "");
            known &= append_test(out, property, json_is_array(condition) ? "in" : "eq", condition);
            continue;
        }
        json_object_foreach(condition, operator, value)
        {
            text_buffer_append_string(out, out->size > 0 ? " and " : "");
            known &= append_test(out, property, operator, value);
        }
    }
    return known;
}

static struct text take(struct text_buffer *buffer, struct arena *arena)
{
    struct text text = buffer->size == 0
                           ? TEXT_MISSING
                           : arena_copy_text(arena, (struct text){buffer->bytes, buffer->size});
    text_buffer_deinit(buffer);
    return text;
}

bool case_condition_filter(const json_t *conditions, struct arena *arena, struct text *where_out)
{
    struct text_buffer where = {0};
    bool known = append_conditions(&where, conditions);
    *where_out = take(&where, arena);
    return known;
}

static bool append_choice(struct text_buffer *out, const json_t *choice)
{
    struct text_buffer one = {0};
    const json_t *event = json_object_get(choice, "event");
    const json_t *event_not = json_object_get(choice, "event_ne");
    text_buffer_append_string(&one, "event is not null");
    if (json_is_string(event) || json_is_string(event_not)) {
        text_buffer_append_string(&one, json_is_string(event) ? " and event = " : " and event != ");
        append_literal(&one, json_is_string(event) ? event : event_not);
    }
    bool known = append_conditions(&one, json_object_get(choice, "where"));
    text_buffer_append_string(out, out->size > 0 ? " or (" : "(");
    text_buffer_append(out, one.bytes, one.size);
    text_buffer_append_string(out, ")");
    text_buffer_deinit(&one);
    return known;
}

static bool any_of(const json_t *choices, struct arena *arena, struct stage *stage_out)
{
    struct text_buffer where = {0};
    size_t index;
    json_t *choice;
    bool known = json_array_size(choices) > 0;
    json_array_foreach((json_t *)(uintptr_t)choices, index, choice)
    {
        known &= append_choice(&where, choice);
    }
    stage_out->where = take(&where, arena);
    return known;
}

bool case_condition_stage(const json_t *step, struct arena *arena, struct stage *stage_out)
{
    const json_t *choices = json_object_get(step, "any_of");
    const json_t *event = json_object_get(step, "event");
    *stage_out = (struct stage){.name = TEXT_LITERAL("step")};
    if (json_is_array(choices)) {
        return any_of(choices, arena, stage_out);
    }
    if (json_is_string(json_object_get(step, "event_ne"))) {
        struct text_buffer where = {0};
        bool known = append_choice(&where, step);
        stage_out->where = take(&where, arena);
        return known;
    }
    if (json_is_string(event)) {
        stage_out->events = arena_allocate(arena, sizeof(*stage_out->events));
        stage_out->events[0] = text_from(arena_copy_string(arena, json_string_value(event)));
        stage_out->event_count = 1;
    }
    return case_condition_filter(json_object_get(step, "where"), arena, &stage_out->where);
}
