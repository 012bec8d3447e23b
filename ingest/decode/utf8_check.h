// SPDX-License-Identifier: Apache-2.0
/// UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF.
/// Thread: any.
#pragma once

#include "storage/base/text.h"

#include <stddef.h>
#include <stdint.h>

static inline bool utf8_continues(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/// Size (2 to 4) of the sequence that begins at a byte >= 0x80, or 0 where it is wrong or cut off.
static inline size_t utf8_check_sequence(const char *at, const char *end)
{
    const uint8_t *bytes = (const uint8_t *)at;
    size_t left = (size_t)(end - at);
    uint8_t first = bytes[0];
    if (first < 0xc2 || left < 2 || !utf8_continues(bytes[1])) {
        return 0;
    }
    if (first < 0xe0) {
        return 2;
    }
    if (left < 3 || !utf8_continues(bytes[2])) {
        return 0;
    }
    if (first < 0xf0) {
        bool overlong = first == 0xe0 && bytes[1] < 0xa0;
        bool surrogate = first == 0xed && bytes[1] >= 0xa0;
        return overlong || surrogate ? 0 : 3;
    }
    if (first > 0xf4 || left < 4 || !utf8_continues(bytes[3])) {
        return 0;
    }
    bool overlong = first == 0xf0 && bytes[1] < 0x90;
    bool too_large = first == 0xf4 && bytes[1] >= 0x90;
    return overlong || too_large ? 0 : 4;
}

/// The first byte that is not valid UTF-8, or NULL where all is.
const char *utf8_check(struct text text);
