// SPDX-License-Identifier: Apache-2.0
/// A shuffle looks 32 bytes up in 16 kinds at once; of the 16 such parts of the table only those
/// that name some kind are tried, for most questions one.
#include "engine/query/query_bitmaps.h"

#if defined(__AVX2__)
#include <immintrin.h>

#define PART_COUNT 16u
#define PART_SIZE 16u

struct parts {
    __m256i kinds[PART_COUNT];
    __m256i high[PART_COUNT]; ///< the high nibbles of the bytes that the part is for
    uint32_t count;
};

static void collect_parts(struct parts *parts, const uint8_t *kinds)
{
    parts->count = 0;
    for (uint32_t part = 0; part < PART_COUNT; part++) {
        __m128i part_kinds = _mm_loadu_si128((const __m128i *)(kinds + part * PART_SIZE));
        if (_mm_testz_si128(part_kinds, part_kinds) != 0) {
            continue;
        }
        parts->kinds[parts->count] = _mm256_broadcastsi128_si256(part_kinds);
        parts->high[parts->count++] = _mm256_set1_epi8((char)(part << 4));
    }
}

static inline __m256i kinds_of(const struct parts *parts, __m256i bytes)
{
    const __m256i nibble = _mm256_set1_epi8(0x0f);
    __m256i low = _mm256_and_si256(bytes, nibble);
    __m256i high = _mm256_andnot_si256(nibble, bytes);
    __m256i found = _mm256_setzero_si256();
    for (uint32_t part = 0; part < parts->count; part++) {
        __m256i own = _mm256_cmpeq_epi8(high, parts->high[part]);
        __m256i kinds = _mm256_shuffle_epi8(parts->kinds[part], low);
        found = _mm256_or_si256(found, _mm256_and_si256(own, kinds));
    }
    return found;
}

/// Bit `bit` of each byte, side by side.
static inline uint64_t bits_of(__m256i first, __m256i second, int bit)
{
    uint32_t low = (uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(first, 7 - bit));
    uint32_t high = (uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(second, 7 - bit));
    return (uint64_t)high << 32 | low;
}

void query_bitmaps_fill_avx2(const uint8_t *bytes, uint32_t count, const uint8_t *kinds,
                             uint64_t *entries, uint64_t *later)
{
    struct parts parts;
    collect_parts(&parts, kinds);
    uint32_t words = count / 64;
    for (uint32_t word = 0; word < words; word++) {
        const __m256i *from = (const __m256i *)(bytes + (size_t)word * 64);
        __m256i first = kinds_of(&parts, _mm256_loadu_si256(from));
        __m256i second = kinds_of(&parts, _mm256_loadu_si256(from + 1));
        entries[word] = bits_of(first, second, 0);
        later[word] = bits_of(first, second, 1);
    }
    query_bitmaps_fill_scalar(bytes + (size_t)words * 64, count % 64, kinds, entries + words,
                              later + words);
}
#endif
