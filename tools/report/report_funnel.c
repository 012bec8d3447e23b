// SPDX-License-Identifier: Apache-2.0
#include "engine/dialect/dialect.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "tools/config/config.h"
#include "tools/report/grid.h"
#include "tools/report/report.h"
#include "tools/report/report_beside.h"
#include "tools/report/report_csv.h"
#include "tools/report/report_groups.h"
#include "tools/report/report_json.h"
#include "tools/report/report_lines.h"

#include <stdio.h>

#define BAR_COLOUR "36"
#define MEDIAN_INDEX 1
#define SPARKLINE_DAY_COUNT_MAX (366u * 300u)

/// Steps that are named by a rule.
static void append_steps(const struct funnel *funnel, const char *what, uint32_t steps,
                         struct text_buffer *line)
{
    bool first = true;
    for (; steps != 0; steps &= steps - 1) {
        text_buffer_append_string(line, first ? what : ", ");
        report_text(line, funnel->steps[__builtin_ctz(steps)].name);
        first = false;
    }
}

/// What `order` and its options say where it is not the default.
static void append_order(const struct funnel *funnel, struct text_buffer *line)
{
    if (funnel->order == FUNNEL_ORDER_STRICT) {
        text_buffer_printf(line, " · order strict, scope %s%s",
                           funnel->scope == FUNNEL_SCOPE_ALL ? "all" : "funnel",
                           funnel->repeat == FUNNEL_REPEAT_ALLOW ? ", repeats allowed" : "");
    }
    text_buffer_append_string(line, funnel->order == FUNNEL_ORDER_ANY ? " · order any" : "");
    append_steps(funnel, " · first ",
                 funnel->anchor_first == 0 ? 0 : UINT32_C(1) << (funnel->anchor_first - 1), line);
    append_steps(funnel, " · last ",
                 funnel->anchor_last == 0 ? 0 : UINT32_C(1) << (funnel->anchor_last - 1), line);
    append_steps(funnel, " · optional ", funnel->optional, line);
    text_buffer_append_string(line, funnel->entry_open ? " · entry open" : "");
    if (funnel->tie_tolerance_us > 0) {
        text_buffer_append_string(line, " · tie tolerance ");
        duration_format(funnel->tie_tolerance_us, line);
    }
}

static void append_unit(const struct funnel *funnel, struct text_buffer *line)
{
    text_buffer_append_string(line, " · per ");
    if (funnel->unit != FUNNEL_UNIT_ATTRIBUTES) {
        text_buffer_append_string(line, words_unit(funnel->unit));
        return;
    }
    text_buffer_append_string(line, "user");
    for (uint32_t i = 0; i < funnel->unit_attribute_count; i++) {
        text_buffer_append_string(line, ", ");
        report_text(line, funnel->unit_attributes[i]);
    }
}

/// What is not of the common shape, in words.
static void append_rules(const struct funnel *funnel, struct text_buffer *line)
{
    append_order(funnel, line);
    text_buffer_append_string(line, funnel->range_inside ? " · range inside" : "");
    for (uint32_t step = 1; funnel->gaps != NULL && step < funnel->step_count; step++) {
        const struct funnel_gap *gap = &funnel->gaps[step];
        if (gap->min_us > 0) {
            text_buffer_printf(line, " · step %u min_gap ", step + 1);
            duration_format(gap->min_us, line);
        }
        if (gap->max_us != FUNNEL_WINDOW_NONE) {
            text_buffer_printf(line, " · step %u max_gap ", step + 1);
            duration_format(gap->max_us, line);
        }
    }
    for (uint32_t i = 0; i < funnel->exclusion_count; i++) {
        const struct funnel_exclusion *exclusion = &funnel->exclusions[i];
        text_buffer_append_string(line, " · exclude ");
        report_text(line, exclusion->stage.name);
        text_buffer_printf(line, " after %u before %u (%s)", exclusion->after, exclusion->before,
                           words_effect(exclusion->remove));
    }
}

