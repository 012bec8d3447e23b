// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/json_scan.h"

#include "ingest/decode/decode.h"
#include "ingest/decode/utf8_check.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <string.h>

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))
#define HIGH_BITS EACH_BYTE(0x80)
#define TAPE_KEPT_COUNT ((size_t)64 * 1024)

/// An open object or array. `node` is JSON_NODE_NONE where nothing inside is mapped.
struct scan_frame {
    uint16_t node;
    char close;
};

struct json_scanner {
    const char *begin;
    const char *end;
    const struct json_node *nodes;
    struct json_capture *capture;
    enum reject_reason reason;
    uint32_t depth;
    struct scan_frame frames[JSON_DEPTH_MAX + 1];
};

static const char *scan_fault(struct json_scanner *scanner, const char *at,
                              enum reject_reason reason)
{
    scanner->reason = at == scanner->end && reason == REJECT_NOT_JSON ? REJECT_TRUNCATED : reason;
    scanner->capture->fault_at = (size_t)(at - scanner->begin);
    return NULL;
}

static inline const char *skip_whitespace(const char *at, const char *end)
{
    while (at < end && (unsigned char)*at <= ' ' &&
           (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
        at++;
    }
    return at;
}

static inline bool is_digit(const char *at, const char *end)
{
    return at < end && (unsigned char)(*at - '0') <= 9;
}

static inline uint64_t load_word(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

/// The first byte that is a quote, a backslash, a control or not ASCII; or `end`.
/// Each subtraction sets the high bit of bytes that match; borrows can only spoil bytes above a
/// true match, and only the lowest set bit is used.
static inline const char *find_special(const char *at, const char *end)
{
    while (end - at >= 8) {
        uint64_t word = load_word(at);
        uint64_t found =
            (((word ^ EACH_BYTE('"')) - EACH_BYTE(1)) | ((word ^ EACH_BYTE('\\')) - EACH_BYTE(1)) |
             (word - EACH_BYTE(0x20)) | word) &
            HIGH_BITS;
        if (found != 0) {
            return at + (__builtin_ctzll(found) >> 3);
        }
        at += 8;
    }
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)(*at - 0x20) < 0x60) {
        at++;
    }
    return at;
}

static bool is_hexadecimal(char byte)
{
    return (unsigned char)(byte - '0') <= 9 || (unsigned char)((byte | 0x20) - 'a') <= 5;
}

/// `at` is behind the backslash. Returns what follows the escape, or NULL.
static const char *scan_escape(struct json_scanner *scanner, const char *at)
{
    if (at == scanner->end) {
        return scan_fault(scanner, at, REJECT_NOT_JSON);
    }
    if (*at != 'u') {
        return memchr("\"\\/bfnrt", *at, 8) != NULL ? at + 1
                                                    : scan_fault(scanner, at, REJECT_NOT_JSON);
    }
    for (int digit = 0; digit < 4; digit++) {
        at++;
        if (at == scanner->end || !is_hexadecimal(*at)) {
            return scan_fault(scanner, at, REJECT_NOT_JSON);
        }
    }
    return at + 1;
}

/// The rest of a string from its first special byte. Returns the closing quote, or NULL.
static const char *scan_string_slow(struct json_scanner *scanner, const char *at, uint8_t *escape)
{
    const char *end = scanner->end;
    for (;;) {
        if (at == end) {
            return scan_fault(scanner, at, REJECT_NOT_JSON);
        }
        if (*at == '"') {
            return at;
        }
        if (*at == '\\') {
            *escape = FIELD_ESCAPED_JSON;
            at = scan_escape(scanner, at + 1);
            if (at == NULL) {
                return NULL;
            }
        } else if ((unsigned char)*at < 0x20) {
            return scan_fault(scanner, at, REJECT_NOT_JSON);
        } else {
            size_t size = utf8_check_sequence(at, end);
            if (size == 0) {
                return scan_fault(scanner, at, REJECT_NOT_UTF8);
            }
            at += size;
            if (at < end && (unsigned char)*at >= 0x80) {
                continue;
            }
        }
        at = find_special(at, end);
    }
}

/// `at` is behind the opening quote. Returns the closing quote, or NULL.
static inline const char *scan_string(struct json_scanner *scanner, const char *at, uint8_t *escape)
{
    at = find_special(at, scanner->end);
    if (__builtin_expect(at < scanner->end && *at == '"', 1)) {
        return at;
    }
    return scan_string_slow(scanner, at, escape);
}

