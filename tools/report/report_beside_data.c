// SPDX-License-Identifier: Apache-2.0
/// The same for programs: members of the JSON answer, tables of the CSV.
#include "storage/base/clock.h"
#include "tools/report/report_beside.h"
#include "tools/report/report_csv.h"

#include <inttypes.h>

static const char *const END_NAMES[QUERY_END_COUNT] = {"won",     "excluded", "strict", "gap",
                                                       "session", "open",     "window"};

void report_json_times(struct json_writer *writer, const char *name, const double *seconds,
                       uint32_t count)
{
    json_writer_begin(writer, name, '[');
    for (uint32_t index = 0; index < count; index++) {
        json_writer_double(writer, NULL, seconds[index]);
    }
    json_writer_end(writer, ']');
}

static void write_bucket(struct json_writer *writer, enum query_bucket bucket,
                         const struct query_funnel *query, int64_t begin_us, int64_t end_us)
{
    struct text_buffer label = {0};
    report_bucket(&label, bucket, query->zone, begin_us);
    json_writer_text(writer, "label", (struct text){label.bytes, label.size});
    json_writer_time(writer, "begin", begin_us);
    json_writer_time(writer, "end", end_us);
    text_buffer_deinit(&label);
}

static void write_slices(struct json_writer *writer, const struct query_funnel *query,
                         const struct query_slice *slices, uint32_t slice_count,
                         const struct query_slice *other)
{
    if (query->by_count == 0) {
        return;
    }
    json_writer_begin(writer, "slices", '[');
    for (uint32_t i = 0; i < slice_count; i++) {
        json_writer_begin(writer, NULL, '{');
        report_json_slice(writer, &slices[i], &query->funnel);
        json_writer_end(writer, '}');
    }
    json_writer_end(writer, ']');
    json_writer_begin(writer, "other", '{');
    report_json_slice(writer, other, &query->funnel);
    json_writer_end(writer, '}');
}

static void write_trend(struct json_writer *writer, const struct query_funnel *query,
                        const struct query_funnel_result *result)
{
    json_writer_begin(writer, "trend", '[');
    for (uint32_t b = 0; b < result->trend_count; b++) {
        const struct query_trend *row = &result->trend[b];
        json_writer_begin(writer, NULL, '{');
        write_bucket(writer, query->trend, query, row->begin_us, row->end_us);
        json_writer_bool(writer, "partial", report_bucket_is_part(query, result, row));
        json_writer_begin(writer, "total", '{');
        report_json_slice(writer, &row->total, &query->funnel);
        json_writer_end(writer, '}');
        write_slices(writer, query, row->slices, result->slice_count, &row->other);
        json_writer_end(writer, '}');
    }
    json_writer_end(writer, ']');
}

static void write_rates(struct json_writer *writer, const char *key, const uint64_t *counts,
                        uint32_t count, int64_t length_us)
{
    json_writer_begin(writer, key, '[');
    writer->flat = true;
    for (uint32_t k = 0; k < count; k++) {
        json_writer_double(writer, NULL,
                           (double)counts[k] * MICROSECONDS_PER_SECOND / (double)length_us);
    }
    json_writer_end(writer, ']');
    writer->flat = false;
}

static void write_throughput(struct json_writer *writer, const struct query_funnel *query,
                             const struct query_funnel_result *result)
{
    uint32_t steps = query->funnel.step_count;
    json_writer_begin(writer, "throughput", '[');
    for (uint32_t b = 0; b < result->throughput_count; b++) {
        const struct query_throughput *row = &result->throughput[b];
        json_writer_begin(writer, NULL, '{');
        write_bucket(writer, query->throughput, query, row->begin_us, row->end_us);
        report_json_counts(writer, "reached", row->total, steps);
        write_rates(writer, "per_second", row->total, steps, row->end_us - row->begin_us);
        if (query->by_count > 0) {
            json_writer_begin(writer, "slices", '[');
            for (uint32_t i = 0; i < result->slice_count; i++) {
                report_json_counts(writer, NULL, row->slices + (size_t)i * steps, steps);
            }
            json_writer_end(writer, ']');
            report_json_counts(writer, "other", row->slices + (size_t)result->slice_count * steps,
                               steps);
        }
        json_writer_end(writer, '}');
    }
    json_writer_end(writer, ']');
}

static void write_point(struct json_writer *writer, const char *key,
                        const struct query_survival_point *point)
{
    json_writer_begin(writer, key, '{');
    writer->flat = true;
    json_writer_signed(writer, "after_us", point->after_us);
    json_writer_unsigned(writer, "at_risk", point->at_risk);
    json_writer_unsigned(writer, "won", point->won);
    json_writer_double(writer, "estimate", point->estimate);
    json_writer_double(writer, "low", point->low);
    json_writer_double(writer, "high", point->high);
    json_writer_end(writer, '}');
    writer->flat = false;
}

