// SPDX-License-Identifier: Apache-2.0
/// Bytes looked for within a line, 16 at a time: what is looked for is near, and a call of memchr()
/// would cost more than the search. Thread: functions of values.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/// The first byte in [at, end) that is `one` or `other`, or `end`. [begin, end) can be read, and
/// `begin` is not behind `at`.
static inline const char *byte_find_either(const char *begin, const char *at, const char *end,
                                           char one, char other)
{
#ifdef __SSE2__
    const __m128i ones = _mm_set1_epi8(one);
    const __m128i others = _mm_set1_epi8(other);
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i found = _mm_or_si128(_mm_cmpeq_epi8(bytes, ones), _mm_cmpeq_epi8(bytes, others));
        unsigned mask = (unsigned)_mm_movemask_epi8(found);
        if (mask != 0) {
            return at + __builtin_ctz(mask);
        }
    }
    if (end - begin >= 16 && at < end) {
        // The last 16 bytes, of which those before `at` do not count.
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(end - 16));
        __m128i found = _mm_or_si128(_mm_cmpeq_epi8(bytes, ones), _mm_cmpeq_epi8(bytes, others));
        unsigned mask = (unsigned)_mm_movemask_epi8(found) >> (16 - (end - at));
        return mask != 0 ? at + __builtin_ctz(mask) : end;
    }
#else
    (void)begin;
#endif
    while (at < end && *at != one && *at != other) {
        at++;
    }
    return at;
}

/// The same for one byte; NULL where there is none.
static inline const char *byte_find(const char *begin, const char *at, const char *end, char byte)
{
    const char *found = byte_find_either(begin, at, end, byte, byte);
    return found == end ? NULL : found;
}
