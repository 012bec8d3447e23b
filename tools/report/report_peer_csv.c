// SPDX-License-Identifier: Apache-2.0
#include "tools/report/report_csv.h"

#include <inttypes.h>

static void write_head(const struct query_funnel *query, const char *columns,
                       struct text_buffer *out)
{
    for (uint32_t i = 0; i < query->by_count; i++) {
        report_csv_cell(out, query->by[i], i == 0);
    }
    text_buffer_append_string(out, query->by_count > 0 ? "," : "");
    text_buffer_append_string(out, columns);
}

static void write_values(const struct query_funnel *query, const struct text *values,
                         struct text_buffer *out)
{
    for (uint32_t i = 0; i < query->by_count; i++) {
        report_csv_cell(out, values == NULL ? TEXT_LITERAL("(other)") : values[i], i == 0);
    }
    text_buffer_append_string(out, query->by_count > 0 ? "," : "");
}

static void write_time_cell(bool timed, double time_us, struct text_buffer *out)
{
    if (timed) {
        text_buffer_printf(out, ",%.12g", time_us);
    } else {
        text_buffer_append_string(out, ",");
    }
}

static void write_breakdown(const struct query_funnel *query,
                            const struct peer_posthog_result *result, struct text_buffer *out)
{
    write_head(query, "step,name,reached,mean_us,median_us\n", out);
    for (uint32_t i = 0; i < result->group_count; i++) {
        const struct peer_group *group = &result->groups[i];
        for (uint32_t k = 0; k < query->funnel.step_count; k++) {
            write_values(query, group->values, out);
            text_buffer_printf(out, "%" PRIu32, k + 1);
            report_csv_cell(out, query->funnel.steps[k].name, false);
            text_buffer_printf(out, ",%" PRIu64, group->reached[k]);
            write_time_cell(group->timed[k], group->average_us[k], out);
            write_time_cell(group->timed[k], group->median_us[k], out);
            text_buffer_append(out, "\n", 1);
        }
    }
}

static void write_trends(const struct query_funnel *query, const struct peer_posthog_result *result,
                         struct text_buffer *out)
{
    write_head(query, "from,entered,converted\n", out);
    for (uint32_t i = 0; i < result->group_count; i++) {
        const struct peer_group *group = &result->groups[i];
        for (uint32_t r = 0; r < group->trend_count; r++) {
            const struct peer_trend_row *row = &group->trend[r];
            write_values(query, group->values, out);
            report_instant(out, row->bucket_us);
            text_buffer_printf(out, ",%" PRIu64 ",%" PRIu64 "\n", row->entered, row->converted);
        }
    }
}

void report_csv_posthog(const struct peer_posthog *question,
                        const struct peer_posthog_result *result, struct text_buffer *out)
{
    const struct posthog_bins *bins = &result->bins;
    if (question->view == PEER_TRENDS) {
        write_trends(question->query, result, out);
    } else if (question->view == PEER_STEPS) {
        write_breakdown(question->query, result, out);
    } else if (question->view == PEER_TIME_TO_CONVERT) {
        text_buffer_append_string(out, "from_s,users\n");
        for (uint32_t i = 0; i < bins->count; i++) {
            text_buffer_printf(out, "%" PRId64 ",%" PRIu64 "\n", bins->from_s[i], bins->people[i]);
        }
    } else {
        text_buffer_append_string(out, "event,converted,not_converted,odds_ratio\n");
        for (uint32_t i = 0; i < result->correlation_count; i++) {
            const struct peer_correlation *row = &result->correlations[i];
            report_csv_cell(out, row->event, true);
            text_buffer_printf(out, ",%" PRIu64 ",%" PRIu64 ",%.12g\n", row->cells.success,
                               row->cells.failure, row->odds_ratio);
        }
    }
}

void report_csv_pinot(const struct peer_pinot *question, const struct peer_pinot_result *result,
                      struct text_buffer *out)
{
    const struct query_funnel *query = question->query;
    write_head(query, "step,name,reached,complete_runs\n", out);
    for (uint32_t i = 0; i < result->group_count; i++) {
        const struct peer_pinot_group *group = &result->groups[i];
        for (uint32_t k = 0; k < query->funnel.step_count; k++) {
            write_values(query, group->values, out);
            text_buffer_printf(out, "%" PRIu32, k + 1);
            report_csv_cell(out, query->funnel.steps[k].name, false);
            text_buffer_printf(out, ",%" PRIu64 ",%" PRIu64 "\n", group->reached[k],
                               group->complete_count);
        }
    }
}
