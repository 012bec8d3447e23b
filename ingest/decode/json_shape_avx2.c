// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/json_shape.h"

#ifdef __x86_64__
#include <immintrin.h>

/// As signed bytes, controls and everything that is not ASCII are both below a space. The low half
/// of a byte finds in a table the quote or the backslash that it would have to be.
static inline uint32_t specials(const char *at)
{
    const __m256i table = _mm256_setr_epi8(1, 0, '"', 0, 0, 0, 0, 0, 0, 0, 0, 0, '\\', 0, 0, 0, 1,
                                           0, '"', 0, 0, 0, 0, 0, 0, 0, 0, 0, '\\', 0, 0, 0);
    __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)at);
    __m256i same = _mm256_cmpeq_epi8(bytes, _mm256_shuffle_epi8(table, bytes));
    __m256i others = _mm256_cmpgt_epi8(_mm256_set1_epi8(' '), bytes);
    return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(others, same));
}

static inline const char *special_in(const char *begin, const char *at, const char *end)
{
    (void)begin; // it is known to be far enough from the end
    while (end - at >= 32) {
        uint32_t mask = specials(at);
        if (mask != 0) {
            return at + __builtin_ctz(mask);
        }
        at += 32;
    }
    if (at == end) {
        return end;
    }
    uint32_t mask = specials(end - 32) >> (32 - (end - at));
    return mask != 0 ? at + __builtin_ctz(mask) : end;
}

static inline const char *special_on_line(const char *at)
{
    uint32_t mask = specials(at);
    while (mask == 0) {
        at += 32;
        mask = specials(at);
    }
    return at + __builtin_ctz(mask);
}

static inline const char *find_special(const char *at, const char *end)
{
    while (end - at >= 32) {
        uint32_t mask = specials(at);
        if (mask != 0) {
            return at + __builtin_ctz(mask);
        }
        at += 32;
    }
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)(*at - 0x20) < 0x60) {
        at++;
    }
    return at;
}

static inline bool literal_equal(const struct json_step *step, const char *at)
{
    __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)at);
    __m256i literal = _mm256_loadu_si256((const __m256i *)(const void *)step->literal);
    uint32_t equal = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, literal));
    return (~equal & step->mask) == 0;
}

#include "ingest/decode/json_shape_kernel.h"

bool json_shape_scan_avx2(const struct json_plan *plan, struct text text,
                          struct json_capture *capture)
{
    return shape_scan(plan, text, capture);
}

const char *json_shape_line_avx2(const struct json_plan *plan, struct text lines,
                                 struct json_capture *capture)
{
    return shape_line(plan, lines, capture);
}
#endif
