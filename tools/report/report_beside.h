// SPDX-License-Identifier: Apache-2.0
/// What a funnel's answer holds beside its steps and slices: trend, throughput, conversion by time,
/// another range. Private to tools/report. Thread: any.
#pragma once

#include "tools/report/json_writer.h"
#include "tools/report/report.h"

/// Tables, one after the other; nothing where nothing was asked for.
void report_beside(const struct query_funnel *query, const struct query_funnel_result *result,
                   const struct report_style *style, struct text_buffer *out);
/// The members "trend", "throughput", "survival" and "comparison", those that were asked for.
void report_json_beside(struct json_writer *writer, const struct query_funnel *query,
                        const struct query_funnel_result *result);
/// Throughput and survival, each as a table of its own behind an empty line.
void report_csv_beside(const struct query_funnel *query, const struct query_funnel_result *result,
                       struct text_buffer *out);
/// A bucket as the zone's people call it: "2026-01-31 13:00 +01:00", "2026-01-31", "2026-W05",
/// "2026-01".
void report_bucket(struct text_buffer *out, enum query_bucket bucket, const struct zone *zone,
                   int64_t begin_us);
/// Whether the range, or as of, leaves a part of a trend's bucket out.
bool report_bucket_is_part(const struct query_funnel *query,
                           const struct query_funnel_result *result, const struct query_trend *row);
const char *report_bucket_word(enum query_bucket bucket);
/// "entry", "step:2", "each:1".
void report_attribution(struct text_buffer *out, const struct query_funnel *query);
/// As in a table: "0.031", "<0.001".
void report_probability(struct text_buffer *out, double value);
/// A difference of shares in percent points, with its sign and interval.
void report_difference(struct text_buffer *out, const struct query_difference *difference);
/// The members of a slice (report_json.c); the caller has begun the object.
void report_json_slice(struct json_writer *writer, const struct query_slice *slice,
                       const struct funnel *funnel);
void report_json_counts(struct json_writer *writer, const char *key, const uint64_t *counts,
                        uint32_t count);
void report_json_times(struct json_writer *writer, const char *name, const double *seconds,
                       uint32_t count);
