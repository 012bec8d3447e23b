// SPDX-License-Identifier: Apache-2.0
// The model, how it did on a load it had not seen, and what it says of the load asked for.
#include "tools/bench/page/page_private.h"

struct need {
    const char *path;
    const char *title;
    enum chart_unit unit;
};
static const struct need needs[] = {
    {"cores", "Cores", CHART_PLAIN},
    {"memory_bytes", "Memory", CHART_BYTES},
    {"disk_bytes", "Disk", CHART_BYTES},
    {"partitions", "Partitions", CHART_PLAIN},
};
#define NEED_COUNT (sizeof(needs) / sizeof(needs[0]))

/// One card per need: the value, its band, and whether more was asked than was measured.
static void draw_need(struct page *page, const struct need *need, const json_t *value)
{
    double middle;
    double low;
    double high;
    if (!page_number(value, "value", &middle)) {
        return;
    }
    text_buffer_printf(page->out, "<dl class=\"card\"><dt>%s</dt><dd><div class=\"figure\">",
                       need->title);
    chart_words(page->out, need->unit, middle);
    text_buffer_append_string(page->out, "</div><div class=\"beside\">");
    if (page_number(value, "low", &low) && page_number(value, "high", &high)) {
        chart_words(page->out, need->unit, low);
        text_buffer_append_string(page->out, " to ");
        chart_words(page->out, need->unit, high);
    }
    text_buffer_append_string(page->out, json_is_true(page_at(value, "extrapolated"))
                                             ? " \u00b7 extrapolated</div></dd></dl>\n"
                                             : "</div></dd></dl>\n");
}

/// The band over a range of loads, where the document has one.
static void draw_curve(struct page *page, const json_t *curve)
{
    struct chart_series series = {.name = TEXT_LITERAL("cores needed, and the model's band"),
                                  .shape = CHART_LINE};
    struct chart_mark mark = {.label = TEXT_LITERAL("asked")};
    series.points = page_points_band(page, curve, "events_per_second", "cores", "cores_low",
                                     "cores_high", &series.point_count);
    if (series.point_count < 2) {
        return;
    }
    struct chart_plot plot = {
        .title = TEXT_LITERAL("Cores by events per second"),
        .x = {.label = "events per second", .unit = CHART_RATE},
        .y = {.label = "cores", .unit = CHART_PLAIN},
        .series = &series,
        .series_count = 1,
        .marks = &mark,
        .mark_count = page_number(page->root, "projection.asked.events_per_second", &mark.at),
    };
    plot.shaded = page_number(page->root, "projection.measured_to", &plot.shaded_from);
    page_fit(&plot);
    page_figure_open(page);
    chart_legend_draw(page->out, &series, 1);
    chart_plot_draw(page->out, &plot);
    page_figure_close(page, "Cores needed by load. Beyond the shaded edge nothing was measured.");
}

static void draw_projection(struct page *page)
{
    const json_t *projection = page_at(page->root, "projection");
    text_buffer_append_string(page->out, "<h3>What the load asked for needs</h3>\n");
    if (!json_is_object(projection)) {
        page_absent(page, "A projection (--events-per-day and its companions ask for one)");
        return;
    }
    text_buffer_append_string(page->out, "<div class=\"cards\">\n");
    for (size_t index = 0; index < NEED_COUNT; index++) {
        draw_need(page, &needs[index], page_at(page_at(projection, "needs"), needs[index].path));
    }
    text_buffer_append_string(page->out, "</div>\n");
    draw_curve(page, page_at(projection, "curve"));
}

static void draw_terms(struct page *page)
{
    static const struct page_column columns[] = {
        {"name", "term", CHART_PLAIN},         {"unit", "unit", CHART_PLAIN},
        {"coefficient", "value", CHART_PLAIN}, {"low", "from", CHART_PLAIN},
        {"high", "to", CHART_PLAIN},           {"meaning", "meaning", CHART_PLAIN},
    };
    const json_t *terms = page_at(page->root, "model.terms");
    text_buffer_append_string(page->out, "<h3>The model's terms</h3>\n");
    if (page_rows(terms) == 0) {
        page_absent(page, "The model");
        return;
    }
    page_say(page, "Each coefficient comes from this run on this machine, with the band in which "
                   "it lies at 95 %%.");
    page_table(page, "Table of terms", terms, columns, sizeof(columns) / sizeof(columns[0]));
}

void page_model_draw(struct page *page)
{
    page_section_open(page, "model", "Model and projection");
    draw_projection(page);
    draw_terms(page);
    page_section_close(page);
}
