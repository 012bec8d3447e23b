// SPDX-License-Identifier: Apache-2.0
// Freshness and answers: whole distributions, measured from the moment they were due.
#include "tools/bench/page/page_private.h"

#define PERCENTILE_COUNT 5u

/// [[edge, count]...] as columns from edge to edge, in percent of all.
static struct chart_bin *bins_of(struct page *page, const json_t *rows, uint32_t *count_out)
{
    uint32_t row_count = page_rows(rows);
    struct chart_bin *bins = arena_allocate_zeroed(&page->arena, row_count + 1, sizeof(*bins));
    double total = 0;
    double edge = 0;
    *count_out = 0;
    for (uint32_t row = 0; row < row_count; row++) {
        const json_t *pair = json_array_get(rows, row);
        double high = json_number_value(json_array_get(pair, 0));
        double count = json_number_value(json_array_get(pair, 1));
        if (count > 0 && high > edge) {
            bins[(*count_out)++] = (struct chart_bin){edge, high, count};
            total += count;
        }
        edge = high > edge ? high : edge;
    }
    for (uint32_t bin = 0; bin < *count_out; bin++) {
        bins[bin].height = total > 0 ? bins[bin].height * 100 / total : 0;
    }
    return bins;
}

static uint32_t percentile_marks(const json_t *row, struct chart_mark *marks)
{
    static const struct {
        const char *path;
        struct text label;
    } known[PERCENTILE_COUNT] = {{"p50_us", {"50 %", 4}},
                                 {"p90_us", {"90 %", 4}},
                                 {"p99_us", {"99 %", 4}},
                                 {"p999_us", {"99.9 %", 6}},
                                 {"max_us", {"max", 3}}};
    uint32_t count = 0;
    for (uint32_t index = 0; index < PERCENTILE_COUNT; index++) {
        if (page_number(row, known[index].path, &marks[count].at)) {
            marks[count++].label = known[index].label;
        }
    }
    return count;
}

static void draw_distribution(struct page *page, const json_t *row, const char *title,
                              const char *caption)
{
    struct chart_mark marks[PERCENTILE_COUNT] = {0};
    struct chart_plot plot = {
        .title = text_from(title),
        .x = {.label = "time (logarithmic)", .unit = CHART_MICROSECONDS, .logarithmic = true},
        .y = {.label = "share of all", .unit = CHART_PERCENT},
        .marks = marks,
        .mark_count = percentile_marks(row, marks),
    };
    plot.bins = bins_of(page, page_at(row, "histogram"), &plot.bin_count);
    if (plot.bin_count == 0) {
        return;
    }
    page_fit(&plot);
    page_figure_open(page);
    text_buffer_append_string(page->out, "<h3>");
    chart_escape(page->out, text_from(title));
    text_buffer_append_string(page->out, "</h3>\n");
    chart_plot_draw(page->out, &plot);
    page_figure_close(page, caption);
}

void page_latency_draw(struct page *page)
{
    static const struct page_column columns[] = {
        {"name", "what", CHART_PLAIN},
        {"count", "times", CHART_COUNT},
        {"p50_us", "median", CHART_MICROSECONDS},
        {"p90_us", "90 %", CHART_MICROSECONDS},
        {"p99_us", "99 %", CHART_MICROSECONDS},
        {"p999_us", "99.9 %", CHART_MICROSECONDS},
        {"max_us", "largest", CHART_MICROSECONDS},
        {"mean_us", "mean", CHART_MICROSECONDS},
    };
    const json_t *queries = page_at(page->root, "queries");
    const json_t *freshness = page_at(page->root, "sustainable.freshness");
    page_section_open(page, "latency", "Freshness and answers");
    page_say(page, "Each time counts from the moment it was due, so that a stall is felt by all "
                   "that waited behind it (no coordinated omission).");
    if (json_is_object(freshness)) {
        draw_distribution(page, freshness, "Freshness",
                          "From the moment an event was due to be sent until a question saw it.");
    }
    for (uint32_t row = 0; row < page_rows(queries); row++) {
        const json_t *query = json_array_get(queries, row);
        draw_distribution(page, query, page_text(query, "name").bytes,
                          "Time to answer while events are taken in.");
    }
    if (page_rows(queries) == 0) {
        page_absent(page, "Times of answers");
    } else {
        page_table(page, "Table of answers", queries, columns,
                   sizeof(columns) / sizeof(columns[0]));
    }
    page_section_close(page);
}