static inline const char *skip_digits(const char *at, const char *end)
{
    while (is_digit(at, end)) {
        at++;
    }
    return at;
}

/// `at` is a digit or a minus. Returns what follows the number, or NULL.
static const char *scan_number(struct json_scanner *scanner, const char *at)
{
    const char *end = scanner->end;
    at += *at == '-';
    if (!is_digit(at, end)) {
        return scan_fault(scanner, at, REJECT_NOT_JSON);
    }
    at = *at == '0' ? at + 1 : skip_digits(at, end);
    if (at < end && *at == '.') {
        at++;
        if (!is_digit(at, end)) {
            return scan_fault(scanner, at, REJECT_NOT_JSON);
        }
        at = skip_digits(at, end);
    }
    if (at < end && (*at | 0x20) == 'e') {
        at++;
        at += at < end && (*at == '+' || *at == '-');
        if (!is_digit(at, end)) {
            return scan_fault(scanner, at, REJECT_NOT_JSON);
        }
        at = skip_digits(at, end);
    }
    return at;
}

static const char *scan_literal(struct json_scanner *scanner, const char *at, const char *word)
{
    for (; *word != '\0'; word++, at++) {
        if (at == scanner->end || *at != *word) {
            return scan_fault(scanner, at, REJECT_NOT_JSON);
        }
    }
    return at;
}

static void tape_append(struct json_capture *capture, struct json_tape_entry entry)
{
    if (capture->tape_count == capture->tape_capacity) {
        capture->tape_capacity = capture->tape_capacity == 0 ? 256 : capture->tape_capacity * 2;
        capture->tape =
            memory_resize_array(capture->tape, capture->tape_capacity, sizeof(*capture->tape));
    }
    capture->tape[capture->tape_count++] = entry;
}

/// Puts a value where the plan wants it. `node` is the place of the value.
static void capture_value(struct json_scanner *scanner, uint16_t node_index,
                          struct decode_field value)
{
    const struct json_node *node = &scanner->nodes[node_index];
    struct json_capture *capture = scanner->capture;
    if (!node->in_element) {
        for (uint16_t field = node->field_begin; field < node->field_end; field++) {
            capture->fields[field] = (struct decode_field){0};
        }
        if (node->field != FIELD_NONE) {
            capture->fields[node->field] = value;
        }
        return;
    }
    struct json_tape_entry entry = {
        .offset = value.bytes == NULL ? 0 : (uint32_t)(value.bytes - scanner->begin),
        .size = value.size,
        .first = node->field,
        .value = (uint8_t)(value.kind | value.escape << 4)};
    if (scanner->depth > 0 && scanner->frames[scanner->depth - 1].close == ']') {
        entry.operation = JSON_TAPE_ELEMENT;
        capture->element_count++;
        tape_append(capture, entry);
        return;
    }
    if (node->field_begin < node->field_end) {
        tape_append(capture, (struct json_tape_entry){.first = node->field_begin,
                                                      .size = node->field_end,
                                                      .operation = JSON_TAPE_CLEAR});
    }
    if (node->field != FIELD_NONE) {
        entry.operation = JSON_TAPE_FIELD;
        tape_append(capture, entry);
    }
}

static inline void capture_if_wanted(struct json_scanner *scanner, uint16_t node, uint8_t kind,
                                     uint8_t escape, const char *begin, const char *end)
{
    if (node != JSON_NODE_NONE) {
        capture_value(scanner, node,
                      (struct decode_field){begin, (uint32_t)(end - begin), kind, escape});
    }
}

/// Opens an object or array. Returns what follows the bracket, or NULL.
static const char *open_container(struct json_scanner *scanner, const char *at, uint16_t node)
{
    if (scanner->depth == JSON_DEPTH_MAX) {
        return scan_fault(scanner, at, REJECT_TOO_DEEP);
    }
    bool object = *at == '{';
    capture_if_wanted(scanner, node, object ? FIELD_OBJECT : FIELD_ARRAY, FIELD_PLAIN, at, at);
    uint16_t inside = node;
    if (!object && node != JSON_NODE_NONE) {
        inside = scanner->nodes[node].element_node;
        if (inside != JSON_NODE_NONE) {
            // A repeated key: the last array wins.
            scanner->capture->tape_count = 0;
            scanner->capture->element_count = 0;
        }
    }
    scanner->frames[scanner->depth++] = (struct scan_frame){inside, object ? '}' : ']'};
    return at + 1;
}

