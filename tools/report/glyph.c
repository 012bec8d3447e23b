// SPDX-License-Identifier: Apache-2.0
#include "tools/report/glyph.h"

struct point_range {
    uint32_t first;
    uint32_t last;
};

static const struct point_range WIDE[] = {
    {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xac00, 0xd7a3},
    {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
    {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1faff}, {0x20000, 0x3fffd},
};
static const struct point_range ZERO_WIDTH[] = {
    {0x0300, 0x036f}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},
    {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
};
/// C0, DEL and C1; zero-width and directional marks; separators; byte order mark; tags.
static const struct point_range HOSTILE[] = {
    {0x0000, 0x001f}, {0x007f, 0x009f}, {0x00ad, 0x00ad},   {0x061c, 0x061c}, {0x180e, 0x180e},
    {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},   {0xd800, 0xdfff}, {0xfeff, 0xfeff},
    {0xfff0, 0xfffb}, {0xfffe, 0xffff}, {0xe0000, 0xe0fff},
};

#define IN_RANGES(ranges, point) in_ranges((ranges), sizeof(ranges) / sizeof((ranges)[0]), (point))

static bool in_ranges(const struct point_range *ranges, size_t count, uint32_t point)
{
    for (size_t index = 0; index < count; index++) {
        if (point >= ranges[index].first && point <= ranges[index].last) {
            return true;
        }
    }
    return false;
}

/// Bytes that the first byte announces, 0 where it cannot be first; its payload in `point_out`.
static size_t sequence_size(uint8_t first, uint32_t *point_out)
{
    if (first < 0x80) {
        *point_out = first;
        return 1;
    }
    if (first >= 0xc2 && first <= 0xdf) {
        *point_out = first & 0x1f;
        return 2;
    }
    if (first >= 0xe0 && first <= 0xef) {
        *point_out = first & 0x0f;
        return 3;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        *point_out = first & 0x07;
        return 4;
    }
    return 0;
}

static bool decode(struct text text, uint32_t *point_out, size_t *size_out)
{
    static const uint32_t SMALLEST[5] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t *bytes = (const uint8_t *)text.bytes;
    uint32_t point = 0;
    size_t size = sequence_size(bytes[0], &point);
    if (size == 0 || size > text.size) {
        return false;
    }
    for (size_t index = 1; index < size; index++) {
        if ((bytes[index] & 0xc0) != 0x80) {
            return false;
        }
        point = point << 6 | (bytes[index] & 0x3f);
    }
    *point_out = point;
    *size_out = size;
    return point >= SMALLEST[size] && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
}

bool glyph_next(struct text *text, struct glyph *glyph_out)
{
    if (text->size == 0) {
        return false;
    }
    uint32_t point = 0;
    size_t size = 1;
    bool valid = decode(*text, &point, &size);
    if (!valid) {
        size = 1;
        point = (uint8_t)text->bytes[0];
    }
    uint32_t width = IN_RANGES(WIDE, point) ? 2 : IN_RANGES(ZERO_WIDTH, point) ? 0 : 1;
    *glyph_out = (struct glyph){{text->bytes, size}, point, valid, valid ? width : 1};
    text->bytes += size;
    text->size -= size;
    return true;
}

bool glyph_is_hostile(const struct glyph *glyph)
{
    return !glyph->valid || IN_RANGES(HOSTILE, glyph->point);
}
