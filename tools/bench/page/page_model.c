// SPDX-License-Identifier: Apache-2.0
// The model, how it did on loads it had not seen, and what it says of the load asked for.
#include "tools/bench/page/page_private.h"

#include <math.h>

#define CURVE_POINT_COUNT 33u
#define NANOSECONDS 1e9

static enum chart_unit unit_of(struct text word)
{
    static const struct {
        const char *word;
        enum chart_unit unit;
    } known[] = {{"bytes", CHART_BYTES},
                 {"bytes/s", CHART_BYTES},
                 {"ns", CHART_NANOSECONDS},
                 {"us", CHART_MICROSECONDS}};
    for (size_t index = 0; index < sizeof(known) / sizeof(known[0]); index++) {
        if (text_equal(word, text_from(known[index].word))) {
            return known[index].unit;
        }
    }
    return CHART_PLAIN;
}

/// "disk_bytes" as "disk": the number beside it has its unit.
static void draw_name(struct page *page, const char *key)
{
    size_t size = strlen(key);
    static const char *const ends[] = {"_bytes", "_seconds", "_bytes_per_second"};
    for (size_t index = 0; index < sizeof(ends) / sizeof(ends[0]); index++) {
        size_t end_size = strlen(ends[index]);
        if (size > end_size && strcmp(key + size - end_size, ends[index]) == 0) {
            chart_escape(page->out, (struct text){key, size - end_size});
            return;
        }
    }
    chart_escape(page->out, text_from(key));
}

static void draw_amount(struct page *page, struct text unit, double value)
{
    if (text_equal(unit, TEXT_LITERAL("s"))) {
        chart_words(page->out, CHART_MICROSECONDS, value * 1e6);
    } else {
        chart_words(page->out, unit_of(unit), value);
        text_buffer_append_string(page->out, text_equal(unit, TEXT_LITERAL("bytes/s")) ? "/s" : "");
    }
}

/// One card per need: the value, its band, whether more was asked than was measured, and how.
static void draw_need(struct page *page, const char *key, const json_t *need)
{
    double value;
    double low;
    double high;
    struct text unit = page_text(need, "unit");
    if (!page_number(need, "value", &value)) {
        return;
    }
    text_buffer_append_string(page->out, "<dl class=\"card\" title=\"");
    chart_escape(page->out, page_text(need, "how"));
    text_buffer_append_string(page->out, "\"><dt>");
    draw_name(page, key);
    text_buffer_append_string(page->out, "</dt><dd><div class=\"figure\">");
    draw_amount(page, unit, value);
    text_buffer_append_string(page->out, "</div><div class=\"beside\">");
    if (page_number(need, "low", &low) && page_number(need, "high", &high)) {
        draw_amount(page, unit, low);
        text_buffer_append_string(page->out, " to ");
        draw_amount(page, unit, high);
    }
    text_buffer_append_string(page->out, json_is_true(page_at(need, "extrapolated"))
                                             ? "<br><strong>extrapolated</strong>"
                                             : "<br>within what was measured");
    text_buffer_append_string(page->out, "</div></dd></dl>\n");
}

/// The cards again as a table, with the formula of each.
static void draw_needs_table(struct page *page, const json_t *needs)
{
    static const struct page_column columns[] = {
        {"name", "what", CHART_PLAIN},       {"need.value", "needed", CHART_COUNT},
        {"need.low", "from", CHART_COUNT},   {"need.high", "to", CHART_COUNT},
        {"need.unit", "unit", CHART_PLAIN},  {"need.extrapolated", "extrapolated", CHART_PLAIN},
        {"need.how", "formula", CHART_PLAIN}};
    const char *key;
    const json_t *need;
    json_t *rows = json_array();
    json_object_foreach((json_t *)needs, key, need)
    {
        json_t *row = json_object();
        json_object_set_new(row, "name", json_string(key));
        json_object_set(row, "need", (json_t *)need);
        json_array_append_new(rows, row);
    }
    page_table(page, "Table of needs, with their formulas", rows, columns,
               sizeof(columns) / sizeof(columns[0]));
    json_decref(rows);
}

