// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/settings.h"

#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "storage/file/file.h"
#include "tools/corong/console.h"

#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_FILE_DEFAULT "corong.yaml"
#define STORE_DEFAULT "./corong.store"
/// Recorded files can be read again, so they are committed less often than a stream: larger
/// segments, less to merge at the end.
#define FILES_COMMIT_INTERVAL_US (60 * MICROSECONDS_PER_SECOND)

/// Draws the place of a file that an error names. The file is read once more: errors are rare.
static enum corong_status point_into(const char *path, enum corong_status status,
                                     struct corong_error *error)
{
    char *bytes;
    size_t size;
    if (status != CORONG_OK && error != NULL &&
        file_read_whole(path, YAML_WALK_FILE_SIZE_MAX, &bytes, &size, NULL) == CORONG_OK) {
        yaml_walk_point(error, path, (struct text){bytes, size});
        memory_free(bytes);
    }
    return status;
}

static enum corong_status load_file(const struct options *options, struct config *config,
                                    struct corong_error *error)
{
    if (options_given(options, OPTION_CONFIG)) {
        const char *path = options->values[OPTION_CONFIG].text.bytes;
        return point_into(path, config_load(config, options->arena, path, error), error);
    }
    if (access(CONFIG_FILE_DEFAULT, F_OK) != 0) {
        return CORONG_OK;
    }
    // Once: a server loads it again at every reload, and tells of that in its log.
    static bool said;
    if (!said) {
        console_note("using ./" CONFIG_FILE_DEFAULT);
        said = true;
    }
    return point_into(CONFIG_FILE_DEFAULT,
                      config_load(config, options->arena, CONFIG_FILE_DEFAULT, error), error);
}

static void overlay_numbers(const struct options *options, struct config *config)
{
    if (options_given(options, OPTION_MEMORY_LIMIT)) {
        config->memory_limit_bytes = (uint64_t)options->values[OPTION_MEMORY_LIMIT].number;
        config->origins[CONFIG_MEMORY] = CONFIG_ORIGIN_FLAG;
    }
    if (options_given(options, OPTION_SHARDS)) {
        config->shard_count = (uint32_t)options->values[OPTION_SHARDS].number;
        config->origins[CONFIG_SHARDS] = CONFIG_ORIGIN_FLAG;
    }
    if (options_given(options, OPTION_PARALLEL)) {
        config->pump_count = (uint32_t)options->values[OPTION_PARALLEL].number;
        config->origins[CONFIG_PARALLEL] = CONFIG_ORIGIN_FLAG;
    }
    if (options_given(options, OPTION_COMMIT_INTERVAL)) {
        config->commit_interval_us = options->values[OPTION_COMMIT_INTERVAL].number;
        config->origins[CONFIG_COMMIT_INTERVAL] = CONFIG_ORIGIN_FLAG;
    }
    if (options_given(options, OPTION_SESSION_TIMEOUT)) {
        config->session_timeout_us = options->values[OPTION_SESSION_TIMEOUT].number;
        config->origins[CONFIG_SESSION_TIMEOUT] = CONFIG_ORIGIN_FLAG;
    }
}

static enum corong_status check_store(const struct options *options, struct corong_error *error)
{
    bool both = options_given(options, OPTION_STORE) && options_given(options, OPTION_STORE_GROUP);
    return both ? error_set(error, CORONG_INVALID, "--store and --store-group exclude each other")
                : CORONG_OK;
}

static void overlay_store(const struct options *options, struct config *config)
{
    bool group = options_given(options, OPTION_STORE_GROUP);
    if (group || options_given(options, OPTION_STORE)) {
        config->store = options->values[group ? OPTION_STORE_GROUP : OPTION_STORE].text;
        config->store_is_group = group;
        config->origins[CONFIG_STORE] = CONFIG_ORIGIN_FLAG;
    } else if (config->store.bytes == NULL) {
        config->store = TEXT_LITERAL(STORE_DEFAULT);
    }
}

/// Whether all that is read lies on disk. What does not exist may be a glob.
static bool reads_recorded_files(const struct options *options)
{
    for (uint32_t index = 0; index < options->operand_count; index++) {
        struct stat status;
        bool known = stat(options->operand_strings[index], &status) == 0;
        if (text_equal(options->operands[index], TEXT_LITERAL("-")) ||
            (known && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))) {
            return false;
        }
    }
    return options->operand_count > 0;
}

/// Topics are kept as files are. Verbs that cannot be told to follow them always do, or write them.
static bool reads_topics_to_their_ends(const struct options *options)
{
    const uint8_t *allowed = options->allowed;
    while (*allowed != OPTION_COUNT && *allowed != OPTION_FOLLOW) {
        allowed++;
    }
    return *allowed == OPTION_FOLLOW && !options_given(options, OPTION_FOLLOW) &&
           options->values[OPTION_KAFKA_TOPIC].list_count > 0;
}

