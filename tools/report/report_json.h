// SPDX-License-Identifier: Apache-2.0
/// Answers as JSON; README.md shows each. Private to tools/report. Thread: any.
#pragma once

#include "tools/report/json_writer.h"
#include "tools/report/report.h"

void report_json_funnel(const struct query_funnel *query, const struct query_funnel_result *result,
                        const struct report_style *style, struct text_buffer *out);
void report_json_stages(const struct query_stages *query, const struct query_stages_result *result,
                        const struct report_style *style, struct text_buffer *out);
void report_json_sessions(const struct query_sessions *query,
                          const struct query_sessions_result *result,
                          const struct report_style *style, struct text_buffer *out);
/// The member "live" of a replay's books.
void report_json_live(struct json_writer *writer, const struct report_live_end *live);
/// The member "question" of an answer, where the style knows it.
void report_json_asked(struct json_writer *writer, const struct report_style *style);
/// The members "question" (as --query reads it), "definition" (what of it was counted, and what was
/// taken where nobody said) and "provenance" of every answer about a funnel.
void report_json_question(struct json_writer *writer, const struct query_funnel *query,
                          const struct report_style *style);
void report_json_provenance(struct json_writer *writer, const struct query_provenance *provenance,
                            const struct report_style *style);
