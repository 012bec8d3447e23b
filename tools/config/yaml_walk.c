// SPDX-License-Identifier: Apache-2.0
#include "tools/config/yaml_walk.h"

#include "engine/funnel/funnel.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/file/file.h"
#include "tools/config/config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define MESSAGE_SIZE 640
#define INTEGER_SIZE_MAX 18u

static enum corong_status parser_failed(const yaml_parser_t *parser, const char *file_name,
                                        struct corong_error *error)
{
    return error_set(error, CORONG_INVALID, "%s:%zu:%zu: not valid YAML: %s%s%s", file_name,
                     parser->problem_mark.line + 1, parser->problem_mark.column + 1,
                     parser->problem == NULL ? "cannot be read" : parser->problem,
                     parser->context == NULL ? "" : " ",
                     parser->context == NULL ? "" : parser->context);
}

static enum corong_status refuse_at(const char *file_name, yaml_mark_t mark, const char *what,
                                    struct corong_error *error)
{
    return error_set(error, CORONG_INVALID, "%s:%zu:%zu: %s", file_name, mark.line + 1,
                     mark.column + 1, what);
}

static bool has_anchor(const yaml_event_t *event)
{
    return (event->type == YAML_SCALAR_EVENT && event->data.scalar.anchor != NULL) ||
           (event->type == YAML_SEQUENCE_START_EVENT &&
            event->data.sequence_start.anchor != NULL) ||
           (event->type == YAML_MAPPING_START_EVENT && event->data.mapping_start.anchor != NULL);
}

/// What one event of the scan forbids, or NULL. An alias would let a small file grow without bound.
static const char *forbidden(const yaml_event_t *event, uint32_t depth, uint32_t document_count)
{
    if (event->type == YAML_ALIAS_EVENT || has_anchor(event)) {
        return "anchors and aliases are not allowed; write the value out";
    }
    if (depth > YAML_WALK_DEPTH_MAX) {
        return "nested too deep, at most 32 levels are allowed";
    }
    if (document_count > 1) {
        return "a second document; one file holds one document";
    }
    return NULL;
}

/// Goes through the file's events before a document is built from them.
static enum corong_status scan(yaml_parser_t *parser, const char *file_name,
                               struct corong_error *error)
{
    uint32_t depth = 0;
    uint32_t document_count = 0;
    for (;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            return parser_failed(parser, file_name, error);
        }
        yaml_event_type_t type = event.type;
        depth += type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT;
        depth -= type == YAML_SEQUENCE_END_EVENT || type == YAML_MAPPING_END_EVENT;
        document_count += type == YAML_DOCUMENT_START_EVENT;
        const char *reason = forbidden(&event, depth, document_count);
        yaml_mark_t mark = event.start_mark;
        yaml_event_delete(&event);
        if (reason != NULL) {
            return refuse_at(file_name, mark, reason, error);
        }
        if (type == YAML_STREAM_END_EVENT) {
            return CORONG_OK;
        }
    }
}

static enum corong_status scan_text(const char *file_name, struct text text,
                                    struct corong_error *error)
{
    yaml_parser_t parser;
    ASSERT(yaml_parser_initialize(&parser));
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.bytes, text.size);
    enum corong_status status = scan(&parser, file_name, error);
    yaml_parser_delete(&parser);
    return status;
}

enum corong_status yaml_walk_open_text(struct yaml_walk *walk, const char *file_name,
                                       struct text text, struct corong_error *error)
{
    *walk = (struct yaml_walk){.file_name = file_name, .error = error};
    TRY(scan_text(file_name, text, error));
    yaml_parser_t parser;
    ASSERT(yaml_parser_initialize(&parser));
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.bytes, text.size);
    enum corong_status status = CORONG_OK;
    if (!yaml_parser_load(&parser, &walk->document)) {
        status = parser_failed(&parser, file_name, error);
    }
    yaml_parser_delete(&parser);
    return status;
}

enum corong_status yaml_walk_open(struct yaml_walk *walk, const char *file_name,
                                  struct corong_error *error)
{
    char *bytes;
    size_t size;
    TRY(file_read_whole(file_name, YAML_WALK_FILE_SIZE_MAX, &bytes, &size, error));
    enum corong_status status =
        yaml_walk_open_text(walk, file_name, (struct text){bytes, size}, error);
    memory_free(bytes);
    return status;
}

void yaml_walk_close(struct yaml_walk *walk)
{
    yaml_document_delete(&walk->document);
}

struct yaml_place yaml_walk_root(const struct yaml_walk *walk)
{
    yaml_document_t *document = (yaml_document_t *)&walk->document;
    return (struct yaml_place){walk, yaml_document_get_root_node(document), ""};
}

