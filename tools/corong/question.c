// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/question.h"

#include "storage/base/clock.h"
#include "storage/cache/cache.h"
#include "storage/group/group.h"
#include "tools/corong/console.h"
#include "tools/corong/settings.h"
#include "tools/serve/serve.h"

#include <stdlib.h>
#include <unistd.h>

#define LISTED_NAME_COUNT 12u

/// Of the memory limit, for what --every keeps of users.
#define MEMO_PART 4u

static bool is_store(const char *directory)
{
    struct text_buffer path = {0};
    text_buffer_printf(&path, "%s/FORMAT", directory);
    bool is = access(path.bytes, F_OK) == 0;
    text_buffer_deinit(&path);
    return is;
}

enum corong_status question_require_store(const struct config *config, struct corong_error *error)
{
    const char *directory = settings_store(config);
    if (access(directory, F_OK) != 0) {
        return error_set(error, CORONG_NOT_FOUND,
                         "there is no store '%s'; 'corong replay --store %s PATH' makes one",
                         directory, directory);
    }
    if (!is_store(directory) && !store_group_is(directory)) {
        return error_set(
            error, CORONG_INVALID,
            "'%s' is no store, it has no file FORMAT; 'corong replay --store DIR PATH' "
            "makes a store, 'corong serve --store-group DIR' a group of them",
            directory);
    }
    return CORONG_OK;
}

enum corong_status question_open(const struct config *config, bool durable,
                                 struct store_snapshot **snapshot_out, struct corong_error *error)
{
    TRY(question_require_store(config, error));
    return client_snapshot(snapshot_out, settings_store(config), durable, error);
}

/// Asks once. `cache`: what earlier times decoded, or NULL.
static enum exit_code ask_store(const struct options *options, const struct config *config,
                                question_function *ask, struct cache *cache)
{
    struct corong_error error = {0};
    struct store_snapshot *snapshot;
    if (question_open(config, options_given(options, OPTION_DURABLE), &snapshot, &error) !=
        CORONG_OK) {
        console_fail(&error);
        return EXIT_FAILED;
    }
    store_snapshot_use_cache(snapshot, cache);
    store_snapshot_trim_cache(snapshot, cache);
    enum exit_code code = ask(options, config, snapshot);
    store_snapshot_close(snapshot);
    return code;
}

/// --every: what is decoded stays for the next time, and only what came meanwhile is decoded then.
static enum exit_code ask_every(const struct options *options, const struct config *config,
                                question_function *ask)
{
    struct corong_error error;
    enum exit_code code;
    if (options_given(options, OPTION_REPEAT)) {
        (void)!error_set(&error, CORONG_INVALID,
                         "--again asks the same events again, --every all that came meanwhile; "
                         "one of them");
        return console_fail(&error);
    }
    int64_t interval_us = options_number(options, OPTION_EVERY, 0);
    struct cache *cache = cache_create(config->memory_limit_bytes / 2);
    struct query_memo *memo = query_memo_create(config->memory_limit_bytes / MEMO_PART);
    int64_t due_us = clock_monotonic_us();
    do {
        struct arena arena = {0};
        struct options round = *options;
        round.arena = &arena;
        round.memo = memo;
        code = ask_store(&round, config, ask, cache);
        arena_deinit(&arena);
        due_us += interval_us;
        int64_t left_us = due_us - clock_monotonic_us();
        due_us -= left_us < 0 ? left_us : 0; // what took too long is not caught up with
        clock_sleep_us(left_us < 0 ? 0 : left_us);
    } while (code == EXIT_DONE);
    query_memo_destroy(memo);
    cache_destroy(cache);
    return code;
}

static enum exit_code run(const struct options *options, question_function *ask, bool anyway)
{
    struct config config;
    struct corong_error error = {0};
    if (settings_load(options, &config, &error) != CORONG_OK) {
        return console_fail(&error);
    }
    if (options_given(options, OPTION_PRINT_CONFIG)) {
        return settings_print(&config);
    }
    if (anyway && access(settings_store(&config), F_OK) != 0) {
        return ask(options, &config, NULL);
    }
    bool every = options_given(options, OPTION_EVERY) && !anyway;
    return every ? ask_every(options, &config, ask) : ask_store(options, &config, ask, NULL);
}

enum exit_code question_run(const struct options *options, question_function *ask)
{
    return run(options, ask, options_given(options, OPTION_PRINT_QUERY));
}

enum exit_code question_run_anyway(const struct options *options, question_function *ask)
{
    return run(options, ask, true);
}

static int compare_texts(const void *left, const void *right)
{
    return text_compare(*(const struct text *)left, *(const struct text *)right);
}

static uint32_t keep_distinct(struct text *names, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t index = 0; index < count; index++) {
        if (kept == 0 || !text_equal(names[kept - 1], names[index])) {
            names[kept++] = names[index];
        }
    }
    return kept;
}

/// Merges a segment's names into a sorted set of distinct names.
static void add_names(struct arena *arena, const struct dictionary *dictionary, struct text **names,
                      uint32_t *count)
{
    uint32_t total = *count + dictionary->count;
    struct text *merged = arena_allocate_zeroed(arena, total + 1, sizeof(merged[0]));
    if (*count > 0) {
        memcpy(merged, *names, *count * sizeof(merged[0]));
    }
    for (uint32_t code = 0; code < dictionary->count; code++) {
        merged[*count + code] = dictionary_text(dictionary, code);
    }
    qsort(merged, total, sizeof(merged[0]), compare_texts);
    *count = keep_distinct(merged, total);
    *names = merged;
}

