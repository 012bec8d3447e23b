// SPDX-License-Identifier: Apache-2.0
/// Eight rows at a time; those of one kind are moved together by a table of their places.
#include "engine/query/block/block_few.h"

#if defined(__AVX2__)
#include <immintrin.h>

/// Writes the chosen ones behind each other, and something behind them.
static inline uint32_t append(const struct block_few *few, uint32_t *to, __m256i keys,
                              uint32_t chosen)
{
    __m128i places = _mm_cvtsi64_si128((int64_t)few->order[chosen]);
    __m256i packed = _mm256_permutevar8x32_epi32(keys, _mm256_cvtepu8_epi32(places));
    _mm256_storeu_si256((__m256i *)to, packed);
    return (uint32_t)__builtin_popcount(chosen);
}

static inline uint32_t mask_of(__m256i lanes)
{
    return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(lanes));
}

void block_few_word_avx2(struct block_few *few, const struct block_few_values *of,
                         const struct block_few_word *word)
{
    const __m256i places = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i zero = _mm256_setzero_si256();
    uint32_t entry_count = few->entry_count;
    uint32_t later_count = few->later_count;
    uint32_t outside = 0;
    uint32_t unknown = 0;
    for (uint32_t i = 0; i < word->count; i += 8) {
        // Rows behind the word may not be there.
        __m256i is = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(word->count - i)), places);
        __m256i values = _mm256_maskload_epi32((const int *)(of->values + word->begin + i), is);
        __m256i keys = values;
        uint32_t steps = (uint32_t)((word->entries | word->later) >> i) & 0xff;
        uint32_t has = ~mask_of(_mm256_cmpeq_epi32(values, _mm256_set1_epi32((int)of->missing)));
        if (of->keys != NULL) {
            __m256i at = _mm256_add_epi32(values, _mm256_set1_epi32((int)of->offset));
            keys = _mm256_mask_i32gather_epi32(zero, (const int *)of->keys, at, is, 4);
            unknown |= mask_of(_mm256_cmpeq_epi32(keys, zero)) & steps & has;
        }
        outside += (uint32_t)__builtin_popcount(steps & ~has);
        entry_count += append(few, few->entries + entry_count, keys,
                              (uint32_t)(word->entries >> i) & has & 0xff);
        later_count +=
            append(few, few->later + later_count, keys, (uint32_t)(word->later >> i) & has & 0xff);
    }
    few->entry_count = entry_count;
    few->later_count = later_count;
    few->outside += outside;
    few->known = few->known && unknown == 0;
}
#endif
