// SPDX-License-Identifier: Apache-2.0
/// Where in a line two kinds of bytes stand, as bits: a row is cut by one pass over its bytes and
/// then by its separators alone. Thread: functions of values.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define ROW_MASK_SIZE_MAX 512u ///< of a line that has one
#define ROW_MASK_PADDING 64u   ///< bytes behind the line feed that can be read
#define ROW_MASK_WORDS (ROW_MASK_SIZE_MAX / 64)

/// What is looked for. Equal bytes are allowed.
struct row_mask_bytes {
    char one;
    char other;
    char refused;
};

/// A bit per byte of the line, and one for the line feed, which is both.
struct row_mask {
    uint32_t size; ///< of the line
    uint64_t ones[ROW_MASK_WORDS];
    uint64_t others[ROW_MASK_WORDS];
};

/// The line at `line`, behind which a line feed comes. False: it is too long, or has a refused byte
/// or one that is not ASCII.
bool row_mask_find(struct row_mask *mask, const char *line, struct row_mask_bytes bytes);
bool row_mask_find_plain(struct row_mask *mask, const char *line, struct row_mask_bytes bytes);
#ifdef __x86_64__
bool row_mask_find_avx2(struct row_mask *mask, const char *line, struct row_mask_bytes bytes);
#endif

/// The place of the first bit from `at` on; the line's size where there is none.
static inline uint32_t row_mask_next(const uint64_t words[], uint32_t at)
{
    uint32_t word = at / 64;
    uint64_t bits = words[word] >> (at % 64) << (at % 64);
    while (bits == 0) {
        bits = words[++word];
    }
    return word * 64 + (uint32_t)__builtin_ctzll(bits);
}
