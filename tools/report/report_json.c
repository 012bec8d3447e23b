// SPDX-License-Identifier: Apache-2.0
#include "tools/report/report_json.h"

#include "engine/dialect/dialect.h"
#include "tools/config/config.h"
#include "tools/report/report_beside.h"
#include "tools/report/report_lines.h"
#include "tools/report/json_writer.h"
#include "tools/report/report_groups.h"

static void write_texts(struct json_writer *writer, const char *key, const struct text *texts,
                        uint32_t count)
{
    json_writer_begin(writer, key, '[');
    writer->flat = true;
    for (uint32_t index = 0; index < count; index++) {
        json_writer_text(writer, NULL, texts[index]);
    }
    json_writer_end(writer, ']');
    writer->flat = false;
}

void report_json_counts(struct json_writer *writer, const char *key, const uint64_t *counts,
                        uint32_t count)
{
    json_writer_begin(writer, key, '[');
    writer->flat = true;
    for (uint32_t index = 0; index < count; index++) {
        json_writer_unsigned(writer, NULL, counts[index]);
    }
    json_writer_end(writer, ']');
    writer->flat = false;
}

static void write_range(struct json_writer *writer, const struct query_range *range,
                        int64_t as_of_us)
{
    json_writer_time(writer, "from", range->from_us);
    json_writer_time(writer, "to", range->to_us);
    json_writer_time(writer, "as_of", as_of_us);
}

static void write_stage(struct json_writer *writer, const struct stage *stage)
{
    json_writer_begin(writer, NULL, '{');
    json_writer_text(writer, "name", stage->name);
    write_texts(writer, "events", stage->events, stage->event_count);
    json_writer_text(writer, "where", stage->where);
    json_writer_end(writer, '}');
}

static void write_gaps(struct json_writer *writer, const struct funnel *funnel)
{
    json_writer_begin(writer, "gaps", '[');
    for (uint32_t step = 0; step < funnel->step_count; step++) {
        const struct funnel_gap *gap = &funnel->gaps[step];
        json_writer_begin(writer, NULL, '{');
        writer->flat = true;
        json_writer_signed(writer, "min_us", gap->min_us);
        if (gap->max_us == FUNNEL_WINDOW_NONE) {
            json_writer_null(writer, "max_us");
        } else {
            json_writer_signed(writer, "max_us", gap->max_us);
        }
        json_writer_end(writer, '}');
        writer->flat = false;
    }
    json_writer_end(writer, ']');
}

static void write_exclusions(struct json_writer *writer, const struct funnel *funnel)
{
    json_writer_begin(writer, "exclude", '[');
    for (uint32_t i = 0; i < funnel->exclusion_count; i++) {
        const struct funnel_exclusion *exclusion = &funnel->exclusions[i];
        json_writer_begin(writer, NULL, '{');
        json_writer_text(writer, "name", exclusion->stage.name);
        write_texts(writer, "events", exclusion->stage.events, exclusion->stage.event_count);
        json_writer_text(writer, "where", exclusion->stage.where);
        json_writer_unsigned(writer, "after", exclusion->after);
        json_writer_unsigned(writer, "before", exclusion->before);
        json_writer_text(writer, "effect", text_from(words_effect(exclusion->remove)));
        json_writer_end(writer, '}');
    }
    json_writer_end(writer, ']');
}

static void write_attribution(struct json_writer *writer, const struct query_funnel *query)
{
    struct text_buffer words = {0};
    report_attribution(&words, query);
    json_writer_text(writer, "attribution", (struct text){words.bytes, words.size});
    json_writer_bool(writer, "overlap", query->attribution == QUERY_ATTRIBUTION_EACH);
    text_buffer_deinit(&words);
}

static void write_dialect(struct json_writer *writer, const struct funnel *funnel)
{
    struct text_buffer words = {0};
    dialect_describe(funnel, &words);
    json_writer_text(writer, "dialect", (struct text){words.bytes, words.size});
    text_buffer_deinit(&words);
}

static void write_step_number(struct json_writer *writer, const char *key, uint32_t step)
{
    if (step != 0) {
        json_writer_unsigned(writer, key, step);
    }
}

