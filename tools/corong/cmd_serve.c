// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/allocator.h"
#include "tools/corong/console.h"
#include "tools/corong/settings.h"
#include "tools/serve/serve.h"

static enum corong_status check_mapping(const struct config *config, struct corong_error *error)
{
    if (config->kafka_topics == NULL || config->mapping != NULL) {
        return CORONG_OK;
    }
    return error_set(error, CORONG_INVALID,
                     "the mapping of a topic cannot be guessed; give --mapping PRESET or FILE");
}

static struct text describe_mapping(const struct mapping *mapping, struct arena *arena)
{
    struct text_buffer words = {0};
    if (mapping == NULL) {
        return TEXT_MISSING;
    }
    mapping_describe(mapping, &words);
    struct text copy = arena_copy_text(arena, (struct text){words.bytes, words.size});
    text_buffer_deinit(&words);
    return copy;
}

/// Funnels that the live counts lack are named, so that nobody looks for them.
static void note_not_live(const struct config *config)
{
    const struct definitions *definitions = &config->definitions;
    if (config->mapping != NULL && mapping_has_links(config->mapping)) {
        console_note("funnels are answered by 'corong funnel' and not counted live: the mapping "
                     "links ids, and a link changes what has been counted");
        return;
    }
    for (uint32_t index = 0; index < definitions->funnel_count; index++) {
        const struct funnel *funnel = &definitions->funnels[index];
        const char *obstacle = funnel_live_obstacle(funnel);
        if (obstacle != NULL) {
            console_note("funnel '%.*s' is answered by 'corong funnel' and not counted live: %s",
                         (int)funnel->name.size, funnel->name.bytes, obstacle);
        }
    }
}

/// At the start and at each SIGHUP: the same flags over what the file says now.
static enum corong_status load(void *context, struct arena *arena,
                               struct serve_settings *settings_out, struct corong_error *error)
{
    struct options options = *(const struct options *)context;
    struct config config;
    options.arena = arena;
    TRY(settings_load(&options, &config, error));
    TRY(check_mapping(&config, error));
    if (!options_given(&options, OPTION_QUIET)) {
        note_not_live(&config);
    }
    *settings_out = (struct serve_settings){
        .directory = settings_store(&config),
        .is_group = config.store_is_group,
        .mapping = config.mapping,
        .mapping_text = describe_mapping(config.mapping, arena),
        .definitions = config.definitions,
        .kafka_topics = config.kafka_topics,
        .kafka_properties = config.kafka_properties,
        .backfill_count = config.pump_count,
        .shard_count = config.shard_count,
        .memory_limit_bytes = config.memory_limit_bytes,
        .commit_interval_us = config.commit_interval_us,
        .session_timeout_us = config.session_timeout_us,
        .live_range = config.live_range,
        .live_zone = config.live_zone,
    };
    return CORONG_OK;
}

static enum exit_code print_config(const struct options *options)
{
    struct config config;
    struct corong_error error = {0};
    return settings_load(options, &config, &error) == CORONG_OK ? settings_print(&config)
                                                                : console_fail(&error);
}

static void read_allocator(uint64_t *allocated_out, uint64_t *resident_out)
{
    struct allocator_figures figures = allocator_read();
    *allocated_out = figures.allocated;
    *resident_out = figures.resident;
}

enum exit_code cmd_serve(const struct options *options)
{
    struct corong_error error = {0};
    if (options_given(options, OPTION_PRINT_CONFIG)) {
        return print_config(options);
    }
    struct serve_host host = {
        .context = (void *)options,
        .load = load,
        .read_allocator = read_allocator,
        .style = console_style(options, stderr),
        .terminal = console_is_terminal(stderr),
        .quiet = options_given(options, OPTION_QUIET),
    };
    return serve_run(&host, &error) == CORONG_OK ? EXIT_DONE : console_fail(&error);
}
