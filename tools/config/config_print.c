// SPDX-License-Identifier: Apache-2.0
#include "tools/config/config.h"

#include "engine/dialect/dialect.h"
#include "storage/zone/zone.h"

#include <inttypes.h>

#define ORIGIN_COLUMN 44

static bool plain_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || byte == '.' || byte == '/' ||
           byte == '-' || byte == '$';
}

/// What a YAML reader would fold or refuse although it is text: line breaks beyond ASCII (U+0085,
/// U+2028, U+2029) and the other controls from U+0080 to U+009F. Returns the bytes taken.
static size_t append_break(struct text_buffer *out, struct text rest)
{
    const unsigned char *bytes = (const unsigned char *)rest.bytes;
    if (rest.size >= 2 && bytes[0] == 0xc2 && bytes[1] >= 0x80 && bytes[1] < 0xa0) {
        text_buffer_printf(out, "\\x%02x", bytes[1]);
        return 2;
    }
    if (rest.size >= 3 && bytes[0] == 0xe2 && bytes[1] == 0x80 &&
        (bytes[2] == 0xa8 || bytes[2] == 0xa9)) {
        text_buffer_append_string(out, bytes[2] == 0xa8 ? "\\L" : "\\P");
        return 3;
    }
    return 0;
}

/// Plain where no YAML reader could take it for something else, else in double quotes.
static void append_value(struct text_buffer *out, struct text text)
{
    bool plain = text.size > 0 && text.bytes[0] != '-' &&
                 !(text.bytes[0] == '.' && text.size == 1) &&
                 !text_equal(text, TEXT_LITERAL("null"));
    for (size_t index = 0; index < text.size; index++) {
        plain = plain && plain_byte(text.bytes[index]);
    }
    if (plain) {
        text_buffer_append_text(out, text);
        return;
    }
    text_buffer_append(out, "\"", 1);
    for (size_t index = 0; index < text.size; index++) {
        uint8_t byte = (uint8_t)text.bytes[index];
        size_t size = append_break(out, (struct text){text.bytes + index, text.size - index});
        if (size > 0) {
            index += size - 1;
        } else if (byte == '"' || byte == '\\') {
            text_buffer_printf(out, "\\%c", byte);
        } else if (byte < 0x20 || byte == 0x7f) {
            text_buffer_printf(out, "\\x%02x", byte);
        } else {
            text_buffer_append(out, &byte, 1);
        }
    }
    text_buffer_append(out, "\"", 1);
}

/// Ends the line that began at `start` with a comment that says where the value comes from.
static void append_origin(struct text_buffer *out, size_t start, const struct config *config,
                          uint32_t origin)
{
    size_t used = out->size - start;
    text_buffer_printf(out, "%*s# ", used < ORIGIN_COLUMN ? (int)(ORIGIN_COLUMN - used) : 2, "");
    if (origin == CONFIG_ORIGIN_FLAG) {
        text_buffer_append_string(out, "command line\n");
    } else if (origin == CONFIG_ORIGIN_DEFAULT) {
        text_buffer_append_string(out, "default\n");
    } else {
        text_buffer_printf(out, "%.*s:%u\n", (int)config->path.size, config->path.bytes, origin);
    }
}

static void append_size(struct text_buffer *out, uint64_t size_bytes)
{
    static const char *const UNITS[] = {"", "KiB", "MiB", "GiB", "TiB"};
    uint32_t unit = 0;
    while (size_bytes != 0 && size_bytes % 1024 == 0 && unit < 4) {
        size_bytes /= 1024;
        unit++;
    }
    text_buffer_printf(out, "%" PRIu64 "%s", size_bytes, UNITS[unit]);
}

static void print_count(const struct config *config, struct text_buffer *out, const char *key,
                        uint32_t count, enum config_value value, const char *zero_means)
{
    size_t start = out->size;
    text_buffer_printf(out, "  %s: %u", key, count);
    text_buffer_append_string(out, count == 0 ? zero_means : "");
    append_origin(out, start, config, config->origins[value]);
}