/// Rules that few funnels have, where they have them.
static void write_rare_rules(struct json_writer *writer, const struct funnel *funnel)
{
    if (funnel->order == FUNNEL_ORDER_STRICT) {
        bool all = funnel->scope == FUNNEL_SCOPE_ALL;
        bool repeats = funnel->repeat == FUNNEL_REPEAT_ALLOW;
        json_writer_text(writer, "scope", all ? TEXT_LITERAL("all") : TEXT_LITERAL("funnel"));
        json_writer_text(writer, "repeat", repeats ? TEXT_LITERAL("allow") : TEXT_LITERAL("break"));
    }
    if (funnel->entry_open) {
        json_writer_text(writer, "entry", TEXT_LITERAL("open"));
    }
    if (funnel->optional != 0) {
        json_writer_begin(writer, "optional", '[');
        for (uint32_t steps = funnel->optional; steps != 0; steps &= steps - 1) {
            json_writer_unsigned(writer, NULL, (uint64_t)__builtin_ctz(steps) + 1);
        }
        json_writer_end(writer, ']');
    }
    write_step_number(writer, "anchor_first", funnel->anchor_first);
    write_step_number(writer, "anchor_last", funnel->anchor_last);
    if (funnel->tie_tolerance_us > 0) {
        json_writer_signed(writer, "tie_tolerance_us", funnel->tie_tolerance_us);
    }
}

static void write_outputs(struct json_writer *writer, uint32_t left_out)
{
    static const char *const WORDS[] = {"times", "money", "days"};
    struct text named[4] = {TEXT_LITERAL("counts")};
    uint32_t count = 1;
    for (uint32_t i = 0; i < 3; i++) {
        if ((left_out >> i & 1) == 0) {
            named[count++] = text_from(WORDS[i]);
        }
    }
    write_texts(writer, "outputs", named, count);
}

void report_json_asked(struct json_writer *writer, const struct report_style *style)
{
    if (style->question.bytes != NULL) {
        json_writer_raw(writer, "question", style->question);
    }
}

static void write_funnel_definition(struct json_writer *writer, const struct query_funnel *query)
{
    const struct funnel *funnel = &query->funnel;
    struct text_buffer window = {0};
    words_window(funnel, &window);
    json_writer_begin(writer, "definition", '{');
    json_writer_text(writer, "kind", TEXT_LITERAL("funnel"));
    json_writer_text(writer, "funnel", funnel->name);
    json_writer_begin(writer, "steps", '[');
    for (uint32_t index = 0; index < funnel->step_count; index++) {
        write_stage(writer, &funnel->steps[index]);
    }
    json_writer_end(writer, ']');
    json_writer_text(writer, "window", (struct text){window.bytes, window.size});
    json_writer_text(writer, "order", text_from(words_order(funnel->order)));
    if (funnel->unit == FUNNEL_UNIT_ATTRIBUTES) {
        write_texts(writer, "unit", funnel->unit_attributes, funnel->unit_attribute_count);
    } else {
        json_writer_text(writer, "unit", text_from(words_unit(funnel->unit)));
    }
    write_rare_rules(writer, funnel);
    json_writer_text(writer, "attempts", text_from(words_attempts(funnel->attempts)));
    json_writer_text(writer, "ties", text_from(words_ties(funnel->ties)));
    json_writer_text(writer, "range", text_from(words_range(funnel->range_inside)));
    if (funnel->dialect != DIALECT_NONE) {
        write_dialect(writer, funnel);
    }
    if (funnel->gaps != NULL) {
        write_gaps(writer, funnel);
    }
    if (funnel->exclusion_count > 0) {
        write_exclusions(writer, funnel);
    }
    write_range(writer, &query->range, query->as_of_us);
    json_writer_text(writer, "where", query->where);
    if (query->where_entry.bytes != NULL) {
        json_writer_text(writer, "where_entry", query->where_entry);
    }
    if (query->where_user.bytes != NULL) {
        json_writer_text(writer, "where_user", query->where_user);
    }
    write_texts(writer, "by", query->by, query->by_count);
    if (query->customer != NULL) {
        json_writer_text(writer, "customer", query->customer->name);
    }
    if (query->by_count > 0) {
        write_attribution(writer, query);
    }
    json_writer_unsigned(writer, "top", query->top == 0 ? QUERY_TOP_DEFAULT : query->top);
    if (query->left_out != 0) {
        write_outputs(writer, query->left_out);
    }
    json_writer_end(writer, '}');
    text_buffer_deinit(&window);
}

