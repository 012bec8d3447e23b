// SPDX-License-Identifier: Apache-2.0
// What another tool answers by its own rules: PostHog's views, Pinot's runs.
#include "tools/report/grid.h"
#include "tools/report/report_csv.h"
#include "tools/report/report_json.h"
#include "tools/report/report_lines.h"

#include <inttypes.h>

#define SECOND_US INT64_C(1000000)

struct peer_report {
    const struct query_funnel *query;
    const struct peer_posthog *question; ///< PostHog
    const struct peer_posthog_result *result;
    const struct peer_pinot_result *pinot; ///< Pinot
    const struct report_style *style;
    struct text_buffer *out;
};

static const char *const VIEWS[] = {"breakdown", "trends", "time_to_convert", "correlation"};

static void add_value_columns(const struct peer_report *report, struct grid *grid)
{
    for (uint32_t i = 0; i < report->query->by_count; i++) {
        grid_add_column_named(grid, report->query->by[i], GRID_LEFT, 0);
    }
}

static struct text value_shown(const struct text *values, uint32_t index)
{
    if (values == NULL) {
        return index == 0 ? TEXT_LITERAL("(other)") : TEXT_LITERAL("");
    }
    return values[index].size == 0 ? TEXT_LITERAL("(none)") : values[index];
}

static void add_values(const struct peer_report *report, const struct text *values,
                       struct grid *grid)
{
    for (uint32_t i = 0; i < report->query->by_count; i++) {
        grid_add_text(grid, value_shown(values, i));
    }
}

static void draw_breakdown(const struct peer_report *report, struct grid *grid)
{
    const struct funnel *funnel = &report->query->funnel;
    add_value_columns(report, grid);
    grid_add_column(grid, "step", GRID_LEFT, 0, "1");
    grid_add_column(grid, "users", GRID_RIGHT, 0, NULL);
    grid_add_column(grid, "of first", GRID_RIGHT, 0, NULL);
    grid_add_column(grid, "mean time", GRID_RIGHT, 1, NULL);
    grid_add_column(grid, "median time", GRID_RIGHT, 2, NULL);
    for (uint32_t i = 0; i < report->result->group_count; i++) {
        const struct peer_group *group = &report->result->groups[i];
        for (uint32_t k = 0; k < funnel->step_count; k++) {
            add_values(report, group->values, grid);
            grid_add_text(grid, funnel->steps[k].name);
            grid_add_count(grid, group->reached[k]);
            grid_add_rate(grid, group->reached[k], group->reached[0]);
            grid_add_duration(grid, group->timed[k], group->average_us[k]);
            grid_add_duration(grid, group->timed[k], group->median_us[k]);
        }
    }
}

static void draw_trends(const struct peer_report *report, struct grid *grid)
{
    struct text_buffer words = {0};
    add_value_columns(report, grid);
    grid_add_column(grid, "from", GRID_LEFT, 0, "1");
    grid_add_column(grid, "entered", GRID_RIGHT, 0, NULL);
    grid_add_column(grid, "converted", GRID_RIGHT, 0, NULL);
    grid_add_column(grid, "rate", GRID_RIGHT, 0, NULL);
    for (uint32_t i = 0; i < report->result->group_count; i++) {
        const struct peer_group *group = &report->result->groups[i];
        for (uint32_t r = 0; r < group->trend_count; r++) {
            add_values(report, group->values, grid);
            text_buffer_reset(&words);
            report_time(&words, group->trend[r].bucket_us);
            grid_add_string(grid, words.bytes);
            grid_add_count(grid, group->trend[r].entered);
            grid_add_count(grid, group->trend[r].converted);
            grid_add_rate(grid, group->trend[r].converted, group->trend[r].entered);
        }
    }
    text_buffer_deinit(&words);
}

static void draw_bins(const struct peer_report *report, struct grid *grid)
{
    const struct posthog_bins *bins = &report->result->bins;
    uint64_t most = 1;
    for (uint32_t i = 0; i < bins->count; i++) {
        most = bins->people[i] > most ? bins->people[i] : most;
    }
    grid_add_column(grid, "from", GRID_RIGHT, 0, "1");
    grid_add_column(grid, "users", GRID_RIGHT, 0, NULL);
    grid_add_column(grid, "", GRID_BAR, 0, "36");
    for (uint32_t i = 0; i < bins->count; i++) {
        grid_add_duration(grid, 1, (double)(bins->from_s[i] * SECOND_US));
        grid_add_count(grid, bins->people[i]);
        grid_add_bar(grid, bins->people[i], most);
    }
}