static void print_duration(const struct config *config, struct text_buffer *out, const char *key,
                           int64_t duration_us, enum config_value value)
{
    size_t start = out->size;
    text_buffer_printf(out, "%s: ", key);
    duration_format(duration_us, out);
    append_origin(out, start, config, config->origins[value]);
}

static void print_limits(const struct config *config, struct text_buffer *out)
{
    text_buffer_append_string(out, "limits:\n");
    size_t start = out->size;
    text_buffer_append_string(out, "  memory: ");
    append_size(out, config->memory_limit_bytes);
    append_origin(out, start, config, config->origins[CONFIG_MEMORY]);
    print_count(config, out, "shards", config->shard_count, CONFIG_SHARDS, " # one per core");
    print_count(config, out, "parallel", config->pump_count, CONFIG_PARALLEL,
                " # one per two cores");
    print_duration(config, out, "  commit_interval", config->commit_interval_us,
                   CONFIG_COMMIT_INTERVAL);
}

static void print_mapping(const struct config *config, struct text_buffer *out)
{
    if (config->mapping == NULL) {
        return;
    }
    struct text_buffer text = {0};
    size_t start = out->size;
    text_buffer_append_string(out, "mapping:");
    append_origin(out, start, config, config->origins[CONFIG_MAPPING]);
    mapping_describe(config->mapping, &text);
    for (size_t at = 0; at < text.size;) {
        const char *end = memchr(text.bytes + at, '\n', text.size - at);
        size_t size = end == NULL ? text.size - at : (size_t)(end - text.bytes) - at;
        text_buffer_printf(out, "  %.*s\n", (int)size, text.bytes + at);
        at += size + 1;
    }
    text_buffer_deinit(&text);
}

static void append_texts(struct text_buffer *out, const struct text *texts, uint32_t count)
{
    text_buffer_append(out, "[", 1);
    for (uint32_t index = 0; index < count; index++) {
        text_buffer_append_string(out, index == 0 ? "" : ", ");
        append_value(out, texts[index]);
    }
    text_buffer_append(out, "]", 1);
}

static void append_member(struct text_buffer *out, const char *key, struct text value, bool *first)
{
    if (value.bytes != NULL) {
        text_buffer_printf(out, "%s%s: ", *first ? "" : ", ", key);
        append_value(out, value);
        *first = false;
    }
}

static void print_stage(const struct config *config, struct text_buffer *out, uint32_t index)
{
    const struct stage *stage = &config->definitions.stages[index];
    size_t start = out->size;
    bool first = stage->event_count == 0;
    text_buffer_append_string(out, "  ");
    append_value(out, stage->name);
    text_buffer_append_string(out, ": { ");
    if (stage->event_count > 0) {
        text_buffer_append_string(out, "events: ");
        append_texts(out, stage->events, stage->event_count);
    }
    append_member(out, "where", stage->where, &first);
    append_member(out, "group", stage->group, &first);
    text_buffer_printf(out, "%spriority: %d }", first ? "" : ", ", stage->priority);
    append_origin(out, start, config, config->stage_origins[index]);
}

static void append_gap(struct text_buffer *out, const char *key, int64_t gap_us, int64_t none_us)
{
    if (gap_us != none_us) {
        text_buffer_printf(out, ", %s: ", key);
        duration_format(gap_us, out);
    }
}

static void append_stage(struct text_buffer *out, const struct stage *step)
{
    bool first = step->event_count == 0;
    text_buffer_append_string(out, "      - { ");
    if (step->event_count > 0) {
        text_buffer_append_string(out, "event: ");
        append_texts(out, step->events, step->event_count);
    }
    append_member(out, "where", step->where, &first);
    append_member(out, "name", step->name, &first);
    append_member(out, "group", step->group, &first);
    if (step->priority != 0) {
        text_buffer_printf(out, ", priority: %d", step->priority);
    }
}

