// SPDX-License-Identifier: Apache-2.0
// Bars to the right, and bars made of parts.
#include "tools/bench/chart/chart_private.h"

#include "storage/base/memory.h"

#include <math.h>

#define LABEL_LETTERS 26u
#define LABEL_RIGHT 190.0
#define BARS_LEFT 198.0
#define BARS_RIGHT 612.0 ///< the number stands right of it
#define ROW_HEIGHT 26.0
#define BAR_HEIGHT 16.0
#define AXIS_HEIGHT 30.0
#define STACK_HEIGHT 30.0
#define STACK_ROW_HEIGHT 44.0

struct bars {
    struct text_buffer *out;
    struct chart_scale scale;
};

static double place(const struct bars *bars, double value)
{
    return BARS_LEFT + chart_scale_place(&bars->scale, value) * (BARS_RIGHT - BARS_LEFT);
}

static void draw_label(struct text_buffer *out, struct text label, double y)
{
    struct text_buffer words = {0};
    chart_svg_short(&words, label, LABEL_LETTERS);
    chart_svg_text(out, LABEL_RIGHT, y, "end", "name", text_from(words.bytes));
    text_buffer_deinit(&words);
}

static void draw_grid(const struct bars *bars, double bottom)
{
    struct text_buffer words = {0};
    for (uint32_t index = 0; index < bars->scale.tick_count; index++) {
        double x = place(bars, bars->scale.ticks[index]);
        text_buffer_printf(bars->out,
                           "<line class=\"grid\" x1=\"%.1f\" y1=\"0\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
                           x, x, bottom);
        text_buffer_reset(&words);
        chart_words(&words, bars->scale.unit, bars->scale.ticks[index]);
        chart_svg_text(bars->out, x, bottom + 18, "middle", "tick", text_from(words.bytes));
    }
    text_buffer_deinit(&words);
}

static void draw_whisker(const struct bars *bars, const struct chart_bar *bar, double middle)
{
    if (bar->low < bar->high) {
        double low = place(bars, bar->low);
        double high = place(bars, bar->high);
        text_buffer_printf(bars->out,
                           "<path class=\"whisker\" d=\"M%.1f %.1fv10m0 -5H%.1fm0 -5v10\"/>\n", low,
                           middle - 5, high);
    }
}

static void draw_bar(const struct bars *bars, const struct chart_bar *bar, uint32_t row)
{
    struct text_buffer words = {0};
    double y = row * ROW_HEIGHT + (ROW_HEIGHT - BAR_HEIGHT) / 2;
    double zero = place(bars, 0);
    double end = place(bars, bar->value);
    chart_words(&words, bars->scale.unit, bar->value);
    draw_label(bars->out, bar->label, y + 12);
    text_buffer_printf(
        bars->out,
        "<rect class=\"fill t%u%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"2\">",
        bar->tone % CHART_TONE_COUNT, bar->hatched ? " hatched" : "", fmin(zero, end), y,
        fmax(fabs(end - zero), 0.8), BAR_HEIGHT);
    chart_svg_tip(bars->out, bar->label, words.bytes);
    text_buffer_append_string(bars->out, "</rect>\n");
    draw_whisker(bars, bar, y + BAR_HEIGHT / 2);
    double right = fmax(fmax(zero, end), bar->low < bar->high ? place(bars, bar->high) : zero);
    chart_svg_text(bars->out, right + 7, y + 12, "start", "value", text_from(words.bytes));
    text_buffer_deinit(&words);
}

void chart_bars_draw(struct text_buffer *out, struct text title, enum chart_unit unit,
                     const struct chart_bar *bars, uint32_t bar_count)
{
    struct bars drawing = {.out = out, .scale = {.unit = unit}};
    double low = 0;
    double high = 0;
    for (uint32_t index = 0; index < bar_count; index++) {
        low = fmin(low, fmin(bars[index].value, bars[index].low));
        high = fmax(high, fmax(bars[index].value, bars[index].high));
    }
    chart_scale_fit(&drawing.scale, low, high);
    double bottom = bar_count * ROW_HEIGHT + 4;
    chart_svg_open(out, title, bottom + AXIS_HEIGHT);
    draw_grid(&drawing, bottom);
    for (uint32_t index = 0; index < bar_count; index++) {
        draw_bar(&drawing, &bars[index], index);
    }
    chart_svg_close(out);
}

static double row_sum(const struct chart_stack *stack, uint32_t row)
{
    double sum = 0;
    for (uint32_t part = 0; part < stack->part_count; part++) {
        sum += fmax(stack->values[row * stack->part_count + part], 0);
    }
    return sum;
}

static void draw_part(const struct bars *bars, const struct chart_stack *stack, uint32_t part,
                      double value, double left, double right, double y)
{
    struct text_buffer words = {0};
    chart_words(&words, stack->unit, value);
    text_buffer_printf(bars->out,
                       "<rect class=\"fill part t%u\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                       "height=\"%.1f\">",
                       part % CHART_TONE_COUNT, left, y, fmax(right - left, 0.3), STACK_HEIGHT);
    chart_svg_tip(bars->out, stack->parts[part], words.bytes);
    text_buffer_append_string(bars->out, "</rect>\n");
    if (right - left > chart_svg_width(text_from(words.bytes)) + 8) {
        chart_svg_text(bars->out, (left + right) / 2, y + 19, "middle", "inside",
                       text_from(words.bytes));
    }
    text_buffer_deinit(&words);
}

static void draw_row(const struct bars *bars, const struct chart_stack *stack, uint32_t row)
{
    struct text_buffer words = {0};
    double y = row * STACK_ROW_HEIGHT + 6;
    double sum = 0;
    draw_label(bars->out, stack->rows[row], y + 19);
    for (uint32_t part = 0; part < stack->part_count; part++) {
        double value = fmax(stack->values[row * stack->part_count + part], 0);
        if (value > 0) {
            draw_part(bars, stack, part, value, place(bars, sum), place(bars, sum + value), y);
        }
        sum += value;
    }
    chart_words(&words, stack->unit, sum);
    chart_svg_text(bars->out, place(bars, sum) + 7, y + 19, "start", "value",
                   text_from(words.bytes));
    text_buffer_deinit(&words);
}

void chart_stack_draw(struct text_buffer *out, const struct chart_stack *stack)
{
    struct bars drawing = {.out = out, .scale = {.unit = stack->unit}};
    double high = 0;
    for (uint32_t row = 0; row < stack->row_count; row++) {
        high = fmax(high, row_sum(stack, row));
    }
    chart_scale_fit(&drawing.scale, 0, high);
    double bottom = stack->row_count * STACK_ROW_HEIGHT + 4;
    chart_svg_open(out, stack->title, bottom + AXIS_HEIGHT);
    draw_grid(&drawing, bottom);
    for (uint32_t row = 0; row < stack->row_count; row++) {
        draw_row(&drawing, stack, row);
    }
    chart_svg_close(out);
}