static void draw_title(const struct query_funnel *query, const struct report_style *style,
                       struct text_buffer *out)
{
    const struct funnel *funnel = &query->funnel;
    grid_colour_begin(out, style, "1");
    if (funnel->name.bytes != NULL) {
        report_text(out, funnel->name);
        text_buffer_append_string(out, ": ");
    }
    for (uint32_t index = 0; index < funnel->step_count; index++) {
        text_buffer_append_string(out, index == 0                          ? ""
                                       : funnel->order == FUNNEL_ORDER_ANY ? ", "
                                                                           : " → ");
        report_text(out, funnel->steps[index].name);
    }
    grid_colour_end(out, style, "1");
    text_buffer_append(out, "\n", 1);
    struct text_buffer line = {0};
    text_buffer_append_string(&line, "  window ");
    words_window(funnel, &line);
    text_buffer_append_string(&line, " · ");
    report_lines_range(&query->range, &line);
    append_unit(funnel, &line);
    text_buffer_printf(&line, " · ties %s · attempts %s", words_ties(funnel->ties),
                       words_attempts(funnel->attempts));
    append_rules(funnel, &line);
    text_buffer_append_string(&line, funnel->dialect != DIALECT_NONE ? " · dialect " : "");
    dialect_describe(funnel, &line);
    if (query->where.bytes != NULL) {
        text_buffer_append_string(&line, " · where ");
        report_text(&line, query->where);
    }
    if (query->where_entry.bytes != NULL) {
        text_buffer_append_string(&line, " · entries where ");
        report_text(&line, query->where_entry);
    }
    if (query->where_user.bytes != NULL) {
        text_buffer_append_string(&line, " · people where ");
        report_text(&line, query->where_user);
    }
    if (query->by_count > 0 && query->attribution != QUERY_ATTRIBUTION_ENTRY) {
        text_buffer_append_string(&line, " · by values of ");
        report_attribution(&line, query);
    }
    report_lines_dim(line.bytes, style, out);
    text_buffer_append(out, "\n", 1);
    text_buffer_deinit(&line);
}

static void add_step_columns(struct grid *grid, bool entry_open, bool times)
{
    grid_add_column(grid, "", GRID_RIGHT, 0, "2");
    grid_add_column(grid, "step", GRID_LEFT, 0, NULL);
    grid_add_column(grid, "", GRID_BAR, 0, BAR_COLOUR);
    if (entry_open) {
        grid_add_column(grid, "entered", GRID_RIGHT, 0, NULL);
    }
    grid_add_column(grid, "reached", GRID_RIGHT, 0, "1");
    grid_add_column(grid, entry_open ? "of all" : "of first", GRID_RIGHT, 0, NULL);
    grid_add_column(grid, "of prev.", GRID_RIGHT, 0, NULL);
    grid_add_column(grid, "dropped", GRID_RIGHT, 2, NULL);
    grid_add_column(grid, "open", GRID_RIGHT, 4, NULL);
    grid_add_column(grid, "lost", GRID_RIGHT, 3, NULL);
    if (times) {
        grid_add_column(grid, "median", GRID_RIGHT, 1, NULL);
    }
}

static void add_step(struct grid *grid, const struct funnel *funnel,
                     const struct query_slice *slice, uint32_t index)
{
    const struct query_step *step = &slice->steps[index];
    struct report_share share;
    report_share_of(funnel, slice, index, &share);
    grid_add_count(grid, index + 1);
    grid_add_text(grid, step->name);
    grid_add_bar(grid, step->reached, share.all);
    if (funnel->entry_open) {
        grid_add_count(grid, step->entered);
    }
    grid_add_count(grid, step->reached);
    grid_add_rate(grid, step->reached, share.all);
    if (index == 0) {
        grid_add_string(grid, "–");
    } else {
        grid_add_rate(grid, share.came, share.previous);
    }
    bool ends = index + 1 < funnel->step_count && (funnel->optional >> index & 1) == 0;
    if (!ends) {
        grid_add_string(grid, "");
        grid_add_string(grid, "");
        grid_add_string(grid, "");
    } else {
        grid_add_count(grid, step->dropped);
        grid_add_count(grid, step->open);
        grid_add_count(grid, step->lost);
    }
    if ((slice->left_out & QUERY_OUTPUT_TIMES) == 0) {
        grid_add_duration(grid, step->from_previous.count,
                          step->from_previous.percentiles_us[MEDIAN_INDEX]);
    }
}

static void draw_steps(const struct query_slice *total, const struct funnel *funnel,
                       const struct report_style *style, struct text_buffer *out)
{
    struct grid grid = {0};
    add_step_columns(&grid, funnel->entry_open, (total->left_out & QUERY_OUTPUT_TIMES) == 0);
    for (uint32_t index = 0; index < funnel->step_count; index++) {
        add_step(&grid, funnel, total, index);
    }
    grid_render(&grid, style, out);
    grid_deinit(&grid);
}

static void draw_outcome(const struct query_slice *total, struct text_buffer *out)
{
    uint64_t closed = total->won + total->lost;
    text_buffer_append_string(out, "\n  won ");
    report_count(out, total->won);
    text_buffer_append_string(out, " · open ");
    report_count(out, total->open);
    text_buffer_append_string(out, " · lost ");
    report_count(out, total->lost);
    text_buffer_append_string(out, "\n  won of closed ");
    report_rate(out, total->won, closed);
    if (closed > 0) {
        double low;
        double high;
        report_interval(total->won, closed, &low, &high);
        text_buffer_printf(out, " (95 %%: %.2f to %.2f %%)", 100 * low, 100 * high);
    }
    text_buffer_append_string(out, " · won of entered ");
    report_rate(out, total->won, total->won + total->open + total->lost);
    text_buffer_append(out, "\n", 1);
}