static void draw_projection(struct page *page)
{
    const json_t *projection = page_at(page->root, "projection");
    const json_t *needs = page_at(projection, "needs");
    const char *key;
    const json_t *need;
    text_buffer_append_string(page->out, "<h3>What the load asked for needs</h3>\n");
    if (!json_is_object(projection)) {
        page_absent(page,
                    "A projection ('corong bench report --events-per-day N --users N' makes one)");
        return;
    }
    page_object(page, "The load asked for", page_at(projection, "asked"));
    text_buffer_append_string(page->out, "<div class=\"cards\">\n");
    json_object_foreach((json_t *)needs, key, need)
    {
        draw_need(page, key, need);
    }
    text_buffer_append_string(page->out, "</div>\n");
    draw_needs_table(page, needs);
}

/// Projections of usual loads, for those who have not said theirs.
static void draw_examples(struct page *page)
{
    static const struct page_column columns[] = {
        {"asked.events_per_day", "events a day", CHART_COUNT},
        {"asked.users", "users", CHART_COUNT},
        {"asked.days", "days kept", CHART_PLAIN},
        {"needs.cores.value", "cores", CHART_PLAIN},
        {"needs.cores.extrapolated", "extrapolated", CHART_PLAIN},
        {"needs.memory_bytes.value", "memory", CHART_BYTES},
        {"needs.memory_bytes.extrapolated", "extrapolated", CHART_PLAIN},
        {"needs.disk_bytes.value", "disk", CHART_BYTES},
        {"needs.disk_bytes.extrapolated", "extrapolated", CHART_PLAIN},
        {"needs.partitions.value", "partitions", CHART_PLAIN},
        {"needs.funnel_seconds.value", "funnel, s", CHART_PLAIN},
    };
    const json_t *rows = page_at(page->root, "examples");
    if (page_rows(rows) > 0) {
        page_table(page, "What usual loads need", rows, columns,
                   sizeof(columns) / sizeof(columns[0]));
    }
}

static const json_t *term_of(struct page *page, const char *name)
{
    const json_t *terms = page_at(page->root, "model.terms");
    for (uint32_t row = 0; row < page_rows(terms); row++) {
        if (text_equal(page_text(json_array_get(terms, row), "name"), text_from(name))) {
            return json_array_get(terms, row);
        }
    }
    return NULL;
}

/// Cores by rate as the model has them, with their band, from 0 to `to`.
static struct chart_point *curve_of(struct page *page, double to)
{
    const json_t *slope = term_of(page, "cpu_ns_per_event");
    const json_t *idle = term_of(page, "idle_cores");
    struct chart_point *points =
        arena_allocate_zeroed(&page->arena, CURVE_POINT_COUNT, sizeof(*points));
    for (uint32_t index = 0; index < CURVE_POINT_COUNT; index++) {
        double rate = to * index / (CURVE_POINT_COUNT - 1);
        struct chart_point *point = &points[index];
        point->x = rate;
        point->y = page_number_or(idle, "coefficient", 0) +
                   page_number_or(slope, "coefficient", 0) * rate / NANOSECONDS;
        point->low =
            page_number_or(idle, "low", 0) + page_number_or(slope, "low", 0) * rate / NANOSECONDS;
        point->high =
            page_number_or(idle, "high", 0) + page_number_or(slope, "high", 0) * rate / NANOSECONDS;
    }
    return points;
}

