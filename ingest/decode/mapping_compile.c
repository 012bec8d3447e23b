// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/mapping.h"

#include "storage/base/hash.h"

#include <string.h>

#define PATH_KEY_COUNT_MAX 32u
/// The path of the document itself, where it is an array.
#define WHOLE_MESSAGE TEXT_LITERAL("[]")

/// All paths of a mapping, in visiting order.
struct path_list {
    struct arena *arena;
    struct mapping_source **sources;
    uint32_t source_count;
    uint32_t path_count;
};

enum corong_status mapping_path_error(const struct mapping_path *path, const char *reason,
                                      struct corong_error *error)
{
    return error_set(error, CORONG_INVALID, "%s:%zu:%zu: path '%.*s': %s", path->file, path->line,
                     path->column, (int)path->text.size, path->text.bytes, reason);
}

static void count_source(void *context, struct mapping_source *source)
{
    struct path_list *list = context;
    list->source_count++;
    list->path_count += source->path_count;
}

static void collect_source(void *context, struct mapping_source *source)
{
    struct path_list *list = context;
    source->fields = arena_allocate_zeroed(list->arena, source->path_count + 1, sizeof(uint16_t));
    list->sources[list->source_count++] = source;
}

/// Adds the bytes between two dots, with "\." read as a dot.
static struct text path_key(struct arena *arena, const char *begin, const char *end)
{
    char *bytes = arena_allocate(arena, (size_t)(end - begin) + 1);
    size_t size = 0;
    for (const char *at = begin; at < end; at++) {
        at += *at == '\\' && at + 1 < end;
        bytes[size++] = *at;
    }
    bytes[size] = '\0';
    return (struct text){bytes, size};
}

enum corong_status mapping_path_split(const struct mapping_path *path, struct text text,
                                      struct arena *arena, struct json_path *out,
                                      struct corong_error *error)
{
    struct text *keys = arena_allocate(arena, PATH_KEY_COUNT_MAX * sizeof(*keys));
    out->keys = keys;
    out->key_count = 0;
    const char *end = text.bytes + text.size;
    const char *begin = text.bytes;
    for (const char *at = begin;; at++) {
        if (at < end && *at == '\\' && at + 1 < end) {
            at++;
            continue;
        }
        if (at < end && (*at == '[' || *at == ']')) {
            return mapping_path_error(
                path,
                "an element of an array is NAME[0] or NAME[MEMBER=VALUE], one of "
                "them in a path; all elements are below the 'unroll' path",
                error);
        }
        if (at < end && *at != '.') {
            continue;
        }
        struct text key = path_key(arena, begin, at);
        if (key.size == 0 || key.size > JSON_KEY_SIZE_MAX) {
            return mapping_path_error(path, "each key has 1 to 128 bytes", error);
        }
        if (out->key_count == PATH_KEY_COUNT_MAX) {
            return mapping_path_error(path, "more than 32 keys", error);
        }
        keys[out->key_count++] = key;
        if (at == end) {
            return CORONG_OK;
        }
        begin = at + 1;
    }
}

/// "events[].ts" below `unroll: events` is "ts" of an element, and so is "[].ts".
static bool strip_element_prefix(const struct mapping *mapping, struct text *text)
{
    for (uint32_t index = 0; index < mapping->unroll_count; index++) {
        struct text unroll = mapping->unrolls[index].text;
        size_t size = text_equal(unroll, WHOLE_MESSAGE) ? 0 : unroll.size;
        bool bare = text->size > 3 && memcmp(text->bytes, "[].", 3) == 0;
        size = bare ? 0 : size;
        if (text->size >= size + 3 && memcmp(text->bytes, unroll.bytes, size) == 0 &&
            memcmp(text->bytes + size, "[].", 3) == 0) {
            *text = (struct text){text->bytes + size + 3, text->size - size - 3};
            return true;
        }
    }
    return false;
}

static enum corong_status split_unrolls(struct mapping *mapping, struct path_list *list,
                                        struct json_path *unrolls, struct corong_error *error)
{
    for (uint32_t index = 0; index < mapping->unroll_count; index++) {
        const struct mapping_path *path = &mapping->unrolls[index];
        if (!text_equal(path->text, WHOLE_MESSAGE)) {
            TRY(mapping_path_split(path, path->text, list->arena, &unrolls[index], error));
        }
    }
    return CORONG_OK;
}

static bool is_unrolled(const struct json_plan *plan, uint16_t field)
{
    for (uint32_t index = 0; index < plan->unroll_count; index++) {
        if (plan->unroll_fields[index] == field) {
            return true;
        }
    }
    return false;
}

static enum corong_status check_unrolled(const struct mapping *mapping,
                                         const struct mapping_place *places, uint32_t count,
                                         struct corong_error *error)
{
    for (uint32_t index = 0; index < count; index++) {
        const struct mapping_place *place = &places[index];
        if (place->selector.bytes != NULL && place->inner.bytes == NULL &&
            !place->path->in_element && is_unrolled(&mapping->plan, place->found)) {
            return mapping_path_error(place->path, "this array is unrolled: its elements are '[].'",
                                      error);
        }
    }
    return CORONG_OK;
}

