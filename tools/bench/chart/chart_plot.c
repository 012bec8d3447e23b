// SPDX-License-Identifier: Apache-2.0
// Axes, and inside them columns, bands, lines, dots and marks, in that order.
#include "tools/bench/chart/chart_private.h"

#include <math.h>

#define PLOT_LEFT 84.0
#define PLOT_RIGHT 700.0
#define PLOT_BOTTOM_SPACE 48.0
#define PLOT_HEIGHT 290.0
#define MARK_ROW_HEIGHT 14.0
#define MARK_ROW_COUNT 4u
#define DOT_RADIUS 4.0

struct frame {
    struct text_buffer *out;
    const struct chart_plot *plot;
    double top;
    double bottom;
};

static double place_x(const struct frame *frame, double value)
{
    return PLOT_LEFT + chart_scale_place(&frame->plot->x, value) * (PLOT_RIGHT - PLOT_LEFT);
}

static double place_y(const struct frame *frame, double value)
{
    return frame->bottom - chart_scale_place(&frame->plot->y, value) * (frame->bottom - frame->top);
}

static void draw_line(const struct frame *frame, const char *kind, double x1, double y1, double x2,
                      double y2)
{
    text_buffer_printf(frame->out,
                       "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
                       kind, x1, y1, x2, y2);
}

static void draw_tick_words(const struct frame *frame, const struct chart_scale *scale,
                            double value, double x, double y, const char *anchor)
{
    struct text_buffer words = {0};
    chart_words(&words, scale->unit, value);
    chart_svg_text(frame->out, x, y, anchor, "tick", text_from(words.bytes));
    text_buffer_deinit(&words);
}

static void draw_x_axis(const struct frame *frame)
{
    const struct chart_scale *x = &frame->plot->x;
    double free_from = -1e9;
    for (uint32_t index = 0; index < x->tick_count; index++) {
        double at = place_x(frame, x->ticks[index]);
        draw_line(frame, "grid", at, frame->top, at, frame->bottom);
        // Ticks of a logarithmic scale can stand close to each other; their words must not touch.
        if (at - 22 >= free_from) {
            draw_tick_words(frame, x, x->ticks[index], at, frame->bottom + 17, "middle");
            free_from = at + 26;
        }
    }
    chart_svg_text(frame->out, (PLOT_LEFT + PLOT_RIGHT) / 2, frame->bottom + 38, "middle", "axis",
                   text_from(x->label));
}

static void draw_y_axis(const struct frame *frame)
{
    const struct chart_scale *y = &frame->plot->y;
    for (uint32_t index = 0; index < y->tick_count; index++) {
        double at = place_y(frame, y->ticks[index]);
        draw_line(frame, "grid", PLOT_LEFT, at, PLOT_RIGHT, at);
        draw_tick_words(frame, y, y->ticks[index], PLOT_LEFT - 8, at + 4, "end");
    }
    chart_svg_text(frame->out, 4, 13, "start", "axis", text_from(y->label));
}

static void draw_shade(const struct frame *frame)
{
    const struct chart_plot *plot = frame->plot;
    if (!plot->shaded || plot->shaded_from >= plot->x.high) {
        return;
    }
    double from = place_x(frame, plot->shaded_from);
    text_buffer_printf(
        frame->out,
        "<rect class=\"shade\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n", from,
        frame->top, PLOT_RIGHT - from, frame->bottom - frame->top);
    chart_svg_text(frame->out, PLOT_RIGHT - 6, frame->top + 14, "end", "note",
                   text_from("extrapolated"));
}

/// "x, y" in words.
static void tip(const struct frame *frame, struct text name, double x, double y)
{
    struct text_buffer words = {0};
    chart_words(&words, frame->plot->x.unit, x);
    text_buffer_append_string(&words, ", ");
    chart_words(&words, frame->plot->y.unit, y);
    chart_svg_tip(frame->out, name, words.bytes);
    text_buffer_deinit(&words);
}

static void draw_bins(const struct frame *frame)
{
    for (uint32_t index = 0; index < frame->plot->bin_count; index++) {
        const struct chart_bin *bin = &frame->plot->bins[index];
        double left = place_x(frame, bin->low);
        double right = place_x(frame, bin->high);
        double top = place_y(frame, bin->height);
        text_buffer_printf(
            frame->out,
            "<rect class=\"fill t0\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\">", left,
            top, fmax(right - left - (right - left > 3 ? 1 : 0), 0.5), frame->bottom - top);
        tip(frame, TEXT_LITERAL(""), bin->high, bin->height);
        text_buffer_append_string(frame->out, "</rect>\n");
    }
}

static bool has_band(const struct chart_series *series)
{
    for (uint32_t index = 0; index < series->point_count; index++) {
        if (series->points[index].low < series->points[index].high) {
            return true;
        }
    }
    return false;
}

