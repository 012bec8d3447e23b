// SPDX-License-Identifier: Apache-2.0
#include "tools/report/grid.h"
#include "tools/report/report.h"
#include "tools/report/report_csv.h"
#include "tools/report/report_json.h"
#include "tools/report/report_lines.h"

#include <inttypes.h>

static void write_question(struct json_writer *writer, const struct query_pattern *query)
{
    json_writer_begin(writer, "definition", '{');
    json_writer_text(writer, "kind", TEXT_LITERAL("pattern"));
    json_writer_text(writer, "pattern", query->pattern);
    json_writer_begin(writer, "steps", '[');
    writer->flat = true;
    for (uint32_t index = 0; index < query->step_count; index++) {
        json_writer_text(writer, NULL, query->steps[index].name);
    }
    json_writer_end(writer, ']');
    writer->flat = false;
    json_writer_text(writer, "where", query->where);
    json_writer_end(writer, '}');
}

static void write_user(struct json_writer *writer, const struct query_pattern_user *user)
{
    json_writer_begin(writer, NULL, '{');
    json_writer_text(writer, "user", user->id);
    if (user->counted) {
        json_writer_unsigned(writer, "matches", user->count);
    } else {
        json_writer_null(writer, "matches");
    }
    json_writer_begin(writer, "longest_us", '[');
    writer->flat = true;
    for (uint32_t index = 0; index < user->longest_count; index++) {
        json_writer_signed(writer, NULL, user->longest_us[index]);
    }
    json_writer_end(writer, ']');
    writer->flat = false;
    json_writer_end(writer, '}');
}

static void write_json(const struct report_pattern *pattern, const struct report_style *style,
                       struct text_buffer *out)
{
    const struct query_pattern_result *result = pattern->result;
    struct json_writer writer;
    json_writer_init(&writer, out);
    json_writer_begin(&writer, NULL, '{');
    write_question(&writer, pattern->query);
    json_writer_unsigned(&writer, "users", result->users);
    json_writer_unsigned(&writer, "matching", result->matching);
    if (result->uncounted == 0) {
        json_writer_unsigned(&writer, "matches", result->matches);
    } else {
        json_writer_null(&writer, "matches");
    }
    json_writer_unsigned(&writer, "uncounted", result->uncounted);
    if (pattern->users != NULL) {
        json_writer_begin(&writer, "rows", '[');
        for (uint32_t index = 0; index < pattern->user_count; index++) {
            write_user(&writer, &pattern->users[index]);
        }
        json_writer_end(&writer, ']');
    }
    report_json_provenance(&writer, &result->provenance, style);
    json_writer_end(&writer, '}');
}

/// Times of the events that (?N) matched, with `mark` between them.
static void append_times(const struct query_pattern_user *user, const char *mark,
                         struct text_buffer *out)
{
    for (uint32_t index = 0; index < user->longest_count; index++) {
        text_buffer_append_string(out, index == 0 ? "" : mark);
        report_time(out, user->longest_us[index]);
    }
}

static void write_csv(const struct report_pattern *pattern, struct text_buffer *out)
{
    const struct query_pattern_result *result = pattern->result;
    if (pattern->users == NULL) {
        text_buffer_append_string(out, "users,matching,matches,uncounted\n");
        text_buffer_printf(out, "%" PRIu64 ",%" PRIu64 ",", result->users, result->matching);
        if (result->uncounted == 0) {
            text_buffer_printf(out, "%" PRIu64, result->matches);
        }
        text_buffer_printf(out, ",%" PRIu64 "\n", result->uncounted);
        return;
    }
    text_buffer_append_string(out, "user,matches,longest\n");
    for (uint32_t index = 0; index < pattern->user_count; index++) {
        const struct query_pattern_user *user = &pattern->users[index];
        report_csv_cell(out, user->id, true);
        if (user->counted) {
            text_buffer_printf(out, ",%" PRIu64 ",", user->count);
        } else {
            text_buffer_append_string(out, ",,");
        }
        append_times(user, " ", out);
        text_buffer_append_string(out, "\n");
    }
}

static void draw_title(const struct query_pattern *query, const struct report_style *style,
                       struct text_buffer *out)
{
    struct text_buffer line = {0};
    grid_colour_begin(out, style, "1");
    text_buffer_append_string(out, "pattern ");
    report_text(out, query->pattern);
    grid_colour_end(out, style, "1");
    text_buffer_append_string(out, "\n");
    text_buffer_append_string(&line, "  ");
    for (uint32_t index = 0; index < query->step_count; index++) {
        text_buffer_printf(&line, "(?%u) ", index + 1);
        report_text(&line, query->steps[index].name);
        text_buffer_append_string(&line, " · ");
    }
    report_lines_range(&query->range, &line);
    if (query->where.bytes != NULL) {
        text_buffer_append_string(&line, " · where ");
        report_text(&line, query->where);
    }
    report_lines_dim(line.bytes, style, out);
    text_buffer_append_string(out, "\n");
    text_buffer_deinit(&line);
}

static void draw_sums(const struct query_pattern_result *result, struct text_buffer *out)
{
    text_buffer_append_string(out, "  ");
    report_count(out, result->matching);
    text_buffer_append_string(out, " of ");
    report_count(out, result->users);
    text_buffer_append_string(out, " users match (");
    report_rate(out, result->matching, result->users);
    text_buffer_append_string(out, ")");
    if (result->uncounted == 0) {
        text_buffer_append_string(out, ", ");
        report_count(out, result->matches);
        text_buffer_append_string(out, result->matches == 1 ? " match\n" : " matches\n");
        return;
    }
    text_buffer_append_string(out, "; how often is not known: ");
    report_count(out, result->uncounted);
    text_buffer_append_string(out, " users have too many events to count matches that do not "
                                   "overlap\n");
}

static void draw_users(const struct report_pattern *pattern, const struct report_style *style,
                       struct text_buffer *out)
{
    struct grid grid = {0};
    grid_add_column(&grid, "user", GRID_LEFT, 0, NULL);
    grid_add_column(&grid, "matches", GRID_RIGHT, 0, "1");
    grid_add_column(&grid, "longest chain", GRID_LEFT, 0, NULL);
    for (uint32_t index = 0; index < pattern->user_count; index++) {
        const struct query_pattern_user *user = &pattern->users[index];
        struct text_buffer times = {0};
        append_times(user, " → ", &times);
        grid_add_text(&grid, user->id);
        if (user->counted) {
            grid_add_count(&grid, user->count);
        } else {
            grid_add_string(&grid, "–");
        }
        grid_add_words(&grid, times.bytes == NULL ? "–" : times.bytes, NULL);
        text_buffer_deinit(&times);
    }
    text_buffer_append_string(out, "\n");
    grid_render(&grid, style, out);
    grid_deinit(&grid);
}

void report_pattern(const struct report_pattern *pattern, const struct report_style *style,
                    struct text_buffer *out)
{
    if (style->format == REPORT_JSON) {
        write_json(pattern, style, out);
        return;
    }
    if (style->format == REPORT_CSV) {
        write_csv(pattern, out);
        return;
    }
    draw_title(pattern->query, style, out);
    draw_sums(pattern->result, out);
    if (pattern->user_count > 0) {
        draw_users(pattern, style, out);
    }
    text_buffer_append_string(out, "\n");
    report_lines_provenance(&pattern->result->provenance, style, out);
}
