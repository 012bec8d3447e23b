// SPDX-License-Identifier: Apache-2.0
/// Tokens of the scanner: strings, numbers, words. Included by json_scan_kernel.h only, behind a
/// kernel's find_special().
/// Thread: functions of values.
#pragma once

#include "ingest/decode/decode.h"
#include "ingest/decode/json_scan.h"
#include "ingest/decode/utf8_check.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <string.h>

static inline uint64_t load_word(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

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
    uint32_t key_count; ///< keys seen so far
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
        static const char letters[8] = {'"', '\\', '/', 'b', 'f', 'n', 'r', 't'};
        bool known = memchr(letters, *at, sizeof(letters)) != NULL;
        return known ? at + 1 : scan_fault(scanner, at, REJECT_NOT_JSON);
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
