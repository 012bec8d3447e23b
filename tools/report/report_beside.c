// SPDX-License-Identifier: Apache-2.0
#include "tools/report/report_beside.h"

#include "storage/base/clock.h"
#include "tools/report/grid.h"
#include "tools/report/report_lines.h"

#include <stdio.h>

#define BAR_COLOUR "36"
#define BAR_SCALE 1000000u
#define SURVIVAL_ROW_COUNT 12u

static uint64_t entered_of(const struct query_slice *slice)
{
    return slice->won + slice->open + slice->lost;
}

static void heading(struct text_buffer *out, const char *text, const struct report_style *style)
{
    text_buffer_append_string(out, "\n  ");
    report_lines_dim(text, style, out);
}

bool report_bucket_is_part(const struct query_funnel *query,
                           const struct query_funnel_result *result, const struct query_trend *row)
{
    const struct query_range *range = &query->range;
    bool begun = range->from_us != QUERY_TIME_NONE && range->from_us > row->begin_us;
    bool ended = range->to_us != QUERY_TIME_NONE && range->to_us < row->end_us;
    return begun || ended || result->provenance.as_of_us < row->end_us - 1;
}

static void add_bucket(struct grid *grid, enum query_bucket bucket,
                       const struct query_funnel *query, int64_t begin_us, bool part)
{
    struct text_buffer label = {0};
    report_bucket(&label, bucket, query->zone, begin_us);
    text_buffer_append_string(&label, part ? " *" : "");
    grid_add_string(grid, label.bytes);
    text_buffer_deinit(&label);
}

static void add_step_titles(struct grid *grid, const struct query_funnel *query)
{
    for (uint32_t k = 0; k < query->funnel.step_count; k++) {
        bool outer = k == 0 || k + 1 == query->funnel.step_count;
        grid_add_column_named(grid, query->funnel.steps[k].name, GRID_RIGHT, outer ? 0 : 2 + k);
    }
}

/// Rows per bucket, of the total: a table by slice too would be wider than any screen.
static void draw_trend(const struct query_funnel *query, const struct query_funnel_result *result,
                       const struct report_style *style, struct text_buffer *out)
{
    struct grid grid = {0};
    bool parts = false;
    double best = 0;
    for (uint32_t b = 0; b < result->trend_count; b++) {
        const struct query_slice *total = &result->trend[b].total;
        double rate = entered_of(total) == 0 ? 0 : (double)total->won / (double)entered_of(total);
        best = rate > best ? rate : best;
    }
    grid_add_column(&grid, report_bucket_word(query->trend), GRID_LEFT, 0, NULL);
    add_step_titles(&grid, query);
    grid_add_column(&grid, "", GRID_BAR, 0, BAR_COLOUR);
    grid_add_column(&grid, "converted", GRID_RIGHT, 0, "1");
    grid_add_column(&grid, "won/closed", GRID_RIGHT, 1, NULL);
    grid_add_column(&grid, "open", GRID_RIGHT, 1, NULL);
    for (uint32_t b = 0; b < result->trend_count; b++) {
        const struct query_slice *total = &result->trend[b].total;
        uint64_t entered = entered_of(total);
        double rate = entered == 0 ? 0 : (double)total->won / (double)entered;
        bool part = report_bucket_is_part(query, result, &result->trend[b]);
        add_bucket(&grid, query->trend, query, result->trend[b].begin_us, part);
        parts |= part;
        for (uint32_t k = 0; k < query->funnel.step_count; k++) {
            grid_add_count(&grid, total->steps[k].reached);
        }
        grid_add_bar(&grid, best == 0 ? 0 : (uint64_t)(rate / best * BAR_SCALE + 0.5), BAR_SCALE);
        grid_add_rate(&grid, total->won, entered);
        grid_add_rate(&grid, total->won, total->won + total->lost);
        grid_add_count(&grid, total->open);
    }
    heading(out,
            "entries of each bucket; a unit may be in several, so they need not sum to the total",
            style);
    grid_render(&grid, style, out);
    if (parts) {
        text_buffer_append_string(out, "  ");
        report_lines_dim("* a part of its bucket: the range or as of cuts it", style, out);
    }
    grid_deinit(&grid);
}

static void draw_throughput(const struct query_funnel *query,
                            const struct query_funnel_result *result,
                            const struct report_style *style, struct text_buffer *out)
{
    struct grid grid = {0};
    uint32_t last = query->funnel.step_count - 1;
    struct text_buffer rate = {0};
    grid_add_column(&grid, report_bucket_word(query->throughput), GRID_LEFT, 0, NULL);
    add_step_titles(&grid, query);
    grid_add_column(&grid, "last step a second", GRID_RIGHT, 1, NULL);
    for (uint32_t b = 0; b < result->throughput_count; b++) {
        const struct query_throughput *row = &result->throughput[b];
        add_bucket(&grid, query->throughput, query, row->begin_us, false);
        for (uint32_t k = 0; k <= last; k++) {
            grid_add_count(&grid, row->total[k]);
        }
        double seconds = (double)(row->end_us - row->begin_us) / MICROSECONDS_PER_SECOND;
        text_buffer_reset(&rate);
        text_buffer_printf(&rate, "%.3g", (double)row->total[last] / seconds);
        grid_add_string(&grid, rate.bytes);
    }
    heading(out, "throughput: by the time of each step's own event", style);
    grid_render(&grid, style, out);
    grid_deinit(&grid);
    text_buffer_deinit(&rate);
}

