// SPDX-License-Identifier: Apache-2.0
#include "engine/filter/filter_like.h"

#include <stddef.h>
#include <string.h>

#define LIKE_INVALID_BASE 0x110000u ///< a byte that is not UTF-8 equals itself only
#define LIKE_NO_STAR SIZE_MAX

static bool like_is_continuation(struct text text, size_t at)
{
    return at < text.size && ((unsigned char)text.bytes[at] & 0xc0) == 0x80;
}

static uint32_t like_bits(struct text text, size_t at)
{
    return (unsigned char)text.bytes[at] & 0x3f;
}

/// Reads the character at `*at` and moves behind it. Overlong forms and surrogates are not UTF-8.
static uint32_t like_read(struct text text, size_t *at)
{
    size_t first = *at;
    uint32_t lead = (unsigned char)text.bytes[first];
    *at = first + 1;
    if (lead < 0x80) {
        return lead;
    }
    uint32_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    static const uint32_t LEAST[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t character = lead & (0x7fu >> size);
    for (uint32_t index = 1; index < size; index++) {
        if (!like_is_continuation(text, first + index)) {
            return LIKE_INVALID_BASE + lead;
        }
        character = character << 6 | like_bits(text, first + index);
    }
    bool surrogate = character >= 0xd800 && character <= 0xdfff;
    if (lead < 0xc0 || lead > 0xf4 || character < LEAST[size] || character > 0x10ffff ||
        surrogate) {
        return LIKE_INVALID_BASE + lead;
    }
    *at = first + size;
    return character;
}

struct like_fold_range {
    uint32_t first;
    uint32_t last;
    int32_t distance; ///< to the lower case; 0: pairs, upper case at the parity of `first`
};

static const struct like_fold_range LIKE_FOLDS[] = {
    {0x0041, 0x005a, 32}, {0x00c0, 0x00d6, 32}, {0x00d8, 0x00de, 32}, {0x0100, 0x012e, 0},
    {0x0132, 0x0136, 0},  {0x0139, 0x0147, 0},  {0x014a, 0x0176, 0},  {0x0178, 0x0178, -121},
    {0x0179, 0x017d, 0},  {0x01cd, 0x01db, 0},  {0x01de, 0x01ee, 0},  {0x01f8, 0x021e, 0},
    {0x0222, 0x0232, 0},  {0x0370, 0x0372, 0},  {0x0376, 0x0376, 1},  {0x0386, 0x0386, 38},
    {0x0388, 0x038a, 37}, {0x038c, 0x038c, 64}, {0x038e, 0x038f, 63}, {0x0391, 0x03a1, 32},
    {0x03a3, 0x03ab, 32}, {0x03c2, 0x03c2, 1},  {0x03d8, 0x03ee, 0},  {0x0400, 0x040f, 80},
    {0x0410, 0x042f, 32}, {0x0460, 0x0480, 0},  {0x048a, 0x04be, 0},  {0x04c1, 0x04cd, 0},
    {0x04d0, 0x052e, 0},  {0x0531, 0x0556, 48}, {0x1e00, 0x1e94, 0},  {0x1ea0, 0x1efe, 0},
    {0xff21, 0xff3a, 32},
};
#define LIKE_FOLD_COUNT (sizeof(LIKE_FOLDS) / sizeof(LIKE_FOLDS[0]))

uint32_t filter_like_fold(uint32_t character)
{
    for (size_t index = 0; index < LIKE_FOLD_COUNT && character >= LIKE_FOLDS[index].first;
         index++) {
        const struct like_fold_range *range = &LIKE_FOLDS[index];
        if (character > range->last) {
            continue;
        }
        if (range->distance != 0) {
            return (uint32_t)((int32_t)character + range->distance);
        }
        return character + (((character ^ range->first) & 1) == 0);
    }
    return character;
}

static bool like_equal(const struct filter_like *like, uint32_t left, uint32_t right)
{
    return left == right || (like->fold && filter_like_fold(left) == filter_like_fold(right));
}

/// Matches the pattern's next character, which is not %, with the value's; moves behind both.
static bool like_step(const struct filter_like *like, size_t *pattern_at, struct text value,
                      size_t *value_at)
{
    bool any = like->pattern.bytes[*pattern_at] == '_';
    *pattern_at += like->pattern.bytes[*pattern_at] == '\\';
    uint32_t wanted = like_read(like->pattern, pattern_at);
    uint32_t found = like_read(value, value_at);
    return any || like_equal(like, wanted, found);
}

static size_t like_skip_stars(struct text pattern, size_t at)
{
    while (at < pattern.size && pattern.bytes[at] == '%') {
        at++;
    }
    return at;
}

/// Bytes at the pattern's end that stand for themselves alone: every match ends with them.
static size_t like_tail_size(struct text pattern)
{
    size_t size = 0;
    while (size < pattern.size) {
        unsigned char last = (unsigned char)pattern.bytes[pattern.size - 1 - size];
        bool escaped = size + 1 < pattern.size && pattern.bytes[pattern.size - 2 - size] == '\\';
        if (last >= 0x80 || last == '%' || last == '_' || last == '\\' || escaped) {
            break;
        }
        size++;
    }
    return size;
}

/// Only the last % ever needs to take more: what stands before it matched at its earliest place.
bool filter_like_matches(const struct filter_like *like, struct text value)
{
    struct text pattern = like->pattern;
    size_t pattern_at = 0;
    size_t value_at = 0;
    size_t tail_size = like->fold ? 0 : like_tail_size(pattern);
    if (tail_size > 0) {
        const char *tail = pattern.bytes + pattern.size - tail_size;
        if (value.size < tail_size ||
            memcmp(value.bytes + value.size - tail_size, tail, tail_size) != 0) {
            return false;
        }
        if (tail_size + 1 == pattern.size && pattern.bytes[0] == '%') {
            return true;
        }
    }
    size_t star_at = LIKE_NO_STAR;
    size_t star_value_at = 0;
    while (value_at < value.size) {
        if (pattern_at < pattern.size && pattern.bytes[pattern_at] == '%') {
            pattern_at = like_skip_stars(pattern, pattern_at);
            if (pattern_at == pattern.size) {
                return true;
            }
            star_at = pattern_at;
            star_value_at = value_at;
        } else if (pattern_at == pattern.size || !like_step(like, &pattern_at, value, &value_at)) {
            if (star_at == LIKE_NO_STAR) {
                return false;
            }
            like_read(value, &star_value_at);
            pattern_at = star_at;
            value_at = star_value_at;
        }
    }
    return like_skip_stars(pattern, pattern_at) == pattern.size;
}

bool filter_like_sound(struct text pattern)
{
    size_t at = 0;
    while (at < pattern.size) {
        if (pattern.bytes[at] == '\\' && ++at == pattern.size) {
            return false;
        }
        at++;
    }
    return true;
}
