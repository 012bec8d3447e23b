// SPDX-License-Identifier: Apache-2.0
/// What the parts of the page share: looking things up in a document that may lack any of them,
/// and the page's elements. Private to tools/bench/page. Thread: any.
#pragma once

#include "storage/base/arena.h"
#include "tools/bench/chart/chart.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct page {
    struct text_buffer *out;
    const json_t *root;
    struct arena arena; ///< points and texts until the page is done
};

/// "a.b.c" below `value`; NULL where some part is missing.
const json_t *page_at(const json_t *value, const char *path);
/// True where a number is there.
bool page_number(const json_t *value, const char *path, double *number_out);
/// The number, or `otherwise`.
double page_number_or(const json_t *value, const char *path, double otherwise);
/// A text, or "" where there is none.
struct text page_text(const json_t *value, const char *path);
/// Rows of an array; 0 where it is none.
uint32_t page_rows(const json_t *array);

/// <section> with a heading that the page's list of contents names.
void page_section_open(struct page *page, const char *id, const char *title);
void page_section_close(struct page *page);
/// A sentence; escaped.
void page_say(struct page *page, const char *format, ...) CORONG_PRINTF(2, 3);
/// "Not part of this run."
void page_absent(struct page *page, const char *what);
/// <figure>; drawn in between; closed with its caption.
void page_figure_open(struct page *page);
void page_figure_close(struct page *page, const char *caption);

/// One column of a table: `path` is looked up in each row.
struct page_column {
    const char *path;
    const char *title;
    enum chart_unit unit; ///< of numbers; texts and booleans are shown as they are
};
/// A table behind a summary that opens it. Cells show three digits, their title the exact number.
void page_table(struct page *page, const char *summary, const json_t *rows,
                const struct page_column *columns, uint32_t column_count);
/// The members of an object that are no objects or arrays, as a table of two columns.
void page_object(struct page *page, const char *summary, const json_t *object);
/// `count` numbers of the rows as points; rows that lack one are left out. Memory: page->arena.
struct chart_point *page_points(struct page *page, const json_t *rows, const char *x_path,
                                const char *y_path, uint32_t *count_out);
/// As page_points(), with the band from `low_path` to `high_path` where a row has both.
struct chart_point *page_points_band(struct page *page, const json_t *rows, const char *x_path,
                                     const char *y_path, const char *low_path,
                                     const char *high_path, uint32_t *count_out);
/// Fits both scales of a plot to all that its series, bins and marks show.
void page_fit(struct chart_plot *plot);

void page_head_draw(struct page *page);
void page_rate_draw(struct page *page);
void page_latency_draw(struct page *page);
void page_cost_draw(struct page *page);
void page_growth_draw(struct page *page);
void page_model_draw(struct page *page);
void page_machine_draw(struct page *page);
