// SPDX-License-Identifier: Apache-2.0
#include "tools/report/report_csv.h"

#include "tools/report/report_beside.h"
#include "tools/report/report_lines.h"

#include <inttypes.h>

static bool needs_quotes(struct text text)
{
    for (size_t index = 0; index < text.size; index++) {
        char byte = text.bytes[index];
        if (byte == ',' || byte == '"' || byte == '\n' || byte == '\r') {
            return true;
        }
    }
    return text.size > 0 && (text.bytes[0] == ' ' || text.bytes[text.size - 1] == ' ');
}

void report_csv_cell(struct text_buffer *out, struct text text, bool first)
{
    text_buffer_append_string(out, first ? "" : ",");
    bool quoted = needs_quotes(text);
    text_buffer_append_string(out, quoted ? "\"" : "");
    if (text.size > 0 && memchr("=+-@\t\r", text.bytes[0], 6) != NULL) {
        text_buffer_append(out, "'", 1);
    }
    for (size_t index = 0; index < text.size; index++) {
        // A NUL ends a cell for many readers, so that what follows would be hidden from them.
        char byte = text.bytes[index] == '\0' ? ' ' : text.bytes[index];
        text_buffer_append(out, byte == '"' ? "\"\"" : &byte, byte == '"' ? 2 : 1);
    }
    text_buffer_append_string(out, quoted ? "\"" : "");
}

static void add_value(struct text_buffer *out, struct text value, bool first)
{
    report_csv_cell(out, value.bytes == NULL ? TEXT_LITERAL("(none)") : value, first);
}

static void add_count(struct text_buffer *out, uint64_t count)
{
    text_buffer_printf(out, ",%" PRIu64, count);
}

static void add_rate(struct text_buffer *out, uint64_t part, uint64_t whole)
{
    text_buffer_append(out, ",", 1);
    if (whole > 0) {
        text_buffer_printf(out, "%.12g", (double)part / (double)whole);
    }
}

static void add_duration(struct text_buffer *out, uint64_t count, double duration_us)
{
    text_buffer_append(out, ",", 1);
    if (count > 0) {
        text_buffer_printf(out, "%.12g", duration_us);
    }
}

static void add_amount(struct text_buffer *out, int64_t amount)
{
    uint64_t magnitude = amount < 0 ? 0 - (uint64_t)amount : (uint64_t)amount;
    text_buffer_printf(out, ",%s%" PRIu64 ".%04" PRIu64, amount < 0 ? "-" : "", magnitude / 10000,
                       magnitude % 10000);
}

/// currency, revenue, orders, both of further orders: empty where there is no money, "(several)"
/// where no sum has a meaning.
static void add_money(struct text_buffer *out, const struct query_step *step)
{
    if (step->money_count == 0) {
        text_buffer_append_string(out, ",,,,,");
    } else if (step->money_count > 1) {
        text_buffer_append_string(out, ",(several),,,,");
    } else {
        add_value(out, step->money[0].currency, false);
        add_amount(out, step->money[0].revenue);
        add_count(out, step->money[0].orders);
        add_amount(out, step->money[0].repeat_revenue);
        add_count(out, step->money[0].repeat_orders);
    }
}

static void add_step(struct text_buffer *out, const struct funnel *funnel,
                     const struct query_slice *slice, uint32_t index)
{
    const struct query_step *step = &slice->steps[index];
    struct report_share share;
    report_share_of(funnel, slice, index, &share);
    add_count(out, index + 1);
    report_csv_cell(out, step->name, false);
    add_count(out, step->reached);
    add_rate(out, step->reached, share.all);
    add_rate(out, share.came, share.previous);
    add_count(out, step->dropped);
    add_count(out, step->open);
    add_count(out, step->lost);
    if ((slice->left_out & QUERY_OUTPUT_TIMES) == 0) {
        add_duration(out, step->from_previous.count, step->from_previous.percentiles_us[1]);
        add_duration(out, step->from_entry.count, step->from_entry.percentiles_us[1]);
    }
    if ((slice->left_out & QUERY_OUTPUT_MONEY) == 0) {
        add_money(out, step);
    }
    text_buffer_append(out, "\n", 1);
}

