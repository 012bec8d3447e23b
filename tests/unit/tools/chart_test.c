// SPDX-License-Identifier: Apache-2.0
#include "tests/support/markup.h"
#include "tools/bench/chart/chart.h"

#include <criterion/criterion.h>
#include <math.h>

static void expect_words(enum chart_unit unit, double value, const char *wanted)
{
    struct text_buffer out = {0};
    chart_words(&out, unit, value);
    cr_assert_str_eq(out.bytes, wanted, "found '%s', wanted '%s'", out.bytes, wanted);
    text_buffer_deinit(&out);
}

Test(chart, test_words_have_three_digits_and_a_unit)
{
    expect_words(CHART_COUNT, 0, "0");
    expect_words(CHART_COUNT, 999, "999");
    expect_words(CHART_COUNT, 1234, "1.23 k");
    expect_words(CHART_COUNT, 999700, "1 M");
    expect_words(CHART_RATE, 2.5e6, "2.5 M/s");
    expect_words(CHART_MICROSECONDS, 340, "340 \u00b5s");
    expect_words(CHART_MICROSECONDS, 1500, "1.5 ms");
    expect_words(CHART_MICROSECONDS, 90e6, "90 s");
    expect_words(CHART_MICROSECONDS, 300e6, "5 min");
    expect_words(CHART_NANOSECONDS, 0, "0 ns");
    expect_words(CHART_NANOSECONDS, 250, "250 ns");
    expect_words(CHART_NANOSECONDS, 1234, "1.23 \u00b5s");
    expect_words(CHART_BYTES, 5.84, "5.84 B");
    expect_words(CHART_BYTES, 1536, "1.5 KiB");
    expect_words(CHART_BYTES, 0x1p40, "1 TiB");
    expect_words(CHART_PERCENT, -12.34, "-12.3 %");
    expect_words(CHART_PLAIN, 0.000123456, "0.0001235");
    expect_words(CHART_PLAIN, 100, "100");
    expect_words(CHART_BYTES, NAN, "\u2013");
}

static void expect_ticks(struct chart_scale scale, double low, double high, const char *wanted)
{
    struct text_buffer out = {0};
    chart_scale_fit(&scale, low, high);
    cr_assert_leq(scale.tick_count, CHART_TICK_COUNT_MAX);
    for (uint32_t index = 0; index < scale.tick_count; index++) {
        text_buffer_append_string(&out, index == 0 ? "" : ", ");
        chart_words(&out, scale.unit, scale.ticks[index]);
    }
    cr_assert_str_eq(out.bytes, wanted, "found '%s', wanted '%s'", out.bytes, wanted);
    text_buffer_deinit(&out);
}

Test(chart, test_ticks_are_round)
{
    struct chart_scale linear = {.unit = CHART_RATE};
    struct chart_scale bytes = {.unit = CHART_BYTES};
    struct chart_scale decades = {.unit = CHART_MICROSECONDS, .logarithmic = true};
    struct chart_scale powers = {.unit = CHART_BYTES, .logarithmic = true};
    expect_ticks(linear, 12345, 870000, "0/s, 200 k/s, 400 k/s, 600 k/s, 800 k/s, 1 M/s");
    expect_ticks(bytes, 0, 300e6, "0 B, 100 MiB, 200 MiB, 300 MiB");
    expect_ticks(decades, 30, 90000, "100 \u00b5s, 1 ms, 10 ms, 100 ms");
    expect_ticks(decades, 30, 900,
                 "20 \u00b5s, 50 \u00b5s, 100 \u00b5s, 200 \u00b5s, 500 \u00b5s, 1 ms");
    expect_ticks(powers, 1e6, 1e9, "512 KiB, 4 MiB, 32 MiB, 256 MiB, 2 GiB");
    expect_ticks(linear, -40, 100, "-50/s, 0/s, 50/s, 100/s");
}

Test(chart, test_scale_places_within_its_ends_whatever_comes)
{
    static const double values[] = {0,   -1,       1e-300,    1e300, -1e300, 5,
                                    NAN, INFINITY, -INFINITY, 1e-12, 1e30};
    enum { COUNT = sizeof(values) / sizeof(values[0]) };
    for (uint32_t kind = 0; kind < 14; kind++) {
        struct chart_scale scale = {.unit = (enum chart_unit)(kind % 7), .logarithmic = kind > 6};
        for (uint32_t low = 0; low < COUNT; low++) {
            for (uint32_t high = 0; high < COUNT; high++) {
                chart_scale_fit(&scale, values[low], values[high]);
                cr_assert_leq(scale.tick_count, CHART_TICK_COUNT_MAX);
                cr_assert_lt(scale.low, scale.high);
                for (uint32_t index = 0; index < COUNT; index++) {
                    double place = chart_scale_place(&scale, values[index]);
                    cr_assert(place >= 0 && place <= 1);
                }
            }
        }
    }
}