static void draw_curve(struct page *page)
{
    struct chart_series series[3] = {
        {.name = TEXT_LITERAL("model, with its band"), .shape = CHART_THIN},
        {.name = TEXT_LITERAL("measured, used by the model"), .tone = 2, .shape = CHART_DOTS},
        {.name = TEXT_LITERAL("measured, held out"), .tone = 1, .shape = CHART_DOTS}};
    struct chart_mark mark = {.label = TEXT_LITERAL("asked for, at its peak")};
    const json_t *loads = page_at(page->root, "loads");
    uint32_t count = 0;
    struct chart_point *points = page_points(page, loads, "asked", "cores", &count);
    if (term_of(page, "cpu_ns_per_event") == NULL || count < 2) {
        return;
    }
    bool marked = page_number(page->root, "projection.asked.peak_events_per_second", &mark.at);
    double measured = page_number_or(page->root, "model.measured.events_per_second", 0);
    series[0].points =
        curve_of(page, 1.1 * fmax(marked ? mark.at : 0, fmax(points[count - 1].x, measured)));
    series[0].point_count = CURVE_POINT_COUNT;
    series[1].points = points;
    series[1].point_count = count - 1;
    series[2].points = points + count - 1;
    series[2].point_count = 1;
    struct chart_plot plot = {.title = TEXT_LITERAL("Cores by events per second"),
                              .x = {.label = "events per second", .unit = CHART_RATE},
                              .y = {.label = "cores busy", .unit = CHART_PLAIN},
                              .series = series,
                              .series_count = 3,
                              .marks = &mark,
                              .mark_count = marked ? 1 : 0,
                              .shaded = measured > 0,
                              .shaded_from = measured};
    page_fit(&plot);
    page_figure_open(page);
    chart_legend_draw(page->out, series, 3);
    chart_plot_draw(page->out, &plot);
    page_figure_close(
        page, "Cores busy by rate, merging apart: the model's line and band, the loads it was made "
              "from, and the one it had not seen. Shaded: more than was measured.");
}

static void draw_held_out(struct page *page)
{
    static const struct page_column columns[] = {
        {"what", "what", CHART_PLAIN},
        {"at", "at", CHART_COUNT},
        {"unit", "unit", CHART_PLAIN},
        {"predicted", "predicted", CHART_COUNT},
        {"low", "from", CHART_COUNT},
        {"high", "to", CHART_COUNT},
        {"measured", "measured", CHART_COUNT},
        {"error", "off by (of 1)", CHART_PLAIN},
        {"in_band", "within the band", CHART_PLAIN},
    };
    const json_t *rows = page_at(page->root, "model.held_out");
    uint32_t row_count = page_rows(rows);
    text_buffer_append_string(page->out, "<h3>Predicted and measured</h3>\n");
    if (row_count == 0) {
        page_absent(page, "A check of the model");
        return;
    }
    struct chart_bar *bars = arena_allocate_zeroed(&page->arena, row_count, sizeof(*bars));
    uint32_t count = 0;
    for (uint32_t row = 0; row < row_count; row++) {
        const json_t *check = json_array_get(rows, row);
        struct chart_bar *bar = &bars[count];
        double measured = page_number_or(check, "measured", 0);
        if (page_number(check, "error", &bar->value) && measured != 0) {
            bar->label = page_text(check, "what");
            bar->value *= 100;
            bar->low = (page_number_or(check, "low", measured) / measured - 1) * 100;
            bar->high = (page_number_or(check, "high", measured) / measured - 1) * 100;
            bar->tone = json_is_true(page_at(check, "in_band")) ? 2 : 1;
            count++;
        }
    }
    page_figure_open(page);
    chart_bars_draw(page->out, TEXT_LITERAL("Error of each prediction"), CHART_PERCENT, bars,
                    count);
    page_figure_close(page, "Predicted less measured, in percent of measured, with the band of the "
                            "prediction; green where the band holds the measured value.");
    page_table(page, "Table of predictions", rows, columns, sizeof(columns) / sizeof(columns[0]));
}

static void draw_terms(struct page *page)
{
    static const struct page_column columns[] = {
        {"name", "term", CHART_PLAIN}, {"coefficient", "value", CHART_PLAIN},
        {"low", "from", CHART_PLAIN},  {"high", "to", CHART_PLAIN},
        {"unit", "unit", CHART_PLAIN}, {"from", "measured by", CHART_PLAIN},
    };
    const json_t *terms = page_at(page->root, "model.terms");
    text_buffer_append_string(page->out, "<h3>The model's terms</h3>\n");
    if (page_rows(terms) == 0) {
        page_absent(page, "The model");
        return;
    }
    page_say(page, "Each comes from this run on this machine, with the band in which it lies.");
    page_table(page, "Table of terms", terms, columns, sizeof(columns) / sizeof(columns[0]));
}

void page_model_draw(struct page *page)
{
    page_section_open(page, "model", "Model and projection");
    draw_projection(page);
    draw_examples(page);
    draw_curve(page);
    draw_held_out(page);
    draw_terms(page);
    page_section_close(page);
}
