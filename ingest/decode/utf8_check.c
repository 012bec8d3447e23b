// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/utf8_check.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#ifdef __SSE2__
/// Of 32 bytes.
static inline bool is_ascii(const char *at)
{
    __m128i low = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(at + 16));
    return _mm_movemask_epi8(_mm_or_si128(low, high)) == 0;
}
#endif

const char *utf8_check(struct text text)
{
    const char *at = text.bytes;
    const char *end = text.bytes + text.size;
    while (at < end) {
        uint64_t word;
#ifdef __SSE2__
        while (end - at >= 32 && is_ascii(at)) {
            at += 32;
        }
#endif
        while (end - at >= 8 &&
               (memcpy(&word, at, 8), (word & UINT64_C(0x8080808080808080)) == 0)) {
            at += 8;
        }
        if (at == end) {
            break;
        }
        // Fewer than eight are left: with some of those before them they are one word.
        if (end - at < 8 && text.size >= 8 &&
            (memcpy(&word, end - 8, 8), (word & UINT64_C(0x8080808080808080)) == 0)) {
            break;
        }
        size_t size = (uint8_t)*at < 0x80 ? 1 : utf8_check_sequence(at, end);
        if (size == 0) {
            return at;
        }
        at += size;
    }
    return NULL;
}
