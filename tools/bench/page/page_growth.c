// SPDX-License-Identifier: Apache-2.0
// How time, bytes and memory grow with events and with cores.
#include "tools/bench/page/page_private.h"

#define LINES_MAX 3u

struct line {
    const char *path;
    const char *name;
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
        one->shape = CHART_LINE;
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
    static const struct line seconds[] = {{"ingest_seconds", "taking all of them in"},
                                          {"query_seconds", "a funnel over all of them"},
                                          {"restart_seconds", "restart"}};
    static const struct line sizes[] = {
        {"bytes", "on disk"}, {"memory", "memory"}, {"live_bytes", "state of live users"}};
    struct chart_plot plot = {
        .title = TEXT_LITERAL("Seconds by events"),
        .x = {.label = "events (logarithmic)", .unit = CHART_COUNT, .logarithmic = true},
        .y = {.label = "seconds (logarithmic)", .unit = CHART_PLAIN, .logarithmic = true}};
    draw_lines(page, rows, "events", &plot, seconds, 3,
               "Time by the number of events. A rise of one decade per decade is linear; flatter "
               "is better.");
    plot = (struct chart_plot){
        .title = TEXT_LITERAL("Bytes by events"),
        .x = {.label = "events (logarithmic)", .unit = CHART_COUNT, .logarithmic = true},
        .y = {.label = "bytes (logarithmic)", .unit = CHART_BYTES, .logarithmic = true}};
    draw_lines(page, rows, "events", &plot, sizes, 3, "Disk and memory by the number of events.");
}

/// A line through the first row's rate per thread.
static struct chart_point *ideal_of(struct page *page, const struct chart_point *points,
                                    uint32_t count)
{
    struct chart_point *ideal = arena_allocate_zeroed(&page->arena, count + 1, sizeof(*ideal));
    for (uint32_t index = 0; index < count; index++) {
        ideal[index].x = points[index].x;
        ideal[index].y = points[0].x > 0 ? points[0].y * points[index].x / points[0].x : 0;
    }
    return ideal;
}

static void draw_cores(struct page *page, const json_t *rows)
{
    struct chart_series series[2] = {
        {.name = TEXT_LITERAL("taken in"), .shape = CHART_LINE},
        {.name = TEXT_LITERAL("if it grew with the cores"), .tone = 6, .shape = CHART_DASHES}};
    series[0].points =
        page_points(page, rows, "threads", "events_per_second", &series[0].point_count);
    series[1].point_count = series[0].point_count;
    series[1].points = ideal_of(page, series[0].points, series[0].point_count);
    if (series[0].point_count == 0) {
        return;
    }
    struct chart_plot plot = {.title = TEXT_LITERAL("Events per second by cores"),
                              .x = {.label = "cores", .unit = CHART_PLAIN},
                              .y = {.label = "events per second", .unit = CHART_RATE},
                              .series = series,
                              .series_count = 2};
    page_fit(&plot);
    page_figure_open(page);
    chart_legend_draw(page->out, series, 2);
    chart_plot_draw(page->out, &plot);
    page_figure_close(page, "Events per second as fast as they go, by cores. Where the load has no "
                            "cores of its own, it takes some of the system's.");
}

void page_growth_draw(struct page *page)
{
    static const struct page_column events[] = {
        {"events", "events", CHART_COUNT},
        {"users", "users", CHART_COUNT},
        {"ingest_seconds", "taking in, s", CHART_PLAIN},
        {"cpu_ns_per_event", "CPU an event", CHART_NANOSECONDS},
        {"questions.funnel", "funnel, s", CHART_PLAIN},
        {"query_seconds", "question, s", CHART_PLAIN},
        {"restart_seconds", "restart, s", CHART_PLAIN},
        {"compact_seconds", "compaction, s", CHART_PLAIN},
        {"bytes", "on disk", CHART_BYTES},
        {"bytes_flushed", "committed", CHART_BYTES},
        {"bytes_merged", "merged", CHART_BYTES},
        {"memory", "memory", CHART_BYTES},
        {"live_bytes", "live users", CHART_BYTES},
        {"live_bytes_per_user", "a live user", CHART_BYTES},
    };
    static const struct page_column cores[] = {
        {"threads", "cores", CHART_PLAIN},
        {"events_per_second", "taken in", CHART_RATE},
        {"cpu_ns_per_event", "CPU an event", CHART_NANOSECONDS},
        {"load_shares_cores", "the load shares them", CHART_PLAIN},
        {"generator_limited", "generator was the limit", CHART_PLAIN},
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
