// SPDX-License-Identifier: Apache-2.0
/// What the funnel question and the users list share: checks, and the plan's side of the question.
/// Thread: values.
#pragma once

#include "engine/query/query_plan.h"

/// What an ask of a funnel points to.
struct query_funnel_asked {
    uint32_t columns[QUERY_SLICE_ATTRIBUTE_COUNT_MAX];
    uint32_t unit_columns[FUNNEL_UNIT_ATTRIBUTE_COUNT_MAX];
    struct stage stages[QUERY_STAGE_BIT_COUNT_MAX]; ///< steps and exclusions, where there are both
};

/// Checks a question and says what to ask of the plan. `asked` must live as long as `ask_out`.
CORONG_MUST_CHECK enum corong_status query_funnel_ask(struct store_snapshot *snapshot,
                                                      const struct query_funnel *query,
                                                      struct query_funnel_asked *asked,
                                                      struct query_ask *ask_out,
                                                      struct corong_error *error);
/// Appends what a digest covers of a question, whatever is asked about its attempts.
void query_funnel_describe(const struct query_funnel *query, struct text_buffer *out);