static void write_durations(struct json_writer *writer, const char *key,
                            const struct query_durations *durations)
{
    static const char *const NAMES[QUERY_PERCENTILE_COUNT] = {"p10_us", "p50_us", "p90_us",
                                                              "p95_us", "p99_us"};
    if (durations->count == 0) {
        json_writer_null(writer, key);
        return;
    }
    json_writer_begin(writer, key, '{');
    writer->flat = true;
    json_writer_unsigned(writer, "count", durations->count);
    json_writer_double(writer, "mean_us", durations->mean_us);
    for (uint32_t index = 0; index < QUERY_PERCENTILE_COUNT; index++) {
        json_writer_double(writer, NAMES[index], durations->percentiles_us[index]);
    }
    json_writer_signed(writer, "min_us", durations->min_us);
    json_writer_signed(writer, "max_us", durations->max_us);
    json_writer_begin(writer, "histogram", '[');
    for (uint32_t index = 0; index <= QUERY_EDGE_COUNT; index++) {
        json_writer_unsigned(writer, NULL, durations->histogram[index]);
    }
    json_writer_end(writer, ']');
    json_writer_end(writer, '}');
    writer->flat = false;
}

static void write_money(struct json_writer *writer, const struct query_step *step)
{
    json_writer_begin(writer, "money", '[');
    for (uint32_t index = 0; index < step->money_count; index++) {
        const struct query_money *money = &step->money[index];
        json_writer_begin(writer, NULL, '{');
        json_writer_text(writer, "currency", money->currency);
        json_writer_amount(writer, "revenue", money->revenue);
        json_writer_unsigned(writer, "orders", money->orders);
        if (money->orders == 0) {
            json_writer_null(writer, "average");
        } else {
            json_writer_amount(writer, "average", report_average(money->revenue, money->orders));
        }
        json_writer_begin(writer, "repeat", '{');
        writer->flat = true;
        json_writer_amount(writer, "revenue", money->repeat_revenue);
        json_writer_unsigned(writer, "orders", money->repeat_orders);
        json_writer_end(writer, '}');
        writer->flat = false;
        json_writer_end(writer, '}');
    }
    json_writer_end(writer, ']');
}

static void write_interval(struct json_writer *writer, const char *key, uint64_t part,
                           uint64_t whole)
{
    double low;
    double high;
    if (whole == 0) {
        json_writer_null(writer, key);
        return;
    }
    query_interval(part, whole, &low, &high);
    json_writer_begin(writer, key, '[');
    writer->flat = true;
    json_writer_double(writer, NULL, low);
    json_writer_double(writer, NULL, high);
    json_writer_end(writer, ']');
    writer->flat = false;
}

static void write_step(struct json_writer *writer, const struct funnel *funnel,
                       const struct query_slice *slice, uint32_t index)
{
    const struct query_step *step = &slice->steps[index];
    struct report_share share;
    report_share_of(funnel, slice, index, &share);
    json_writer_begin(writer, NULL, '{');
    json_writer_text(writer, "name", step->name);
    json_writer_unsigned(writer, "reached", step->reached);
    if (funnel->entry_open) {
        json_writer_unsigned(writer, "entered", step->entered);
    }
    json_writer_rate(writer, "of_first", step->reached, share.all);
    write_interval(writer, "of_first_95", step->reached, share.all);
    if (index == 0) {
        json_writer_null(writer, "of_previous");
        json_writer_null(writer, "of_previous_95");
    } else {
        json_writer_rate(writer, "of_previous", share.came, share.previous);
        write_interval(writer, "of_previous_95", share.came, share.previous);
    }
    json_writer_unsigned(writer, "dropped", step->dropped);
    json_writer_unsigned(writer, "open", step->open);
    json_writer_unsigned(writer, "lost", step->lost);
    if ((slice->left_out & QUERY_OUTPUT_TIMES) == 0) {
        write_durations(writer, "from_previous", &step->from_previous);
        write_durations(writer, "from_entry", &step->from_entry);
    }
    if ((slice->left_out & QUERY_OUTPUT_MONEY) == 0) {
        write_money(writer, step);
    }
    json_writer_end(writer, '}');
}

