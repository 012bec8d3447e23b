// SPDX-License-Identifier: Apache-2.0
#include "storage/base/clock.h"
#include "tools/report/grid.h"
#include "tools/report/report.h"

#define PROGRESS_BAR_WIDTH 12u
#define LIVE_BAR_WIDTH 24u
#define LIVE_SLICE_COUNT_MAX 5u

/// 1234567 as "1.23 M".
static void append_short(struct text_buffer *out, double value)
{
    static const char *const UNITS[] = {"", " k", " M", " G"};
    uint32_t unit = 0;
    while (value >= 999.5 && unit < 3) {
        value /= 1000;
        unit++;
    }
    text_buffer_printf(out, unit == 0 ? "%.0f%s" : "%.3g%s", value, UNITS[unit]);
}

static void append_share(const struct ingest_progress *progress, const struct report_style *style,
                         struct text_buffer *out)
{
    double share = (double)progress->bytes_done / (double)progress->bytes_total;
    share = share > 1 ? 1 : share;
    text_buffer_printf(out, "%3d %% ", (int)(share * 100));
    grid_colour_begin(out, style, "36");
    uint32_t used = grid_draw_bar(out, share, PROGRESS_BAR_WIDTH);
    grid_colour_end(out, style, "36");
    text_buffer_printf(out, "%*s  ", (int)(PROGRESS_BAR_WIDTH - used), "");
}

static void append_time_left(const struct ingest_progress *progress, struct text_buffer *out)
{
    if (progress->bytes_done == 0 || progress->bytes_done >= progress->bytes_total) {
        return;
    }
    double left = (double)(progress->bytes_total - progress->bytes_done);
    double left_us = left * (double)progress->elapsed_us / (double)progress->bytes_done;
    text_buffer_append_string(out, "  ");
    report_duration(out, left_us);
    text_buffer_append_string(out, " left");
}

void report_progress(const struct ingest_progress *progress, const struct report_style *style,
                     struct text_buffer *out)
{
    if (progress->bytes_total > 0) {
        append_share(progress, style, out);
    }
    report_count(out, progress->events);
    text_buffer_append_string(out, " events  ");
    double seconds = (double)progress->elapsed_us / (double)MICROSECONDS_PER_SECOND;
    append_short(out, seconds > 0 ? (double)progress->events / seconds : 0);
    text_buffer_append_string(out, "/s");
    if (progress->bytes_total > 0) {
        append_time_left(progress, out);
    }
    if (progress->rejected > 0) {
        text_buffer_append_string(out, "  ");
        grid_colour_begin(out, style, "31");
        report_count(out, progress->rejected);
        text_buffer_append_string(out, " rejected");
        grid_colour_end(out, style, "31");
    }
}

static void draw_live_slices(const struct engine_live_funnel *funnel, struct text_buffer *out)
{
    uint32_t shown =
        funnel->slice_count < LIVE_SLICE_COUNT_MAX ? funnel->slice_count : LIVE_SLICE_COUNT_MAX;
    for (uint32_t index = 0; index < shown; index++) {
        const struct engine_live_slice *slice = &funnel->slices[index];
        struct text value = slice->value;
        text_buffer_append_string(out, "      ");
        report_text(out, value.bytes == NULL ? TEXT_LITERAL("(none)") : value);
        text_buffer_append_string(out, ":");
        for (uint32_t step = 0; step < funnel->step_count; step++) {
            text_buffer_append_string(out, step == 0 ? " " : " → ");
            report_count(out, slice->reached[step]);
        }
        text_buffer_append(out, "\n", 1);
    }
}

static void draw_live_funnel(const struct engine_live_funnel *funnel,
                             const struct report_style *style, struct text_buffer *out)
{
    text_buffer_append_string(out, "  ");
    grid_colour_begin(out, style, "1");
    report_text(out, funnel->name);
    grid_colour_end(out, style, "1");
    text_buffer_append(out, "\n", 1);
    for (uint32_t step = 0; step < funnel->step_count; step++) {
        double share = funnel->reached[0] == 0
                           ? 0
                           : (double)funnel->reached[step] / (double)funnel->reached[0];
        text_buffer_printf(out, "  %3u  ", step + 1);
        grid_colour_begin(out, style, "36");
        uint32_t used = grid_draw_bar(out, share, LIVE_BAR_WIDTH);
        grid_colour_end(out, style, "36");
        text_buffer_printf(out, "%*s  ", (int)(LIVE_BAR_WIDTH - used), "");
        report_count(out, funnel->reached[step]);
        text_buffer_append_string(out, "  ");
        report_rate(out, funnel->reached[step], funnel->reached[0]);
        text_buffer_append_string(out, "  ");
        report_text(out, funnel->steps[step]);
        text_buffer_append(out, "\n", 1);
    }
    draw_live_slices(funnel, out);
}

void report_live(const struct engine_live_view *view, const struct report_style *style,
                 struct text_buffer *out)
{
    text_buffer_append_string(out, "  ");
    report_count(out, view->users);
    text_buffer_append_string(out, " users live · ");
    report_count(out, view->sessions);
    text_buffer_append_string(out, " sessions · ");
    report_count(out, view->rows_committed);
    text_buffer_append_string(out, " events committed · ");
    report_size(out, view->memory_bytes);
    if (view->pending > 0) {
        text_buffer_append_string(out, " · ");
        report_count(out, view->pending);
        text_buffer_append_string(out, " users pending");
    }
    if (view->range_from_us != INT64_MIN) {
        text_buffer_append_string(out, " · since ");
        report_time(out, view->range_from_us);
        text_buffer_append_string(out, ", midnight of ");
        report_text(out, view->zone);
        text_buffer_append_string(out, view->range_is_split ? " (just begun)" : "");
    }
    text_buffer_append(out, "\n", 1);
    if (view->failure.bytes != NULL) {
        text_buffer_append_string(out, "  the counts cannot be settled: ");
        report_text(out, view->failure);
        text_buffer_append(out, "\n", 1);
    }
    for (uint32_t index = 0; index < view->funnel_count; index++) {
        draw_live_funnel(&view->funnels[index], style, out);
    }
}
