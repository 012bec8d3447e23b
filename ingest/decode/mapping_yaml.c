// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/mapping_yaml.h"

#include <stdarg.h>
#include <stdio.h>

#define TEXT_COUNT_MAX 4096u ///< words of one list

#define NESTING_MAX 16

void mapping_yaml_init(struct mapping_yaml *yaml, struct arena *arena, yaml_document_t *document,
                       const char *file, struct corong_error *error)
{
    size_t node_count = (size_t)(document->nodes.top - document->nodes.start);
    *yaml = (struct mapping_yaml){document, file, arena, error,
                                  arena_allocate_zeroed(arena, node_count + 1, 1)};
}

static void format_message(char *message, size_t size, const char *format, va_list arguments)
{
    vsnprintf(message, size, format, arguments);
}

enum corong_status mapping_yaml_error(const struct mapping_yaml *yaml, const yaml_node_t *node,
                                      const char *format, ...)
{
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    format_message(message, sizeof(message), format, arguments);
    va_end(arguments);
    return error_set(yaml->error, CORONG_INVALID, "%s:%zu:%zu: %s", yaml->file,
                     node->start_mark.line + 1, node->start_mark.column + 1, message);
}

static const char *nearest_word(struct text text, const char *const *words)
{
    const char *nearest = NULL;
    size_t best = text.size / 3 + 2;
    for (; *words != NULL; words++) {
        size_t distance = text_distance(text, text_from(*words));
        if (distance < best) {
            best = distance;
            nearest = *words;
        }
    }
    return nearest;
}

enum corong_status mapping_yaml_unknown(const struct mapping_yaml *yaml, const yaml_node_t *node,
                                        const char *what, const char *const *words)
{
    struct text text = mapping_yaml_text(node);
    const char *nearest = nearest_word(text, words);
    struct text_buffer list = {0};
    for (const char *const *word = words; nearest == NULL && *word != NULL; word++) {
        text_buffer_printf(&list, "%s%s", word == words ? ", allowed: " : ", ", *word);
    }
    enum corong_status status = mapping_yaml_error(
        yaml, node, "unknown %s '%.*s'%s%s%s%s", what, (int)(text.size > 64 ? 64 : text.size),
        text.bytes == NULL ? "" : text.bytes, nearest == NULL ? "" : ", did you mean '",
        nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'",
        list.bytes == NULL ? "" : list.bytes);
    text_buffer_deinit(&list);
    return status;
}

yaml_node_t *mapping_yaml_node(const struct mapping_yaml *yaml, int index)
{
    return yaml_document_get_node(yaml->document, index);
}

struct text mapping_yaml_text(const yaml_node_t *node)
{
    if (node == NULL || node->type != YAML_SCALAR_NODE) {
        return TEXT_MISSING;
    }
    return (struct text){(const char *)node->data.scalar.value, node->data.scalar.length};
}

bool mapping_yaml_is_null(const yaml_node_t *node)
{
    struct text text = mapping_yaml_text(node);
    return text.bytes != NULL && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (text.size == 0 || text_equal(text, TEXT_LITERAL("~")) ||
            text_equal(text, TEXT_LITERAL("null")));
}

static enum corong_status check_mapping_keys(struct mapping_yaml *yaml, const yaml_node_t *node)
{
    const yaml_node_pair_t *pairs = node->data.mapping.pairs.start;
    ptrdiff_t count = node->data.mapping.pairs.top - pairs;
    for (ptrdiff_t index = 0; index < count; index++) {
        const yaml_node_t *key = mapping_yaml_node(yaml, pairs[index].key);
        struct text text = mapping_yaml_text(key);
        if (text.bytes == NULL) {
            return mapping_yaml_error(yaml, key, "a key must be a word");
        }
        for (ptrdiff_t before = 0; before < index; before++) {
            const yaml_node_t *other = mapping_yaml_node(yaml, pairs[before].key);
            if (text_equal(mapping_yaml_text(other), text)) {
                return mapping_yaml_error(yaml, key, "key '%.*s' is given twice, first in line %zu",
                                          (int)text.size, text.bytes, other->start_mark.line + 1);
            }
        }
    }
    return CORONG_OK;
}

static enum corong_status check_node(struct mapping_yaml *yaml, int index, uint32_t depth);

