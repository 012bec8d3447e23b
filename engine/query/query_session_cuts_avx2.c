// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_session_cuts.h"

#if defined(__AVX2__)
#include <immintrin.h>

/// Bits of eight rows: the distance to the row before is `least` or more, without a sign.
static inline uint64_t eight_gaps(const uint32_t *times, __m256i least)
{
    __m256i here = _mm256_loadu_si256((const __m256i *)times);
    __m256i before = _mm256_loadu_si256((const __m256i *)(times - 1));
    __m256i gaps = _mm256_sub_epi32(here, before);
    __m256i above = _mm256_cmpeq_epi32(_mm256_max_epu32(gaps, least), gaps);
    return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(above));
}

void query_session_cuts_gaps_avx2(const uint32_t *times, uint32_t count, uint32_t most,
                                  uint64_t *starts)
{
    if (most == UINT32_MAX) {
        return;
    }
    // The first row has none before it: its word is not for whole vectors.
    query_session_cuts_gaps_scalar(times, count < 64 ? count : 64, most, starts);
    const __m256i least = _mm256_set1_epi32((int)(most + 1));
    uint32_t words = count / 64;
    for (uint32_t word = 1; word < words; word++) {
        const uint32_t *from = times + (size_t)word * 64;
        uint64_t bits = starts[word];
        for (uint32_t eight = 0; eight < 8; eight++) {
            bits |= eight_gaps(from + (size_t)eight * 8, least) << eight * 8;
        }
        starts[word] = bits;
    }
    for (uint32_t row = words < 1 ? count : words * 64; row < count; row++) {
        starts[row / 64] |= (uint64_t)(times[row] - times[row - 1] > most) << row % 64;
    }
}
#endif