static void print_step(struct text_buffer *out, const struct funnel *funnel, uint32_t step)
{
    append_stage(out, &funnel->steps[step]);
    if (funnel->gaps != NULL) {
        append_gap(out, "min_gap", funnel->gaps[step].min_us, 0);
        append_gap(out, "max_gap", funnel->gaps[step].max_us, FUNNEL_WINDOW_NONE);
    }
    text_buffer_append_string(out, (funnel->optional >> step & 1) != 0 ? ", optional: true" : "");
    text_buffer_append_string(out, funnel->anchor_first == step + 1  ? ", anchor: first"
                                   : funnel->anchor_last == step + 1 ? ", anchor: last"
                                                                     : "");
    text_buffer_append_string(out, " }\n");
}

static void print_exclusions(struct text_buffer *out, const struct funnel *funnel)
{
    text_buffer_append_string(out, funnel->exclusion_count > 0 ? "    exclude:\n" : "");
    for (uint32_t i = 0; i < funnel->exclusion_count; i++) {
        const struct funnel_exclusion *exclusion = &funnel->exclusions[i];
        append_stage(out, &exclusion->stage);
        text_buffer_printf(out, ", after: %u, before: %u, effect: %s }\n", exclusion->after,
                           exclusion->before, words_effect(exclusion->remove));
    }
}

/// Rules that few funnels have, where they have them.
static void print_rare_rules(const struct funnel *funnel, struct text_buffer *out)
{
    text_buffer_append_string(out, funnel->entry_open ? "    entry: open\n" : "");
    text_buffer_append_string(out,
                              funnel->scope == FUNNEL_SCOPE_FUNNEL ? "    scope: funnel\n" : "");
    text_buffer_append_string(out,
                              funnel->repeat == FUNNEL_REPEAT_ALLOW ? "    repeat: allow\n" : "");
    if (funnel->tie_tolerance_us > 0) {
        text_buffer_append_string(out, "    tie_tolerance: ");
        duration_format(funnel->tie_tolerance_us, out);
        text_buffer_append_string(out, "\n");
    }
}

static void print_rules(const struct funnel *funnel, struct text_buffer *out)
{
    text_buffer_append_string(out, "    steps:\n");
    for (uint32_t step = 0; step < funnel->step_count; step++) {
        print_step(out, funnel, step);
    }
    text_buffer_append_string(out, "    window: ");
    words_window(funnel, out);
    text_buffer_printf(out, "\n    order: %s\n    unit: ", words_order(funnel->order));
    if (funnel->unit == FUNNEL_UNIT_ATTRIBUTES) {
        append_texts(out, funnel->unit_attributes, funnel->unit_attribute_count);
    } else {
        text_buffer_append_string(out, words_unit(funnel->unit));
    }
    text_buffer_printf(out, "\n    attempts: %s\n    ties: %s\n", words_attempts(funnel->attempts),
                       words_ties(funnel->ties));
    print_rare_rules(funnel, out);
    text_buffer_printf(out, "    range: %s\n", words_range(funnel->range_inside));
    if (funnel->dialect != DIALECT_NONE) {
        text_buffer_append_string(out, "    dialect: ");
        dialect_describe(funnel, out);
        text_buffer_append_string(out, "\n");
    }
    print_exclusions(out, funnel);
    if (funnel->live_slice.bytes != NULL) {
        text_buffer_append_string(out, "    live: ");
        append_value(out, funnel->live_slice);
        text_buffer_append(out, "\n", 1);
    }
}

static void print_funnel(const struct config *config, struct text_buffer *out, uint32_t index)
{
    const struct funnel *funnel = &config->definitions.funnels[index];
    size_t start = out->size;
    text_buffer_append_string(out, "  ");
    append_value(out, funnel->name);
    text_buffer_append(out, ":", 1);
    append_origin(out, start, config, config->funnel_origins[index]);
    print_rules(funnel, out);
}

