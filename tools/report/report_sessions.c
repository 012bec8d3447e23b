// SPDX-License-Identifier: Apache-2.0
#include "tools/report/grid.h"
#include "tools/report/report.h"
#include "tools/report/report_csv.h"
#include "tools/report/report_json.h"
#include "tools/report/report_lines.h"

#define MEDIAN_INDEX 1
#define NINETIETH_INDEX 2

static void add_columns(struct grid *grid, struct text by)
{
    if (by.bytes == NULL) {
        grid_add_column(grid, "", GRID_LEFT, 0, NULL);
    } else {
        grid_add_column_named(grid, by, GRID_LEFT, 0);
    }
    grid_add_column(grid, "", GRID_BAR, 0, "36");
    grid_add_column(grid, "sessions", GRID_RIGHT, 0, "1");
    grid_add_column(grid, "users", GRID_RIGHT, 2, NULL);
    grid_add_column(grid, "events", GRID_RIGHT, 3, NULL);
    grid_add_column(grid, "each", GRID_RIGHT, 0, NULL);
    grid_add_column(grid, "bounced", GRID_RIGHT, 0, NULL);
    grid_add_column(grid, "median", GRID_RIGHT, 0, NULL);
    grid_add_column(grid, "mean", GRID_RIGHT, 4, NULL);
    grid_add_column(grid, "90 %", GRID_RIGHT, 1, NULL);
    grid_add_column(grid, "live", GRID_RIGHT, 0, NULL);
}

static void add_row(struct grid *grid, const struct query_session_row *row, uint64_t largest)
{
    struct text_buffer each = {0};
    text_buffer_append_string(&each, row->sessions == 0 ? "–" : "");
    if (row->sessions > 0) {
        text_buffer_printf(&each, "%.1f", (double)row->events / (double)row->sessions);
    }
    grid_add_bar(grid, row->sessions, largest);
    grid_add_count(grid, row->sessions);
    grid_add_count(grid, row->users);
    grid_add_count(grid, row->events);
    grid_add_string(grid, each.bytes);
    grid_add_rate(grid, row->bounces, row->sessions);
    grid_add_duration(grid, row->length.count, row->length.percentiles_us[MEDIAN_INDEX]);
    grid_add_duration(grid, row->length.count, row->length.mean_us);
    grid_add_duration(grid, row->length.count, row->length.percentiles_us[NINETIETH_INDEX]);
    grid_add_count(grid, row->live);
    text_buffer_deinit(&each);
}

static void draw_title(const struct query_sessions *query, const struct report_style *style,
                       struct text_buffer *out)
{
    int64_t timeout_us = query->session_timeout_us;
    struct text_buffer line = {0};
    grid_colour_begin(out, style, "1");
    text_buffer_append_string(out, "sessions");
    grid_colour_end(out, style, "1");
    text_buffer_append_string(&line, "  a gap of more than ");
    duration_format(timeout_us == 0 ? SESSION_TIMEOUT_DEFAULT_US : timeout_us, &line);
    text_buffer_append_string(&line, " starts a new one · ");
    report_lines_range(&query->range, &line);
    report_lines_dim(line.bytes, style, out);
    text_buffer_append(out, "\n", 1);
    text_buffer_deinit(&line);
}

static void draw_sessions(const struct query_sessions *query,
                          const struct query_sessions_result *result,
                          const struct report_style *style, struct text_buffer *out)
{
    struct grid grid = {0};
    uint64_t largest = result->total.sessions;
    draw_title(query, style, out);
    add_columns(&grid, query->by);
    for (uint32_t index = 0; index < result->row_count; index++) {
        grid_add_text(&grid, result->rows[index].value);
        add_row(&grid, &result->rows[index], largest);
    }
    if (result->has_other) {
        grid_add_string(&grid, "(other)");
        add_row(&grid, &result->other, largest);
    }
    grid_add_string(&grid, "total");
    add_row(&grid, &result->total, largest);
    grid_render(&grid, style, out);
    grid_deinit(&grid);
    text_buffer_append(out, "\n", 1);
    report_lines_provenance(&result->provenance, style, out);
}

void report_sessions(const struct query_sessions *query, const struct query_sessions_result *result,
                     const struct report_style *style, struct text_buffer *out)
{
    if (style->format == REPORT_JSON) {
        report_json_sessions(query, result, style, out);
    } else if (style->format == REPORT_CSV) {
        report_csv_sessions(query, result, out);
    } else {
        draw_sessions(query, result, style, out);
    }
}