static void draw_correlations(const struct peer_report *report, struct grid *grid)
{
    char odds[32];
    grid_add_column(grid, "event", GRID_LEFT, 0, "1");
    grid_add_column(grid, "converted", GRID_RIGHT, 0, NULL);
    grid_add_column(grid, "did not", GRID_RIGHT, 0, NULL);
    grid_add_column(grid, "odds ratio", GRID_RIGHT, 0, NULL);
    for (uint32_t i = 0; i < report->result->correlation_count; i++) {
        const struct peer_correlation *row = &report->result->correlations[i];
        snprintf(odds, sizeof(odds), "%.3g", row->odds_ratio);
        grid_add_text(grid, row->event);
        grid_add_count(grid, row->cells.success);
        grid_add_count(grid, row->cells.failure);
        grid_add_string(grid, odds);
    }
}

static void draw_runs(const struct peer_report *report, struct grid *grid)
{
    const struct funnel *funnel = &report->query->funnel;
    add_value_columns(report, grid);
    for (uint32_t k = 0; k < funnel->step_count; k++) {
        grid_add_column_named(grid, funnel->steps[k].name, GRID_RIGHT, 0);
    }
    grid_add_column(grid, "complete runs", GRID_RIGHT, 0, NULL);
    for (uint32_t i = 0; i < report->pinot->group_count; i++) {
        const struct peer_pinot_group *group = &report->pinot->groups[i];
        add_values(report, group->values, grid);
        for (uint32_t k = 0; k < funnel->step_count; k++) {
            grid_add_count(grid, group->reached[k]);
        }
        grid_add_count(grid, group->complete_count);
    }
}

static void draw(const struct peer_report *report)
{
    struct grid grid = {0};
    report_lines_funnel(report->query, report->style, report->out);
    if (report->pinot != NULL) {
        draw_runs(report, &grid);
    } else if (report->question->view == PEER_TRENDS) {
        draw_trends(report, &grid);
    } else if (report->question->view == PEER_TIME_TO_CONVERT) {
        draw_bins(report, &grid);
    } else if (report->question->view == PEER_CORRELATION) {
        draw_correlations(report, &grid);
    } else {
        draw_breakdown(report, &grid);
    }
    grid_render(&grid, report->style, report->out);
    grid_deinit(&grid);
    if (report->pinot == NULL && report->question->view == PEER_CORRELATION &&
        report->result->correlation_count == 0) {
        text_buffer_append_string(report->out,
                                  "  none: no event but those of the steps is common enough\n");
    }
    bool timed = report->pinot == NULL && report->question->view == PEER_TIME_TO_CONVERT;
    if (timed && report->result->bins.count > 0) {
        text_buffer_append_string(report->out, "\n  mean ");
        report_duration(report->out, report->result->bins.average_us);
        text_buffer_append(report->out, "\n", 1);
    }
}

static void write_values(struct json_writer *writer, const struct peer_report *report,
                         const struct text *values)
{
    json_writer_begin(writer, "values", '[');
    writer->flat = true;
    for (uint32_t i = 0; i < report->query->by_count; i++) {
        json_writer_text(writer, NULL, values == NULL ? TEXT_LITERAL("(other)") : values[i]);
    }
    json_writer_end(writer, ']');
    writer->flat = false;
}

static void write_counts(struct json_writer *writer, const char *key, const uint64_t *counts,
                         uint32_t count)
{
    json_writer_begin(writer, key, '[');
    writer->flat = true;
    for (uint32_t k = 0; k < count; k++) {
        json_writer_unsigned(writer, NULL, counts[k]);
    }
    json_writer_end(writer, ']');
    writer->flat = false;
}

static void write_times(struct json_writer *writer, const char *key, const struct peer_group *group,
                        const double *times_us, uint32_t count)
{
    json_writer_begin(writer, key, '[');
    writer->flat = true;
    for (uint32_t k = 0; k < count; k++) {
        if (group->timed[k]) {
            json_writer_double(writer, NULL, times_us[k]);
        } else {
            json_writer_null(writer, NULL);
        }
    }
    json_writer_end(writer, ']');
    writer->flat = false;
}

