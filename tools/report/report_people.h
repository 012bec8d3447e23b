// SPDX-License-Identifier: Apache-2.0
/// Lists of people, written as they come: the caller takes the buffer away whenever it likes. A
/// table is held until its end, for the widths of its columns. Thread: one.
#pragma once

#include "engine/query/people/people.h"
#include "tools/report/report.h"

/// Rows of a table unless asked for more, and at most.
#define REPORT_PEOPLE_ROWS_DEFAULT 50u
#define REPORT_PEOPLE_ROWS_MAX 10000u

struct report_people;

/// `users` or `trace`. All borrowed until the end.
struct report_people *report_people_create(const struct report_style *style,
                                           struct text_buffer *out);
void report_people_destroy(struct report_people *people);

/// The units behind a cell: begin, each unit, end.
void report_users_begin(struct report_people *people, const struct people_users *query,
                        const struct people_users_result *result);
void report_users_unit(struct report_people *people, const struct people_unit *unit);
void report_users_end(struct report_people *people);

/// One person: begin, each event, end.
void report_trace_begin(struct report_people *people, const struct people_trace *query,
                        const struct people_trace_result *result);
void report_trace_event(struct report_people *people, const struct people_event *event);
void report_trace_end(struct report_people *people);

/// What a cell is, in words: "dropped at 2 click".
void report_people_cell(const struct people_cell *cell, const struct query_funnel *funnel,
                        struct text_buffer *out);