/// True where every name of the dictionary is in the sorted set: nothing to merge.
static bool all_known(const struct dictionary *dictionary, const struct text *names, uint32_t count)
{
    for (uint32_t code = 0; code < dictionary->count; code++) {
        struct text name = dictionary_text(dictionary, code);
        if (bsearch(&name, names, count, sizeof(names[0]), compare_texts) == NULL) {
            return false;
        }
    }
    return true;
}

enum corong_status question_event_names(struct store_snapshot *snapshot, struct arena *arena,
                                        struct text **names_out, uint32_t *count_out,
                                        struct corong_error *error)
{
    *names_out = arena_allocate_zeroed(arena, 1, sizeof(struct text));
    *count_out = 0;
    for (uint32_t index = 0; index < store_snapshot_segment_count(snapshot); index++) {
        const struct dictionary *dictionary;
        TRY(segment_reader_dictionary(store_snapshot_segment(snapshot, index), COLUMN_NAME,
                                      &dictionary, error));
        if (!all_known(dictionary, *names_out, *count_out)) {
            add_names(arena, dictionary, names_out, count_out);
        }
    }
    return CORONG_OK;
}

bool question_stage_occurs(const struct stage *stage, const struct text *names, uint32_t name_count)
{
    for (uint32_t index = 0; index < stage->event_count; index++) {
        if (bsearch(&stage->events[index], names, name_count, sizeof(names[0]), compare_texts) !=
            NULL) {
            return true;
        }
    }
    return stage->event_count == 0;
}

/// The nearest of stages and events to what was asked for, or missing.
static struct text nearest_name(const struct config *config, struct text word,
                                const struct text *names, uint32_t name_count)
{
    struct text nearest = definitions_nearest_stage(&config->definitions, word);
    size_t best = nearest.bytes == NULL ? 2 + word.size / 3 : text_distance(word, nearest);
    for (uint32_t index = 0; index < name_count; index++) {
        size_t distance = text_distance(word, names[index]);
        if (distance < best) {
            best = distance;
            nearest = names[index];
        }
    }
    return nearest;
}

static enum corong_status unknown_name(const struct config *config, struct text word,
                                       const struct text *names, uint32_t name_count,
                                       struct corong_error *error)
{
    struct text nearest = nearest_name(config, word, names, name_count);
    if (nearest.bytes != NULL) {
        return error_set(
            error, CORONG_INVALID,
            "'%.*s' is neither a stage nor an event in this store; did you mean '%.*s'?",
            (int)word.size, word.bytes, (int)nearest.size, nearest.bytes);
    }
    struct text_buffer list = {0};
    for (uint32_t index = 0; index < name_count && index < LISTED_NAME_COUNT; index++) {
        text_buffer_append_string(&list, index == 0 ? "" : ", ");
        text_buffer_append(&list, names[index].bytes,
                           names[index].size < 40 ? names[index].size : 40);
    }
    text_buffer_append_string(&list, name_count > LISTED_NAME_COUNT ? ", ..." : "");
    enum corong_status status =
        error_set(error, CORONG_INVALID,
                  "'%.*s' is neither a stage nor an event in this store; its events are: %s%s",
                  (int)word.size, word.bytes, list.bytes,
                  memchr(word.bytes, ',', word.size) == NULL ? "" : " (one --step for each step)");
    text_buffer_deinit(&list);
    return status;
}

enum corong_status question_check_stage(const struct config *config, const struct stage *stage,
                                        const struct text *names, uint32_t name_count,
                                        struct corong_error *error)
{
    if (question_stage_occurs(stage, names, name_count)) {
        return CORONG_OK;
    }
    bool bare = stage->event_count == 1 && text_equal(stage->events[0], stage->name) &&
                definitions_stage(&config->definitions, stage->name) == NULL;
    if (bare) {
        return unknown_name(config, stage->name, names, name_count, error);
    }
    console_note("no event of stage '%.*s' occurs in this store", (int)stage->name.size,
                 stage->name.bytes);
    return CORONG_OK;
}

struct query_range question_range(const struct options *options)
{
    return (struct query_range){options_number(options, OPTION_FROM, QUERY_TIME_NONE),
                                options_number(options, OPTION_TO, QUERY_TIME_NONE)};
}

struct query_limits question_limits(const struct options *options, const struct config *config)
{
    uint64_t memory = config->memory_limit_bytes;
    return (struct query_limits){
        .thread_count = (uint32_t)options_number(options, OPTION_THREADS, 0),
        .memory_limit_bytes = options_given(options, OPTION_EVERY)
                                  ? memory - memory / 2 - memory / MEMO_PART
                                  : memory,
        .memo = options->memo,
    };
}

enum corong_status question_by(const struct options *options, struct text *by_out,
                               uint32_t count_max, uint32_t *count_out, struct corong_error *error)
{
    const struct option_value *given = &options->values[OPTION_BY];
    *count_out = 0;
    for (uint32_t index = 0; index < given->list_count; index++) {
        struct text rest = given->list[index];
        while (rest.bytes != NULL) {
            const char *comma = rest.size == 0 ? NULL : memchr(rest.bytes, ',', rest.size);
            size_t size = comma == NULL ? rest.size : (size_t)(comma - rest.bytes);
            if (size == 0 || *count_out == count_max) {
                return error_set(error, CORONG_INVALID,
                                 size == 0 ? "--by: an attribute's name is empty"
                                           : "--by: too many attributes, at most %u are allowed",
                                 count_max);
            }
            by_out[(*count_out)++] = (struct text){rest.bytes, size};
            rest = comma == NULL ? TEXT_MISSING : (struct text){comma + 1, rest.size - size - 1};
        }
    }
    return CORONG_OK;
}
