// SPDX-License-Identifier: Apache-2.0
/// Bits of bitmap words. Thread: values.
#pragma once

#include <stdint.h>

#define BLOCK_WORD_SIZE 64u

/// The lowest `count` bits, at most 64. A word cannot be shifted by 64 at once, and a compiler
/// makes a branch of asking for that.
static inline uint64_t block_bits_first(uint32_t count)
{
    return ~(UINT64_MAX << count / 2 << (count - count / 2));
}

/// Bits of at most 64 rows from `begin` on; the bit of row `begin` is the lowest. The word behind
/// the one that holds it is read, too. Without branches: where a user begins in a word is random.
static inline uint64_t block_bits_at(const uint64_t *bitmap, uint32_t begin, uint32_t count)
{
    uint32_t shift = begin % BLOCK_WORD_SIZE;
    const uint64_t *word = bitmap + begin / BLOCK_WORD_SIZE;
    uint64_t bits = word[0] >> shift | word[1] << 1 << (BLOCK_WORD_SIZE - 1 - shift);
    return bits & block_bits_first(count);
}

static inline uint64_t block_bits_below(uint32_t bit)
{
    return (UINT64_C(1) << bit) - 1;
}

static inline uint32_t block_bits_lowest(uint64_t bits)
{
    return (uint32_t)__builtin_ctzll(bits);
}

/// By an exclusive or, which a compiler takes back with that of the leading zeros; a difference it
/// does not.
static inline uint32_t block_bits_highest(uint64_t bits)
{
    return (uint32_t)__builtin_clzll(bits) ^ (BLOCK_WORD_SIZE - 1);
}
