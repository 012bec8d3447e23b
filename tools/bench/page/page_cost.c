// SPDX-License-Identifier: Apache-2.0
// CPU by stage, memory, bytes by column, merging and restarting.
#include "tools/bench/page/page_private.h"

#define PARTS_MAX 8u ///< as many as there are colours; the rest is one part

struct parts {
    struct text names[PARTS_MAX];
    double values[PARTS_MAX];
    uint32_t count;
};

/// The stages in their order, without those of the load itself; from the eighth on they are summed
/// up.
static void take_parts(const json_t *stages, struct parts *parts)
{
    for (uint32_t row = 0; row < page_rows(stages); row++) {
        const json_t *stage = json_array_get(stages, row);
        double value;
        if (!page_number(stage, "cpu_ns_per_event", &value) || value < 0 ||
            json_is_false(page_at(stage, "system"))) {
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
        {"system", "part of the system", CHART_PLAIN},
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
            (struct chart_series){.name = parts.names[part], .tone = part, .shape = CHART_BLOCK};
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

/// [[at_us, bytes]...]
static void draw_course(struct page *page, const json_t *rows)
{
    struct chart_series series = {.name = TEXT_LITERAL("resident"), .shape = CHART_THIN};
    uint32_t row_count = page_rows(rows);
    struct chart_point *points =
        arena_allocate_zeroed(&page->arena, row_count + 1, sizeof(*points));
    double first_us = json_number_value(json_array_get(json_array_get(rows, 0), 0));
    for (uint32_t row = 0; row < row_count; row++) {
        const json_t *pair = json_array_get(rows, row);
        points[row].x = (json_number_value(json_array_get(pair, 0)) - first_us) / 1e6;
        points[row].y = json_number_value(json_array_get(pair, 1));
    }
    series.points = points;
    series.point_count = row_count;
    if (row_count < 2) {
        return;
    }
    struct chart_plot plot = {.title = TEXT_LITERAL("Memory over time"),
                              .x = {.label = "seconds of the held load", .unit = CHART_PLAIN},
                              .y = {.label = "resident memory", .unit = CHART_BYTES},
                              .series = &series,
                              .series_count = 1};
    page_fit(&plot);
    page_figure_open(page);
    chart_plot_draw(page->out, &plot);
    page_figure_close(page, "Resident memory while the load was held.");
}

static void draw_memory(struct page *page)
{
    static const struct {
        const char *path;
        struct text name;
    } parts[] = {{"rings_bytes", {"rings", 5}},
                 {"tails_bytes", {"events not yet on disk", 22}},
                 {"chunks_bytes", {"events being written", 20}},
                 {"live_bytes", {"live users", 10}}};
    const json_t *memory = page_at(page->root, "memory");
    struct chart_bar bars[5] = {0};
    uint32_t count = 0;
    text_buffer_append_string(page->out, "<h3>Memory</h3>\n");
    for (size_t index = 0; index < sizeof(parts) / sizeof(parts[0]); index++) {
        bars[count].label = parts[index].name;
        count += page_number(memory, parts[index].path, &bars[count].value);
    }
    bars[count].label = TEXT_LITERAL("whole process, peak");
    bars[count].tone = 6;
    count += page_number(memory, "resident_peak_bytes", &bars[count].value);
    if (count == 0) {
        page_absent(page, "Memory");
        return;
    }
    page_figure_open(page);
    chart_bars_draw(page->out, TEXT_LITERAL("Memory by part"), CHART_BYTES, bars, count);
    page_figure_close(page, "Memory by part while the load was held. The whole process holds the "
                            "benchmark's own broker and generator too.");
    draw_course(page, page_at(memory, "series"));
    page_object(page, "Table of memory", memory);
}

void page_cost_draw(struct page *page)
{
    page_section_open(page, "cost", "What an event costs");
    draw_stages(page);
    draw_memory(page);
    draw_bytes(page);
    page_object(page, "Merging and the disk", page_at(page->root, "merge"));
    page_section_close(page);
}