static void add_slice(struct text_buffer *out, const struct query_funnel *query, const char *kind,
                      const struct query_slice *slice)
{
    for (uint32_t step = 0; step < query->funnel.step_count; step++) {
        text_buffer_append_string(out, kind);
        for (uint32_t value = 0; value < query->by_count; value++) {
            if (slice->values == NULL) {
                text_buffer_append(out, ",", 1);
            } else {
                add_value(out, slice->values[value], false);
            }
        }
        add_step(out, &query->funnel, slice, step);
    }
}

void report_csv_funnel(const struct query_funnel *query, const struct query_funnel_result *result,
                       struct text_buffer *out)
{
    text_buffer_append_string(out, "slice");
    for (uint32_t index = 0; index < query->by_count; index++) {
        report_csv_cell(out, query->by[index], false);
    }
    text_buffer_append_string(out, ",step,name,reached,of_first,of_previous,dropped,open,lost");
    if ((query->left_out & QUERY_OUTPUT_TIMES) == 0) {
        text_buffer_append_string(out, ",median_from_previous_us,median_from_entry_us");
    }
    if ((query->left_out & QUERY_OUTPUT_MONEY) == 0) {
        text_buffer_append_string(out, ",currency,revenue,orders,repeat_revenue,repeat_orders");
    }
    text_buffer_append_string(out, "\n");
    add_slice(out, query, "total", &result->total);
    for (uint32_t index = 0; index < result->slice_count; index++) {
        add_slice(out, query, "slice", &result->slices[index]);
    }
    if (result->has_other) {
        add_slice(out, query, "other", &result->other);
    }
    report_csv_beside(query, result, out);
}

void report_csv_stages(const struct query_stages_result *result, struct text_buffer *out)
{
    text_buffer_append_string(out, "stage,events,users,bucket,bucket_events\n");
    for (uint32_t index = 0; index < result->row_count; index++) {
        const struct query_stage_row *row = &result->rows[index];
        for (uint32_t bucket = 0; bucket < result->bucket_count; bucket++) {
            add_value(out, row->name, true);
            add_count(out, row->events);
            add_count(out, row->users);
            text_buffer_append(out, ",", 1);
            report_instant(out, result->first_bucket_us + (int64_t)bucket * result->bucket_us);
            add_count(out, row->bucket_events[bucket]);
            text_buffer_append(out, "\n", 1);
        }
    }
}

static void add_session_row(struct text_buffer *out, const char *kind, bool with_value,
                            const struct query_session_row *row)
{
    text_buffer_append_string(out, kind);
    if (with_value) {
        add_value(out, kind[0] == 's' ? row->value : TEXT_LITERAL(""), false);
    }
    add_count(out, row->sessions);
    add_count(out, row->users);
    add_count(out, row->events);
    add_count(out, row->bounces);
    add_rate(out, row->bounces, row->sessions);
    add_count(out, row->live);
    add_duration(out, row->length.count, row->length.mean_us);
    add_duration(out, row->length.count, row->length.percentiles_us[1]);
    text_buffer_append(out, "\n", 1);
}

void report_csv_sessions(const struct query_sessions *query,
                         const struct query_sessions_result *result, struct text_buffer *out)
{
    bool with_value = query->by.bytes != NULL;
    text_buffer_append_string(out, "slice");
    if (with_value) {
        report_csv_cell(out, query->by, false);
    }
    text_buffer_append_string(out, ",sessions,users,events,bounces,bounce_rate,live,mean_length_us,"
                                   "median_length_us\n");
    add_session_row(out, "total", with_value, &result->total);
    for (uint32_t index = 0; index < result->row_count; index++) {
        add_session_row(out, "slice", with_value, &result->rows[index]);
    }
    if (result->has_other) {
        add_session_row(out, "other", with_value, &result->other);
    }
}