static void write_survival(struct json_writer *writer, const struct query_survival *survival)
{
    json_writer_begin(writer, "survival", '{');
    json_writer_text(writer, "attempts", text_from(survival->all_attempts ? "all" : "first"));
    json_writer_unsigned(writer, "count", survival->attempts);
    json_writer_bool(writer, "plateau", survival->plateau);
    json_writer_begin(writer, "ends", '{');
    for (uint32_t i = 0; i < QUERY_END_COUNT; i++) {
        json_writer_unsigned(writer, END_NAMES[i], survival->ends[i]);
    }
    json_writer_end(writer, '}');
    json_writer_unsigned(writer, "win_times", survival->win_time_count);
    if (survival->final.at_risk == 0) {
        json_writer_null(writer, "final");
    } else {
        write_point(writer, "final", &survival->final);
    }
    json_writer_begin(writer, "competing", '{');
    for (uint32_t i = 0; i < QUERY_END_COMPETING_COUNT; i++) {
        json_writer_double(writer, END_NAMES[QUERY_END_EXCLUDED + i], survival->competing[i]);
    }
    json_writer_end(writer, '}');
    json_writer_begin(writer, "points", '[');
    for (uint32_t i = 0; i < survival->point_count; i++) {
        write_point(writer, NULL, &survival->points[i]);
    }
    json_writer_end(writer, ']');
    json_writer_end(writer, '}');
}

static void write_difference(struct json_writer *writer, const char *key, uint64_t part,
                             uint64_t whole, uint64_t other_part, uint64_t other_whole)
{
    struct query_difference difference = query_difference(part, whole, other_part, other_whole);
    if (!difference.known) {
        json_writer_null(writer, key);
        return;
    }
    json_writer_begin(writer, key, '{');
    writer->flat = true;
    json_writer_double(writer, "value", difference.value);
    json_writer_double(writer, "low", difference.low);
    json_writer_double(writer, "high", difference.high);
    json_writer_end(writer, '}');
    writer->flat = false;
}

static void write_change(struct json_writer *writer, const struct query_change *change)
{
    json_writer_begin(writer, "change", '{');
    writer->flat = true;
    json_writer_double(writer, "mix", change->mix);
    json_writer_double(writer, "rate", change->rate);
    json_writer_end(writer, '}');
    writer->flat = false;
}

/// One slice of the other range beside the same one of this.
static void write_compared(struct json_writer *writer, const char *key,
                           const struct query_slice *now, const struct query_slice *then,
                           const struct query_change *change, const struct funnel *funnel)
{
    uint32_t step_count = funnel->step_count;
    json_writer_begin(writer, key, '{');
    report_json_slice(writer, then, funnel);
    json_writer_begin(writer, "differences", '{');
    write_difference(writer, "won_of_entered", now->won, now->won + now->open + now->lost,
                     then->won, then->won + then->open + then->lost);
    write_difference(writer, "won_of_closed", now->won, now->won + now->lost, then->won,
                     then->won + then->lost);
    json_writer_begin(writer, "of_first", '[');
    for (uint32_t k = 0; k < step_count; k++) {
        write_difference(writer, NULL, now->steps[k].reached, now->steps[0].reached,
                         then->steps[k].reached, then->steps[0].reached);
    }
    json_writer_end(writer, ']');
    json_writer_end(writer, '}');
    if (change != NULL) {
        write_change(writer, change);
    }
    json_writer_end(writer, '}');
}

static void write_comparison(struct json_writer *writer, const struct query_funnel *query,
                             const struct query_funnel_result *result)
{
    const struct query_comparison *comparison = result->comparison;
    bool split = comparison->split;
    json_writer_begin(writer, "comparison", '{');
    json_writer_time(writer, "from", query->compare.from_us);
    json_writer_time(writer, "to", query->compare.to_us);
    write_compared(writer, "total", &result->total, &comparison->total,
                   split ? &comparison->change : NULL, &query->funnel);
    json_writer_begin(writer, "slices", '[');
    for (uint32_t i = 0; i < result->slice_count; i++) {
        write_compared(writer, NULL, &result->slices[i], &comparison->slices[i],
                       split ? &comparison->changes[i] : NULL, &query->funnel);
    }
    json_writer_end(writer, ']');
    if (query->by_count > 0) {
        write_compared(writer, "other", &result->other, &comparison->other,
                       split ? &comparison->changes[result->slice_count] : NULL, &query->funnel);
    }
    json_writer_end(writer, '}');
}

