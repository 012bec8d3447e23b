// SPDX-License-Identifier: Apache-2.0
// What differs between the settings in use and those just loaded.
#include "tools/serve/serve_state.h"

#include "storage/zone/zone.h"
#include "tools/serve/serve_log.h"

#include <string.h>

static void describe_stage(const struct stage *stage, struct text_buffer *out)
{
    for (uint32_t index = 0; index < stage->event_count; index++) {
        text_buffer_append_string(out, index == 0 ? "events " : ", ");
        text_buffer_append_text(out, stage->events[index]);
    }
    if (stage->where.bytes != NULL) {
        text_buffer_append_string(out, stage->event_count == 0 ? "where " : " where ");
        text_buffer_append_text(out, stage->where);
    }
    if (stage->group.bytes != NULL) {
        text_buffer_append_string(out, ", group ");
        text_buffer_append_text(out, stage->group);
    }
    text_buffer_printf(out, ", priority %d", stage->priority);
}

static void describe_funnel(const struct funnel *funnel, struct text_buffer *out)
{
    funnel_describe(funnel, out);
    if (funnel->live_slice.bytes != NULL) {
        text_buffer_append_string(out, " live by ");
        text_buffer_append_text(out, funnel->live_slice);
    }
}

/// One of a list of named things, described.
struct named {
    struct text name;
    struct text_buffer words;
};

typedef void collect_function(const struct definitions *definitions, uint32_t index,
                              struct named *named_out);

static void collect_stage(const struct definitions *definitions, uint32_t index,
                          struct named *named_out)
{
    *named_out = (struct named){.name = definitions->stages[index].name};
    describe_stage(&definitions->stages[index], &named_out->words);
}

static void collect_funnel(const struct definitions *definitions, uint32_t index,
                           struct named *named_out)
{
    *named_out = (struct named){.name = definitions->funnels[index].name};
    describe_funnel(&definitions->funnels[index], &named_out->words);
}

/// Two lists of things of one kind.
struct comparison {
    const char *kind;
    const struct definitions *before;
    uint32_t before_count;
    const struct definitions *after;
    uint32_t after_count;
    collect_function *collect;
};

static bool find(const struct comparison *comparison, bool in_before, struct text name,
                 struct named *found_out)
{
    uint32_t count = in_before ? comparison->before_count : comparison->after_count;
    for (uint32_t index = 0; index < count; index++) {
        comparison->collect(in_before ? comparison->before : comparison->after, index, found_out);
        if (text_equal(found_out->name, name)) {
            return true;
        }
        text_buffer_deinit(&found_out->words);
    }
    return false;
}

static bool say_one(const struct comparison *comparison, const struct named *now)
{
    struct named was;
    if (!find(comparison, true, now->name, &was)) {
        serve_log_line(SERVICE_INFO, "reload: new %s '%.*s': %s", comparison->kind,
                       (int)now->name.size, now->name.bytes, now->words.bytes);
        return true;
    }
    bool differs = strcmp(was.words.bytes, now->words.bytes) != 0;
    if (differs) {
        serve_log_line(SERVICE_INFO, "reload: changed %s '%.*s': %s (was: %s)", comparison->kind,
                       (int)now->name.size, now->name.bytes, now->words.bytes, was.words.bytes);
    }
    text_buffer_deinit(&was.words);
    return differs;
}

static uint32_t compare(const struct comparison *comparison)
{
    uint32_t changes = 0;
    struct named one;
    struct named other;
    for (uint32_t index = 0; index < comparison->after_count; index++) {
        comparison->collect(comparison->after, index, &one);
        changes += say_one(comparison, &one);
        text_buffer_deinit(&one.words);
    }
    for (uint32_t index = 0; index < comparison->before_count; index++) {
        comparison->collect(comparison->before, index, &one);
        if (find(comparison, false, one.name, &other)) {
            text_buffer_deinit(&other.words);
        } else {
            serve_log_line(SERVICE_INFO, "reload: removed %s '%.*s'", comparison->kind,
                           (int)one.name.size, one.name.bytes);
            changes++;
        }
        text_buffer_deinit(&one.words);
    }
    return changes;
}

