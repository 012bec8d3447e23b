// SPDX-License-Identifier: Apache-2.0
/// Division by a multiplication (T. Granlund and P. Montgomery, Division by Invariant Integers
/// using Multiplication, 1994): for n < 2^31 and k = 31 + ceil(log2 width), n * (2^k / width + 1) /
/// 2^k.
#include "engine/query/block/block_places.h"

#if defined(__AVX2__)
#include <immintrin.h>

struct divisor {
    __m256i factor;
    __m128i shift;
};

static struct divisor divisor_of(uint32_t width)
{
    uint32_t shift = 31 + (width > 1 ? 32 - (uint32_t)__builtin_clz(width - 1) : 0);
    uint64_t factor = (UINT64_C(1) << shift) / width + 1;
    return (struct divisor){_mm256_set1_epi64x((int64_t)factor), _mm_cvtsi32_si128((int)shift)};
}

static inline __m256i divide(__m256i numbers, const struct divisor *by)
{
    __m256i even = _mm256_mul_epu32(numbers, by->factor);
    __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(numbers, 32), by->factor);
    even = _mm256_srl_epi64(even, by->shift);
    odd = _mm256_slli_epi64(_mm256_srl_epi64(odd, by->shift), 32);
    return _mm256_blend_epi32(even, odd, 0xaa);
}

void block_places_fill_avx2(const struct block_even *even, const uint32_t *units, uint32_t count,
                            uint16_t *places)
{
    const struct divisor by = divisor_of(even->width);
    const __m256i first = _mm256_set1_epi32((int)even->first);
    const __m256i rest = _mm256_set1_epi32((int)even->rest);
    const __m256i last = _mm256_set1_epi32((int)even->last);
    uint32_t row = 0;
    for (; row + 16 <= count; row += 16) {
        __m256i low = _mm256_loadu_si256((const __m256i *)(units + row));
        __m256i high = _mm256_loadu_si256((const __m256i *)(units + row + 8));
        low = _mm256_add_epi32(first, divide(_mm256_add_epi32(low, rest), &by));
        high = _mm256_add_epi32(first, divide(_mm256_add_epi32(high, rest), &by));
        low = _mm256_min_epu32(low, last);
        high = _mm256_min_epu32(high, last);
        __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(low, high), 0xd8);
        _mm256_storeu_si256((__m256i *)(places + row), packed);
    }
    block_places_fill_scalar(even, units + row, count - row, places + row);
}

/// Of 32 places those that differ from the next one, as bits.
static inline uint64_t differ(const uint16_t *places)
{
    __m256i low = _mm256_cmpeq_epi16(_mm256_loadu_si256((const __m256i *)places),
                                     _mm256_loadu_si256((const __m256i *)(places + 1)));
    __m256i high = _mm256_cmpeq_epi16(_mm256_loadu_si256((const __m256i *)(places + 16)),
                                      _mm256_loadu_si256((const __m256i *)(places + 17)));
    __m256i same = _mm256_permute4x64_epi64(_mm256_packs_epi16(low, high), 0xd8);
    return (uint32_t)~_mm256_movemask_epi8(same);
}

void block_turns_fill_avx2(const uint16_t *places, uint32_t count, uint64_t *turns)
{
    uint64_t carry = 1;
    uint32_t word = 0;
    for (; word < count / 64; word++) {
        const uint16_t *at = places + (uint64_t)word * 64;
        uint64_t bits = differ(at) | differ(at + 32) << 32;
        turns[word] = bits << 1 | carry;
        carry = bits >> 63;
    }
    uint64_t bits = carry;
    for (uint32_t row = word * 64 + 1; row < count; row++) {
        bits |= (uint64_t)(places[row] != places[row - 1]) << (row % 64);
    }
    turns[word] = bits;
}
#endif
