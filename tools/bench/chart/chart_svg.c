// SPDX-License-Identifier: Apache-2.0
// Escaping and the few elements all drawings are made of.
#include "tools/bench/chart/chart_private.h"

#define REPLACEMENT "\xef\xbf\xbd"

/// Bytes of the code point at `at`, 0 where it is not valid UTF-8 (overlong forms and surrogates
/// included); the point itself in `*point_out`.
static size_t take_point(struct text text, size_t at, uint32_t *point_out)
{
    const uint8_t *bytes = (const uint8_t *)text.bytes + at;
    size_t left = text.size - at;
    size_t size = bytes[0] < 0x80   ? 1
                  : bytes[0] < 0xc2 ? 0
                  : bytes[0] < 0xe0 ? 2
                  : bytes[0] < 0xf0 ? 3
                  : bytes[0] < 0xf5 ? 4
                                    : 0;
    if (size == 0 || size > left) {
        return 0;
    }
    static const uint8_t lead_mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t point = bytes[0] & lead_mask[size];
    for (size_t index = 1; index < size; index++) {
        if ((bytes[index] & 0xc0) != 0x80) {
            return 0;
        }
        point = point << 6 | (bytes[index] & 0x3f);
    }
    *point_out = point;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    bool good = point >= least[size] && point < 0x110000 && (point < 0xd800 || point > 0xdfff);
    return good ? size : 0;
}

/// Control characters, and those that reorder or hide what stands around them.
static bool is_hostile(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0xad ||
           (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
           (point >= 0x2060 && point <= 0x206f) || point == 0xfeff ||
           (point >= 0xfff9 && point <= 0xfffb) || point == 0xfffe || point == 0xffff ||
           (point >= 0xe0000 && point <= 0xe007f);
}

static void escape_point(struct text_buffer *out, uint32_t point, const char *bytes, size_t size)
{
    switch (point) {
    case '&':
        text_buffer_append_string(out, "&amp;");
        break;
    case '<':
        text_buffer_append_string(out, "&lt;");
        break;
    case '>':
        text_buffer_append_string(out, "&gt;");
        break;
    case '"':
        text_buffer_append_string(out, "&quot;");
        break;
    case '\'':
        text_buffer_append_string(out, "&#39;");
        break;
    case '\n':
    case '\t':
        text_buffer_append_string(out, " ");
        break;
    default:
        if (is_hostile(point)) {
            text_buffer_append_string(out, REPLACEMENT);
        } else {
            text_buffer_append(out, bytes, size);
        }
    }
}

void chart_escape(struct text_buffer *out, struct text text)
{
    for (size_t at = 0; at < text.size;) {
        uint32_t point = 0;
        size_t size = take_point(text, at, &point);
        if (size == 0) {
            text_buffer_append_string(out, REPLACEMENT);
            size = 1;
        } else {
            escape_point(out, point, text.bytes + at, size);
        }
        at += size;
    }
}

void chart_svg_open(struct text_buffer *out, struct text title, double height)
{
    text_buffer_printf(out,
                       "<svg class=\"chart\" viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"",
                       CHART_WIDTH, height);
    chart_escape(out, title);
    text_buffer_append_string(out, "\">\n");
}

void chart_svg_close(struct text_buffer *out)
{
    text_buffer_append_string(out, "</svg>\n");
}

void chart_svg_text(struct text_buffer *out, double x, double y, const char *anchor,
                    const char *kind, struct text words)
{
    text_buffer_printf(out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", kind, x,
                       y, anchor);
    chart_escape(out, words);
    text_buffer_append_string(out, "</text>\n");
}

void chart_svg_tip(struct text_buffer *out, struct text name, const char *words)
{
    text_buffer_append_string(out, "<title>");
    chart_escape(out, name);
    text_buffer_append_string(out, name.size == 0 ? "" : ": ");
    chart_escape(out, text_from(words));
    text_buffer_append_string(out, "</title>");
}

static size_t point_size(struct text words, size_t at)
{
    uint32_t point;
    size_t size = take_point(words, at, &point);
    return size == 0 ? 1 : size;
}

double chart_svg_width(struct text words)
{
    uint32_t letters = 0;
    for (size_t at = 0; at < words.size; at += point_size(words, at)) {
        letters++;
    }
    return letters * CHART_LETTER_WIDTH;
}

void chart_svg_short(struct text_buffer *out, struct text words, uint32_t letters)
{
    size_t at = 0;
    for (uint32_t taken = 0; at < words.size; taken++) {
        size_t size = point_size(words, at);
        if (taken + 1 >= letters && at + size < words.size) {
            text_buffer_append_string(out, "\u2026");
            return;
        }
        text_buffer_append(out, words.bytes + at, size);
        at += size;
    }
}