static bool has_repeats(const struct query_slice *total, uint32_t step_count)
{
    uint64_t orders = 0;
    for (uint32_t index = 0; index < step_count; index++) {
        for (uint32_t at = 0; at < total->steps[index].money_count; at++) {
            orders += total->steps[index].money[at].repeat_orders;
        }
    }
    return orders > 0;
}

static void draw_money(const struct query_slice *total, uint32_t step_count,
                       const struct report_style *style, struct text_buffer *out)
{
    struct grid grid = {0};
    struct text_buffer amount = {0};
    grid_add_column(&grid, "step", GRID_LEFT, 0, NULL);
    grid_add_column(&grid, "currency", GRID_LEFT, 0, NULL);
    grid_add_column(&grid, "revenue", GRID_RIGHT, 0, "1");
    grid_add_column(&grid, "orders", GRID_RIGHT, 0, NULL);
    grid_add_column(&grid, "average", GRID_RIGHT, 0, NULL);
    bool repeats = has_repeats(total, step_count);
    if (repeats) {
        grid_add_column(&grid, "further orders", GRID_RIGHT, 1, NULL);
        grid_add_column(&grid, "their revenue", GRID_RIGHT, 1, NULL);
    }
    for (uint32_t index = 0; index < step_count; index++) {
        const struct query_step *step = &total->steps[index];
        for (uint32_t at = 0; at < step->money_count; at++) {
            const struct query_money *money = &step->money[at];
            grid_add_text(&grid, step->name);
            grid_add_text(&grid, money->currency);
            text_buffer_reset(&amount);
            report_amount(&amount, money->revenue);
            grid_add_string(&grid, amount.bytes);
            grid_add_count(&grid, money->orders);
            text_buffer_reset(&amount);
            report_amount(&amount, report_average(money->revenue, money->orders));
            grid_add_string(&grid, money->orders == 0 ? "–" : amount.bytes);
            if (repeats) {
                text_buffer_reset(&amount);
                report_amount(&amount, money->repeat_revenue);
                grid_add_count(&grid, money->repeat_orders);
                grid_add_string(&grid, amount.bytes);
            }
        }
    }
    if (grid.cell_count > 0) {
        text_buffer_append(out, "\n", 1);
        grid_render(&grid, style, out);
    }
    grid_deinit(&grid);
    text_buffer_deinit(&amount);
}

/// Middle steps give way first where the terminal is narrow.
static void add_slice_columns(struct grid *grid, const struct query_funnel *query)
{
    uint32_t step_count = query->funnel.step_count;
    for (uint32_t index = 0; index < query->by_count; index++) {
        grid_add_column_named(grid, query->by[index], GRID_LEFT, 0);
    }
    for (uint32_t index = 0; index < step_count; index++) {
        bool outer = index == 0 || index + 1 == step_count;
        grid_add_column_named(grid, query->funnel.steps[index].name, GRID_RIGHT,
                              outer ? 0 : 2 + index);
    }
    grid_add_column(grid, "", GRID_BAR, 0, BAR_COLOUR);
    grid_add_column(grid, "converted", GRID_RIGHT, 0, "1");
    grid_add_column(grid, "won/closed", GRID_RIGHT, 1, NULL);
    grid_add_column(grid, "q", GRID_RIGHT, 40, "2"); // gives way first
}

static void add_slice(struct grid *grid, const struct query_slice *slice, uint32_t step_count,
                      double scale)
{
    uint64_t entered = slice->steps[0].reached;
    for (uint32_t index = 0; index < step_count; index++) {
        grid_add_count(grid, slice->steps[index].reached);
    }
    // The bar shows conversion against the best slice: rates are often tiny beside 100 %.
    double rate = entered == 0 ? 0 : (double)slice->won / (double)entered;
    grid_add_bar(grid, (uint64_t)(rate / scale * 1e6 + 0.5), 1000000);
    grid_add_rate(grid, slice->won, entered);
    grid_add_rate(grid, slice->won, slice->won + slice->lost);
    struct text_buffer words = {0};
    if (slice->tested) {
        report_probability(&words, slice->q_value);
    }
    grid_add_string(grid, slice->tested ? words.bytes : "");
    text_buffer_deinit(&words);
}

static double best_rate(const struct query_funnel_result *result)
{
    double best = 0;
    for (uint32_t index = 0; index < result->slice_count; index++) {
        const struct query_slice *slice = &result->slices[index];
        if (slice->steps[0].reached > 0) {
            double rate = (double)slice->won / (double)slice->steps[0].reached;
            best = rate > best ? rate : best;
        }
    }
    return best == 0 ? 1 : best;
}

