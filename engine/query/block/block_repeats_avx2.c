// SPDX-License-Identifier: Apache-2.0
/// Eight numbers at a time are compared with each one before them; among themselves by turning them
/// round by one to seven places.
#include "engine/query/block/block_repeats.h"

#if defined(__AVX2__)
#include <immintrin.h>

#define LANE_COUNT 8u

static inline __m256i lanes_below(uint32_t count)
{
    const __m256i places = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), places);
}

/// Lanes that an earlier lane is equal to.
static inline __m256i repeats_within(__m256i numbers)
{
    const __m256i places = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    __m256i found = _mm256_setzero_si256();
    for (uint32_t by = 1; by < LANE_COUNT; by++) {
        __m256i from = _mm256_sub_epi32(places, _mm256_set1_epi32((int)by));
        __m256i earlier = _mm256_permutevar8x32_epi32(numbers, from); // modulo 8
        __m256i same = _mm256_cmpeq_epi32(numbers, earlier);
        found = _mm256_or_si256(found, _mm256_andnot_si256(_mm256_srai_epi32(from, 31), same));
    }
    return found;
}

uint32_t block_repeats_count_avx2(const uint32_t *numbers, uint32_t count)
{
    uint32_t repeats = 0;
    for (uint32_t begin = 0; begin < count; begin += LANE_COUNT) {
        __m256i own = _mm256_loadu_si256((const __m256i *)(numbers + begin));
        __m256i found = repeats_within(own);
        for (uint32_t i = 0; i < begin; i++) {
            __m256i earlier = _mm256_set1_epi32((int)numbers[i]);
            found = _mm256_or_si256(found, _mm256_cmpeq_epi32(own, earlier));
        }
        found = _mm256_and_si256(found, lanes_below(count - begin));
        repeats +=
            (uint32_t)__builtin_popcount((uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(found)));
    }
    return repeats;
}

bool block_repeats_meet_avx2(const uint32_t *left, uint32_t left_count, const uint32_t *right,
                             uint32_t right_count)
{
    __m256i met = _mm256_setzero_si256();
    for (uint32_t begin = 0; begin < left_count; begin += LANE_COUNT) {
        __m256i own = _mm256_loadu_si256((const __m256i *)(left + begin));
        __m256i found = _mm256_setzero_si256();
        for (uint32_t i = 0; i < right_count; i++) {
            __m256i other = _mm256_set1_epi32((int)right[i]);
            found = _mm256_or_si256(found, _mm256_cmpeq_epi32(own, other));
        }
        met = _mm256_or_si256(met, _mm256_and_si256(found, lanes_below(left_count - begin)));
    }
    return _mm256_testz_si256(met, met) == 0;
}
#endif
