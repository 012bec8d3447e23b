// SPDX-License-Identifier: Apache-2.0
#include "storage/base/clock.h"
#include "tools/report/grid.h"
#include "tools/report/report.h"
#include "tools/report/report_csv.h"
#include "tools/report/report_json.h"
#include "tools/report/report_lines.h"

#define SPARKLINE_WIDTH 24u

static uint64_t largest_events(const struct query_stages_result *result)
{
    uint64_t largest = 0;
    for (uint32_t index = 0; index < result->row_count; index++) {
        if (result->rows[index].events > largest) {
            largest = result->rows[index].events;
        }
    }
    return largest;
}

static void add_row(struct grid *grid, const struct query_stage_row *row,
                    const struct query_stages_result *result, uint64_t largest)
{
    struct text_buffer line = {0};
    uint64_t seconds = (uint64_t)(result->bucket_us / MICROSECONDS_PER_SECOND) *
                       (result->bucket_count == 0 ? 1 : result->bucket_count);
    report_lines_sparkline(row->bucket_events, result->bucket_count, SPARKLINE_WIDTH, &line);
    grid_add_text(grid, row->name);
    grid_add_bar(grid, row->events, largest);
    grid_add_count(grid, row->events);
    grid_add_count(grid, row->users);
    grid_add_string(grid, line.bytes == NULL ? "" : line.bytes);
    text_buffer_reset(&line);
    text_buffer_printf(&line, "%.3g", seconds == 0 ? 0 : (double)row->events / (double)seconds);
    grid_add_string(grid, line.bytes);
    text_buffer_deinit(&line);
}

static void draw_title(const struct query_stages *query, const struct query_stages_result *result,
                       const struct report_style *style, struct text_buffer *out)
{
    struct text_buffer line = {0};
    report_lines_range(&query->range, &line);
    text_buffer_append_string(&line, " · buckets of ");
    duration_format(result->bucket_us, &line);
    if (result->bucket_count > 0) {
        text_buffer_append_string(&line, " from ");
        report_time(&line, result->first_bucket_us);
    }
    if (query->where.bytes != NULL) {
        text_buffer_append_string(&line, " · where ");
        report_text(&line, query->where);
    }
    report_lines_dim(line.bytes, style, out);
    text_buffer_append(out, "\n", 1);
    text_buffer_deinit(&line);
}

static void draw_stages(const struct query_stages *query, const struct query_stages_result *result,
                        const struct report_style *style, struct text_buffer *out)
{
    struct grid grid = {0};
    uint64_t largest = largest_events(result);
    grid_colour_begin(out, style, "1");
    text_buffer_append_string(out, query->stage_count == 0 ? "events by name" : "stages");
    grid_colour_end(out, style, "1");
    text_buffer_append_string(out, "  ");
    draw_title(query, result, style, out);
    grid_add_column(&grid, query->stage_count == 0 ? "event" : "stage", GRID_LEFT, 0, NULL);
    grid_add_column(&grid, "", GRID_BAR, 0, "36");
    grid_add_column(&grid, "events", GRID_RIGHT, 0, "1");
    grid_add_column(&grid, "users", GRID_RIGHT, 0, NULL);
    grid_add_column(&grid, "over time", GRID_LEFT, 1, NULL);
    grid_add_column(&grid, "per s", GRID_RIGHT, 2, NULL);
    for (uint32_t index = 0; index < result->row_count; index++) {
        add_row(&grid, &result->rows[index], result, largest);
    }
    grid_render(&grid, style, out);
    grid_deinit(&grid);
    text_buffer_append(out, "\n", 1);
    report_lines_provenance(&result->provenance, style, out);
}

void report_stages(const struct query_stages *query, const struct query_stages_result *result,
                   const struct report_style *style, struct text_buffer *out)
{
    if (style->format == REPORT_JSON) {
        report_json_stages(query, result, style, out);
    } else if (style->format == REPORT_CSV) {
        report_csv_stages(result, out);
    } else {
        draw_stages(query, result, style, out);
    }
}