void report_json_slice(struct json_writer *writer, const struct query_slice *slice,
                       const struct funnel *funnel)
{
    uint64_t closed = slice->won + slice->lost;
    json_writer_unsigned(writer, "won", slice->won);
    json_writer_unsigned(writer, "open", slice->open);
    json_writer_unsigned(writer, "lost", slice->lost);
    json_writer_rate(writer, "won_of_entered", slice->won, slice->won + slice->open + slice->lost);
    json_writer_rate(writer, "won_of_closed", slice->won, closed);
    write_interval(writer, "won_of_closed_95", slice->won, closed);
    json_writer_begin(writer, "steps", '[');
    for (uint32_t index = 0; index < funnel->step_count; index++) {
        write_step(writer, funnel, slice, index);
    }
    json_writer_end(writer, ']');
}

static void write_work(struct json_writer *writer, const struct query_provenance *provenance)
{
    json_writer_begin(writer, "work", '{');
    json_writer_unsigned(writer, "events_read", provenance->events_read);
    json_writer_unsigned(writer, "events_matched", provenance->events_matched);
    json_writer_unsigned(writer, "users_read", provenance->users_read);
    json_writer_unsigned(writer, "users_remembered", provenance->users_remembered);
    json_writer_unsigned(writer, "users_skipped", provenance->users_skipped);
    json_writer_unsigned(writer, "users_in_blocks", provenance->users_in_blocks);
    report_json_counts(writer, "users_left", provenance->users_left, QUERY_BLOCK_REASON_COUNT);
    json_writer_unsigned(writer, "bytes_read", provenance->bytes_read);
    json_writer_unsigned(writer, "thread_count", provenance->thread_count);
    json_writer_double(writer, "seconds_total", provenance->seconds_total);
    json_writer_double(writer, "seconds_read", provenance->seconds_read);
    json_writer_double(writer, "seconds_match", provenance->seconds_match);
    if (provenance->repeat_count > 0) {
        report_json_times(writer, "seconds_repeated", provenance->repeat_seconds,
                          provenance->repeat_count);
        report_json_times(writer, "cpu_seconds_repeated", provenance->repeat_cpu_seconds,
                          provenance->repeat_count);
    }
    json_writer_end(writer, '}');
}

static void write_provenance(struct json_writer *writer, const struct query_provenance *provenance,
                             const struct report_style *style)
{
    json_writer_begin(writer, "provenance", '{');
    json_writer_text(writer, "definition_hash", text_from(provenance->definition_hash));
    json_writer_text(writer, "result_digest", text_from(provenance->result_digest));
    json_writer_text(writer, "store_digest", text_from(provenance->store_digest));
    json_writer_unsigned(writer, "store_sequence", provenance->store_sequence);
    json_writer_time(writer, "as_of", provenance->as_of_us);
    json_writer_unsigned(writer, "after_as_of", provenance->after_as_of);
    if (provenance->events_outside > 0) {
        json_writer_unsigned(writer, "events_outside", provenance->events_outside);
    }
    json_writer_unsigned(writer, "rows_stored", provenance->rows_stored);
    json_writer_unsigned(writer, "rows_committed", provenance->rows_committed);
    json_writer_time(writer, "visible_through", provenance->visible_through_us);
    json_writer_time(writer, "committed_through", provenance->committed_through_us);
    json_writer_unsigned(writer, "type_mismatches", provenance->type_mismatches);
    json_writer_unsigned(writer, "source_count", provenance->source_count);
    json_writer_bool(writer, "complete", provenance->complete);
    if (style->timing) {
        // How much was read and how fast depends on the machine and on compaction; left out unless
        // asked for, so that the same data gives the same bytes.
        write_work(writer, provenance);
    }
    json_writer_end(writer, '}');
}

static void write_days(struct json_writer *writer, const struct query_funnel_result *result,
                       uint32_t step_count)
{
    json_writer_begin(writer, "days", '[');
    for (uint32_t index = 0; index < result->day_count; index++) {
        json_writer_begin(writer, NULL, '{');
        json_writer_time(writer, "day", result->days[index].day_start_us);
        report_json_counts(writer, "reached", result->days[index].reached, step_count);
        json_writer_end(writer, '}');
    }
    json_writer_end(writer, ']');
}

