// SPDX-License-Identifier: Apache-2.0
#include "tools/report/grid.h"
#include "tools/report/report_csv.h"
#include "tools/report/report_json.h"
#include "tools/report/report_lines.h"

#include <inttypes.h>

struct diff_report {
    const struct query_funnel *query;
    struct text dialect;
    const struct peer_diff_result *result;
    uint32_t rows;
    const struct report_style *style;
    struct text_buffer *out;
};

/// How long after the entry each step was matched: "0 s · 12 s · 3 m".
static void append_times(const int64_t *times_us, uint32_t level, struct text_buffer *out)
{
    for (uint32_t k = 0; k < level; k++) {
        if (k == 0) {
            report_time(out, times_us[0]);
        } else {
            text_buffer_append_string(out, " +");
            report_duration(out, (double)(times_us[k] - times_us[0]));
        }
    }
    text_buffer_append_string(out, level == 0 ? "–" : "");
}

static void draw_counts(const struct diff_report *report)
{
    struct grid grid = {0};
    grid_add_column(&grid, "step", GRID_LEFT, 0, "1");
    grid_add_column(&grid, "ours", GRID_RIGHT, 0, NULL);
    grid_add_column_named(&grid, report->dialect, GRID_RIGHT, 0);
    for (uint32_t k = 0; k < report->query->funnel.step_count; k++) {
        grid_add_text(&grid, report->query->funnel.steps[k].name);
        grid_add_count(&grid, report->result->reached[0][k]);
        grid_add_count(&grid, report->result->reached[1][k]);
    }
    grid_render(&grid, report->style, report->out);
    grid_deinit(&grid);
}

static void draw_reasons(const struct diff_report *report)
{
    struct grid grid = {0};
    grid_add_column(&grid, "why", GRID_LEFT, 0, NULL);
    grid_add_column(&grid, "users", GRID_RIGHT, 0, NULL);
    for (uint32_t i = 0; i < report->result->reason_count; i++) {
        grid_add_words(&grid, report->result->reasons[i].why, NULL);
        grid_add_count(&grid, report->result->reasons[i].users);
    }
    grid_render(&grid, report->style, report->out);
    grid_deinit(&grid);
}

static void draw_users(const struct diff_report *report)
{
    struct grid grid = {0};
    struct text_buffer words = {0};
    grid_add_column(&grid, "user", GRID_LEFT, 0, "1");
    grid_add_column(&grid, "ours", GRID_RIGHT, 0, NULL);
    grid_add_column(&grid, "theirs", GRID_RIGHT, 0, NULL);
    grid_add_column(&grid, "why", GRID_LEFT, 0, NULL);
    grid_add_column(&grid, "our times", GRID_LEFT, 2, "2");
    grid_add_column(&grid, "their times", GRID_LEFT, 1, "2");
    for (uint64_t i = 0; i < report->result->count && i < report->rows; i++) {
        const struct peer_diff_user *user = &report->result->list[i];
        grid_add_text(&grid, user->user_id);
        grid_add_count(&grid, user->level[0]);
        grid_add_count(&grid, user->level[1]);
        grid_add_words(&grid, user->why, NULL);
        for (uint32_t side = 0; side < 2; side++) {
            text_buffer_reset(&words);
            append_times(user->times_us[side], user->level[side], &words);
            grid_add_words(&grid, words.bytes, NULL);
        }
    }
    grid_render(&grid, report->style, report->out);
    text_buffer_deinit(&words);
    grid_deinit(&grid);
}

static void draw_table(const struct diff_report *report)
{
    const struct peer_diff_result *result = report->result;
    struct text_buffer *out = report->out;
    report_lines_funnel(report->query, report->style, out);
    draw_counts(report);
    text_buffer_append_string(out, "\n  ");
    report_count(out, result->count);
    text_buffer_append_string(out, " of ");
    report_count(out, result->users);
    text_buffer_append_string(out, " users differ (");
    report_rate(out, result->count, result->users);
    if (result->count == 0) {
        text_buffer_append_string(out, ")\n");
        return;
    }
    text_buffer_append_string(out, "), ");
    report_count(out, result->level_count);
    text_buffer_append_string(out, " of them in their level, the others in the attempt\n");
    text_buffer_append(out, "\n", 1);
    draw_reasons(report);
    text_buffer_append(out, "\n", 1);
    draw_users(report);
    if (result->count > report->rows) {
        text_buffer_append_string(out, "  ");
        report_count(out, report->rows);
        text_buffer_append_string(out, " of ");
        report_count(out, result->count);
        text_buffer_append_string(out, " shown, --top N shows more, --format csv all\n");
    }
}

