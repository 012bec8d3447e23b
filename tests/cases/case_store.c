// SPDX-License-Identifier: Apache-2.0
#include "tests/cases/case_store.h"

#include "ingest/ingest.h"
#include "storage/storage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void case_check(enum corong_status status, const struct corong_error *error)
{
    if (status != CORONG_OK) {
        fprintf(stderr, "corong-cases: %s\n", error->message);
        exit(EXIT_FAILURE);
    }
}

static const char *json_type_word(const json_t *value)
{
    return json_is_integer(value)   ? "integer"
           : json_is_real(value)    ? "number"
           : json_is_boolean(value) ? "boolean"
                                    : "string";
}

const char *case_store_attribute(const char *property)
{
    static const char *const taken[] = {"user", "event",  "time",     "id",       "seq",
                                        "name", "amount", "currency", "received", "revenue"};
    static char buffers[4][256];
    static unsigned turn;
    for (size_t index = 0; index < sizeof(taken) / sizeof(taken[0]); index++) {
        if (strcmp(property, taken[index]) == 0) {
            char *buffer = buffers[turn++ % 4];
            snprintf(buffer, sizeof(buffers[0]), "property %s", property);
            return buffer;
        }
    }
    return property;
}

static void add_missing(json_t *types, const char *property)
{
    bool user = property != NULL && strcmp(property, "user") == 0;
    if (property != NULL && !user && json_object_get(types, property) == NULL) {
        json_object_set_new(types, property, json_string("string"));
    }
}

static void add_conditions(const json_t *conditions, json_t *types)
{
    const char *property;
    json_t *condition;
    json_object_foreach((json_t *)(uintptr_t)conditions, property, condition)
    {
        add_missing(types, property);
    }
}

static void add_steps(const json_t *steps, json_t *types)
{
    size_t index;
    json_t *step;
    json_array_foreach((json_t *)(uintptr_t)steps, index, step)
    {
        add_conditions(json_object_get(step, "where"), types);
        add_steps(json_object_get(step, "any_of"), types);
    }
}

// What the question speaks of exists, be it in no event.
static void add_question(const json_t *funnel, json_t *types)
{
    size_t index;
    json_t *property;
    add_conditions(json_object_get(funnel, "filter"), types);
    add_steps(json_object_get(funnel, "steps"), types);
    add_steps(json_object_get(funnel, "exclusions"), types);
    json_array_foreach(json_object_get(json_object_get(funnel, "breakdown"), "props"), index,
                       property)
    {
        add_missing(types, json_string_value(property));
    }
    json_array_foreach(json_object_get(funnel, "correlate_by"), index, property)
    {
        add_missing(types, json_string_value(property));
    }
}

// Every property of any event becomes an attribute; differing types make it a string.
static json_t *collect_attributes(const struct case_run *run)
{
    json_t *types = json_object();
    size_t index;
    json_t *event;
    json_array_foreach(json_object_get(run->given, "events"), index, event)
    {
        const char *property;
        json_t *value;
        json_object_foreach(json_object_get(event, "props"), property, value)
        {
            if (json_is_null(value)) {
                continue;
            }
            const char *known = json_string_value(json_object_get(types, property));
            const char *type = json_type_word(value);
            bool differs = known != NULL && strcmp(known, type) != 0;
            json_object_set_new(types, property, json_string(differs ? "string" : type));
        }
    }
    add_question(run->funnel, types);
    return types;
}