static enum corong_status check_children(struct mapping_yaml *yaml, const yaml_node_t *node,
                                         uint32_t depth)
{
    if (depth > NESTING_MAX) {
        return mapping_yaml_error(yaml, node, "nested too deeply");
    }
    if (node->type == YAML_SEQUENCE_NODE) {
        const yaml_node_item_t *item = node->data.sequence.items.start;
        for (; item < node->data.sequence.items.top; item++) {
            TRY(check_node(yaml, *item, depth));
        }
    }
    if (node->type == YAML_MAPPING_NODE) {
        TRY(check_mapping_keys(yaml, node));
        const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
        for (; pair < node->data.mapping.pairs.top; pair++) {
            TRY(check_node(yaml, pair->key, depth));
            TRY(check_node(yaml, pair->value, depth));
        }
    }
    return CORONG_OK;
}

static enum corong_status check_node(struct mapping_yaml *yaml, int index, uint32_t depth)
{
    const yaml_node_t *node = mapping_yaml_node(yaml, index);
    if (yaml->seen[index]) {
        return mapping_yaml_error(yaml, node,
                                  "anchors and aliases are not allowed: write it twice");
    }
    yaml->seen[index] = 1;
    return check_children(yaml, node, depth + 1);
}

enum corong_status mapping_yaml_check(struct mapping_yaml *yaml, const yaml_node_t *node)
{
    return check_children(yaml, node, 0);
}

enum corong_status mapping_yaml_string(const struct mapping_yaml *yaml, const yaml_node_t *node,
                                       const char *what, struct text *text_out)
{
    struct text text = mapping_yaml_text(node);
    if (text.bytes == NULL || text.size == 0 || mapping_yaml_is_null(node)) {
        return mapping_yaml_error(yaml, node, "%s: a word was expected", what);
    }
    *text_out = arena_copy_text(yaml->arena, text);
    return CORONG_OK;
}

enum corong_status mapping_yaml_word(const struct mapping_yaml *yaml, const yaml_node_t *node,
                                     const char *what, const char *const *words,
                                     uint32_t *index_out)
{
    struct text text = mapping_yaml_text(node);
    for (uint32_t index = 0; words[index] != NULL; index++) {
        if (text_equal(text, text_from(words[index]))) {
            *index_out = index;
            return CORONG_OK;
        }
    }
    return mapping_yaml_unknown(yaml, node, what, words);
}

const yaml_node_t *mapping_yaml_find(const struct mapping_yaml *yaml, const yaml_node_t *node,
                                     const char *key)
{
    if (node == NULL || node->type != YAML_MAPPING_NODE) {
        return NULL;
    }
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; pair < node->data.mapping.pairs.top; pair++) {
        if (text_equal(mapping_yaml_text(mapping_yaml_node(yaml, pair->key)), text_from(key))) {
            return mapping_yaml_node(yaml, pair->value);
        }
    }
    return NULL;
}

enum corong_status mapping_yaml_keys(const struct mapping_yaml *yaml, const yaml_node_t *node,
                                     const char *what, const char *const *words)
{
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; pair < node->data.mapping.pairs.top; pair++) {
        uint32_t index;
        TRY(mapping_yaml_word(yaml, mapping_yaml_node(yaml, pair->key), what, words, &index));
    }
    return CORONG_OK;
}

enum corong_status mapping_yaml_texts(const struct mapping_yaml *yaml, const yaml_node_t *node,
                                      const char *what, struct text **texts_out,
                                      uint32_t *count_out)
{
    *texts_out = NULL;
    *count_out = 0;
    if (mapping_yaml_is_null(node)) {
        return CORONG_OK;
    }
    if (node->type != YAML_SEQUENCE_NODE) {
        return mapping_yaml_error(yaml, node, "%s: [NAME, ...] was expected", what);
    }
    const yaml_node_item_t *item = node->data.sequence.items.start;
    size_t count = (size_t)(node->data.sequence.items.top - item);
    if (count == 0 || count > TEXT_COUNT_MAX) {
        return mapping_yaml_error(yaml, node, "%s: a list of 1 to %u names was expected", what,
                                  TEXT_COUNT_MAX);
    }
    *texts_out = arena_allocate_zeroed(yaml->arena, count, sizeof(struct text));
    for (; item < node->data.sequence.items.top; item++) {
        TRY(mapping_yaml_string(yaml, mapping_yaml_node(yaml, *item), what,
                                &(*texts_out)[(*count_out)++]));
    }
    return CORONG_OK;
}
