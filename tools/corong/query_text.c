// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/query_text.h"

#define ESCAPE_SIZE 6u ///< of \\uXXXX

/// The number behind "\\u", or UINT32_MAX.
static uint32_t escape_at(struct text text, size_t at)
{
    uint32_t value = 0;
    if (text.size - at < ESCAPE_SIZE || text.bytes[at] != '\\' || text.bytes[at + 1] != 'u') {
        return UINT32_MAX;
    }
    for (size_t index = at + 2; index < at + ESCAPE_SIZE; index++) {
        char byte = text.bytes[index];
        uint32_t digit = byte >= '0' && byte <= '9'   ? (uint32_t)(byte - '0')
                         : byte >= 'a' && byte <= 'f' ? (uint32_t)(byte - 'a') + 10
                         : byte >= 'A' && byte <= 'F' ? (uint32_t)(byte - 'A') + 10
                                                      : 16;
        if (digit == 16) {
            return UINT32_MAX;
        }
        value = value * 16 + digit;
    }
    return value;
}

/// The character of two escapes at `at`, or 0 where there is no such pair.
static uint32_t pair_at(struct text text, size_t at)
{
    uint32_t high = escape_at(text, at);
    if (high < 0xd800 || high > 0xdbff || text.size - at < 2 * ESCAPE_SIZE) {
        return 0;
    }
    uint32_t low = escape_at(text, at + ESCAPE_SIZE);
    return low < 0xdc00 || low > 0xdfff ? 0 : 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/// In YAML's other quotes a backslash is a backslash.
static bool is_json(struct text source)
{
    size_t at = 0;
    while (at < source.size && memchr(" \t\r\n", source.bytes[at], 4) != NULL) {
        at++;
    }
    return at < source.size && source.bytes[at] == '{';
}

/// A line break or control beyond ASCII, which YAML would fold or refuse; else 0.
static uint32_t break_at(struct text text, size_t at)
{
    const unsigned char *bytes = (const unsigned char *)text.bytes + at;
    size_t left = text.size - at;
    if (left >= 2 && bytes[0] == 0xc2 && bytes[1] >= 0x80 && bytes[1] < 0xa0) {
        return bytes[1];
    }
    bool line =
        left >= 3 && bytes[0] == 0xe2 && bytes[1] == 0x80 && (bytes[2] == 0xa8 || bytes[2] == 0xa9);
    return line ? 0x2000u + (bytes[2] & 0x3fu) : 0;
}

struct text query_text_prepare(struct arena *arena, struct text source)
{
    struct text_buffer copy = {0};
    bool json = is_json(source);
    for (size_t at = 0; at < source.size; at++) {
        uint32_t character = json ? pair_at(source, at) : 0;
        uint32_t line_break = json && character == 0 ? break_at(source, at) : 0;
        if (character != 0) {
            text_buffer_printf(&copy, "\\U%08x", character);
            at += 2 * ESCAPE_SIZE - 1;
        } else if (line_break != 0) {
            text_buffer_printf(&copy, "\\u%04x", line_break);
            at += line_break < 0x800 ? 1 : 2;
        } else {
            // What follows a backslash is no start of an escape.
            size_t size = json && source.bytes[at] == '\\' && at + 1 < source.size ? 2 : 1;
            text_buffer_append(&copy, source.bytes + at, size);
            at += size - 1;
        }
    }
    struct text prepared = arena_copy_text(
        arena, copy.size == 0 ? TEXT_LITERAL("") : (struct text){copy.bytes, copy.size});
    text_buffer_deinit(&copy);
    return prepared;
}

static void append_string(struct text_buffer *out, struct text text)
{
    text_buffer_append(out, "\"", 1);
    for (size_t index = 0; index < text.size; index++) {
        unsigned char byte = (unsigned char)text.bytes[index];
        uint32_t character = break_at(text, index);
        if (byte < 0x20 || byte == 0x7f || character != 0) {
            text_buffer_printf(out, "\\u%04x", character != 0 ? character : byte);
            index += character == 0 ? 0 : character < 0x800 ? 1 : 2;
            continue;
        }
        text_buffer_append_string(out, byte == '"' || byte == '\\' ? "\\" : "");
        text_buffer_append(out, text.bytes + index, 1);
    }
    text_buffer_append(out, "\"", 1);
}

/// "true", "false", or digits without a leading zero.
static bool is_bare(const yaml_node_t *node)
{
    const char *text = (const char *)node->data.scalar.value;
    size_t size = node->data.scalar.length;
    if (node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE || size == 0) {
        return false;
    }
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
        return true;
    }
    return size <= 15 && strspn(text, "0123456789") == size && (text[0] != '0' || size == 1);
}

static void append_members(const struct yaml_place *place, struct arena *arena,
                           struct text_buffer *out)
{
    bool list = yaml_walk_is_sequence(place);
    text_buffer_append_string(out, list ? "[" : "{");
    for (uint32_t index = 0; index < yaml_walk_count(place); index++) {
        struct text key = TEXT_MISSING;
        struct yaml_place member = list ? yaml_walk_item(place, arena, index)
                                        : yaml_walk_member(place, arena, index, &key);
        text_buffer_append_string(out, index == 0 ? "" : ", ");
        if (!list) {
            append_string(out, key);
            text_buffer_append_string(out, ": ");
        }
        query_text_json(&member, arena, out);
    }
    text_buffer_append_string(out, list ? "]" : "}");
}

void query_text_json(const struct yaml_place *place, struct arena *arena, struct text_buffer *out)
{
    if (place->node == NULL) {
        text_buffer_append_string(out, "{}");
    } else if (!yaml_walk_is_scalar(place)) {
        append_members(place, arena, out);
    } else {
        struct text text = {(const char *)place->node->data.scalar.value,
                            place->node->data.scalar.length};
        if (is_bare(place->node)) {
            text_buffer_append_text(out, text);
        } else {
            append_string(out, text);
        }
    }
}