/// All paths of the message, cut, with the keys of their first parts.
static enum corong_status cut_paths(struct mapping *mapping, struct path_list *list,
                                    struct json_path *paths, struct mapping_place *places,
                                    uint32_t *count_out, struct corong_error *error)
{
    uint32_t count = 0;
    for (uint32_t index = 0; index < list->source_count; index++) {
        struct mapping_source *source = list->sources[index];
        for (uint32_t at = 0; at < source->path_count; at++) {
            struct mapping_path *path = &source->paths[at];
            struct text text = path->text;
            if (path->metadata != METADATA_NONE) {
                continue;
            }
            path->in_element = paths[count].in_element = strip_element_prefix(mapping, &text);
            places[count].path = path;
            places[count].field_out = &source->fields[at];
            mapping_place_cut(&places[count], &text);
            TRY(mapping_path_split(path, text, list->arena, &paths[count], error));
            count++;
        }
    }
    *count_out = count;
    return CORONG_OK;
}

/// Where a message that is no batch stands for its one element, every path of an element is one of
/// the message too. Returns how many were added behind `count`.
static uint32_t mirror_paths(const struct mapping *mapping, struct json_path *paths, uint32_t count)
{
    uint32_t added = 0;
    for (uint32_t index = 0; mapping->unroll_optional && index < count; index++) {
        if (paths[index].in_element) {
            paths[count + added] = paths[index];
            paths[count + added++].in_element = false;
        }
    }
    return added;
}

static void pair_mirrors(struct mapping *mapping, struct arena *arena,
                         const struct json_path *paths, uint32_t count, uint32_t added)
{
    mapping->mirrors = arena_allocate_zeroed(arena, added + 1, sizeof(*mapping->mirrors));
    for (uint32_t index = 0; added > 0 && index < count; index++) {
        if (paths[index].in_element) {
            mapping->mirrors[mapping->mirror_count] = (struct mapping_mirror){
                paths[count + mapping->mirror_count].field, paths[index].field};
            mapping->mirror_count++;
        }
    }
}

static enum corong_status compile_json(struct mapping *mapping, struct path_list *list,
                                       struct corong_error *error)
{
    struct json_path *paths =
        arena_allocate_zeroed(list->arena, 2 * (size_t)list->path_count + 1, sizeof(*paths));
    struct mapping_place *places =
        arena_allocate_zeroed(list->arena, list->path_count + 1, sizeof(*places));
    struct json_path *unrolls =
        arena_allocate_zeroed(list->arena, mapping->unroll_count + 1, sizeof(*unrolls));
    uint32_t count;
    TRY(cut_paths(mapping, list, paths, places, &count, error));
    TRY(split_unrolls(mapping, list, unrolls, error));
    uint32_t added = mirror_paths(mapping, paths, count);
    json_plan_build_many(&mapping->plan, list->arena, paths, count + added, unrolls,
                         mapping->unroll_count);
    mapping->field_count = mapping->plan.field_count;
    for (uint32_t index = 0; index < count; index++) {
        places[index].found = paths[index].field;
    }
    pair_mirrors(mapping, list->arena, paths, count, added);
    TRY(check_unrolled(mapping, places, count, error));
    return mapping_places_compile(mapping, list->arena, places, count, error);
}

static uint16_t named_field(struct mapping *mapping, struct text name)
{
    for (uint16_t field = 0; field < mapping->field_count; field++) {
        if (text_equal(mapping->column_names[field], name)) {
            return field;
        }
    }
    mapping->column_names[mapping->field_count] = name;
    return mapping->field_count++;
}

/// A column 'kafka.key' is written '\kafka.key': without the backslash it is the message's key.
static struct text column_name(const struct mapping *mapping, struct text text)
{
    bool escaped = text.size > 7 && memcmp(text.bytes, "\\kafka.", 7) == 0;
    text = escaped ? (struct text){text.bytes + 1, text.size - 1} : text;
    return mapping->format == MAPPING_LOG ? mapping_log_name(text) : text;
}

static enum corong_status combined_error(const struct mapping_path *path,
                                         struct corong_error *error)
{
    return error_set(
        error, CORONG_INVALID,
        "%s:%zu:%zu: path '%.*s': an access log has ip, ident, authuser, time, method, "
        "path, query, protocol, status, bytes, referrer and agent",
        path->file, path->line, path->column, (int)path->text.size, path->text.bytes);
}

static enum corong_status compile_combined_path(struct mapping *mapping,
                                                const struct mapping_path *path, uint16_t field,
                                                struct corong_error *error)
{
    for (uint32_t place = 0; place < COMBINED_FIELD_COUNT; place++) {
        if (text_equal(path->text, text_from(combined_field_names[place]))) {
            mapping->combined_fields[place] = field;
            return CORONG_OK;
        }
    }
    return combined_error(path, error);
}

