// SPDX-License-Identifier: Apache-2.0
/// Whether a reported attempt is in a cell of the answer. Private to engine/query/people. Thread:
/// values.
#pragma once

#include "engine/query/people/people.h"
#include "engine/query/query_units.h"

/// Refuses cells that no answer has.
CORONG_MUST_CHECK enum corong_status people_cell_check(const struct people_cell *cell,
                                                       const struct query_funnel *funnel,
                                                       struct corong_error *error);
/// The part of the cell that is not the slice.
bool people_cell_has(const struct people_cell *cell, const struct query_attempt *attempt);
/// What a digest covers of a cell.
void people_cell_describe(const struct people_cell *cell, uint32_t by_count,
                          struct text_buffer *out);
