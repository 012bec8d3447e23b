// SPDX-License-Identifier: Apache-2.0
#include "tests/cases/case_step.h"

#include <stdlib.h>
#include <string.h>

static void append_quoted(struct text_buffer *out, const char *text)
{
    text_buffer_append_string(out, "'");
    for (const char *at = text; *at != '\0'; at++) {
        text_buffer_append(out, *at == '\'' ? "''" : at, *at == '\'' ? 2 : 1);
    }
    text_buffer_append_string(out, "'");
}

static void append_literal(struct text_buffer *out, const json_t *value)
{
    if (json_is_string(value)) {
        append_quoted(out, json_string_value(value));
        return;
    }
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    text_buffer_append_string(out, text);
    free(text);
}

static bool append_list(struct text_buffer *out, const json_t *values)
{
    size_t index;
    json_t *value;
    text_buffer_append_string(out, "(");
    json_array_foreach((json_t *)(uintptr_t)values, index, value)
    {
        text_buffer_append_string(out, index > 0 ? ", " : "");
        append_literal(out, value);
    }
    text_buffer_append_string(out, ")");
    return json_array_size(values) > 0;
}

static bool append_comparison(struct text_buffer *out, const char *property, const char *operator,
                              const json_t * value)
{
    static const char *const words[][2] = {{"eq", "="},  {"ne", "!="}, {"lt", "<"},
                                           {"le", "<="}, {"gt", ">"},  {"ge", ">="}};
    text_buffer_printf(out, "\"%s\" ", property);
    for (size_t index = 0; index < sizeof(words) / sizeof(words[0]); index++) {
        if (strcmp(operator, words[index][0]) == 0) {
            text_buffer_printf(out, "%s ", words[index][1]);
            append_literal(out, value);
            return true;
        }
    }
    if (strcmp(operator, "in") == 0 || strcmp(operator, "nin") == 0) {
        text_buffer_append_string(out, operator[0] == 'n' ? "not in " : "in ");
        return append_list(out, value);
    }
    if (strcmp(operator, "is_set") == 0 || strcmp(operator, "is_null") == 0) {
        bool null = (operator[3] == 'n') == json_is_true(value);
        text_buffer_append_string(out, null ? "is null" : "is not null");
        return true;
    }
    return false;
}

static bool append_property(struct text_buffer *out, const char *property, const json_t *condition)
{
    if (!json_is_object(condition)) {
        return append_comparison(out, property, "eq", condition);
    }
    const char *operator;
    json_t *value;
    bool first = true;
    json_object_foreach((json_t *)(uintptr_t)condition, operator, value)
    {
        text_buffer_append_string(out, first ? "" : " and ");
        first = false;
        if (!append_comparison(out, property, operator, value)) {
            return false;
        }
    }
    return !first;
}

static bool append_step(struct text_buffer *out, const json_t *step);

static bool append_any_of(struct text_buffer *out, const json_t *choices)
{
    size_t index;
    json_t *choice;
    json_array_foreach((json_t *)(uintptr_t)choices, index, choice)
    {
        text_buffer_append_string(out, index > 0 ? " or (" : "(");
        if (!append_step(out, choice)) {
            return false;
        }
        text_buffer_append_string(out, ")");
    }
    return json_array_size(choices) > 0;
}

// A step as one filter expression over the event; false where it has a condition we do not know.
static bool append_step(struct text_buffer *out, const json_t *step)
{
    const json_t *any_of = json_object_get(step, "any_of");
    if (json_is_array(any_of)) {
        return append_any_of(out, any_of);
    }
    const json_t *event = json_object_get(step, "event");
    const json_t *event_not = json_object_get(step, "event_ne");
    text_buffer_append_string(out, "event is not null");
    if (json_is_string(event) || json_is_string(event_not)) {
        text_buffer_append_string(out, json_is_string(event) ? " and event = " : " and event != ");
        append_literal(out, json_is_string(event) ? event : event_not);
    }
    const char *property;
    json_t *condition;
    json_object_foreach(json_object_get(step, "where"), property, condition)
    {
        text_buffer_append_string(out, " and ");
        if (!append_property(out, property, condition)) {
            return false;
        }
    }
    return true;
}

bool case_step_build(const json_t *step, struct arena *arena, struct stage *stage_out)
{
    struct text_buffer where = {0};
    bool known = append_step(&where, step);
    *stage_out =
        (struct stage){.name = TEXT_LITERAL("step"),
                       .where = arena_copy_text(arena, (struct text){where.bytes, where.size})};
    text_buffer_deinit(&where);
    return known;
}

enum corong_status case_step_build_all(const json_t *steps, struct arena *arena,
                                       struct stage **stages_out, uint32_t *count_out,
                                       struct corong_error *error)
{
    size_t index;
    json_t *step;
    *count_out = (uint32_t)json_array_size(steps);
    *stages_out = arena_allocate_zeroed(arena, *count_out + 1, sizeof(struct stage));
    json_array_foreach((json_t *)(uintptr_t)steps, index, step)
    {
        if (!case_step_build(step, arena, &(*stages_out)[index])) {
            return error_set(error, CORONG_UNSUPPORTED,
                             "step %zu has a condition that filters do not have", index + 1);
        }
    }
    return CORONG_OK;
}