/// Brackets are letters in the name of a column, until it is entered as JSON.
static void cut_column(const struct mapping *mapping, struct mapping_place *place,
                       struct text *text)
{
    struct text cut = *text;
    struct mapping_place parts = {0};
    mapping_place_cut(&parts, &cut);
    if (mapping->format != MAPPING_COMBINED && parts.inner.bytes != NULL) {
        place->inner = parts.inner;
        place->selector = parts.selector;
        place->rest = parts.rest;
        *text = cut;
    }
}

/// Names of header columns, or of the fields of an access log.
static enum corong_status compile_named(struct mapping *mapping, struct path_list *list,
                                        struct corong_error *error)
{
    struct mapping_place *places =
        arena_allocate_zeroed(list->arena, list->path_count + 1, sizeof(*places));
    uint32_t count = 0;
    if (mapping->unroll_count > 0) {
        return mapping_path_error(&mapping->unrolls[0], "'unroll' needs format json", error);
    }
    mapping->column_names =
        arena_allocate_zeroed(list->arena, list->path_count + 2, sizeof(struct text));
    memset(mapping->combined_fields, 0xff, sizeof(mapping->combined_fields));
    for (uint32_t index = 0; index < list->source_count; index++) {
        struct mapping_source *source = list->sources[index];
        for (uint32_t path = 0; path < source->path_count; path++) {
            if (source->paths[path].metadata != METADATA_NONE) {
                continue;
            }
            struct text text = source->paths[path].text;
            struct mapping_place *place = &places[count++];
            place->path = &source->paths[path];
            place->field_out = &source->fields[path];
            cut_column(mapping, place, &text);
            place->found = named_field(mapping, column_name(mapping, text));
            if (mapping->format == MAPPING_COMBINED) {
                TRY(compile_combined_path(mapping, place->path, place->found, error));
            }
        }
    }
    mapping->row_field_count = mapping->field_count;
    if (mapping->format == MAPPING_LOG) {
        mapping_log_compile(mapping, list->arena);
    }
    return mapping_places_compile(mapping, list->arena, places, count, error);
}

static enum corong_status find_metadata(struct mapping *mapping, struct path_list *list,
                                        struct corong_error *error)
{
    for (uint32_t index = 0; index < list->source_count; index++) {
        struct mapping_source *source = list->sources[index];
        for (uint32_t path = 0; path < source->path_count; path++) {
            TRY(mapping_metadata_path(&source->paths[path], error));
        }
    }
    for (uint32_t index = 0; index < mapping->unroll_count; index++) {
        struct mapping_path *unroll = &mapping->unrolls[index];
        TRY(mapping_metadata_path(unroll, error));
        if (unroll->metadata != METADATA_NONE) {
            return mapping_path_error(unroll, "'unroll' needs an array of the message", error);
        }
    }
    return CORONG_OK;
}

/// What lies beside the message gets fields behind those of the message.
static void compile_metadata(struct mapping *mapping, struct path_list *list)
{
    mapping->metadata =
        arena_allocate_zeroed(list->arena, list->path_count + 1, sizeof(*mapping->metadata));
    mapping->document_field_count = mapping->field_count;
    for (uint32_t index = 0; index < list->source_count; index++) {
        struct mapping_source *source = list->sources[index];
        for (uint32_t path = 0; path < source->path_count; path++) {
            if (source->paths[path].metadata != METADATA_NONE) {
                source->fields[path] = mapping_metadata_field(mapping, &source->paths[path]);
            }
        }
    }
}

static void compile_renames(struct mapping *mapping, struct arena *arena)
{
    uint32_t slots = 4;
    while (slots < mapping->rename_count * 2) {
        slots *= 2;
    }
    mapping->rename_mask = slots - 1;
    mapping->rename_table = arena_allocate_zeroed(arena, slots, sizeof(*mapping->rename_table));
    for (uint32_t index = 0; index < mapping->rename_count; index++) {
        struct text from = mapping->renames[index].from;
        uint32_t slot = (uint32_t)hash_bytes64(from.bytes, from.size) & mapping->rename_mask;
        while (mapping->rename_table[slot].from.bytes != NULL) {
            slot = (slot + 1) & mapping->rename_mask;
        }
        mapping->rename_table[slot] = mapping->renames[index];
    }
}

enum corong_status mapping_compile(struct mapping *mapping, struct arena *arena,
                                   struct corong_error *error)
{
    struct path_list list = {.arena = arena};
    mapping_each_source(mapping, count_source, &list);
    if (list.path_count > FIELD_COUNT_MAX) {
        return error_set(error, CORONG_INVALID, "mapping: %u paths, at most %u are allowed",
                         list.path_count, FIELD_COUNT_MAX);
    }
    list.sources = arena_allocate(arena, list.source_count * sizeof(struct mapping_source *));
    list.source_count = 0;
    mapping_each_source(mapping, collect_source, &list);
    compile_renames(mapping, arena);
    TRY(find_metadata(mapping, &list, error));
    if (mapping->format == MAPPING_JSON) {
        TRY(compile_json(mapping, &list, error));
    } else {
        TRY(compile_named(mapping, &list, error));
    }
    compile_metadata(mapping, &list);
    return CORONG_OK;
}