static void draw_band(const struct frame *frame, const struct chart_series *series)
{
    if (!has_band(series)) {
        return;
    }
    text_buffer_printf(frame->out, "<polygon class=\"band t%u\" points=\"",
                       series->tone % CHART_TONE_COUNT);
    for (uint32_t index = 0; index < series->point_count; index++) {
        const struct chart_point *point = &series->points[index];
        text_buffer_printf(frame->out, "%.1f,%.1f ", place_x(frame, point->x),
                           place_y(frame, point->low < point->high ? point->low : point->y));
    }
    for (uint32_t index = series->point_count; index-- > 0;) {
        const struct chart_point *point = &series->points[index];
        text_buffer_printf(frame->out, "%.1f,%.1f ", place_x(frame, point->x),
                           place_y(frame, point->low < point->high ? point->high : point->y));
    }
    text_buffer_append_string(frame->out, "\"/>\n");
}

static void draw_path(const struct frame *frame, const struct chart_series *series)
{
    text_buffer_printf(frame->out, "<polyline class=\"line%s t%u\" points=\"",
                       series->shape == CHART_DASHES ? " dashed" : "",
                       series->tone % CHART_TONE_COUNT);
    for (uint32_t index = 0; index < series->point_count; index++) {
        text_buffer_printf(frame->out, "%.1f,%.1f ", place_x(frame, series->points[index].x),
                           place_y(frame, series->points[index].y));
    }
    text_buffer_append_string(frame->out, "\"/>\n");
}

static void draw_point(const struct frame *frame, const struct chart_series *series,
                       const struct chart_point *point)
{
    double x = place_x(frame, point->x);
    double y = place_y(frame, point->y);
    uint32_t tone = series->tone % CHART_TONE_COUNT;
    if (series->shape == CHART_CROSSES) {
        text_buffer_printf(frame->out, "<path class=\"cross t%u\" d=\"M%.1f %.1fl9 9m0 -9l-9 9\">",
                           tone, x - 4.5, y - 4.5);
        tip(frame, series->name, point->x, point->y);
        text_buffer_append_string(frame->out, "</path>\n");
        return;
    }
    text_buffer_printf(frame->out, "<circle class=\"dot t%u\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\">",
                       tone, x, y, series->shape == CHART_DOTS ? DOT_RADIUS + 1 : DOT_RADIUS - 1);
    tip(frame, series->name, point->x, point->y);
    text_buffer_append_string(frame->out, "</circle>\n");
}

static void draw_series(const struct frame *frame, const struct chart_series *series)
{
    if (series->shape == CHART_LINE || series->shape == CHART_THIN ||
        series->shape == CHART_DASHES) {
        draw_path(frame, series);
    }
    for (uint32_t index = 0; index < series->point_count; index++) {
        if (series->shape != CHART_THIN && series->shape != CHART_DASHES) {
            draw_point(frame, series, &series->points[index]);
        }
    }
}

/// Words of upright marks stand above the plot, in the first row in which they touch no others.
static void draw_upright_mark(const struct frame *frame, const struct chart_mark *mark,
                              double *row_ends)
{
    double x = place_x(frame, mark->at);
    double half = chart_svg_width(mark->label) / 2 + 4;
    double middle = fmin(fmax(x, PLOT_LEFT + half), PLOT_RIGHT - half);
    uint32_t row = 0;
    while (row + 1 < MARK_ROW_COUNT && row_ends[row] > middle - half) {
        row++;
    }
    row_ends[row] = middle + half;
    double y = frame->top - 6 - row * MARK_ROW_HEIGHT;
    draw_line(frame, "mark", x, y + 3, x, frame->bottom);
    chart_svg_text(frame->out, middle, y, "middle", "marked", mark->label);
}

static void draw_marks(const struct frame *frame)
{
    double row_ends[MARK_ROW_COUNT] = {0};
    for (uint32_t index = 0; index < frame->plot->mark_count; index++) {
        const struct chart_mark *mark = &frame->plot->marks[index];
        if (!mark->level) {
            draw_upright_mark(frame, mark, row_ends);
            continue;
        }
        double y = place_y(frame, mark->at);
        draw_line(frame, "mark", PLOT_LEFT, y, PLOT_RIGHT, y);
        chart_svg_text(frame->out, PLOT_RIGHT - 4, y - 5, "end", "marked", mark->label);
    }
}

/// How many rows the words of upright marks may need.
static uint32_t mark_rows(const struct chart_plot *plot)
{
    uint32_t count = 0;
    for (uint32_t index = 0; index < plot->mark_count; index++) {
        count += !plot->marks[index].level;
    }
    return count < MARK_ROW_COUNT ? count : MARK_ROW_COUNT;
}

void chart_plot_draw(struct text_buffer *out, const struct chart_plot *plot)
{
    double top = 26 + mark_rows(plot) * MARK_ROW_HEIGHT;
    double height = PLOT_HEIGHT + top;
    struct frame frame = {
        .out = out, .plot = plot, .top = top, .bottom = height - PLOT_BOTTOM_SPACE};
    chart_svg_open(out, plot->title, height);
    draw_shade(&frame);
    draw_x_axis(&frame);
    draw_y_axis(&frame);
    draw_bins(&frame);
    for (uint32_t index = 0; index < plot->series_count; index++) {
        draw_band(&frame, &plot->series[index]);
    }
    draw_marks(&frame);
    for (uint32_t index = 0; index < plot->series_count; index++) {
        draw_series(&frame, &plot->series[index]);
    }
    draw_line(&frame, "base", PLOT_LEFT, frame.bottom, PLOT_RIGHT, frame.bottom);
    chart_svg_close(out);
}