// JSON is YAML, so jansson can write the mapping with all its quoting.
static char *mapping_text(const struct case_run *run, const struct case_kind *kind,
                          const char *user)
{
    json_t *attributes = json_object();
    json_t *types = collect_attributes(run);
    const char *property;
    json_t *type;
    json_object_foreach(types, property, type)
    {
        json_object_set_new(
            attributes, case_store_attribute(property),
            json_pack("{s:o, s:O}", "path", json_sprintf("props.%s", property), "type", type));
    }
    json_t *mapping =
        json_pack("{s:s, s:s, s:{s:s, s:s}, s:s}", "format", "json", "user", user, "time", "path",
                  "ts_ms", "unit", run->unit_us == 1 ? "us" : "ms", "name", "event");
    if (json_object_size(attributes) > 0) {
        json_object_set(mapping, "attributes", attributes);
    }
    if (kind->in_order) {
        json_object_set_new(mapping, "sequence", json_string("sequence"));
    }
    char *text = json_dumps(mapping, 0);
    json_decref(mapping);
    json_decref(attributes);
    json_decref(types);
    return text;
}

static void write_lines(const json_t *events, const char *path)
{
    FILE *file = fopen(path, "w");
    size_t index;
    json_t *event;
    json_array_foreach((json_t *)(uintptr_t)events, index, event)
    {
        json_t *line = json_copy(event);
        json_object_set_new(line, "sequence", json_integer((json_int_t)index));
        json_dumpf(line, file, JSON_COMPACT);
        fputc('\n', file);
        json_decref(line);
    }
    if (fclose(file) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}

static void replay(const char *directory, const char *log_path, struct mapping *mapping,
                   bool may_reject)
{
    struct corong_error error;
    struct store *store;
    struct ingest *ingest;
    struct ingest_books books;
    case_check(store_open(&store, directory, &(struct store_options){.create = true}, &error),
               &error);
    case_check(mapping_bind(mapping, store, &error), &error);
    const char *const paths[] = {log_path};
    struct ingest_options options = {.store = store,
                                     .mapping = mapping,
                                     .paths = paths,
                                     .path_count = 1,
                                     .shard_count = 2,
                                     .memory_limit_bytes = UINT64_C(128) << 20};
    case_check(ingest_create(&ingest, &options, &error), &error);
    case_check(ingest_run(ingest, &error), &error);
    ingest_books(ingest, &books);
    if (books.run.messages_rejected + books.run.events_rejected > 0 && !may_reject) {
        fputs("corong-cases: an event of a vector was rejected\n", stderr);
        exit(EXIT_FAILURE);
    }
    ingest_destroy(ingest);
    store_close(store);
}

char *case_store_build(const struct case_run *run, const struct case_kind *kind)
{
    const char *user_path = kind->user_path == NULL ? NULL : kind->user_path(run);
    const json_t *events = json_object_get(run->given, "events");
    struct arena *arena = run->arena;
    struct corong_error error;
    struct mapping *mapping;
    yaml_parser_t parser;
    yaml_document_t document;
    char pattern[] = "/tmp/corong-case-XXXXXX";
    char *directory = arena_copy_string(arena, mkdtemp(pattern));
    char log_path[64];
    snprintf(log_path, sizeof(log_path), "%s/events.jsonl", directory);
    char store_path[64];
    snprintf(store_path, sizeof(store_path), "%s/store", directory);
    write_lines(events, log_path);
    char *text = mapping_text(run, kind, user_path == NULL ? "user" : user_path);
    yaml_parser_initialize(&parser);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
    if (yaml_parser_load(&parser, &document) == 0) {
        fputs("corong-cases: the mapping is not YAML\n", stderr);
        exit(EXIT_FAILURE);
    }
    case_check(mapping_parse(&mapping, arena, &document, yaml_document_get_root_node(&document),
                             "case", &error),
               &error);
    replay(store_path, log_path, mapping, user_path != NULL);
    yaml_document_delete(&document);
    yaml_parser_delete(&parser);
    free(text);
    return arena_copy_string(arena, store_path);
}

void case_store_remove(const char *directory)
{
    char command[128];
    // The store lies in the temporary directory that was made for the case.
    snprintf(command, sizeof(command), "rm -rf '%.*s'", (int)(strrchr(directory, '/') - directory),
             directory);
    if (system(command) != 0) {
        fprintf(stderr, "corong-cases: could not remove %s\n", directory);
    }
}
