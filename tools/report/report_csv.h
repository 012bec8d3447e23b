// SPDX-License-Identifier: Apache-2.0
/// Answers as CSV (RFC 4180, line ends \n). Private to tools/report. Thread: any.
#pragma once

#include "tools/report/report.h"

/// One row per slice and step; the first rows are the total.
void report_csv_funnel(const struct query_funnel *query, const struct query_funnel_result *result,
                       struct text_buffer *out);
/// One row per stage and bucket.
void report_csv_stages(const struct query_stages_result *result, struct text_buffer *out);
/// One row per value; the first is the total.
void report_csv_sessions(const struct query_sessions *query,
                         const struct query_sessions_result *result, struct text_buffer *out);
/// One row per group and step, interval, bin or event.
void report_csv_posthog(const struct peer_posthog *question,
                        const struct peer_posthog_result *result, struct text_buffer *out);
/// One row per group and step.
void report_csv_pinot(const struct peer_pinot *question, const struct peer_pinot_result *result,
                      struct text_buffer *out);
/// One quoted cell with its comma before it unless `first`. A cell that a spreadsheet would run as
/// a formula gets a leading apostrophe.
void report_csv_cell(struct text_buffer *out, struct text text, bool first);