void report_json_beside(struct json_writer *writer, const struct query_funnel *query,
                        const struct query_funnel_result *result)
{
    if (query->trend != QUERY_BUCKET_NONE) {
        write_trend(writer, query, result);
    }
    if (query->throughput != QUERY_BUCKET_NONE) {
        write_throughput(writer, query, result);
    }
    if (result->survival != NULL) {
        write_survival(writer, result->survival);
    }
    if (result->comparison != NULL) {
        write_comparison(writer, query, result);
    }
}

/// One row per step of a slice of a bucket, or of the other range.
static void csv_slice(const struct query_funnel *query, struct text label, const char *kind,
                      const struct text *values, const struct query_slice *slice,
                      struct text_buffer *out)
{
    for (uint32_t k = 0; k < query->funnel.step_count; k++) {
        const struct query_step *step = &slice->steps[k];
        report_csv_cell(out, label, true);
        text_buffer_printf(out, ",%s", kind);
        for (uint32_t v = 0; v < query->by_count; v++) {
            struct text value = values == NULL ? TEXT_LITERAL("") : values[v];
            report_csv_cell(out, value.bytes == NULL ? TEXT_LITERAL("(none)") : value, false);
        }
        text_buffer_printf(out, ",%u", k + 1);
        report_csv_cell(out, query->funnel.steps[k].name, false);
        text_buffer_printf(out, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", step->reached,
                           step->dropped, step->open, step->lost);
    }
}

static void csv_slices(const struct query_funnel *query, const struct query_funnel_result *result,
                       struct text label, const struct query_slice *total,
                       const struct query_slice *slices, const struct query_slice *other,
                       struct text_buffer *out)
{
    csv_slice(query, label, "total", NULL, total, out);
    for (uint32_t i = 0; i < result->slice_count; i++) {
        csv_slice(query, label, "slice", result->slices[i].values, &slices[i], out);
    }
    if (query->by_count > 0) {
        csv_slice(query, label, "other", NULL, other, out);
    }
}

static void csv_heading(const struct query_funnel *query, struct text_buffer *out)
{
    text_buffer_append_string(out, "\nentered,slice");
    for (uint32_t v = 0; v < query->by_count; v++) {
        report_csv_cell(out, query->by[v], false);
    }
    text_buffer_append_string(out, ",step,name,reached,dropped,open,lost\n");
}

/// Entries of each bucket, and of the other range.
static void csv_entries(const struct query_funnel *query, const struct query_funnel_result *result,
                        struct text_buffer *out)
{
    struct text_buffer label = {0};
    csv_heading(query, out);
    for (uint32_t b = 0; b < result->trend_count; b++) {
        const struct query_trend *row = &result->trend[b];
        text_buffer_reset(&label);
        report_bucket(&label, query->trend, query->zone, row->begin_us);
        csv_slices(query, result, (struct text){label.bytes, label.size}, &row->total, row->slices,
                   &row->other, out);
    }
    if (result->comparison != NULL) {
        csv_slices(query, result, TEXT_LITERAL("compared"), &result->comparison->total,
                   result->comparison->slices, &result->comparison->other, out);
    }
    text_buffer_deinit(&label);
}

static void csv_throughput(const struct query_funnel *query,
                           const struct query_funnel_result *result, struct text_buffer *out)
{
    text_buffer_append_string(out, "\nbucket,step,name,reached,per_second\n");
    for (uint32_t b = 0; b < result->throughput_count; b++) {
        const struct query_throughput *row = &result->throughput[b];
        double seconds = (double)(row->end_us - row->begin_us) / MICROSECONDS_PER_SECOND;
        for (uint32_t k = 0; k < query->funnel.step_count; k++) {
            report_bucket(out, query->throughput, query->zone, row->begin_us);
            text_buffer_printf(out, ",%u", k + 1);
            report_csv_cell(out, query->funnel.steps[k].name, false);
            text_buffer_printf(out, ",%" PRIu64 ",%.12g\n", row->total[k],
                               (double)row->total[k] / seconds);
        }
    }
}

static void csv_survival(const struct query_survival *survival, struct text_buffer *out)
{
    text_buffer_append_string(out, "\nafter_us,at_risk,won,estimate,low,high\n");
    for (uint32_t i = 0; i < survival->point_count; i++) {
        const struct query_survival_point *point = &survival->points[i];
        text_buffer_printf(out, "%" PRId64 ",%" PRIu64 ",%" PRIu64 ",%.12g,%.12g,%.12g\n",
                           point->after_us, point->at_risk, point->won, point->estimate, point->low,
                           point->high);
    }
}

void report_csv_beside(const struct query_funnel *query, const struct query_funnel_result *result,
                       struct text_buffer *out)
{
    if (result->trend_count > 0 || result->comparison != NULL) {
        csv_entries(query, result, out);
    }
    if (result->throughput_count > 0) {
        csv_throughput(query, result, out);
    }
    if (result->survival != NULL) {
        csv_survival(result->survival, out);
    }
}