/// Against all other units.
static void write_test(struct json_writer *writer, const struct query_slice *slice)
{
    if (!slice->tested) {
        json_writer_null(writer, "p_value");
        json_writer_null(writer, "q_value");
        return;
    }
    json_writer_double(writer, "p_value", slice->p_value);
    json_writer_double(writer, "q_value", slice->q_value);
}

/// Edges of every "histogram" of the answer.
static void write_edges(struct json_writer *writer)
{
    json_writer_begin(writer, "histogram_edges_us", '[');
    writer->flat = true;
    for (uint32_t index = 0; index < QUERY_EDGE_COUNT; index++) {
        json_writer_signed(writer, NULL, QUERY_EDGES_US[index]);
    }
    json_writer_end(writer, ']');
    writer->flat = false;
}

void report_json_funnel(const struct query_funnel *query, const struct query_funnel_result *result,
                        const struct report_style *style, struct text_buffer *out)
{
    struct json_writer writer;
    uint32_t step_count = query->funnel.step_count;
    json_writer_init(&writer, out);
    json_writer_begin(&writer, NULL, '{');
    report_json_question(&writer, query, style);
    json_writer_begin(&writer, "total", '{');
    report_json_slice(&writer, &result->total, &query->funnel);
    json_writer_end(&writer, '}');
    report_groups_json(query, &result->total, &writer);
    json_writer_begin(&writer, "slices", '[');
    for (uint32_t index = 0; index < result->slice_count; index++) {
        json_writer_begin(&writer, NULL, '{');
        write_texts(&writer, "values", result->slices[index].values, query->by_count);
        write_test(&writer, &result->slices[index]);
        report_json_slice(&writer, &result->slices[index], &query->funnel);
        json_writer_end(&writer, '}');
    }
    json_writer_end(&writer, ']');
    if (result->has_other) {
        json_writer_begin(&writer, "other", '{');
        json_writer_unsigned(&writer, "slice_count", result->other_slice_count);
        report_json_slice(&writer, &result->other, &query->funnel);
        json_writer_end(&writer, '}');
    } else {
        json_writer_null(&writer, "other");
    }
    if ((query->left_out & QUERY_OUTPUT_TIMES) == 0) {
        write_edges(&writer);
    }
    if ((query->left_out & QUERY_OUTPUT_DAYS) == 0) {
        write_days(&writer, result, step_count);
    }
    report_json_beside(&writer, query, result);
    write_provenance(&writer, &result->provenance, style);
    json_writer_end(&writer, '}');
}

void report_json_stages(const struct query_stages *query, const struct query_stages_result *result,
                        const struct report_style *style, struct text_buffer *out)
{
    struct json_writer writer;
    json_writer_init(&writer, out);
    json_writer_begin(&writer, NULL, '{');
    report_json_asked(&writer, style);
    json_writer_begin(&writer, "definition", '{');
    json_writer_text(&writer, "kind", TEXT_LITERAL("stages"));
    json_writer_begin(&writer, "stages", '[');
    for (uint32_t index = 0; index < query->stage_count; index++) {
        write_stage(&writer, &query->stages[index]);
    }
    json_writer_end(&writer, ']');
    write_range(&writer, &query->range, query->as_of_us);
    json_writer_text(&writer, "where", query->where);
    json_writer_end(&writer, '}');
    json_writer_signed(&writer, "bucket_us", result->bucket_us);
    if (result->bucket_count == 0) {
        json_writer_null(&writer, "first_bucket");
    } else {
        json_writer_time(&writer, "first_bucket", result->first_bucket_us);
    }
    json_writer_begin(&writer, "stages", '[');
    for (uint32_t index = 0; index < result->row_count; index++) {
        const struct query_stage_row *row = &result->rows[index];
        json_writer_begin(&writer, NULL, '{');
        json_writer_text(&writer, "name", row->name);
        json_writer_unsigned(&writer, "events", row->events);
        json_writer_unsigned(&writer, "users", row->users);
        report_json_counts(&writer, "bucket_events", row->bucket_events, result->bucket_count);
        json_writer_end(&writer, '}');
    }
    json_writer_end(&writer, ']');
    write_provenance(&writer, &result->provenance, style);
    json_writer_end(&writer, '}');
}

