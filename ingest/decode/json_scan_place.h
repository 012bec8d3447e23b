// SPDX-License-Identifier: Apache-2.0
/// Places of the plan: which node a key leads to, and where a value goes. Included by
/// json_scan_kernel.h only.
/// Thread: functions of values.
#pragma once

#include "ingest/decode/json_scan_token.h"

static void tape_append(struct json_capture *capture, struct json_tape_entry entry)
{
    if (capture->tape_count == capture->tape_capacity) {
        capture->tape_capacity = capture->tape_capacity == 0 ? 256 : capture->tape_capacity * 2;
        capture->tape =
            memory_resize_array(capture->tape, capture->tape_capacity, sizeof(*capture->tape));
    }
    capture->tape[capture->tape_count++] = entry;
}

/// Whether a place was met before in this document (or element): a repeated key. Only then is there
/// anything below it to forget.
static inline bool place_repeats(struct json_capture *capture, uint16_t node_index, uint64_t serial)
{
    bool repeats = capture->stamps[node_index] == serial;
    capture->stamps[node_index] = serial;
    return repeats;
}

static void capture_in_element(struct json_scanner *scanner, uint16_t node_index,
                               struct decode_field value)
{
    const struct json_node *node = &scanner->nodes[node_index];
    struct json_capture *capture = scanner->capture;
    struct json_tape_entry entry = {
        .offset = value.bytes == NULL ? 0 : (uint32_t)(value.bytes - scanner->begin),
        .size = value.size,
        .first = node->field,
        .value = (uint8_t)(value.kind | value.escape << 4)};
    if (scanner->depth > 0 && scanner->frames[scanner->depth - 1].close == ']') {
        entry.operation = JSON_TAPE_ELEMENT;
        capture->element_count++;
        capture->element_serial++;
        tape_append(capture, entry);
        return;
    }
    if (node->field_begin < node->field_end &&
        place_repeats(capture, node_index, capture->element_serial)) {
        tape_append(capture, (struct json_tape_entry){.first = node->field_begin,
                                                      .size = node->field_end,
                                                      .operation = JSON_TAPE_CLEAR});
    }
    if (node->field != FIELD_NONE) {
        entry.operation = JSON_TAPE_FIELD;
        tape_append(capture, entry);
    }
}

/// Puts a value where the plan wants it. `node` is the place of the value.
static void capture_value(struct json_scanner *scanner, uint16_t node_index,
                          struct decode_field value)
{
    const struct json_node *node = &scanner->nodes[node_index];
    struct json_capture *capture = scanner->capture;
    if (node->in_element) {
        capture_in_element(scanner, node_index, value);
        return;
    }
    if (node->field_begin < node->field_end &&
        place_repeats(capture, node_index, capture->document_serial)) {
        memset(&capture->fields[node->field_begin], 0,
               (size_t)(node->field_end - node->field_begin) * sizeof(*capture->fields));
    }
    if (node->field != FIELD_NONE) {
        capture->fields[node->field] = value;
    }
}

static inline void capture_if_wanted(struct json_scanner *scanner, uint16_t node, uint8_t kind,
                                     uint8_t escape, const char *begin, const char *end)
{
    if (node == JSON_NODE_NONE) {
        return;
    }
    struct decode_field value = {begin, (uint32_t)(end - begin), kind, escape};
    if (__builtin_expect(scanner->nodes[node].leaf, 1)) {
        scanner->capture->fields[scanner->nodes[node].field] = value;
    } else {
        capture_value(scanner, node, value);
    }
}

static uint16_t match_key_slowly(const struct json_node *node, const char *key, size_t size)
{
    for (uint16_t index = 0; index < node->key_count; index++) {
        const struct json_key *candidate = &node->keys[index];
        if (candidate->size == size && memcmp(candidate->bytes, key, size) == 0) {
            return candidate->node;
        }
    }
    return JSON_NODE_NONE;
}

static uint16_t match_escaped_key(const struct json_node *node, struct text key)
{
    // A mapped key has at most JSON_KEY_SIZE_MAX bytes, each written with at most six.
    char decoded[6 * JSON_KEY_SIZE_MAX];
    if (key.size > sizeof(decoded)) {
        return JSON_NODE_NONE;
    }
    return match_key_slowly(node, decoded, json_string_unescape(key, decoded));
}

static inline uint16_t match_key(const struct json_scanner *scanner, uint16_t node_index,
                                 const char *key, size_t size)
{
    const struct json_node *node = &scanner->nodes[node_index];
    if (__builtin_expect(scanner->end - key < 8 || node->slots == NULL, 0)) {
        return match_key_slowly(node, key, size);
    }
    uint64_t prefix = load_word(key);
    uint64_t suffix = 0;
    if (size > 8) {
        suffix = load_word(key + size - 8);
    } else if (size < 8) {
        prefix &= (UINT64_C(1) << (size * 8)) - 1;
    }
    uint16_t index = node->slots[json_key_slot(node, prefix, suffix, size)];
    if (index == node->key_count) {
        return JSON_NODE_NONE;
    }
    const struct json_key *candidate = &node->keys[index];
    bool equal = candidate->prefix == prefix && candidate->suffix == suffix &&
                 candidate->size == size &&
                 (size <= 16 || memcmp(candidate->bytes + 8, key + 8, size - 16) == 0);
    return equal ? candidate->node : JSON_NODE_NONE;
}
