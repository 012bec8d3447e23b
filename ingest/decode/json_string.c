// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/json_scan.h"

#include <string.h>

#define REPLACEMENT_CHARACTER 0xfffdu

static uint32_t hexadecimal_value(const char *at)
{
    uint32_t value = 0;
    for (int index = 0; index < 4; index++) {
        uint8_t byte = (uint8_t)at[index];
        value = value << 4 | (byte <= '9' ? byte - 0x30u : (byte | 0x20u) - 0x61u + 10u);
    }
    return value;
}

static char *put_code_point(char *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (char)code;
        return to;
    }
    if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
    } else {
        if (code < 0x10000) {
            *to++ = (char)(0xe0 | code >> 12);
        } else {
            *to++ = (char)(0xf0 | code >> 18);
            *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        }
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
    }
    *to++ = (char)(0x80 | (code & 0x3f));
    return to;
}

static bool is_low_surrogate(const char *at, const char *end)
{
    return end - at >= 6 && at[0] == '\\' && at[1] == 'u' &&
           (hexadecimal_value(at + 2) & 0xfc00) == 0xdc00;
}

/// `at` is the first of four digits. Advances it past what the code point takes.
static uint32_t take_code_point(const char **at, const char *end)
{
    uint32_t code = hexadecimal_value(*at);
    *at += 4;
    if ((code & 0xf800) != 0xd800) {
        return code;
    }
    if (code < 0xdc00 && is_low_surrogate(*at, end)) {
        uint32_t low = hexadecimal_value(*at + 2);
        *at += 6;
        return 0x10000 + ((code & 0x3ff) << 10 | (low & 0x3ff));
    }
    return REPLACEMENT_CHARACTER;
}

static char simple_escape(char letter)
{
    switch (letter) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return letter;
    }
}

size_t json_string_unescape(struct text text, char *to)
{
    const char *at = text.bytes;
    const char *end = text.bytes + text.size;
    char *begin = to;
    while (at < end) {
        const char *backslash = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((backslash == NULL ? end : backslash) - at);
        memcpy(to, at, plain);
        to += plain;
        at += plain;
        if (backslash == NULL) {
            break;
        }
        char letter = at[1];
        at += 2;
        if (letter == 'u') {
            to = put_code_point(to, take_code_point(&at, end));
        } else {
            *to++ = simple_escape(letter);
        }
    }
    return (size_t)(to - begin);
}