static void add_label(struct grid *grid, const char *label, uint32_t by_count)
{
    for (uint32_t index = 0; index < by_count; index++) {
        grid_add_string(grid, index == 0 ? label : "");
    }
}

static void draw_slices(const struct query_funnel *query, const struct query_funnel_result *result,
                        const struct report_style *style, struct text_buffer *out)
{
    uint32_t step_count = query->funnel.step_count;
    struct grid grid = {0};
    double scale = best_rate(result);
    add_slice_columns(&grid, query);
    for (uint32_t index = 0; index < result->slice_count; index++) {
        for (uint32_t value = 0; value < query->by_count; value++) {
            grid_add_text(&grid, result->slices[index].values[value]);
        }
        add_slice(&grid, &result->slices[index], step_count, scale);
    }
    if (result->has_other) {
        char label[64];
        snprintf(label, sizeof(label), "(other, %llu values)",
                 (unsigned long long)result->other_slice_count);
        add_label(&grid, label, query->by_count);
        add_slice(&grid, &result->other, step_count, scale);
    }
    add_label(&grid, "total", query->by_count);
    add_slice(&grid, &result->total, step_count, scale);
    text_buffer_append(out, "\n", 1);
    grid_render(&grid, style, out);
    if (result->overlap) {
        text_buffer_append_string(out, "  ");
        report_lines_dim("a unit is in the row of each of its values: rows need not sum to the "
                         "total",
                         style, out);
    }
    grid_deinit(&grid);
}

/// Days from the first to the last with anything in them; 0 where there are none or absurdly many.
static uint32_t day_span(const struct query_funnel_result *result)
{
    if (result->day_count == 0) {
        return 0;
    }
    int64_t span_us =
        result->days[result->day_count - 1].day_start_us - result->days[0].day_start_us;
    int64_t count = span_us / MICROSECONDS_PER_DAY + 1;
    return count > SPARKLINE_DAY_COUNT_MAX ? 0 : (uint32_t)count;
}

static void draw_days(const struct query_funnel *query, const struct query_funnel_result *result,
                      const struct report_style *style, struct text_buffer *out)
{
    uint32_t span = day_span(result);
    if (span < 2) {
        return;
    }
    uint64_t *values = memory_allocate_zeroed(span, sizeof(values[0]));
    struct text_buffer line = {0};
    struct text_buffer title = {0};
    uint32_t width = style->width < 120 ? 40 : 80;
    text_buffer_append_string(&title, "per day from ");
    report_time(&title, result->days[0].day_start_us);
    uint32_t size = span <= width ? 1 : (span + width - 1) / width;
    if (size > 1) {
        text_buffer_printf(&title, ", %u days each", size);
    }
    for (uint32_t step = 0; step < query->funnel.step_count; step++) {
        for (uint32_t index = 0; index < result->day_count; index++) {
            int64_t offset_us = result->days[index].day_start_us - result->days[0].day_start_us;
            values[offset_us / MICROSECONDS_PER_DAY] = result->days[index].reached[step];
        }
        text_buffer_append_string(&line, "  ");
        report_lines_sparkline(values, span, width, &line);
        text_buffer_append_string(&line, "  ");
        report_text(&line, query->funnel.steps[step].name);
        text_buffer_append(&line, "\n", 1);
    }
    text_buffer_append_string(out, "\n  ");
    report_lines_dim(title.bytes, style, out);
    text_buffer_append(out, line.bytes, line.size);
    text_buffer_deinit(&line);
    text_buffer_deinit(&title);
    memory_free(values);
}

static void draw_funnel(const struct query_funnel *query, const struct query_funnel_result *result,
                        const struct report_style *style, struct text_buffer *out)
{
    uint32_t step_count = query->funnel.step_count;
    draw_title(query, style, out);
    draw_steps(&result->total, &query->funnel, style, out);
    draw_outcome(&result->total, out);
    report_groups_draw(query, &result->total, style, out);
    draw_money(&result->total, step_count, style, out);
    if (query->by_count > 0) {
        draw_slices(query, result, style, out);
    }
    report_beside(query, result, style, out);
    draw_days(query, result, style, out);
    text_buffer_append(out, "\n", 1);
    report_lines_provenance(&result->provenance, style, out);
}

void report_funnel(const struct query_funnel *query, const struct query_funnel_result *result,
                   const struct report_style *style, struct text_buffer *out)
{
    if (style->format == REPORT_JSON) {
        report_json_funnel(query, result, style, out);
    } else if (style->format == REPORT_CSV) {
        report_csv_funnel(query, result, out);
    } else {
        draw_funnel(query, result, style, out);
    }
}

void report_lines_funnel(const struct query_funnel *query, const struct report_style *style,
                         struct text_buffer *out)
{
    draw_title(query, style, out);
}
