// SPDX-License-Identifier: Apache-2.0
// corong-cases FILE: answers test vectors through the product's own decode, store and query code.
//
// FILE is {"cases":[{id, events, funnel, expected}]}; one JSON line per case is printed, in order,
// with the same keys as that case's `expected`, or with "supported": false and why. A rule that the
// product does not have is said to be unsupported; it is never approximated.
#include "tests/cases/case_funnel.h"
#include "tests/cases/case_store.h"

#include "engine/query/query.h"
#include "storage/base/memory.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

struct case_answer {
    json_t *levels;
    json_t *matched;
};

static void visit_user(void *context, uint8_t user_namespace, struct text user_id, uint32_t level,
                       const int64_t *matched_us, bool open)
{
    (void)user_namespace;
    (void)open;
    struct case_answer *answer = context;
    char *user = memory_copy_string(user_id.bytes, user_id.size);
    json_t *times = json_array();
    for (uint32_t step = 0; step < level; step++) {
        json_array_append_new(times, json_integer(matched_us[step] / 1000));
    }
    json_object_set_new(answer->levels, user, json_integer(level));
    json_object_set_new(answer->matched, user, times);
    memory_free(user);
}

// Users that never enter have level 0 and are not visited.
static void add_absent_users(const json_t *events, struct case_answer *answer)
{
    size_t index;
    json_t *event;
    json_array_foreach(events, index, event)
    {
        const char *user = json_string_value(json_object_get(event, "user"));
        if (json_object_get(answer->levels, user) == NULL) {
            json_object_set_new(answer->levels, user, json_integer(0));
            json_object_set_new(answer->matched, user, json_array());
        }
    }
}

static enum corong_status answer_case(const json_t *given, const struct query_funnel *query,
                                      json_t *line, struct arena *arena, struct corong_error *error)
{
    struct case_answer answer = {json_object(), json_object()};
    struct query_funnel_result result;
    struct store_snapshot *snapshot = NULL;
    char *directory = case_store_build(json_object_get(given, "events"), arena);
    enum corong_status status = store_snapshot_open(&snapshot, directory, error);
    if (status == CORONG_OK) {
        status = query_funnel_users(snapshot, query, visit_user, &answer, error);
    }
    if (status == CORONG_OK) {
        status = query_funnel_run(snapshot, query, arena, &result, error);
    }
    if (status == CORONG_OK) {
        json_t *reached = json_array();
        for (uint32_t step = 0; step < query->funnel.step_count; step++) {
            json_array_append_new(reached,
                                  json_integer((json_int_t)result.total.steps[step].reached));
        }
        add_absent_users(json_object_get(given, "events"), &answer);
        json_object_set_new(line, "step_counts", reached);
        json_object_set(line, "levels_by_user", answer.levels);
        json_object_set(line, "matched_ts_by_user", answer.matched);
    }
    store_snapshot_close(snapshot);
    case_store_remove(directory);
    json_decref(answer.levels);
    json_decref(answer.matched);
    return status;
}

// The line has exactly the keys of `expected`; a key that we do not compute makes the case
// unsupported.
static const char *keep_expected_keys(json_t *line, const json_t *expected)
{
    static const char *const ours[] = {"step_counts", "levels_by_user", "matched_ts_by_user"};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)expected, key, value)
    {
        if (json_object_get(line, key) == NULL) {
            return "an expected figure is not one that this runner computes";
        }
    }
    for (size_t index = 0; index < sizeof(ours) / sizeof(ours[0]); index++) {
        if (json_object_get(expected, ours[index]) == NULL) {
            json_object_del(line, ours[index]);
        }
    }
    return NULL;
}

static bool run_case(const json_t *given)
{
    struct arena arena = {0};
    struct corong_error error = {.message = ""};
    struct query_funnel query;
    json_t *line = json_object();
    bool failed = false;
    json_object_set(line, "id", json_object_get(given, "id"));
    const char *why = case_funnel_query(json_object_get(given, "funnel"), &arena, &query);
    if (why == NULL) {
        failed = answer_case(given, &query, line, &arena, &error) != CORONG_OK;
        why = failed ? error.message : keep_expected_keys(line, json_object_get(given, "expected"));
    }
    json_object_set_new(line, "supported", json_boolean(why == NULL));
    json_object_set_new(line, "why", json_string(why == NULL ? "" : why));
    char *text = json_dumps(line, JSON_COMPACT);
    puts(text);
    free(text);
    json_decref(line);
    arena_deinit(&arena);
    return !failed;
}

int main(int argument_count, char **arguments)
{
    json_error_t problem;
    if (argument_count != 2) {
        fputs("usage: corong-cases FILE\n", stderr);
        return 2;
    }
    json_t *file = json_load_file(arguments[1], 0, &problem);
    if (file == NULL) {
        fprintf(stderr, "corong-cases: '%s': line %d: %s\n", arguments[1], problem.line,
                problem.text);
        return EXIT_FAILURE;
    }
    size_t index;
    json_t *given;
    bool good = true;
    json_array_foreach(json_object_get(file, "cases"), index, given)
    {
        good &= run_case(given);
    }
    json_decref(file);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
