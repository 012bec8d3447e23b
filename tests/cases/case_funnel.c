// SPDX-License-Identifier: Apache-2.0
#include "tests/cases/case_funnel.h"

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

static bool set_contains(const json_t *words, const char *word)
{
    size_t index;
    json_t *value;
    json_array_foreach((json_t *)(uintptr_t)words, index, value)
    {
        if (strcmp(json_string_value(value), word) == 0) {
            return true;
        }
    }
    return false;
}

static const char *unsupported(const json_t *funnel)
{
    const char *function = json_string_value(json_object_get(funnel, "function"));
    const json_t *mode = json_object_get(funnel, "mode");
    if (function == NULL ||
        (strcmp(function, "funnel") != 0 && strcmp(function, "windowFunnel") != 0)) {
        return "only funnel and windowFunnel vectors are answered";
    }
    size_t known = set_contains(mode, "strict_once") + set_contains(mode, "strict_increase");
    if (known != json_array_size(mode)) {
        return "a mode other than strict_once and strict_increase";
    }
    if (strcmp(function, "windowFunnel") == 0 && !set_contains(mode, "strict_once")) {
        return "without strict_once one row may fill several steps";
    }
    if (strcmp(json_string_value(json_object_get(funnel, "order")), "ordered") != 0) {
        return "an order other than loose";
    }
    if (json_array_size(json_object_get(funnel, "exclusions")) > 0 ||
        json_is_object(json_object_get(funnel, "breakdown"))) {
        return "exclusions and breakdowns of vectors are not answered";
    }
    return NULL;
}

static bool build_steps(const json_t *steps, struct arena *arena, struct funnel *funnel)
{
    size_t index;
    json_t *step;
    funnel->step_count = (uint32_t)json_array_size(steps);
    funnel->steps = arena_allocate_zeroed(arena, funnel->step_count + 1, sizeof(struct stage));
    json_array_foreach((json_t *)(uintptr_t)steps, index, step)
    {
        struct text_buffer where = {0};
        bool known = append_step(&where, step) && !json_is_true(json_object_get(step, "optional"));
        funnel->steps[index].name = TEXT_LITERAL("step");
        funnel->steps[index].where = arena_copy_text(arena, (struct text){where.bytes, where.size});
        text_buffer_deinit(&where);
        if (!known) {
            return false;
        }
    }
    return true;
}

const char *case_funnel_query(const json_t *funnel, struct arena *arena, struct query_funnel *query)
{
    const char *why = unsupported(funnel);
    if (why != NULL) {
        return why;
    }
    const json_t *window = json_object_get(funnel, "window_ms");
    const char *ties = json_string_value(json_object_get(funnel, "ties"));
    bool strict = (ties != NULL && strcmp(ties, "strict") == 0) ||
                  set_contains(json_object_get(funnel, "mode"), "strict_increase");
    *query = (struct query_funnel){
        .funnel = {.name = TEXT_LITERAL("case"),
                   .window_us = json_is_null(window) ? FUNNEL_WINDOW_NONE
                                                     : json_integer_value(window) * 1000,
                   .ties = strict ? FUNNEL_TIES_STRICT : FUNNEL_TIES_ANY},
        .range = {QUERY_TIME_NONE, QUERY_TIME_NONE},
        .as_of_us = QUERY_TIME_NONE,
        .limits = {.thread_count = 1},
    };
    bool known = build_steps(json_object_get(funnel, "steps"), arena, &query->funnel);
    return known ? NULL : "a step condition that filters do not have";
}