/// The line of `text` that begins at `at`, without its end.
static struct text line_at(struct text text, size_t at)
{
    const char *end = memchr(text.bytes + at, '\n', text.size - at);
    return (struct text){text.bytes + at,
                         end == NULL ? text.size - at : (size_t)(end - text.bytes) - at};
}

static bool has_line(struct text text, struct text line)
{
    for (size_t at = 0; at < text.size;) {
        struct text one = line_at(text, at);
        if (text_equal(one, line)) {
            return true;
        }
        at += one.size + 1;
    }
    return false;
}

static uint32_t say_lines(struct text text, struct text other, const char *what)
{
    uint32_t changes = 0;
    for (size_t at = 0; at < text.size;) {
        struct text line = line_at(text, at);
        if (!has_line(other, line)) {
            serve_log_line(SERVICE_INFO, "reload: mapping: %s %.*s", what, (int)line.size,
                           line.bytes);
            changes++;
        }
        at += line.size + 1;
    }
    return changes;
}

static bool lists_equal(const char *const *left, const char *const *right)
{
    uint32_t at = 0;
    for (; left != NULL && right != NULL && left[at] != NULL && right[at] != NULL; at++) {
        if (strcmp(left[at], right[at]) != 0) {
            return false;
        }
    }
    return (left == NULL || left[at] == NULL) == (right == NULL || right[at] == NULL);
}

static uint32_t say_restart(bool differs, const char *what)
{
    if (differs) {
        serve_log_line(SERVICE_WARNING, "reload: %s changed; that needs a restart", what);
    }
    return differs;
}

static struct text zone_name(const struct serve_settings *settings)
{
    return settings->live_zone == NULL ? TEXT_LITERAL("UTC") : settings->live_zone->name;
}

static uint32_t compare_live(const struct serve_settings *before,
                             const struct serve_settings *after)
{
    struct text name = zone_name(after);
    if (before->live_range == after->live_range && text_equal(zone_name(before), name)) {
        return 0;
    }
    serve_log_line(SERVICE_INFO, "reload: live funnels count %s, in the zone %.*s",
                   after->live_range == ENGINE_LIVE_DAY ? "the day" : "everything", (int)name.size,
                   name.bytes);
    return 1;
}

/// What a running server keeps.
static uint32_t compare_fixed(const struct serve_settings *before,
                              const struct serve_settings *after)
{
    return say_restart(strcmp(before->directory, after->directory) != 0, "the store") +
           say_restart(!lists_equal(before->kafka_topics, after->kafka_topics), "the topics") +
           say_restart(!lists_equal(before->kafka_properties, after->kafka_properties),
                       "the Kafka properties") +
           say_restart(before->memory_limit_bytes != after->memory_limit_bytes,
                       "the memory limit") +
           say_restart(before->shard_count != after->shard_count, "the number of shards") +
           say_restart(before->backfill_count != after->backfill_count,
                       "the number of reading threads") +
           say_restart(before->commit_interval_us != after->commit_interval_us,
                       "the commit interval") +
           say_restart(before->session_timeout_us != after->session_timeout_us,
                       "the session timeout");
}

uint32_t serve_changes_log(const struct serve_settings *before, const struct serve_settings *after)
{
    const struct comparison stages = {"stage",
                                      &before->definitions,
                                      before->definitions.stage_count,
                                      &after->definitions,
                                      after->definitions.stage_count,
                                      collect_stage};
    const struct comparison funnels = {"funnel",
                                       &before->definitions,
                                       before->definitions.funnel_count,
                                       &after->definitions,
                                       after->definitions.funnel_count,
                                       collect_funnel};
    return compare(&stages) + compare(&funnels) +
           say_lines(after->mapping_text, before->mapping_text, "now") +
           say_lines(before->mapping_text, after->mapping_text, "no longer") +
           compare_live(before, after) + compare_fixed(before, after);
}