enum corong_status yaml_walk_fail(const struct yaml_place *place, enum corong_status status,
                                  const char *format, ...)
{
    char message[MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    size_t line = place->node == NULL ? 1 : place->node->start_mark.line + 1;
    size_t column = place->node == NULL ? 1 : place->node->start_mark.column + 1;
    return error_set(place->walk->error, status, "%s:%zu:%zu: %s%s%s", place->walk->file_name, line,
                     column, place->path, place->path[0] == '\0' ? "" : ": ", message);
}

uint32_t yaml_walk_line(const struct yaml_place *place)
{
    return place->node == NULL ? 0 : (uint32_t)place->node->start_mark.line + 1;
}

bool yaml_walk_is_scalar(const struct yaml_place *place)
{
    return place->node != NULL && place->node->type == YAML_SCALAR_NODE;
}

bool yaml_walk_is_sequence(const struct yaml_place *place)
{
    return place->node != NULL && place->node->type == YAML_SEQUENCE_NODE;
}

bool yaml_walk_is_mapping(const struct yaml_place *place)
{
    return place->node != NULL && place->node->type == YAML_MAPPING_NODE;
}

uint32_t yaml_walk_count(const struct yaml_place *place)
{
    if (yaml_walk_is_sequence(place)) {
        return (uint32_t)(place->node->data.sequence.items.top -
                          place->node->data.sequence.items.start);
    }
    if (yaml_walk_is_mapping(place)) {
        return (uint32_t)(place->node->data.mapping.pairs.top -
                          place->node->data.mapping.pairs.start);
    }
    return 0;
}

static yaml_node_t *node_at(const struct yaml_place *place, int number)
{
    return yaml_document_get_node((yaml_document_t *)&place->walk->document, number);
}

static struct text scalar_text(const yaml_node_t *node)
{
    return (struct text){(const char *)node->data.scalar.value, node->data.scalar.length};
}

static const char *path_of(const struct yaml_place *place, struct arena *arena,
                           const char *format_suffix, struct text name, uint32_t number)
{
    struct text_buffer path = {0};
    text_buffer_append_string(&path, place->path);
    if (format_suffix[0] == '[') {
        text_buffer_printf(&path, "[%u]", number);
    } else {
        text_buffer_append_string(&path, place->path[0] == '\0' ? "" : ".");
        text_buffer_append_text(&path, name);
    }
    char *copy = arena_copy_string(arena, path.bytes);
    text_buffer_deinit(&path);
    return copy;
}

struct yaml_place yaml_walk_item(const struct yaml_place *place, struct arena *arena,
                                 uint32_t index)
{
    ASSERT(index < yaml_walk_count(place));
    yaml_node_t *node = node_at(place, place->node->data.sequence.items.start[index]);
    return (struct yaml_place){place->walk, node,
                               path_of(place, arena, "[", TEXT_MISSING, index + 1)};
}

struct yaml_place yaml_walk_member(const struct yaml_place *place, struct arena *arena,
                                   uint32_t index, struct text *key_out)
{
    ASSERT(index < yaml_walk_count(place));
    const yaml_node_pair_t *pair = &place->node->data.mapping.pairs.start[index];
    *key_out = scalar_text(node_at(place, pair->key));
    return (struct yaml_place){place->walk, node_at(place, pair->value),
                               path_of(place, arena, ".", *key_out, 0)};
}

struct yaml_place yaml_walk_key(const struct yaml_place *place, struct arena *arena,
                                const char *key)
{
    for (uint32_t index = 0; index < yaml_walk_count(place); index++) {
        const yaml_node_pair_t *pair = &place->node->data.mapping.pairs.start[index];
        if (text_equal(scalar_text(node_at(place, pair->key)), text_from(key))) {
            struct text found;
            return yaml_walk_member(place, arena, index, &found);
        }
    }
    return (struct yaml_place){place->walk, NULL, place->path};
}

static bool word_listed(struct text word, const char *const *words)
{
    for (uint32_t index = 0; words[index] != NULL; index++) {
        if (text_equal(word, text_from(words[index]))) {
            return true;
        }
    }
    return false;
}

static enum corong_status unknown_key(const struct yaml_place *key_place, struct text key,
                                      const char *const *known)
{
    const char *nearest = words_nearest(key, known);
    if (nearest != NULL) {
        return yaml_walk_fail(key_place, CORONG_INVALID, "unknown key '%.*s'; did you mean '%s'?",
                              (int)key.size, key.bytes, nearest);
    }
    struct text_buffer list = {0};
    for (uint32_t index = 0; known[index] != NULL; index++) {
        text_buffer_printf(&list, index == 0 ? "%s" : ", %s", known[index]);
    }
    enum corong_status status =
        yaml_walk_fail(key_place, CORONG_INVALID, "unknown key '%.*s'; known are: %s",
                       (int)key.size, key.bytes, list.bytes == NULL ? "" : list.bytes);
    text_buffer_deinit(&list);
    return status;
}

static enum corong_status check_key(const struct yaml_place *place, uint32_t index,
                                    const char *const *known)
{
    const yaml_node_pair_t *pairs = place->node->data.mapping.pairs.start;
    struct yaml_place key_place = {place->walk, node_at(place, pairs[index].key), place->path};
    if (!yaml_walk_is_scalar(&key_place)) {
        return yaml_walk_fail(&key_place, CORONG_INVALID, "a key must be a word");
    }
    struct text key = scalar_text(key_place.node);
    for (uint32_t before = 0; before < index; before++) {
        if (text_equal(key, scalar_text(node_at(place, pairs[before].key)))) {
            return yaml_walk_fail(&key_place, CORONG_INVALID, "key '%.*s' is given twice",
                                  (int)key.size, key.bytes);
        }
    }
    if (known != NULL && !word_listed(key, known)) {
        return unknown_key(&key_place, key, known);
    }
    return CORONG_OK;
}

enum corong_status yaml_walk_check_keys(const struct yaml_place *place, const char *const *known)
{
    if (!yaml_walk_is_mapping(place)) {
        return yaml_walk_fail(place, CORONG_INVALID, "keys and values are expected here");
    }
    for (uint32_t index = 0; index < yaml_walk_count(place); index++) {
        TRY(check_key(place, index, known));
    }
    return CORONG_OK;
}

enum corong_status yaml_walk_text(const struct yaml_place *place, struct text *text_out)
{
    if (!yaml_walk_is_scalar(place)) {
        return yaml_walk_fail(place, CORONG_INVALID, "one value is expected here");
    }
    *text_out = scalar_text(place->node);
    if (text_out->size == 0 && place->node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        return yaml_walk_fail(place, CORONG_INVALID, "the value is empty");
    }
    return CORONG_OK;
}

/// Puts the place before a message that a parser of values has written.
static enum corong_status fail_with(const struct yaml_place *place,
                                    const struct corong_error *inner)
{
    return yaml_walk_fail(place, inner->status, "%s", inner->message);
}

enum corong_status yaml_walk_duration(const struct yaml_place *place, int64_t *duration_us_out)
{
    struct text text;
    struct corong_error inner;
    TRY(yaml_walk_text(place, &text));
    return duration_parse(text, duration_us_out, &inner) == CORONG_OK ? CORONG_OK
                                                                      : fail_with(place, &inner);
}

enum corong_status yaml_walk_size(const struct yaml_place *place, uint64_t *size_bytes_out)
{
    struct text text;
    struct corong_error inner;
    TRY(yaml_walk_text(place, &text));
    return size_parse(text, size_bytes_out, &inner) == CORONG_OK ? CORONG_OK
                                                                 : fail_with(place, &inner);
}

enum corong_status yaml_walk_integer(const struct yaml_place *place, int64_t min, int64_t max,
                                     int64_t *value_out)
{
    struct text text;
    TRY(yaml_walk_text(place, &text));
    bool negative = text.size > 0 && text.bytes[0] == '-';
    size_t at = negative;
    size_t end = text.size < INTEGER_SIZE_MAX ? text.size : INTEGER_SIZE_MAX;
    int64_t value = 0;
    for (; at < end && text.bytes[at] >= '0' && text.bytes[at] <= '9'; at++) {
        value = value * 10 + (text.bytes[at] - '0');
    }
    value = negative ? -value : value;
    bool whole = at == text.size && at > (size_t)negative;
    if (!whole || value < min || value > max) {
        return yaml_walk_fail(place, CORONG_INVALID,
                              "'%.*s' is not a whole number from %" PRId64 " to %" PRId64,
                              (int)text.size, text.bytes, min, max);
    }
    *value_out = value;
    return CORONG_OK;
}

enum corong_status yaml_walk_word(const struct yaml_place *place, const char *const *words,
                                  uint32_t *index_out)
{
    struct text text;
    TRY(yaml_walk_text(place, &text));
    struct text_buffer list = {0};
    for (uint32_t index = 0; words[index] != NULL; index++) {
        if (text_equal(text, text_from(words[index]))) {
            *index_out = index;
            text_buffer_deinit(&list);
            return CORONG_OK;
        }
        text_buffer_printf(&list, index == 0 ? "%s" : ", %s", words[index]);
    }
    enum corong_status status = yaml_walk_fail(place, CORONG_INVALID, "'%.*s' is not one of: %s",
                                               (int)text.size, text.bytes, list.bytes);
    text_buffer_deinit(&list);
    return status;
}

enum corong_status yaml_walk_texts(const struct yaml_place *place, struct arena *arena,
                                   uint32_t count_max, struct text **texts_out, uint32_t *count_out)
{
    bool list = yaml_walk_is_sequence(place);
    uint32_t count = list ? yaml_walk_count(place) : 1;
    if (count == 0 || count > count_max) {
        return yaml_walk_fail(place, CORONG_INVALID, "%u values, 1 to %u are allowed", count,
                              count_max);
    }
    struct text *texts = arena_allocate_zeroed(arena, count, sizeof(texts[0]));
    for (uint32_t index = 0; index < count; index++) {
        struct yaml_place item = list ? yaml_walk_item(place, arena, index) : *place;
        TRY(yaml_walk_text(&item, &texts[index]));
        texts[index] = arena_copy_text(arena, texts[index]);
    }
    *texts_out = texts;
    *count_out = count;
    return CORONG_OK;
}
