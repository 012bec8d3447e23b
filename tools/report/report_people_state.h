// SPDX-License-Identifier: Apache-2.0
/// What lists of people have in common. Private to tools/report. Thread: one.
#pragma once

#include "tools/report/grid.h"
#include "tools/report/json_writer.h"
#include "tools/report/report.h"

struct report_people {
    const struct report_style *style;
    struct text_buffer *out;
    struct grid grid;
    struct json_writer writer;
    const struct people_users *users;
    const struct people_users_result *users_result;
    const struct people_trace *trace;
    const struct people_trace_result *trace_result;
    const struct people_dormant *dormant;
    const struct people_dormant_result *dormant_result;
    uint64_t shown;
};

/// A cell with the values gathered: "DE, FR", with "…" where there were more.
void report_people_gathered(const struct people_gathered *gathered, const char *between,
                            struct text_buffer *out);
void report_people_json_gathered(struct json_writer *writer, const char *key,
                                 const struct people_gathered *gathered);
/// The object of a unit; the caller has begun it.
void report_people_json_unit(struct json_writer *writer, const struct query_funnel *funnel,
                             const struct people_unit *unit);
/// "gathered": an object of lists, by attribute.
void report_people_json_gathers(struct json_writer *writer, const struct text *names,
                                uint32_t count, const struct people_gathered *gathered);
/// "won", "open" or "lost".
const char *report_people_state(const struct people_unit *unit);
/// "EUR 10.00 + USD 3.50"; nothing where there is no money.
void report_people_money(const struct people_unit *unit, struct text_buffer *out);