void config_print_value(struct text value, struct text_buffer *out)
{
    append_value(out, value);
}

void config_print_question(const struct funnel *funnel, struct text_buffer *out)
{
    if (funnel->name.bytes != NULL) {
        text_buffer_append_string(out, "    name: ");
        append_value(out, funnel->name);
        text_buffer_append(out, "\n", 1);
    }
    print_rules(funnel, out);
}

static bool is_secret(const char *property)
{
    static const char *const WORDS[] = {"password=", "secret=", ".pem=", "oauthbearer.config="};
    for (size_t index = 0; index < sizeof(WORDS) / sizeof(WORDS[0]); index++) {
        if (strstr(property, WORDS[index]) != NULL) {
            return true;
        }
    }
    return false;
}

static void print_kafka(const struct config *config, struct text_buffer *out)
{
    if (config->kafka_properties[0] == NULL) {
        return;
    }
    size_t start = out->size;
    text_buffer_append_string(out, "kafka:");
    append_origin(out, start, config, config->origins[CONFIG_KAFKA]);
    for (uint32_t index = 0; config->kafka_properties[index] != NULL; index++) {
        const char *property = config->kafka_properties[index];
        const char *equals = strchrnul(property, '=');
        struct text name = {property, (size_t)(equals - property)};
        text_buffer_append_string(out, "  ");
        append_value(out, name);
        text_buffer_append_string(out, ": ");
        append_value(out, is_secret(property) ? TEXT_LITERAL("(hidden)")
                          : equals[0] == '\0' ? TEXT_LITERAL("")
                                              : text_from(equals + 1));
        text_buffer_append(out, "\n", 1);
    }
}

static void print_live(const struct config *config, struct text_buffer *out)
{
    size_t start = out->size;
    text_buffer_append_string(out, config->live_range == ENGINE_LIVE_DAY ? "live: { range: day"
                                                                         : "live: { range: all");
    if (config->live_zone != NULL) {
        text_buffer_append_string(out, ", zone: ");
        append_value(out, config->live_zone->name);
    }
    text_buffer_append_string(out, " }");
    append_origin(out, start, config, config->origins[CONFIG_LIVE]);
}

static void print_sources(const struct config *config, struct text_buffer *out)
{
    if (config->kafka_topics == NULL) {
        return;
    }
    size_t start = out->size;
    text_buffer_append_string(out, "sources:");
    append_origin(out, start, config, config->origins[CONFIG_TOPICS]);
    text_buffer_append_string(out, "  kafka: { topics: [");
    for (uint32_t index = 0; config->kafka_topics[index] != NULL; index++) {
        text_buffer_append_string(out, index == 0 ? "" : ", ");
        append_value(out, text_from(config->kafka_topics[index]));
    }
    text_buffer_append_string(out, "] }\n");
}

void config_print(const struct config *config, struct text_buffer *out)
{
    if (config->store.bytes != NULL) {
        size_t start = out->size;
        text_buffer_append_string(out, config->store_is_group ? "store_group: " : "store: ");
        append_value(out, config->store);
        append_origin(out, start, config, config->origins[CONFIG_STORE]);
    }
    print_duration(config, out, "session_timeout", config->session_timeout_us,
                   CONFIG_SESSION_TIMEOUT);
    print_live(config, out);
    print_limits(config, out);
    print_kafka(config, out);
    print_sources(config, out);
    print_mapping(config, out);
    text_buffer_append_string(out, "stages:\n");
    for (uint32_t index = 0; index < config->definitions.stage_count; index++) {
        print_stage(config, out, index);
    }
    if (config->definitions.funnel_count > 0) {
        text_buffer_append_string(out, "funnels:\n");
    }
    for (uint32_t index = 0; index < config->definitions.funnel_count; index++) {
        print_funnel(config, out, index);
    }
}
