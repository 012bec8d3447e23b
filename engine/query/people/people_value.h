// SPDX-License-Identifier: Apache-2.0
/// Values of single rows as texts. Private to engine/query/people. Thread: one worker.
#pragma once

#include "engine/query/query_history.h"

/// A value as stored, of a column: a string as it is, integers in decimal, numbers in the shortest
/// form that reads back the same, booleans as words; missing stays missing. Memory: the snapshot,
/// or `arena`.
CORONG_MUST_CHECK enum corong_status
people_value_text(const struct query_raw *value, const struct query_plan *plan, uint32_t column,
                  struct arena *arena, struct text *text_out, struct corong_error *error);
/// The value of a column in a looked-up row (`rows` of query_source_look(), the column selected).
CORONG_MUST_CHECK enum corong_status
people_value(const struct query_source *source, const struct row_group *rows, uint32_t column,
             uint32_t row, struct arena *arena, struct text *value_out, struct corong_error *error);
