// SPDX-License-Identifier: Apache-2.0
/// The steps of a funnel by their stages' groups (top, middle, bottom). Private to tools/report.
/// Thread: any.
#pragma once

#include "tools/report/json_writer.h"
#include "tools/report/report.h"

/// A table of the groups; nothing where no step has one, or each is in one of its own.
void report_groups_draw(const struct query_funnel *query, const struct query_slice *total,
                        const struct report_style *style, struct text_buffer *out);
/// The member "groups"; nothing where no step has one.
void report_groups_json(const struct query_funnel *query, const struct query_slice *total,
                        struct json_writer *writer);
