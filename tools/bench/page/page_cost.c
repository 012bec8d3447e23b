// SPDX-License-Identifier: Apache-2.0
// CPU by stage, memory, bytes by column, merging and restarting.
#include "tools/bench/page/page_private.h"

#define PARTS_MAX 8u ///< as many as there are colours; the rest is one part

struct parts {
    struct text names[PARTS_MAX];
    double values[PARTS_MAX];
    uint32_t count;
};

/// The stages in their order; from the eighth on they are summed up.
static void take_parts(const json_t *stages, struct parts *parts)
{
    for (uint32_t row = 0; row < page_rows(stages); row++) {
        const json_t *stage = json_array_get(stages, row);
        double value;
        if (!page_number(stage, "cpu_ns_per_event", &value) || value < 0) {
            continue;
        }
        if (parts->count < PARTS_MAX) {
            parts->names[parts->count] = page_text(stage, "stage");
            parts->values[parts->count++] = value;
        } else {
            parts->names[PARTS_MAX - 1] = TEXT_LITERAL("other stages");
            parts->values[PARTS_MAX - 1] += value;
        }
    }
}

static void draw_stages(struct page *page)
{
    static const struct page_column columns[] = {
        {"stage", "stage", CHART_PLAIN},
        {"cpu_ns_per_event", "CPU per event", CHART_NANOSECONDS},
        {"share", "share", CHART_PERCENT},
        {"threads", "threads", CHART_PLAIN},
    };
    const json_t *stages = page_at(page->root, "ingest_stages");
    struct parts parts = {0};
    struct chart_series keys[PARTS_MAX] = {0};
    struct text row = TEXT_LITERAL("taking in an event");
    take_parts(stages, &parts);
    text_buffer_append_string(page->out, "<h3>CPU by stage</h3>\n");
    if (parts.count == 0) {
        page_absent(page, "CPU by stage");
        return;
    }
    for (uint32_t part = 0; part < parts.count; part++) {
        keys[part] =
            (struct chart_series){.name = parts.names[part], .tone = part, .shape = CHART_THIN};
    }
    struct chart_stack stack = {.title = TEXT_LITERAL("CPU per event by stage"),
                                .unit = CHART_NANOSECONDS,
                                .rows = &row,
                                .row_count = 1,
                                .parts = parts.names,
                                .part_count = parts.count,
                                .values = parts.values};
    page_figure_open(page);
    chart_legend_draw(page->out, keys, parts.count);
    chart_stack_draw(page->out, &stack);
    page_figure_close(page, "CPU time per event, by stage of the pipeline, all threads together.");
    page_table(page, "Table of stages", stages, columns, sizeof(columns) / sizeof(columns[0]));
}

static void draw_bytes(struct page *page)
{
    static const struct page_column columns[] = {
        {"column", "column", CHART_PLAIN},
        {"bytes", "bytes per event", CHART_PLAIN},
        {"encoding", "encoding", CHART_PLAIN},
    };
    const json_t *rows = page_at(page->root, "bytes_per_event");
    uint32_t row_count = page_rows(rows);
    text_buffer_append_string(page->out, "<h3>On disk</h3>\n");
    if (row_count == 0) {
        page_absent(page, "Bytes by column");
        return;
    }
    struct chart_bar *bars = arena_allocate_zeroed(&page->arena, row_count, sizeof(*bars));
    uint32_t bar_count = 0;
    for (uint32_t row = 0; row < row_count; row++) {
        const json_t *column = json_array_get(rows, row);
        struct chart_bar *bar = &bars[bar_count];
        bar->label = page_text(column, "column");
        bar_count += page_number(column, "bytes", &bar->value);
    }
    page_figure_open(page);
    chart_bars_draw(page->out, TEXT_LITERAL("Bytes per event by column"), CHART_BYTES, bars,
                    bar_count);
    page_figure_close(page, "Bytes per event on disk, by column, after merging.");
    page_table(page, "Table of columns", rows, columns, sizeof(columns) / sizeof(columns[0]));
}

static void draw_memory(struct page *page)
{
    static const struct page_column columns[] = {
        {"seconds", "seconds", CHART_PLAIN},         {"live_users", "live users", CHART_COUNT},
        {"events", "events", CHART_COUNT},           {"bytes", "in use", CHART_BYTES},
        {"resident_bytes", "resident", CHART_BYTES},
    };
    const json_t *rows = page_at(page->root, "memory.series");
    struct chart_series series[2] = {
        {.name = TEXT_LITERAL("in use"), .tone = 0, .shape = CHART_LINE},
        {.name = TEXT_LITERAL("resident, as the system sees it"), .tone = 1, .shape = CHART_LINE}};
    series[0].points = page_points(page, rows, "live_users", "bytes", &series[0].point_count);
    series[1].points =
        page_points(page, rows, "live_users", "resident_bytes", &series[1].point_count);
    text_buffer_append_string(page->out, "<h3>Memory</h3>\n");
    if (series[0].point_count + series[1].point_count == 0) {
        page_absent(page, "The growth of memory");
        return;
    }
    struct chart_plot plot = {.title = TEXT_LITERAL("Memory by live users"),
                              .x = {.label = "live users", .unit = CHART_COUNT},
                              .y = {.label = "memory", .unit = CHART_BYTES},
                              .series = series,
                              .series_count = 2};
    page_fit(&plot);
    page_figure_open(page);
    chart_legend_draw(page->out, series, 2);
    chart_plot_draw(page->out, &plot);
    page_figure_close(page, "Memory as users come: its slope is what one more user costs.");
    page_table(page, "Table of memory", rows, columns, sizeof(columns) / sizeof(columns[0]));
}

void page_cost_draw(struct page *page)
{
    page_section_open(page, "cost", "What an event costs");
    draw_stages(page);
    draw_memory(page);
    draw_bytes(page);
    page_section_close(page);
}
