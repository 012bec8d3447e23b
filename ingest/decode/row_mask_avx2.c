// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/row_mask.h"

#ifdef __x86_64__
#include <immintrin.h>

static inline uint64_t join_bits(__m256i low, __m256i high)
{
    return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high)
                                                     << 32;
}

static inline uint64_t bits_of(__m256i low, __m256i high, char byte)
{
    __m256i wanted = _mm256_set1_epi8(byte);
    return join_bits(_mm256_cmpeq_epi8(low, wanted), _mm256_cmpeq_epi8(high, wanted));
}

/// The sign bit of a byte says that it is not ASCII.
static inline uint64_t refused_bits(__m256i low, __m256i high, char byte)
{
    __m256i refused = _mm256_set1_epi8(byte);
    return join_bits(_mm256_or_si256(low, _mm256_cmpeq_epi8(low, refused)),
                     _mm256_or_si256(high, _mm256_cmpeq_epi8(high, refused)));
}

bool row_mask_find_avx2(struct row_mask *mask, const char *line, struct row_mask_bytes bytes)
{
    for (uint32_t word = 0; word < ROW_MASK_WORDS; word++) {
        const char *at = line + (size_t)word * 64;
        __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)at);
        __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(at + 32));
        uint64_t feeds = bits_of(low, high, '\n');
        // Up to the first line feed, and it; all where there is none.
        uint64_t inside = _blsmsk_u64(feeds);
        uint64_t end = feeds & inside;
        uint64_t refused = refused_bits(low, high, bytes.refused);
        if ((refused & inside & ~end) != 0) {
            return false;
        }
        mask->ones[word] = (bits_of(low, high, bytes.one) & inside) | end;
        mask->others[word] = (bits_of(low, high, bytes.other) & inside) | end;
        if (end != 0) {
            mask->size = word * 64 + (uint32_t)_tzcnt_u64(end);
            return true;
        }
    }
    return false;
}
#endif