/// The members of a session row; the caller has begun the object.
static void write_session_row(struct json_writer *writer, const struct query_session_row *row)
{
    json_writer_unsigned(writer, "sessions", row->sessions);
    json_writer_unsigned(writer, "users", row->users);
    json_writer_unsigned(writer, "events", row->events);
    json_writer_unsigned(writer, "bounces", row->bounces);
    json_writer_unsigned(writer, "live", row->live);
    json_writer_rate(writer, "bounce_rate", row->bounces, row->sessions);
    json_writer_rate(writer, "events_per_session", row->events, row->sessions);
    write_durations(writer, "length", &row->length);
}

void report_json_sessions(const struct query_sessions *query,
                          const struct query_sessions_result *result,
                          const struct report_style *style, struct text_buffer *out)
{
    struct json_writer writer;
    int64_t timeout_us = query->session_timeout_us;
    json_writer_init(&writer, out);
    json_writer_begin(&writer, NULL, '{');
    report_json_asked(&writer, style);
    json_writer_begin(&writer, "definition", '{');
    json_writer_text(&writer, "kind", TEXT_LITERAL("sessions"));
    write_range(&writer, &query->range, query->as_of_us);
    json_writer_signed(&writer, "session_timeout_us",
                       timeout_us == 0 ? SESSION_TIMEOUT_DEFAULT_US : timeout_us);
    json_writer_text(&writer, "by", query->by);
    json_writer_end(&writer, '}');
    json_writer_begin(&writer, "total", '{');
    write_session_row(&writer, &result->total);
    json_writer_end(&writer, '}');
    json_writer_begin(&writer, "rows", '[');
    for (uint32_t index = 0; index < result->row_count; index++) {
        json_writer_begin(&writer, NULL, '{');
        json_writer_text(&writer, "value", result->rows[index].value);
        write_session_row(&writer, &result->rows[index]);
        json_writer_end(&writer, '}');
    }
    json_writer_end(&writer, ']');
    if (result->has_other) {
        json_writer_begin(&writer, "other", '{');
        write_session_row(&writer, &result->other);
        json_writer_end(&writer, '}');
    } else {
        json_writer_null(&writer, "other");
    }
    write_provenance(&writer, &result->provenance, style);
    json_writer_end(&writer, '}');
}

static void write_live_funnel(struct json_writer *writer, const struct engine_live_funnel *funnel)
{
    json_writer_begin(writer, NULL, '{');
    json_writer_text(writer, "name", funnel->name);
    report_json_counts(writer, "reached", funnel->reached, funnel->step_count);
    json_writer_begin(writer, "slices", '[');
    for (uint32_t index = 0; index < funnel->slice_count; index++) {
        json_writer_begin(writer, NULL, '{');
        json_writer_text(writer, "value", funnel->slices[index].value);
        report_json_counts(writer, "reached", funnel->slices[index].reached, funnel->step_count);
        json_writer_end(writer, '}');
    }
    json_writer_end(writer, ']');
    json_writer_end(writer, '}');
}

void report_json_live(struct json_writer *writer, const struct report_live_end *live)
{
    const struct engine_live_view *view = live->view;
    json_writer_begin(writer, "live", '{');
    json_writer_unsigned(writer, "users", view->users);
    json_writer_unsigned(writer, "users_evicted", view->users_evicted);
    json_writer_unsigned(writer, "sessions", view->sessions);
    json_writer_unsigned(writer, "pending", live->pending);
    json_writer_bool(writer, "recounted", live->recounted);
    json_writer_unsigned(writer, "live_state_bytes", view->live_state_bytes);
    json_writer_begin(writer, "funnels", '[');
    for (uint32_t index = 0; index < view->funnel_count; index++) {
        write_live_funnel(writer, &view->funnels[index]);
    }
    json_writer_end(writer, ']');
    json_writer_end(writer, '}');
}

void report_json_question(struct json_writer *writer, const struct query_funnel *query,
                          const struct report_style *style)
{
    report_json_asked(writer, style);
    write_funnel_definition(writer, query);
}

void report_json_provenance(struct json_writer *writer, const struct query_provenance *provenance,
                            const struct report_style *style)
{
    write_provenance(writer, provenance, style);
}
