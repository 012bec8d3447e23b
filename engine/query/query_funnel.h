// SPDX-License-Identifier: Apache-2.0
/// What the funnel question and the users list share: checks, and the plan's side of the question.
/// Thread: values.
#pragma once

#include "engine/query/query_plan.h"

/// Checks a question and says what to ask of the plan. `columns` has room for
/// QUERY_SLICE_ATTRIBUTE_COUNT_MAX entries and must live as long as `ask_out`.
CORONG_MUST_CHECK enum corong_status query_funnel_ask(struct store_snapshot *snapshot,
                                                      const struct query_funnel *query,
                                                      uint32_t *columns, struct query_ask *ask_out,
                                                      struct corong_error *error);