static void add_survival(struct grid *grid, const struct query_survival_point *point)
{
    char interval[64];
    char share[32];
    grid_add_duration(grid, 1, (double)point->after_us);
    grid_add_count(grid, point->at_risk);
    grid_add_count(grid, point->won);
    grid_add_bar(grid, (uint64_t)(point->estimate * BAR_SCALE + 0.5), BAR_SCALE);
    snprintf(share, sizeof(share), "%.2f %%", 100 * point->estimate);
    snprintf(interval, sizeof(interval), "%.2f to %.2f %%", 100 * point->low, 100 * point->high);
    grid_add_string(grid, share);
    grid_add_string(grid, interval);
}

/// A dozen of the points, the last one always.
static void draw_survival(const struct query_survival *survival, const struct report_style *style,
                          struct text_buffer *out)
{
    struct grid grid = {0};
    struct text_buffer title = {0};
    text_buffer_printf(
        &title, "won by the time since the entry, %s; attempts still open leave as of their age%s",
        survival->all_attempts ? "all attempts" : "first attempts",
        survival->plateau ? "" : " · no window, so no plateau");
    grid_add_column(&grid, "within", GRID_RIGHT, 0, NULL);
    grid_add_column(&grid, "at risk", GRID_RIGHT, 2, NULL);
    grid_add_column(&grid, "won", GRID_RIGHT, 1, NULL);
    grid_add_column(&grid, "", GRID_BAR, 0, BAR_COLOUR);
    grid_add_column(&grid, "share", GRID_RIGHT, 0, "1");
    grid_add_column(&grid, "95 %", GRID_RIGHT, 1, NULL);
    uint32_t count = survival->point_count;
    for (uint32_t i = 0; i < count; i++) {
        if (count <= SURVIVAL_ROW_COUNT ||
            (i + 1) * SURVIVAL_ROW_COUNT / count != i * SURVIVAL_ROW_COUNT / count) {
            add_survival(&grid, &survival->points[i]);
        }
    }
    heading(out, title.bytes, style);
    grid_render(&grid, style, out);
    grid_deinit(&grid);
    text_buffer_deinit(&title);
}

static void add_points(struct grid *grid, double value)
{
    char text[32];
    snprintf(text, sizeof(text), "%+.3f", 100 * value);
    grid_add_string(grid, text);
}

static void add_compared(struct grid *grid, const struct query_slice *now,
                         const struct query_slice *then, const struct query_change *change)
{
    struct text_buffer words = {0};
    struct query_difference difference =
        query_difference(now->won, entered_of(now), then->won, entered_of(then));
    grid_add_count(grid, entered_of(now));
    grid_add_count(grid, entered_of(then));
    grid_add_rate(grid, now->won, entered_of(now));
    grid_add_rate(grid, then->won, entered_of(then));
    report_difference(&words, &difference);
    grid_add_string(grid, words.bytes);
    if (change != NULL) {
        add_points(grid, change->mix);
        add_points(grid, change->rate);
    }
    text_buffer_deinit(&words);
}

static void add_label(struct grid *grid, const char *label, uint32_t by_count)
{
    for (uint32_t i = 0; i < by_count; i++) {
        grid_add_string(grid, i == 0 ? label : "");
    }
}

static void draw_comparison(const struct query_funnel *query,
                            const struct query_funnel_result *result,
                            const struct report_style *style, struct text_buffer *out)
{
    const struct query_comparison *comparison = result->comparison;
    struct grid grid = {0};
    struct text_buffer title = {0};
    text_buffer_append_string(&title, "compared with the range ");
    report_lines_range(&query->compare, &title);
    text_buffer_append_string(&title, comparison->split
                                          ? "; differences in percent points, the change of the "
                                            "total split into mix and rate"
                                          : "; differences in percent points");
    for (uint32_t i = 0; i < query->by_count; i++) {
        grid_add_column_named(&grid, query->by[i], GRID_LEFT, 0);
    }
    grid_add_column(&grid, "entered", GRID_RIGHT, 1, NULL);
    grid_add_column(&grid, "then", GRID_RIGHT, 1, "2");
    grid_add_column(&grid, "converted", GRID_RIGHT, 0, "1");
    grid_add_column(&grid, "then", GRID_RIGHT, 0, "2");
    grid_add_column(&grid, "difference (95 %)", GRID_RIGHT, 0, NULL);
    if (comparison->split) {
        grid_add_column(&grid, "by mix", GRID_RIGHT, 2, NULL);
        grid_add_column(&grid, "by rate", GRID_RIGHT, 2, NULL);
    }
    for (uint32_t i = 0; i < result->slice_count; i++) {
        for (uint32_t v = 0; v < query->by_count; v++) {
            grid_add_text(&grid, result->slices[i].values[v]);
        }
        add_compared(&grid, &result->slices[i], &comparison->slices[i],
                     comparison->split ? &comparison->changes[i] : NULL);
    }
    if (query->by_count > 0 && entered_of(&result->other) + entered_of(&comparison->other) > 0) {
        add_label(&grid, "(other)", query->by_count);
        add_compared(&grid, &result->other, &comparison->other,
                     comparison->split ? &comparison->changes[result->slice_count] : NULL);
    }
    add_label(&grid, "total", query->by_count);
    add_compared(&grid, &result->total, &comparison->total,
                 comparison->split ? &comparison->change : NULL);
    heading(out, title.bytes, style);
    grid_render(&grid, style, out);
    grid_deinit(&grid);
    text_buffer_deinit(&title);
}

void report_beside(const struct query_funnel *query, const struct query_funnel_result *result,
                   const struct report_style *style, struct text_buffer *out)
{
    if (result->comparison != NULL) {
        draw_comparison(query, result, style, out);
    }
    if (result->trend_count > 0) {
        draw_trend(query, result, style, out);
    }
    if (result->throughput_count > 0) {
        draw_throughput(query, result, style, out);
    }
    if (result->survival != NULL) {
        draw_survival(result->survival, style, out);
    }
}
