// SPDX-License-Identifier: Apache-2.0
// Freshness and answers: whole distributions, measured from the moment they were due.
#include "tools/bench/page/page_private.h"

#include <math.h>

#define PERCENTILE_COUNT 5u
#define BIN_COUNT 72u
#define BIN_MARGIN 1.03 ///< the rows' own steps, so that a single value has a width too
#define EDGE_MAX 1e18

/// Edge and count of a row [edge, count]; false where it is none.
static bool take_pair(const json_t *pair, double *edge_out, double *count_out)
{
    const json_t *edge = json_array_get(pair, 0);
    const json_t *count = json_array_get(pair, 1);
    *edge_out = json_number_value(edge);
    *count_out = json_number_value(count);
    return *edge_out > 0 && *edge_out<EDGE_MAX && * count_out> 0;
}

static void find_ends(const json_t *rows, double *low_out, double *high_out, double *total_out)
{
    *low_out = *high_out = *total_out = 0;
    for (uint32_t row = 0; row < page_rows(rows); row++) {
        double edge;
        double count;
        if (take_pair(json_array_get(rows, row), &edge, &count)) {
            *low_out = *total_out == 0 || edge < *low_out ? edge : *low_out;
            *high_out = edge > *high_out ? edge : *high_out;
            *total_out += count;
        }
    }
}

/// [[edge, count]...] as columns of equal width on a logarithmic scale, in percent of all.
static struct chart_bin *bins_of(struct page *page, const json_t *rows, uint32_t *count_out)
{
    struct chart_bin *bins = arena_allocate_zeroed(&page->arena, BIN_COUNT, sizeof(*bins));
    double low;
    double high;
    double total;
    find_ends(rows, &low, &high, &total);
    *count_out = total > 0 ? BIN_COUNT : 0;
    low /= BIN_MARGIN;
    double width = log(high * BIN_MARGIN / low) / BIN_COUNT;
    for (uint32_t bin = 0; bin < *count_out; bin++) {
        bins[bin].low = low * exp(width * bin);
        bins[bin].high = low * exp(width * (bin + 1));
    }
    for (uint32_t row = 0; row < page_rows(rows) && total > 0; row++) {
        double edge;
        double count;
        if (take_pair(json_array_get(rows, row), &edge, &count)) {
            uint32_t bin = (uint32_t)(log(edge / low) / width);
            bins[bin < BIN_COUNT ? bin : BIN_COUNT - 1].height += count * 100 / total;
        }
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
    const json_t *freshness = page_at(page->root, "hold.freshness");
    page_section_open(page, "latency", "Freshness and answers");
    page_say(page, "Each time counts from the moment it was due, so that a stall is felt by all "
                   "that waited behind it (no coordinated omission).");
    if (json_is_object(freshness)) {
        struct text_buffer caption = {0};
        text_buffer_append_string(&caption, "From the moment an event was due to be sent until a "
                                            "question could see it, at ");
        chart_words(&caption, CHART_RATE, page_number_or(page->root, "hold.asked", 0));
        text_buffer_append_string(&caption, ".");
        draw_distribution(page, freshness, "Freshness", caption.bytes);
        text_buffer_deinit(&caption);
    }
    for (uint32_t row = 0; row < page_rows(queries); row++) {
        const json_t *query = json_array_get(queries, row);
        struct text_buffer title = {0};
        text_buffer_append_string(&title, "Question: ");
        text_buffer_append_text(&title, page_text(query, "name"));
        draw_distribution(page, query, title.bytes,
                          "Time to answer while events are taken in, from the moment it was due.");
        text_buffer_deinit(&title);
    }
    if (page_rows(queries) == 0) {
        page_absent(page, "Times of answers");
    } else {
        page_table(page, "Table of answers", queries, columns,
                   sizeof(columns) / sizeof(columns[0]));
    }
    page_section_close(page);
}
