// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/json_lanes.h"
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

static inline __m256i others_at(const char *at, __m256i literal)
{
    return _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(const void *)at), literal);
}

static inline bool lanes_equal(const struct json_lane_step *step, const char *a, const char *b,
                               const char *c, const char *d)
{
    __m256i literal = _mm256_load_si256((const __m256i *)(const void *)step->literal);
    __m256i mask = _mm256_load_si256((const __m256i *)(const void *)step->mask);
    __m256i first = _mm256_or_si256(others_at(a, literal), others_at(b, literal));
    __m256i second = _mm256_or_si256(others_at(c, literal), others_at(d, literal));
    return _mm256_testz_si256(_mm256_or_si256(first, second), mask) != 0;
}

/// All bytes are looked at: a loop would end at another place each time, and be guessed wrong.
static inline const char *special_wide(const char *begin)
{
    uint64_t first = specials(begin) | (uint64_t)specials(begin + 32) << 32;
    uint64_t second = specials(begin + 64) | (uint64_t)specials(begin + 96) << 32;
    if (__builtin_expect((first | second) == 0, 0)) {
        return special_on_line(begin + JSON_LANES_WIDE_SIZE);
    }
    uint64_t behind = first == 0;
    return begin + behind * 64 + _tzcnt_u64(first | (second & -behind));
}

#include "ingest/decode/json_lanes_kernel.h"

bool json_lanes_alike_avx2(struct json_capture *capture, struct json_lanes *lanes,
                           const struct json_lanes_group *group)
{
    return take_alike(capture, lanes, group);
}

bool json_lanes_mixed_avx2(struct json_capture *capture, struct json_lanes *lanes,
                           const struct json_lanes_group *group)
{
    return lanes->guess_trust.pause == 0 ? take_mixed(capture, lanes, group, true)
                                         : take_mixed(capture, lanes, group, false);
}

static inline uint64_t feeds_at(const char *at)
{
    const __m256i feeds = _mm256_set1_epi8('\n');
    __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)at);
    __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(at + 32));
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, feeds)) |
           (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, feeds)) << 32;
}

/// A line is longer than 64 bytes, so where so many hold one line feed at most its place is written
/// without asking whether it is there. Returns where the next one goes.
static inline uint32_t *put_feeds(uint32_t *to, uint32_t at, uint64_t mask)
{
    *to = at + (uint32_t)_tzcnt_u64(mask);
    to += mask != 0;
    for (mask = _blsr_u64(mask); __builtin_expect(mask != 0, 0); mask = _blsr_u64(mask)) {
        *to++ = at + (uint32_t)_tzcnt_u64(mask);
    }
    return to;
}

void json_lanes_seek_avx2(struct json_lines *index, struct text lines)
{
    uint32_t size = (uint32_t)lines.size;
    uint32_t at = index->sought;
    uint32_t *to = index->ends + index->count;
    const uint32_t *full = index->ends + JSON_LINES_COUNT;
    for (; size - at >= 64 && to < full; at += 64) {
        to = put_feeds(to, at, feeds_at(lines.bytes + at));
    }
    if (size - at < 64 && to < full) {
        uint64_t mask = feeds_at(lines.bytes + at) & ((UINT64_C(1) << (size - at)) - 1);
        to = put_feeds(to, at, mask);
        at = size;
    }
    index->count = (uint32_t)(to - index->ends);
    index->sought = at;
}

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
