// SPDX-License-Identifier: Apache-2.0
/// The scanner's body, compiled once per kernel. A kernel is a file that defines
/// `static const char *find_special(at, end)`, the first byte in [at, end) that is a quote, a
/// backslash, a control or not ASCII (or `end`), and then includes this. All kernels thereby share
/// one grammar; only the search differs.
/// Thread: functions of values.
#pragma once

#include "ingest/decode/json_scan_place.h"
#include "ingest/decode/json_scan_token.h"

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

/// Whether the key that begins at `at` (behind its quote) is the one guessed. The guess was a whole
/// key without escapes, so the same bytes between quotes are.
static inline bool guess_holds(const struct json_scanner *scanner, const struct json_guess *guess,
                               const char *at, uint16_t node)
{
    // Eight bytes and the quote behind them can be read.
    if (guess->size == 0 || guess->node != node || scanner->end - at <= 16 ||
        (load_word(at) & guess->mask) != guess->prefix || at[guess->size] != '"') {
        return false;
    }
    return guess->size <= 8 || load_word(at + guess->size - 8) == guess->suffix;
}

static inline void guess_learn(struct json_guess *guess, const char *key, size_t size,
                               uint16_t node, uint16_t place, const char *end)
{
    guess->size = 0;
    if (size == 0 || size > 16 || place == JSON_NODE_NONE || end - key < 8) {
        return;
    }
    guess->mask = size < 8 ? (UINT64_C(1) << size * 8) - 1 : UINT64_MAX;
    guess->prefix = load_word(key) & guess->mask;
    guess->suffix = size > 8 ? load_word(key + size - 8) : 0;
    guess->node = node;
    guess->place = place;
    guess->size = (uint32_t)size;
}

/// From behind the key's closing quote to the value.
static inline const char *scan_colon(struct json_scanner *scanner, const char *at)
{
    at = skip_whitespace(at, scanner->end);
    if (at == scanner->end || *at != ':') {
        return scan_fault(scanner, at, REJECT_NOT_JSON);
    }
    return skip_whitespace(at + 1, scanner->end);
}

/// Scans `"key" :`. Returns the value's first byte and its place in the plan, or NULL.
static inline const char *scan_key(struct json_scanner *scanner, const char *at, uint16_t node,
                                   uint16_t *place_out)
{
    const char *end = scanner->end;
    if (at == end || *at != '"') {
        return scan_fault(scanner, at, REJECT_NOT_JSON);
    }
    struct json_guess *guess =
        &scanner->capture->guesses[scanner->key_count++ & (JSON_GUESS_COUNT - 1)];
    const char *key = at + 1;
    if (__builtin_expect(guess_holds(scanner, guess, key, node), 1)) {
        *place_out = guess->place;
        return scan_colon(scanner, key + guess->size + 1);
    }
    uint8_t escape = FIELD_PLAIN;
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
        if (escape == FIELD_PLAIN) {
            guess_learn(guess, key, size, node, *place_out, end);
        }
    }
    return scan_colon(scanner, close + 1);
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

static inline enum reject_reason kernel_scan(const struct json_plan *plan, struct text text,
                                             struct json_capture *capture)
{
    DCHECK(text.size < UINT32_MAX);
    memset(capture->fields, 0, plan->field_count * sizeof(*capture->fields));
    capture->tape_count = 0;
    capture->element_count = 0;
    capture->document_serial++;
    capture->document_kind = document_kind(text);
    struct json_scanner scanner;
    scanner.begin = text.bytes;
    scanner.end = text.bytes + text.size;
    scanner.nodes = plan->nodes;
    scanner.capture = capture;
    scanner.reason = REJECT_NONE;
    scanner.depth = 0;
    scanner.key_count = 0;
    scan_document(&scanner);
    return scanner.reason;
}
