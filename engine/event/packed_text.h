// SPDX-License-Identifier: Apache-2.0
/// A string in sixteen bytes: short ones lie inside, of others the place. Two short ones are equal
/// exactly where their words are, so most strings are moved, hashed and compared as two numbers.
///
/// Thread: values; the bytes of long ones belong to whoever holds `far`.
#pragma once

#include "storage/base/bytes.h"
#include "storage/base/text.h"

#include <stdbool.h>
#include <stdint.h>

#define PACKED_TEXT_SIZE_MAX 15u       ///< longer ones lie elsewhere
#define PACKED_TEXT_FAR UINT8_C(0x80)  ///< the last byte of a longer one
#define PACKED_TEXT_NONE UINT8_C(0xff) ///< the last byte of a missing one

/// The last byte tells: 0..15 is the size of the zero-padded bytes before it. PACKED_TEXT_FAR: the
/// first word is an offset, the low half of the second the size.
struct packed_text {
    uint64_t words[2];
};

static inline uint8_t packed_text_mark(const struct packed_text *packed)
{
    return (uint8_t)(packed->words[1] >> 56);
}

static inline bool packed_text_is_short(const struct packed_text *packed)
{
    return packed_text_mark(packed) <= PACKED_TEXT_SIZE_MAX;
}

static inline bool packed_text_is_missing(const struct packed_text *packed)
{
    return packed_text_mark(packed) == PACKED_TEXT_NONE;
}

static inline struct packed_text packed_text_missing(void)
{
    return (struct packed_text){{0, (uint64_t)PACKED_TEXT_NONE << 56}};
}

/// Of at most PACKED_TEXT_SIZE_MAX bytes. Loads that overlap instead of a call: nothing outside the
/// text is read.
static inline struct packed_text packed_text_short(const char *bytes, size_t size)
{
    uint64_t low = 0;
    uint64_t high = (uint64_t)size << 56;
    if (size >= 8) {
        low = bytes_load_u64(bytes);
        high |= bytes_load_u64(bytes + size - 8) >> 8 >> (PACKED_TEXT_SIZE_MAX - size) * 8;
    } else if (size >= 4) {
        low = bytes_load_u32(bytes) | (uint64_t)bytes_load_u32(bytes + size - 4) << (size - 4) * 8;
    } else if (size > 0) {
        low = (uint8_t)bytes[0];
        low |= (uint64_t)(uint8_t)bytes[size / 2] << size / 2 * 8;
        low |= (uint64_t)(uint8_t)bytes[size - 1] << (size - 1) * 8;
    }
    return (struct packed_text){{low, high}};
}

static inline struct packed_text packed_text_far(uint64_t offset, uint32_t size)
{
    return (struct packed_text){{offset, (uint64_t)PACKED_TEXT_FAR << 56 | size}};
}

static inline uint32_t packed_text_far_size(const struct packed_text *packed)
{
    return (uint32_t)packed->words[1];
}

/// Of any text; the bytes of a longer one lie at `far` = text.bytes.
static inline struct packed_text packed_text_over(struct text text)
{
    if (text.bytes == NULL) {
        return packed_text_missing();
    }
    return text.size <= PACKED_TEXT_SIZE_MAX ? packed_text_short(text.bytes, text.size)
                                             : packed_text_far(0, (uint32_t)text.size);
}

/// Borrowed, from `packed` itself where short.
static inline struct text packed_text_get(const struct packed_text *packed, const char *far)
{
    uint8_t mark = packed_text_mark(packed);
    if (mark <= PACKED_TEXT_SIZE_MAX) {
        return (struct text){(const char *)packed, mark};
    }
    return mark == PACKED_TEXT_NONE
               ? TEXT_MISSING
               : (struct text){far + packed->words[0], packed_text_far_size(packed)};
}
