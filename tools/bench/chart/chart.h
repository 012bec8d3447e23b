// SPDX-License-Identifier: Apache-2.0
/// Figures as text: plots, bars and stacked bars drawn as SVG that needs nothing else (no script,
/// no font, no address), for a page whose style sheet is chart_style(). Whatever text is handed in
/// is escaped; whatever number is handed in, infinite ones included, gives well-formed SVG.
/// Shapes: a drawing is 720 units wide and scales with its page. Thread: any; nothing is kept.
#pragma once

#include "storage/base/text.h"

#include <stdbool.h>
#include <stdint.h>

#define CHART_TICK_COUNT_MAX 16u
#define CHART_TONE_COUNT 8u ///< colours that tell series apart; a tone beyond begins again

enum chart_unit {
    CHART_PLAIN = 0, ///< up to four digits
    CHART_COUNT,     ///< 1.2 k, 3.4 M, 5 G
    CHART_RATE,      ///< the same, per second
    CHART_MICROSECONDS,
    CHART_NANOSECONDS,
    CHART_BYTES,   ///< KiB, MiB, ...
    CHART_PERCENT, ///< the value is one already: 12.5 is 12.5 %
};

/// One direction of a plot: what it measures and, once fitted, its ends and round ticks.
struct chart_scale {
    const char *label;
    enum chart_unit unit;
    bool logarithmic; ///< values of 0 and less are drawn at the low end
    double low;
    double high;
    double ticks[CHART_TICK_COUNT_MAX];
    uint32_t tick_count;
};

/// Widens [low, high] to round ticks; a linear scale of positive values begins at 0.
void chart_scale_fit(struct chart_scale *scale, double low, double high);
/// Where a value lies: 0 at the low end, 1 at the high one; never outside.
double chart_scale_place(const struct chart_scale *scale, double value);
/// A number for people: three digits and its unit, "1.25 MiB", "340 us" (with the Greek letter).
void chart_words(struct text_buffer *out, enum chart_unit unit, double value);

/// Text inside an element or an attribute: markup, control and text-reordering characters are made
/// harmless, invalid UTF-8 becomes U+FFFD.
void chart_escape(struct text_buffer *out, struct text text);

enum chart_shape {
    CHART_DOTS = 0,
    CHART_CROSSES,
    CHART_LINE, ///< with a dot at each point
    CHART_THIN, ///< a line without dots
    CHART_DASHES,
    CHART_BLOCK, ///< in legends: a part of a stack
};
/// `low < high` draws a band there.
struct chart_point {
    double x;
    double y;
    double low;
    double high;
};
struct chart_series {
    struct text name;
    uint32_t tone;
    enum chart_shape shape;
    const struct chart_point *points; ///< a line's by rising x
    uint32_t point_count;
};
/// A column of a histogram, from `low` to `high` on the x scale.
struct chart_bin {
    double low;
    double high;
    double height;
};
/// A value pointed out: a line across the plot with words.
struct chart_mark {
    double at;
    struct text label;
    bool level; ///< at a y value; else at an x value
};
struct chart_plot {
    struct text title; ///< for those who do not see it
    struct chart_scale x;
    struct chart_scale y;
    const struct chart_series *series;
    uint32_t series_count;
    const struct chart_bin *bins;
    uint32_t bin_count;
    const struct chart_mark *marks;
    uint32_t mark_count;
    bool shaded;
    double shaded_from; ///< beyond this x nothing was measured
};
/// The scales must have been fitted.
void chart_plot_draw(struct text_buffer *out, const struct chart_plot *plot);

/// One bar; with `low < high` a whisker between them.
struct chart_bar {
    struct text label;
    double value;
    double low;
    double high;
    uint32_t tone;
    bool hatched; ///< extrapolated: more than was measured
};
/// Bars to the right from 0, one below the other, each with its number; negative ones to the left.
void chart_bars_draw(struct text_buffer *out, struct text title, enum chart_unit unit,
                     const struct chart_bar *bars, uint32_t bar_count);

/// Parts of one bar, by rows: values[row * part_count + part].
struct chart_stack {
    struct text title;
    enum chart_unit unit;
    const struct text *rows;
    uint32_t row_count;
    const struct text *parts;
    uint32_t part_count;
    const double *values; ///< none negative
};
void chart_stack_draw(struct text_buffer *out, const struct chart_stack *stack);

/// The names of series or parts with their colours, as an HTML list.
void chart_legend_draw(struct text_buffer *out, const struct chart_series *series, uint32_t count);

/// The rules (CSS) that drawings and legends need: colours by light and dark, print included.
const char *chart_style(void);