static const char *scan_word(struct json_scanner *scanner, const char *at, uint16_t node)
{
    const char *after = NULL;
    uint8_t kind = FIELD_MISSING;
    if (at < scanner->end && *at == 't') {
        after = scan_literal(scanner, at, "true");
        kind = FIELD_TRUE;
    } else if (at < scanner->end && *at == 'f') {
        after = scan_literal(scanner, at, "false");
        kind = FIELD_FALSE;
    } else if (at < scanner->end && *at == 'n') {
        after = scan_literal(scanner, at, "null");
    } else {
        return scan_fault(scanner, at, REJECT_NOT_JSON);
    }
    if (after != NULL) {
        capture_if_wanted(scanner, node, kind, FIELD_PLAIN, at, after);
    }
    return after;
}

/// Scans a value, or the opening bracket of one. Returns what follows, or NULL.
static inline const char *scan_value(struct json_scanner *scanner, const char *at, uint16_t node)
{
    if (at < scanner->end && *at == '"') {
        uint8_t escape = FIELD_PLAIN;
        const char *close = scan_string(scanner, at + 1, &escape);
        if (close == NULL) {
            return NULL;
        }
        capture_if_wanted(scanner, node, FIELD_STRING, escape, at + 1, close);
        return close + 1;
    }
    if (at < scanner->end && (*at == '-' || (unsigned char)(*at - '0') <= 9)) {
        const char *after = scan_number(scanner, at);
        if (after != NULL) {
            capture_if_wanted(scanner, node, FIELD_NUMBER, FIELD_PLAIN, at, after);
        }
        return after;
    }
    if (at < scanner->end && (*at == '{' || *at == '[')) {
        return open_container(scanner, at, node);
    }
    return scan_word(scanner, at, node);
}

static uint16_t match_escaped_key(const struct json_node *node, struct text key)
{
    // A mapped key has at most JSON_KEY_SIZE_MAX bytes, each written with at most six.
    char decoded[6 * JSON_KEY_SIZE_MAX];
    if (key.size > sizeof(decoded)) {
        return JSON_NODE_NONE;
    }
    size_t size = json_string_unescape(key, decoded);
    for (uint16_t index = 0; index < node->key_count; index++) {
        const struct json_key *candidate = &node->keys[index];
        if (candidate->size == size && memcmp(candidate->bytes, decoded, size) == 0) {
            return candidate->node;
        }
    }
    return JSON_NODE_NONE;
}

static inline uint16_t match_key(const struct json_scanner *scanner, uint16_t node_index,
                                 const char *key, size_t size)
{
    const struct json_node *node = &scanner->nodes[node_index];
    if ((node->size_mask >> (size & 63) & 1) == 0) {
        return JSON_NODE_NONE;
    }
    uint64_t prefix = 0;
    if (__builtin_expect(scanner->end - key >= 8, 1)) {
        prefix = load_word(key);
        prefix = size >= 8 ? prefix : prefix & ((UINT64_C(1) << (size * 8)) - 1);
    } else {
        memcpy(&prefix, key, size < 8 ? size : 8);
    }
    for (uint16_t index = 0; index < node->key_count; index++) {
        const struct json_key *candidate = &node->keys[index];
        if (candidate->prefix == prefix && candidate->size == size &&
            (size <= 8 || memcmp(candidate->bytes + 8, key + 8, size - 8) == 0)) {
            return candidate->node;
        }
    }
    return JSON_NODE_NONE;
}

