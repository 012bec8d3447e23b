// SPDX-License-Identifier: Apache-2.0
// How time, bytes and memory grow with events and with cores.
#include "tools/bench/page/page_private.h"

#define LINES_MAX 3u

struct line {
    const char *path;
    const char *name;
    enum chart_shape shape;
};

static void draw_lines(struct page *page, const json_t *rows, const char *x_path,
                       struct chart_plot *plot, const struct line *lines, uint32_t line_count,
                       const char *caption)
{
    struct chart_series series[LINES_MAX] = {0};
    uint32_t count = 0;
    for (uint32_t index = 0; index < line_count; index++) {
        struct chart_series *one = &series[count];
        one->points = page_points(page, rows, x_path, lines[index].path, &one->point_count);
        one->name = text_from(lines[index].name);
        one->tone = index;
        one->shape = lines[index].shape;
        count += one->point_count > 0;
    }
    if (count == 0) {
        return;
    }
    plot->series = series;
    plot->series_count = count;
    page_fit(plot);
    page_figure_open(page);
    chart_legend_draw(page->out, series, count);
    chart_plot_draw(page->out, plot);
    page_figure_close(page, caption);
}

static void draw_events(struct page *page, const json_t *rows)
{
    static const struct line seconds[] = {
        {"ingest_seconds", "taking in", CHART_LINE},
        {"query_seconds", "a question over all", CHART_LINE},
    };
    static const struct line sizes[] = {
        {"bytes", "on disk", CHART_LINE},
        {"memory", "memory", CHART_LINE},
    };
    struct chart_plot plot = {
        .title = TEXT_LITERAL("Seconds by events"),
        .x = {.label = "events (logarithmic)", .unit = CHART_COUNT, .logarithmic = true},
        .y = {.label = "seconds (logarithmic)", .unit = CHART_PLAIN, .logarithmic = true}};
    draw_lines(page, rows, "events", &plot, seconds, 2,
               "Time by the number of events. A straight rise of one decade per decade is linear; "
               "flatter is better.");
    plot = (struct chart_plot){
        .title = TEXT_LITERAL("Bytes by events"),
        .x = {.label = "events (logarithmic)", .unit = CHART_COUNT, .logarithmic = true},
        .y = {.label = "bytes (logarithmic)", .unit = CHART_BYTES, .logarithmic = true}};
    draw_lines(page, rows, "events", &plot, sizes, 2, "Disk and memory by the number of events.");
}

static void draw_cores(struct page *page, const json_t *rows)
{
    static const struct line lines[] = {
        {"events_per_second", "taken in", CHART_LINE},
        {"query_events_per_second", "read by a question", CHART_LINE},
        {"linear", "if it grew with the cores", CHART_DASHES},
    };
    struct chart_plot plot = {.title = TEXT_LITERAL("Events per second by threads"),
                              .x = {.label = "threads", .unit = CHART_PLAIN},
                              .y = {.label = "events per second", .unit = CHART_RATE}};
    draw_lines(page, rows, "threads", &plot, lines, 3, "Events per second by threads at work.");
}

void page_growth_draw(struct page *page)
{
    static const struct page_column events[] = {
        {"events", "events", CHART_COUNT},
        {"ingest_seconds", "taking in, s", CHART_PLAIN},
        {"query_seconds", "question, s", CHART_PLAIN},
        {"bytes", "on disk", CHART_BYTES},
        {"memory", "memory", CHART_BYTES},
    };
    static const struct page_column cores[] = {
        {"threads", "threads", CHART_PLAIN},
        {"events_per_second", "taken in", CHART_RATE},
        {"query_events_per_second", "read by a question", CHART_RATE},
        {"query_seconds", "question, s", CHART_PLAIN},
    };
    const json_t *growth = page_at(page->root, "growth");
    const json_t *by_cores = page_at(page->root, "cores");
    page_section_open(page, "growth", "How it grows");
    if (page_rows(growth) == 0) {
        page_absent(page, "Growth with events");
    } else {
        draw_events(page, growth);
        page_table(page, "Table by events", growth, events, sizeof(events) / sizeof(events[0]));
    }
    if (page_rows(by_cores) == 0) {
        page_absent(page, "Growth with cores");
    } else {
        draw_cores(page, by_cores);
        page_table(page, "Table by cores", by_cores, cores, sizeof(cores) / sizeof(cores[0]));
    }
    page_section_close(page);
}
