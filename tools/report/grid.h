// SPDX-License-Identifier: Apache-2.0
/// A table for a terminal: cells are filled row by row, widths come from the content, one column
/// may be a bar that takes the room left over, and columns of rank > 0 give way (highest first)
/// where the terminal is too narrow. Private to tools/report. Thread: a grid belongs to one thread.
#pragma once

#include "storage/base/arena.h"
#include "storage/base/text.h"
#include "tools/report/report.h"

#include <stdbool.h>
#include <stdint.h>

#define GRID_COLUMN_COUNT_MAX 48u
#define GRID_BAR_WIDTH_MIN 6u
#define GRID_BAR_WIDTH_MAX 32u
#define GRID_NAME_WIDTH_MAX 40u
#define GRID_WORDS_WIDTH_MAX 120u
#define GRID_WIDTH_MIN 80u

enum grid_align { GRID_LEFT = 0, GRID_RIGHT, GRID_BAR };

struct grid_column {
    struct text title;
    enum grid_align align;
    uint32_t rank;      ///< 0: always shown
    const char *colour; ///< SGR parameter such as "2" (dim), or NULL
};

struct grid_cell {
    struct text text;
    uint32_t width;     ///< terminal columns
    double fraction;    ///< of a full bar
    const char *colour; ///< instead of the column's; NULL: that one
};

struct grid {
    struct arena arena;
    struct grid_column columns[GRID_COLUMN_COUNT_MAX];
    uint32_t column_count;
    struct grid_cell *cells;
    uint32_t cell_count;
    uint32_t cell_capacity;
    struct text_buffer scratch;
};

/// Start from {0}; columns first, then cells in reading order.
void grid_add_column(struct grid *grid, const char *title, enum grid_align align, uint32_t rank,
                     const char *colour);
/// As above with a title that comes from event content: made safe and cut.
void grid_add_column_named(struct grid *grid, struct text title, enum grid_align align,
                           uint32_t rank);
void grid_add_text(struct grid *grid, struct text text); ///< event content: made safe and cut
void grid_add_string(struct grid *grid, const char *string);
/// A sentence, in a colour of its own (NULL: the column's): cut only where it is longer than a
/// line.
void grid_add_words(struct grid *grid, const char *words, const char *colour);
void grid_add_count(struct grid *grid, uint64_t count);
void grid_add_rate(struct grid *grid, uint64_t part, uint64_t whole);
void grid_add_duration(struct grid *grid, uint64_t count, double duration_us); ///< "–" for count 0
void grid_add_size(struct grid *grid, uint64_t size_bytes);
void grid_add_bar(struct grid *grid, uint64_t part, uint64_t whole);
void grid_render(const struct grid *grid, const struct report_style *style,
                 struct text_buffer *out);
void grid_deinit(struct grid *grid);

/// A bar of `fraction` of `width` columns in eighth blocks; never empty for a positive fraction.
/// Returns the columns used.
uint32_t grid_draw_bar(struct text_buffer *out, double fraction, uint32_t width);
/// Columns that a valid UTF-8 text takes on a terminal.
uint32_t grid_text_width(struct text text);
/// Starts and ends a colour; nothing where the style has none.
void grid_colour_begin(struct text_buffer *out, const struct report_style *style,
                       const char *colour);
void grid_colour_end(struct text_buffer *out, const struct report_style *style, const char *colour);