/// Scans `"key" :`. Returns the value's first byte and its place in the plan, or NULL.
static inline const char *scan_key(struct json_scanner *scanner, const char *at, uint16_t node,
                                   uint16_t *place_out)
{
    const char *end = scanner->end;
    if (at == end || *at != '"') {
        return scan_fault(scanner, at, REJECT_NOT_JSON);
    }
    uint8_t escape = FIELD_PLAIN;
    const char *key = at + 1;
    const char *close = scan_string(scanner, key, &escape);
    if (close == NULL) {
        return NULL;
    }
    *place_out = JSON_NODE_NONE;
    if (node != JSON_NODE_NONE) {
        size_t size = (size_t)(close - key);
        *place_out = __builtin_expect(escape == FIELD_PLAIN, 1)
                         ? match_key(scanner, node, key, size)
                         : match_escaped_key(&scanner->nodes[node], (struct text){key, size});
    }
    at = skip_whitespace(close + 1, end);
    if (at == end || *at != ':') {
        return scan_fault(scanner, at, REJECT_NOT_JSON);
    }
    return skip_whitespace(at + 1, end);
}

/// After a value: closes what ends here. Returns the next member's first byte; or NULL at the end
/// of the document (depth 0) or at a fault.
static inline const char *scan_separator(struct json_scanner *scanner, const char *at)
{
    const char *end = scanner->end;
    while (scanner->depth > 0) {
        at = skip_whitespace(at, end);
        if (at < end && *at == ',') {
            return skip_whitespace(at + 1, end);
        }
        if (at == end || *at != scanner->frames[scanner->depth - 1].close) {
            return scan_fault(scanner, at, REJECT_NOT_JSON);
        }
        at++;
        scanner->depth--;
    }
    at = skip_whitespace(at, end);
    // A whole document followed by anything is a fault, not a cut-off start of one.
    return at == end ? NULL : scan_fault(scanner, at, REJECT_NOT_JSON);
}

static void scan_document(struct json_scanner *scanner)
{
    const char *at = skip_whitespace(scanner->begin, scanner->end);
    uint16_t place = 0;
    for (;;) {
        uint32_t depth_before = scanner->depth;
        at = scan_value(scanner, at, place);
        if (at == NULL) {
            return;
        }
        bool opened = scanner->depth > depth_before;
        if (opened) {
            at = skip_whitespace(at, scanner->end);
            if (at < scanner->end && *at == scanner->frames[scanner->depth - 1].close) {
                at++;
                scanner->depth--;
                opened = false;
            }
        }
        if (!opened) {
            at = scan_separator(scanner, at);
            if (at == NULL) {
                return;
            }
        }
        struct scan_frame frame = scanner->frames[scanner->depth - 1];
        place = frame.node;
        if (frame.close == '}') {
            at = scan_key(scanner, at, frame.node, &place);
            if (at == NULL) {
                return;
            }
        }
    }
}

static uint8_t document_kind(struct text text)
{
    const char *at = skip_whitespace(text.bytes, text.bytes + text.size);
    switch (at < text.bytes + text.size ? *at : 'n') {
    case '{':
        return FIELD_OBJECT;
    case '[':
        return FIELD_ARRAY;
    case '"':
        return FIELD_STRING;
    case 't':
        return FIELD_TRUE;
    case 'f':
        return FIELD_FALSE;
    case 'n':
        return FIELD_MISSING;
    default:
        return FIELD_NUMBER;
    }
}

enum reject_reason json_scan_scalar(const struct json_plan *plan, struct text text,
                                    struct json_capture *capture)
{
    DCHECK(text.size < UINT32_MAX);
    for (uint16_t field = 0; field < plan->field_count; field++) {
        capture->fields[field] = (struct decode_field){0};
    }
    capture->tape_count = 0;
    capture->element_count = 0;
    capture->document_kind = document_kind(text);
    struct json_scanner scanner;
    scanner.begin = text.bytes;
    scanner.end = text.bytes + text.size;
    scanner.nodes = plan->nodes;
    scanner.capture = capture;
    scanner.reason = REJECT_NONE;
    scanner.depth = 0;
    scan_document(&scanner);
    return scanner.reason;
}

void json_capture_init(struct json_capture *capture, const struct json_plan *plan)
{
    *capture = (struct json_capture){0};
    capture->fields = memory_allocate_zeroed(plan->field_count + 1u, sizeof(*capture->fields));
}

void json_capture_deinit(struct json_capture *capture)
{
    memory_free(capture->fields);
    memory_free(capture->tape);
    *capture = (struct json_capture){0};
}

void json_capture_shrink(struct json_capture *capture)
{
    if (capture->tape_capacity > TAPE_KEPT_COUNT) {
        memory_free(capture->tape);
        capture->tape = NULL;
        capture->tape_count = 0;
        capture->tape_capacity = 0;
    }
}
