// SPDX-License-Identifier: Apache-2.0
#include "tools/report/json_writer.h"

#include "storage/base/invariant.h"
#include "tools/report/glyph.h"
#include "tools/report/report.h"

#include <inttypes.h>
#include <math.h>

void json_writer_init(struct json_writer *writer, struct text_buffer *out)
{
    *writer = (struct json_writer){.out = out};
}

static void append_string(struct text_buffer *out, struct text text)
{
    struct glyph glyph;
    text_buffer_append(out, "\"", 1);
    while (glyph_next(&text, &glyph)) {
        if (!glyph.valid) {
            text_buffer_append_string(out, "\\ufffd");
        } else if (glyph.point == '"' || glyph.point == '\\') {
            text_buffer_printf(out, "\\%c", (char)glyph.point);
        } else if (glyph.point < 0x10000 && glyph_is_hostile(&glyph)) {
            text_buffer_printf(out, "\\u%04x", glyph.point);
        } else {
            text_buffer_append_text(out, glyph.bytes);
        }
    }
    text_buffer_append(out, "\"", 1);
}

static void new_line(struct json_writer *writer)
{
    text_buffer_append(writer->out, "\n", 1);
    for (uint32_t level = 0; level < writer->depth; level++) {
        text_buffer_append_string(writer->out, "  ");
    }
}

/// Comma, line and key of the next member.
static void lead_in(struct json_writer *writer, const char *key)
{
    if (writer->depth > 0) {
        bool *filled = &writer->filled[writer->depth - 1];
        text_buffer_append_string(writer->out, *filled ? (writer->flat ? ", " : ",") : "");
        *filled = true;
        if (!writer->flat) {
            new_line(writer);
        }
    }
    if (key != NULL) {
        append_string(writer->out, text_from(key));
        text_buffer_append_string(writer->out, ": ");
    }
}

void json_writer_begin(struct json_writer *writer, const char *key, char bracket)
{
    ASSERT(writer->depth < JSON_WRITER_DEPTH_MAX);
    lead_in(writer, key);
    text_buffer_append(writer->out, &bracket, 1);
    writer->filled[writer->depth++] = false;
}

void json_writer_end(struct json_writer *writer, char bracket)
{
    ASSERT(writer->depth > 0);
    writer->depth--;
    if (writer->filled[writer->depth] && !writer->flat) {
        new_line(writer);
    }
    text_buffer_append(writer->out, &bracket, 1);
    if (writer->depth == 0) {
        text_buffer_append(writer->out, "\n", 1);
    }
}

void json_writer_text(struct json_writer *writer, const char *key, struct text text)
{
    if (text.bytes == NULL) {
        json_writer_null(writer, key);
        return;
    }
    lead_in(writer, key);
    append_string(writer->out, text);
}

void json_writer_raw(struct json_writer *writer, const char *key, struct text json)
{
    lead_in(writer, key);
    text_buffer_append_text(writer->out, json);
}

void json_writer_unsigned(struct json_writer *writer, const char *key, uint64_t value)
{
    lead_in(writer, key);
    text_buffer_printf(writer->out, "%" PRIu64, value);
}

void json_writer_signed(struct json_writer *writer, const char *key, int64_t value)
{
    lead_in(writer, key);
    text_buffer_printf(writer->out, "%" PRId64, value);
}

void json_writer_double(struct json_writer *writer, const char *key, double value)
{
    if (!isfinite(value)) {
        json_writer_null(writer, key);
        return;
    }
    lead_in(writer, key);
    text_buffer_printf(writer->out, "%.12g", value);
}

void json_writer_bool(struct json_writer *writer, const char *key, bool value)
{
    lead_in(writer, key);
    text_buffer_append_string(writer->out, value ? "true" : "false");
}

void json_writer_null(struct json_writer *writer, const char *key)
{
    lead_in(writer, key);
    text_buffer_append_string(writer->out, "null");
}

void json_writer_rate(struct json_writer *writer, const char *key, uint64_t part, uint64_t whole)
{
    if (whole == 0) {
        json_writer_null(writer, key);
    } else {
        json_writer_double(writer, key, (double)part / (double)whole);
    }
}

void json_writer_time(struct json_writer *writer, const char *key, int64_t time_us)
{
    if (time_us == INT64_MIN || time_us == INT64_MAX) {
        json_writer_null(writer, key);
        return;
    }
    lead_in(writer, key);
    text_buffer_append(writer->out, "\"", 1);
    report_instant(writer->out, time_us);
    text_buffer_append(writer->out, "\"", 1);
}

void json_writer_amount(struct json_writer *writer, const char *key, int64_t amount)
{
    uint64_t magnitude = amount < 0 ? 0 - (uint64_t)amount : (uint64_t)amount;
    lead_in(writer, key);
    text_buffer_printf(writer->out, "\"%s%" PRIu64 ".%04" PRIu64 "\"", amount < 0 ? "-" : "",
                       magnitude / 10000, magnitude % 10000);
}