static void expect_escaped(struct text text, const char *wanted)
{
    struct text_buffer out = {0};
    text_buffer_append_string(&out, "");
    chart_escape(&out, text);
    cr_assert_str_eq(out.bytes, wanted, "found '%s'", out.bytes);
    text_buffer_deinit(&out);
}

Test(chart, test_escape_leaves_no_markup_and_no_control)
{
    expect_escaped(TEXT_LITERAL("<script>alert('x')</script>"),
                   "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;");
    expect_escaped(TEXT_LITERAL("a\" onload=\"b & c"), "a&quot; onload=&quot;b &amp; c");
    expect_escaped(TEXT_LITERAL("\x01\x1b[31m"), "\ufffd\ufffd[31m");
    expect_escaped(TEXT_LITERAL("\u202e txt"), "\ufffd txt");
    expect_escaped(TEXT_LITERAL("K\u00f6ln \u65e5\u672c \U0001f600"),
                   "K\u00f6ln \u65e5\u672c \U0001f600");
    expect_escaped(TEXT_LITERAL("\xff\xc0\xaf\xed\xa0\x80"),
                   "\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd");
    expect_escaped(TEXT_LITERAL("\xe2\x82"), "\ufffd\ufffd");
    expect_escaped((struct text){"a\0b", 3}, "a\ufffd"
                                             "b");
}

Test(chart, test_drawings_are_well_formed_whatever_they_show)
{
    static const double values[] = {0, 1, -3, 1e300, NAN, INFINITY, 1e-300};
    struct chart_point points[7];
    struct chart_bin bins[7];
    struct chart_mark marks[7];
    struct chart_bar bars[7];
    struct text names[7];
    double parts[7];
    for (uint32_t index = 0; index < 7; index++) {
        double value = values[index];
        points[index] = (struct chart_point){value, value, value - 1, value + 1};
        bins[index] = (struct chart_bin){value, value + 1, value};
        marks[index] = (struct chart_mark){value, TEXT_LITERAL("<p>"), index % 2 == 0};
        bars[index] = (struct chart_bar){.label = TEXT_LITERAL("a & <b>"),
                                         .value = value,
                                         .low = -value,
                                         .high = value,
                                         .tone = index + 5};
        names[index] = TEXT_LITERAL("\"'<>");
        parts[index] = value;
    }
    struct chart_series series = {.name = TEXT_LITERAL("<x>"), .points = points, .point_count = 7};
    struct text_buffer out = {0};
    for (uint32_t shape = CHART_DOTS; shape <= CHART_BLOCK; shape++) {
        series.shape = (enum chart_shape)shape;
        struct chart_plot plot = {.title = TEXT_LITERAL("\"><"),
                                  .x = {.label = "<"},
                                  .y = {.label = "&", .logarithmic = shape % 2 == 0},
                                  .series = &series,
                                  .series_count = 1,
                                  .bins = bins,
                                  .bin_count = 7,
                                  .marks = marks,
                                  .mark_count = 7,
                                  .shaded = true};
        chart_scale_fit(&plot.x, 0, 10);
        chart_scale_fit(&plot.y, 1, 10);
        chart_plot_draw(&out, &plot);
        chart_legend_draw(&out, &series, 1);
    }
    chart_bars_draw(&out, TEXT_LITERAL("<"), CHART_BYTES, bars, 7);
    chart_bars_draw(&out, TEXT_LITERAL("none"), CHART_BYTES, bars, 0);
    struct chart_stack stack = {.title = TEXT_LITERAL("<"),
                                .rows = names,
                                .row_count = 1,
                                .parts = names,
                                .part_count = 7,
                                .values = parts};
    chart_stack_draw(&out, &stack);
    cr_assert_null(markup_fault(out.bytes), "%s", markup_fault(out.bytes));
    cr_assert_null(strstr(out.bytes, "nan"));
    cr_assert_null(strstr(out.bytes, "=\"inf"));
    text_buffer_deinit(&out);
}

Test(chart, test_series_are_drawn_where_the_scale_says)
{
    struct chart_point points[2] = {{.x = 0, .y = 0}, {.x = 10, .y = 100}};
    struct chart_series series = {.shape = CHART_THIN, .points = points, .point_count = 2};
    struct chart_plot plot = {
        .x = {.label = "x"}, .y = {.label = "y"}, .series = &series, .series_count = 1};
    struct text_buffer out = {0};
    chart_scale_fit(&plot.x, 0, 10);
    chart_scale_fit(&plot.y, 0, 100);
    chart_plot_draw(&out, &plot);
    cr_assert_not_null(strstr(out.bytes, "<polyline class=\"line t0\" points=\"84.0,268.0 "
                                         "700.0,26.0 \"/>"));
    text_buffer_deinit(&out);
}
