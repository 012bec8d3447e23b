// SPDX-License-Identifier: Apache-2.0
#include "storage/segment/segment_kernels.h"

#if defined(__AVX2__)
#include <immintrin.h>

#define LANE_COUNT 8u

struct segment_code_scan segment_scan_codes_avx2(const uint32_t *codes, uint32_t count)
{
    const __m256i ones = _mm256_set1_epi32(-1); // a missing code, and minus one
    __m256i missing = _mm256_setzero_si256();
    __m256i minimum = ones;
    __m256i maximum = _mm256_setzero_si256();
    uint32_t row = 0;
    for (; row + LANE_COUNT <= count; row += LANE_COUNT) {
        __m256i next = _mm256_loadu_si256((const __m256i *)(codes + row));
        missing = _mm256_sub_epi32(missing, _mm256_cmpeq_epi32(next, ones));
        minimum = _mm256_min_epu32(minimum, next);
        maximum = _mm256_max_epu32(maximum, _mm256_sub_epi32(next, ones));
    }
    uint32_t lanes[3][LANE_COUNT];
    _mm256_storeu_si256((__m256i *)lanes[0], missing);
    _mm256_storeu_si256((__m256i *)lanes[1], minimum);
    _mm256_storeu_si256((__m256i *)lanes[2], maximum);
    struct segment_code_scan scan = segment_scan_codes_scalar(codes + row, count - row);
    for (unsigned lane = 0; lane < LANE_COUNT; lane++) {
        scan.missing_count += lanes[0][lane];
        scan.minimum = lanes[1][lane] < scan.minimum ? lanes[1][lane] : scan.minimum;
        scan.maximum = lanes[2][lane] > scan.maximum ? lanes[2][lane] : scan.maximum;
    }
    return scan;
}

void segment_widen_codes_avx2(const uint32_t *codes, uint32_t added, uint64_t *values,
                              uint32_t count)
{
    const __m128i more = _mm_set1_epi32((int)added);
    uint32_t row = 0;
    for (; row + LANE_COUNT <= count; row += LANE_COUNT) {
        __m128i low = _mm_add_epi32(_mm_loadu_si128((const __m128i *)(codes + row)), more);
        __m128i high = _mm_add_epi32(_mm_loadu_si128((const __m128i *)(codes + row + 4)), more);
        _mm256_storeu_si256((__m256i *)(values + row), _mm256_cvtepu32_epi64(low));
        _mm256_storeu_si256((__m256i *)(values + row + 4), _mm256_cvtepu32_epi64(high));
    }
    segment_widen_codes_scalar(codes + row, added, values + row, count - row);
}
#endif