static void write_side(struct json_writer *writer, const char *level_key, const char *times_key,
                       const struct peer_diff_user *user, uint32_t side)
{
    json_writer_unsigned(writer, level_key, user->level[side]);
    json_writer_begin(writer, times_key, '[');
    writer->flat = true;
    for (uint32_t k = 0; k < user->level[side]; k++) {
        json_writer_signed(writer, NULL, user->times_us[side][k]);
    }
    json_writer_end(writer, ']');
    writer->flat = false;
}

static void write_counts(struct json_writer *writer, const struct diff_report *report,
                         const char *key, uint32_t side)
{
    json_writer_begin(writer, key, '[');
    writer->flat = true;
    for (uint32_t k = 0; k < report->query->funnel.step_count; k++) {
        json_writer_unsigned(writer, NULL, report->result->reached[side][k]);
    }
    json_writer_end(writer, ']');
    writer->flat = false;
}

static void write_json(const struct diff_report *report)
{
    const struct peer_diff_result *result = report->result;
    struct json_writer writer;
    json_writer_init(&writer, report->out);
    json_writer_begin(&writer, NULL, '{');
    report_json_question(&writer, report->query, report->style);
    json_writer_text(&writer, "dialect", report->dialect);
    json_writer_time(&writer, "as_of", result->as_of_us);
    json_writer_unsigned(&writer, "users", result->users);
    json_writer_unsigned(&writer, "differing", result->count);
    json_writer_unsigned(&writer, "differing_in_level", result->level_count);
    write_counts(&writer, report, "reached_ours", 0);
    write_counts(&writer, report, "reached_theirs", 1);
    json_writer_begin(&writer, "reasons", '[');
    for (uint32_t i = 0; i < result->reason_count; i++) {
        json_writer_begin(&writer, NULL, '{');
        json_writer_text(&writer, "why", text_from(result->reasons[i].why));
        json_writer_unsigned(&writer, "users", result->reasons[i].users);
        json_writer_end(&writer, '}');
    }
    json_writer_end(&writer, ']');
    json_writer_begin(&writer, "list", '[');
    for (uint64_t i = 0; i < result->count; i++) {
        const struct peer_diff_user *user = &result->list[i];
        json_writer_begin(&writer, NULL, '{');
        json_writer_text(&writer, "user", user->user_id);
        write_side(&writer, "level_ours", "times_ours_us", user, 0);
        write_side(&writer, "level_theirs", "times_theirs_us", user, 1);
        json_writer_text(&writer, "why", text_from(user->why));
        json_writer_end(&writer, '}');
    }
    json_writer_end(&writer, ']');
    json_writer_end(&writer, '}');
}

static void write_csv_times(const struct peer_diff_user *user, uint32_t side,
                            struct text_buffer *out)
{
    struct text_buffer times = {0};
    for (uint32_t k = 0; k < user->level[side]; k++) {
        text_buffer_append_string(&times, k > 0 ? " " : "");
        report_instant(&times, user->times_us[side][k]);
    }
    report_csv_cell(out, (struct text){times.bytes == NULL ? "" : times.bytes, times.size}, false);
    text_buffer_deinit(&times);
}

static void write_csv(const struct diff_report *report)
{
    text_buffer_append_string(report->out,
                              "user,level_ours,level_theirs,why,times_ours,times_theirs\n");
    for (uint64_t i = 0; i < report->result->count; i++) {
        const struct peer_diff_user *user = &report->result->list[i];
        report_csv_cell(report->out, user->user_id, true);
        text_buffer_printf(report->out, ",%" PRIu32 ",%" PRIu32, user->level[0], user->level[1]);
        report_csv_cell(report->out, text_from(user->why), false);
        write_csv_times(user, 0, report->out);
        write_csv_times(user, 1, report->out);
        text_buffer_append(report->out, "\n", 1);
    }
}

void report_dialect_diff(const struct query_funnel *query, struct text dialect,
                         const struct peer_diff_result *result, uint32_t rows,
                         const struct report_style *style, struct text_buffer *out)
{
    struct diff_report report = {query, dialect, result, rows, style, out};
    if (style->format == REPORT_JSON) {
        write_json(&report);
    } else if (style->format == REPORT_CSV) {
        write_csv(&report);
    } else {
        draw_table(&report);
    }
}
