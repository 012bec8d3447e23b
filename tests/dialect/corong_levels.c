// SPDX-License-Identifier: Apache-2.0
// corong-levels STORE: answers questions, one JSON object per line of standard input, about every
// user of a store, one JSON object per line of standard output.
//
// {"steps": [["a","b"],["c"]], "window_us": 10, "ties": "any", "dialect": "doris:fixed"}
//     -> {"USER": level, ...}, users of level 0 left out
// {"steps": [["a"],["b"]], "pattern": "(?1).*(?2)", "unit_us": 1}
//     -> {"USER": [matches, count, [time, ...]], ...}
// A step lists event names. "from_us", "to_us" and "where" restrict what is seen. Fails where the
// product refuses.
#include "engine/dialect/dialect.h"
#include "engine/query/query.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void levels_check(enum corong_status status, const struct corong_error *error)
{
    if (status != CORONG_OK) {
        fprintf(stderr, "corong-levels: %s\n", error->message);
        exit(EXIT_FAILURE);
    }
}

static void build_steps(const json_t *given, struct arena *arena, struct stage **steps_out,
                        uint32_t *count_out)
{
    size_t index;
    json_t *names;
    *count_out = (uint32_t)json_array_size(given);
    *steps_out = arena_allocate_zeroed(arena, *count_out + 1, sizeof(struct stage));
    json_array_foreach((json_t *)(uintptr_t)given, index, names)
    {
        struct stage *step = &(*steps_out)[index];
        size_t at;
        json_t *name;
        step->name = TEXT_LITERAL("step");
        step->event_count = (uint32_t)json_array_size(names);
        step->events = arena_allocate_zeroed(arena, step->event_count + 1, sizeof(struct text));
        json_array_foreach(names, at, name)
        {
            step->events[at] = text_from(json_string_value(name));
        }
    }
}

// Half-open; what is not given is open.
static struct query_range range_of(const json_t *given)
{
    const json_t *from = json_object_get(given, "from_us");
    const json_t *to = json_object_get(given, "to_us");
    return (struct query_range){json_is_integer(from) ? json_integer_value(from) : QUERY_TIME_NONE,
                                json_is_integer(to) ? json_integer_value(to) : QUERY_TIME_NONE};
}

// Prints commas between users.
static void print_user(bool *some, struct text id)
{
    printf("%s\"%.*s\":", *some ? "," : "{", (int)id.size, id.bytes);
    *some = true;
}

static void visit_level(void *context, uint8_t user_namespace, struct text id, uint32_t level,
                        const int64_t *matched_us, bool open)
{
    (void)user_namespace;
    (void)matched_us;
    (void)open;
    print_user(context, id);
    printf("%u", level);
}

static void answer_funnel(struct store_snapshot *store, const json_t *given, struct arena *arena)
{
    struct corong_error error;
    struct query_funnel query = {.funnel = {.name = TEXT_LITERAL("levels")},
                                 .range = range_of(given),
                                 .where =
                                     text_from(json_string_value(json_object_get(given, "where"))),
                                 .as_of_us = QUERY_TIME_NONE};
    struct funnel *funnel = &query.funnel;
    const char *dialect = json_string_value(json_object_get(given, "dialect"));
    const char *ties = json_string_value(json_object_get(given, "ties"));
    bool some = false;
    funnel->window_us = json_integer_value(json_object_get(given, "window_us"));
    if (ties != NULL && strcmp(ties, "strict") == 0) {
        funnel->ties = FUNNEL_TIES_STRICT;
    }
    build_steps(json_object_get(given, "steps"), arena, &funnel->steps, &funnel->step_count);
    if (dialect != NULL) {
        levels_check(dialect_parse(text_from(dialect), funnel, &error), &error);
    }
    levels_check(dialect_apply(funnel, &error), &error);
    levels_check(query_funnel_users(store, &query, visit_level, &some, &error), &error);
    puts(some ? "}" : "{}");
}

static void visit_pattern(void *context, const struct query_pattern_user *user)
{
    print_user(context, user->id);
    printf("[%d,%lld,[", user->matches, user->counted ? (long long)user->count : -1);
    for (uint32_t i = 0; i < user->longest_count; i++) {
        printf(i == 0 ? "%lld" : ",%lld", (long long)user->longest_us[i]);
    }
    fputs("]]", stdout);
}

static void answer_pattern(struct store_snapshot *store, const json_t *given, struct arena *arena)
{
    struct corong_error error;
    struct query_pattern_result result;
    struct stage *steps;
    bool some = false;
    struct query_pattern query = {
        .pattern = text_from(json_string_value(json_object_get(given, "pattern"))),
        .unit_us = json_integer_value(json_object_get(given, "unit_us")),
        .range = range_of(given),
        .where = text_from(json_string_value(json_object_get(given, "where"))),
        .as_of_us = QUERY_TIME_NONE};
    build_steps(json_object_get(given, "steps"), arena, &steps, &query.step_count);
    query.steps = steps;
    levels_check(query_pattern_run(store, &query, visit_pattern, &some, &result, &error), &error);
    puts(some ? "}" : "{}");
}

int main(int argument_count, char **arguments)
{
    struct corong_error error;
    struct store_snapshot *store;
    char *line = NULL;
    size_t capacity = 0;
    if (argument_count != 2) {
        fputs("usage: corong-levels STORE\n", stderr);
        return 2;
    }
    levels_check(store_snapshot_open(&store, arguments[1], &error), &error);
    while (getline(&line, &capacity, stdin) > 0) {
        struct arena arena = {0};
        json_error_t problem;
        json_t *given = json_loads(line, 0, &problem);
        if (given == NULL) {
            fprintf(stderr, "corong-levels: %s\n", problem.text);
            return EXIT_FAILURE;
        }
        if (json_object_get(given, "pattern") != NULL) {
            answer_pattern(store, given, &arena);
        } else {
            answer_funnel(store, given, &arena);
        }
        fflush(stdout);
        json_decref(given);
        arena_deinit(&arena);
    }
    free(line);
    store_snapshot_close(store);
    return EXIT_SUCCESS;
}