static void write_group(struct json_writer *writer, const struct peer_report *report,
                        const struct peer_group *group)
{
    uint32_t step_count = report->query->funnel.step_count;
    json_writer_begin(writer, NULL, '{');
    write_values(writer, report, group->values);
    if (report->question->view == PEER_TRENDS) {
        json_writer_begin(writer, "trend", '[');
        for (uint32_t r = 0; r < group->trend_count; r++) {
            json_writer_begin(writer, NULL, '{');
            json_writer_time(writer, "from", group->trend[r].bucket_us);
            json_writer_unsigned(writer, "entered", group->trend[r].entered);
            json_writer_unsigned(writer, "converted", group->trend[r].converted);
            json_writer_end(writer, '}');
        }
        json_writer_end(writer, ']');
    } else {
        write_counts(writer, "reached", group->reached, step_count);
        write_times(writer, "mean_us", group, group->average_us, step_count);
        write_times(writer, "median_us", group, group->median_us, step_count);
    }
    json_writer_end(writer, '}');
}

static void write_bins(struct json_writer *writer, const struct posthog_bins *bins)
{
    json_writer_begin(writer, "bins", '[');
    for (uint32_t i = 0; i < bins->count; i++) {
        json_writer_begin(writer, NULL, '{');
        json_writer_signed(writer, "from_s", bins->from_s[i]);
        json_writer_unsigned(writer, "users", bins->people[i]);
        json_writer_end(writer, '}');
    }
    json_writer_end(writer, ']');
    if (bins->count > 0) {
        json_writer_double(writer, "mean_us", bins->average_us);
    } else {
        json_writer_null(writer, "mean_us");
    }
}

static void write_correlations(struct json_writer *writer, const struct peer_posthog_result *result)
{
    json_writer_begin(writer, "correlations", '[');
    for (uint32_t i = 0; i < result->correlation_count; i++) {
        const struct peer_correlation *row = &result->correlations[i];
        json_writer_begin(writer, NULL, '{');
        json_writer_text(writer, "event", row->event);
        json_writer_unsigned(writer, "converted", row->cells.success);
        json_writer_unsigned(writer, "not_converted", row->cells.failure);
        json_writer_double(writer, "odds_ratio", row->odds_ratio);
        json_writer_end(writer, '}');
    }
    json_writer_end(writer, ']');
}

static void write_pinot(struct json_writer *writer, const struct peer_report *report)
{
    json_writer_begin(writer, "groups", '[');
    for (uint32_t i = 0; i < report->pinot->group_count; i++) {
        const struct peer_pinot_group *group = &report->pinot->groups[i];
        json_writer_begin(writer, NULL, '{');
        write_values(writer, report, group->values);
        write_counts(writer, "reached", group->reached, report->query->funnel.step_count);
        json_writer_unsigned(writer, "complete_runs", group->complete_count);
        json_writer_end(writer, '}');
    }
    json_writer_end(writer, ']');
}

static void write_json(const struct peer_report *report)
{
    struct json_writer writer;
    json_writer_init(&writer, report->out);
    json_writer_begin(&writer, NULL, '{');
    report_json_question(&writer, report->query, report->style);
    enum peer_view view = report->pinot != NULL ? PEER_STEPS : report->question->view;
    json_writer_text(&writer, "answer", text_from(report->pinot != NULL ? "runs" : VIEWS[view]));
    if (report->pinot != NULL) {
        write_pinot(&writer, report);
    } else if (view == PEER_TIME_TO_CONVERT) {
        write_bins(&writer, &report->result->bins);
    } else if (view == PEER_CORRELATION) {
        write_correlations(&writer, report->result);
    } else {
        json_writer_begin(&writer, "groups", '[');
        for (uint32_t i = 0; i < report->result->group_count; i++) {
            write_group(&writer, report, &report->result->groups[i]);
        }
        json_writer_end(&writer, ']');
    }
    json_writer_end(&writer, '}');
}

void report_peer_posthog(const struct peer_posthog *question,
                         const struct peer_posthog_result *result, const struct report_style *style,
                         struct text_buffer *out)
{
    struct peer_report report = {question->query, question, result, NULL, style, out};
    if (style->format == REPORT_JSON) {
        write_json(&report);
    } else if (style->format == REPORT_CSV) {
        report_csv_posthog(question, result, out);
    } else {
        draw(&report);
    }
}

void report_peer_pinot(const struct peer_pinot *question, const struct peer_pinot_result *result,
                       const struct report_style *style, struct text_buffer *out)
{
    struct peer_report report = {question->query, NULL, NULL, result, style, out};
    if (style->format == REPORT_JSON) {
        write_json(&report);
    } else if (style->format == REPORT_CSV) {
        report_csv_pinot(question, result, out);
    } else {
        draw(&report);
    }
}
