// SPDX-License-Identifier: Apache-2.0
// corong-cases FILE: answers test vectors through the product's own decode, store and query code.
//
// FILE is {"peer": NAME, "cases":[{id, events, funnel, expected}]}; one JSON line per case is
// printed, in order, with the same keys as that case's `expected`, or with "supported": false and
// why. A rule that the product does not have is said to be unsupported; it is never approximated.
#include "engine/event/event.h"
#include "tests/cases/case_kind.h"
#include "tests/cases/case_store.h"

#include <stdio.h>
#include <stdlib.h>

static const struct case_kind *const KINDS[] = {
    &case_posthog_kind, &case_pinot_kind,    &case_funnel_kind,
    &case_dialect_kind, &case_sequence_kind,
};

void case_kind_add_absent(const struct case_run *run, json_t *by_user, json_t *absent)
{
    size_t index;
    json_t *event;
    json_array_foreach(json_object_get(run->given, "events"), index, event)
    {
        const char *user = json_string_value(json_object_get(event, "user"));
        if (json_object_get(by_user, user) == NULL) {
            json_object_set(by_user, user, absent);
        }
    }
    json_decref(absent);
}

bool case_kind_lacks(const struct case_run *run, const char *key)
{
    const json_t *value = json_object_get(run->funnel, key);
    return !json_is_object(value) && json_array_size(value) == 0;
}

const char *case_kind_word(const struct case_run *run, const char *key)
{
    const char *word = json_string_value(json_object_get(run->funnel, key));
    return word == NULL ? "" : word;
}

static const struct case_kind *kind_of(const struct case_run *run)
{
    for (size_t index = 0; index < sizeof(KINDS) / sizeof(KINDS[0]); index++) {
        if (KINDS[index]->takes(run)) {
            return KINDS[index];
        }
    }
    return NULL;
}

// The line has exactly the keys of `expected`; one that was not computed makes the case
// unsupported.
static enum corong_status keep_expected(struct case_run *run)
{
    const char *key;
    json_t *value;
    json_t *kept = json_object();
    enum corong_status status = CORONG_OK;
    json_object_foreach(json_object_get(run->given, "expected"), key, value)
    {
        json_t *found = json_object_get(run->line, key);
        if (found == NULL) {
            status = error_set(&run->error, CORONG_UNSUPPORTED, "'%s' is not computed", key);
        } else {
            json_object_set(kept, key, found);
        }
    }
    json_object_clear(run->line);
    if (status == CORONG_OK) {
        json_object_update(run->line, kept);
    }
    json_decref(kept);
    return status;
}

static enum corong_status answer_case(struct case_run *run)
{
    const struct case_kind *kind = kind_of(run);
    if (kind == NULL) {
        return error_set(&run->error, CORONG_UNSUPPORTED, "no kind of question takes it");
    }
    char *directory = case_store_build(run, kind);
    enum corong_status status = store_snapshot_open(&run->store, directory, &run->error);
    if (status == CORONG_OK) {
        status = kind->answer(run);
    }
    store_snapshot_close(run->store);
    case_store_remove(directory);
    return status == CORONG_OK ? keep_expected(run) : status;
}

static void print_line(const struct case_run *run, enum corong_status status)
{
    json_t *line = json_object();
    json_object_set(line, "id", json_object_get(run->given, "id"));
    json_object_set_new(line, "supported", json_boolean(status == CORONG_OK));
    json_object_set_new(line, "why", json_string(status == CORONG_OK ? "" : run->error.message));
    if (status == CORONG_OK) {
        json_object_update(line, run->line);
    }
    char *text = json_dumps(line, JSON_COMPACT);
    puts(text);
    free(text);
    json_decref(line);
}

// Times are milliseconds, but some systems' vectors have none that a store takes then.
static int64_t unit_of(const json_t *events)
{
    size_t index;
    json_t *event;
    int64_t unit_us = 1000;
    json_array_foreach((json_t *)(uintptr_t)events, index, event)
    {
        int64_t time = json_integer_value(json_object_get(event, "ts_ms"));
        unit_us = time < EVENT_TIME_MAX_US / 1000 ? unit_us : 1;
    }
    return unit_us;
}

static bool run_case(const char *peer, const json_t *given)
{
    struct arena arena = {0};
    struct case_run run = {.peer = peer,
                           .given = given,
                           .funnel = json_object_get(given, "funnel"),
                           .unit_us = unit_of(json_object_get(given, "events")),
                           .line = json_object(),
                           .arena = &arena};
    enum corong_status status = answer_case(&run);
    print_line(&run, status);
    json_decref(run.line);
    arena_deinit(&arena);
    return status == CORONG_OK || status == CORONG_UNSUPPORTED;
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
    const char *peer = json_string_value(json_object_get(file, "peer"));
    size_t index;
    json_t *given;
    bool good = true;
    json_array_foreach(json_object_get(file, "cases"), index, given)
    {
        good &= run_case(peer == NULL ? "ours" : peer, given);
    }
    json_decref(file);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
