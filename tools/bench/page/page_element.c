// SPDX-License-Identifier: Apache-2.0
// Sections, figures, tables.
#include "tools/bench/page/page_private.h"

#include "storage/base/invariant.h"

#include <stdarg.h>
#include <stdio.h>

#define SENTENCE_SIZE 1024u
#define NUMBER_SIZE 64u
#define PROSE_SIZE 40u ///< longer texts may be broken into lines

void page_section_open(struct page *page, const char *id, const char *title)
{
    text_buffer_printf(page->out, "<section id=\"%s\">\n<h2>%s</h2>\n", id, title);
}

void page_section_close(struct page *page)
{
    text_buffer_append_string(page->out, "</section>\n");
}

void page_say(struct page *page, const char *format, ...)
{
    char sentence[SENTENCE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    text_buffer_append_string(page->out, "<p>");
    chart_escape(page->out, text_from(sentence));
    text_buffer_append_string(page->out, "</p>\n");
}

void page_absent(struct page *page, const char *what)
{
    text_buffer_printf(page->out, "<p class=\"absent\">%s: not part of this run.</p>\n", what);
}

void page_figure_open(struct page *page)
{
    text_buffer_append_string(page->out, "<figure>\n");
}

void page_figure_close(struct page *page, const char *caption)
{
    text_buffer_append_string(page->out, "<figcaption>");
    chart_escape(page->out, text_from(caption));
    text_buffer_append_string(page->out, "</figcaption>\n</figure>\n");
}

/// The number as JSON has it.
static void exact(struct text_buffer *out, const json_t *value)
{
    char word[NUMBER_SIZE];
    size_t size = json_dumpb(value, word, sizeof(word), JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
    text_buffer_append(out, word, size < sizeof(word) ? size : 0);
}

static void draw_cell(struct page *page, const json_t *value, enum chart_unit unit)
{
    struct text_buffer *out = page->out;
    if (json_is_number(value)) {
        text_buffer_append_string(out, "<td class=\"number\" title=\"");
        exact(out, value);
        text_buffer_append_string(out, "\">");
        chart_words(out, unit, json_number_value(value));
    } else {
        bool prose = json_is_string(value) && json_string_length(value) > PROSE_SIZE;
        text_buffer_append_string(out, prose ? "<td class=\"prose\">" : "<td>");
        if (json_is_string(value)) {
            chart_escape(out, (struct text){json_string_value(value), json_string_length(value)});
        } else if (json_is_boolean(value)) {
            text_buffer_append_string(out, json_is_true(value) ? "yes" : "no");
        } else {
            text_buffer_append_string(out, "\u2013");
        }
    }
    text_buffer_append_string(out, "</td>");
}

/// True where some row has something there: columns without any are left out.
static bool column_is_used(const json_t *rows, const struct page_column *column)
{
    for (uint32_t row = 0; row < page_rows(rows); row++) {
        const json_t *value = page_at(json_array_get(rows, row), column->path);
        if (value != NULL && !json_is_null(value)) {
            return true;
        }
    }
    return false;
}

static uint32_t used_columns(const json_t *rows, const struct page_column *columns,
                             uint32_t column_count)
{
    uint32_t used = 0;
    for (uint32_t column = 0; column < column_count; column++) {
        used |= column_is_used(rows, &columns[column]) ? UINT32_C(1) << column : 0;
    }
    return used;
}

static void draw_row(struct page *page, const json_t *row, const struct page_column *columns,
                     uint32_t column_count, uint32_t used)
{
    text_buffer_append_string(page->out, "<tr>");
    for (uint32_t column = 0; column < column_count; column++) {
        if ((used >> column & 1) != 0) {
            draw_cell(page, page_at(row, columns[column].path), columns[column].unit);
        }
    }
    text_buffer_append_string(page->out, "</tr>\n");
}

void page_table(struct page *page, const char *summary, const json_t *rows,
                const struct page_column *columns, uint32_t column_count)
{
    ASSERT(column_count <= 32);
    uint32_t used = used_columns(rows, columns, column_count);
    text_buffer_printf(page->out,
                       "<details><summary>%s</summary>\n<div class=\"wide\"><table><thead><tr>",
                       summary);
    for (uint32_t column = 0; column < column_count; column++) {
        if ((used >> column & 1) != 0) {
            text_buffer_printf(page->out, "<th scope=\"col\">%s</th>", columns[column].title);
        }
    }
    text_buffer_append_string(page->out, "</tr></thead><tbody>\n");
    for (uint32_t row = 0; row < page_rows(rows); row++) {
        draw_row(page, json_array_get(rows, row), columns, column_count, used);
    }
    text_buffer_append_string(page->out, "</tbody></table></div></details>\n");
}

/// By the end of a key's name, as the document writes units.
static enum chart_unit unit_of_key(const char *key)
{
    static const struct {
        const char *end;
        enum chart_unit unit;
    } ends[] = {{"_bytes", CHART_BYTES},        {"bytes_merged", CHART_BYTES},
                {"bytes_flushed", CHART_BYTES}, {"_us", CHART_MICROSECONDS},
                {"_ns", CHART_NANOSECONDS},     {"_per_second", CHART_RATE},
                {"seed", CHART_PLAIN}};
    size_t size = strlen(key);
    for (size_t index = 0; index < sizeof(ends) / sizeof(ends[0]); index++) {
        size_t end_size = strlen(ends[index].end);
        if (size >= end_size && strcmp(key + size - end_size, ends[index].end) == 0) {
            return ends[index].unit;
        }
    }
    return CHART_COUNT;
}

void page_object(struct page *page, const char *summary, const json_t *object)
{
    const char *key;
    const json_t *value;
    if (!json_is_object(object)) {
        return;
    }
    text_buffer_printf(page->out, "<details><summary>%s</summary>\n<table><tbody>\n", summary);
    json_object_foreach((json_t *)object, key, value)
    {
        if (!json_is_object(value) && !json_is_array(value)) {
            text_buffer_append_string(page->out, "<tr><th scope=\"row\">");
            chart_escape(page->out, text_from(key));
            text_buffer_append_string(page->out, "</th>");
            draw_cell(page, value, unit_of_key(key));
            text_buffer_append_string(page->out, "</tr>\n");
        }
    }
    text_buffer_append_string(page->out, "</tbody></table></details>\n");
}