static void relax_commits(const struct options *options, struct config *config)
{
    if (config->origins[CONFIG_COMMIT_INTERVAL] == CONFIG_ORIGIN_DEFAULT &&
        (reads_recorded_files(options) || reads_topics_to_their_ends(options))) {
        config->commit_interval_us = FILES_COMMIT_INTERVAL_US;
    }
}

/// The file's properties first, so that the command line's win where librdkafka sees both.
static enum corong_status overlay_kafka(const struct options *options, struct config *config,
                                        struct corong_error *error)
{
    const struct option_value *given = &options->values[OPTION_KAFKA_PROPERTY];
    uint32_t had = 0;
    while (config->kafka_properties[had] != NULL) {
        had++;
    }
    if (given->list_count == 0) {
        return CORONG_OK;
    }
    const char **all =
        arena_allocate_zeroed(options->arena, had + given->list_count + 1, sizeof(all[0]));
    memcpy(all, config->kafka_properties, had * sizeof(all[0]));
    for (uint32_t index = 0; index < given->list_count; index++) {
        all[had + index] = given->list[index].bytes;
        if (strchr(all[had + index], '=') == NULL || all[had + index][0] == '=') {
            return error_set(error, CORONG_INVALID, "--kafka-property: '%s' is not NAME=VALUE",
                             all[had + index]);
        }
    }
    config->kafka_properties = all;
    config->origins[CONFIG_KAFKA] = CONFIG_ORIGIN_FLAG;
    return CORONG_OK;
}

/// The command line's topics take the place of the file's.
static void overlay_topics(const struct options *options, struct config *config)
{
    const struct option_value *given = &options->values[OPTION_KAFKA_TOPIC];
    if (given->list_count == 0) {
        return;
    }
    config->kafka_topics = arena_allocate_zeroed(options->arena, given->list_count + 1u,
                                                 sizeof(config->kafka_topics[0]));
    for (uint32_t index = 0; index < given->list_count; index++) {
        config->kafka_topics[index] = given->list[index].bytes;
    }
    config->origins[CONFIG_TOPICS] = CONFIG_ORIGIN_FLAG;
}

enum corong_status settings_mapping(struct config *config, struct arena *arena, struct text word,
                                    struct corong_error *error)
{
    config->origins[CONFIG_MAPPING] = CONFIG_ORIGIN_FLAG;
    if (mapping_preset_text(word) != NULL) {
        return mapping_from_preset(&config->mapping, arena, word, error);
    }
    if (access(word.bytes, F_OK) == 0) {
        return point_into(word.bytes,
                          config_load_mapping(&config->mapping, arena, word.bytes, error), error);
    }
    const char *nearest = words_nearest(word, mapping_preset_names());
    if (nearest != NULL) {
        return error_set(error, CORONG_INVALID,
                         "--mapping: '%s' is neither a preset nor a file; did you mean '%s'?",
                         word.bytes, nearest);
    }
    struct text_buffer list = {0};
    for (const char *const *name = mapping_preset_names(); *name != NULL; name++) {
        text_buffer_printf(&list, list.size == 0 ? "%s" : ", %s", *name);
    }
    enum corong_status status = error_set(
        error, CORONG_INVALID, "--mapping: '%s' is neither a file nor one of the presets %s",
        word.bytes, list.bytes);
    text_buffer_deinit(&list);
    return status;
}

enum corong_status settings_load(const struct options *options, struct config *config,
                                 struct corong_error *error)
{
    config_init(config, options->arena);
    TRY(load_file(options, config, error));
    overlay_numbers(options, config);
    relax_commits(options, config);
    TRY(check_store(options, error));
    overlay_store(options, config);
    overlay_topics(options, config);
    TRY(overlay_kafka(options, config, error));
    return options_given(options, OPTION_MAPPING)
               ? settings_mapping(config, options->arena, options->values[OPTION_MAPPING].text,
                                  error)
               : CORONG_OK;
}

enum corong_status settings_load_store(const struct options *options, struct config *config,
                                       struct corong_error *error)
{
    if (!options_given(options, OPTION_STORE) && !options_given(options, OPTION_STORE_GROUP)) {
        return settings_load(options, config, error);
    }
    config_init(config, options->arena);
    TRY(check_store(options, error));
    overlay_store(options, config);
    return CORONG_OK;
}

enum exit_code settings_print(const struct config *config)
{
    struct text_buffer out = {0};
    config_print(config, &out);
    return console_write(stdout, &out);
}

const char *settings_store(const struct config *config)
{
    // Both a flag and an arena copy end with a NUL.
    return config->store.bytes;
}
