// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/json_scan.h"

#ifdef __SSE2__
#include <emmintrin.h>

/// 16 bytes at a time: most keys and values end in the first step. As signed bytes, controls and
/// everything that is not ASCII are both below a space.
static inline const char *find_special(const char *at, const char *end)
{
    const __m128i quotes = _mm_set1_epi8('"');
    const __m128i backslashes = _mm_set1_epi8('\\');
    const __m128i spaces = _mm_set1_epi8(' ');
    while (end - at >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i found = _mm_or_si128(
            _mm_cmplt_epi8(bytes, spaces),
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quotes), _mm_cmpeq_epi8(bytes, backslashes)));
        unsigned mask = (unsigned)_mm_movemask_epi8(found);
        if (mask != 0) {
            return at + __builtin_ctz(mask);
        }
        at += 16;
    }
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)(*at - 0x20) < 0x60) {
        at++;
    }
    return at;
}

#include "ingest/decode/json_scan_kernel.h"

enum reject_reason json_scan_sse2(const struct json_plan *plan, struct text text,
                                  struct json_capture *capture)
{
    return kernel_scan(plan, text, capture);
}
#endif
