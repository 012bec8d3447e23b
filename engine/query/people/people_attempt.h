// SPDX-License-Identifier: Apache-2.0
/// A reported attempt with all that lists and traces say about it. Private to engine/query/people.
/// Thread: one worker.
#pragma once

#include "engine/query/people/people.h"
#include "engine/query/query_attribution.h"

#define PEOPLE_CURRENCY_COUNT_MAX FUNNEL_STEP_COUNT_MAX

/// What is filled beside the attempt itself. Start from {0} with the first four set.
struct people_fill {
    const struct query_funnel *query;
    struct query_attribution_rule attribution;
    const struct people_cell *cell;            ///< whose slice is asked for; NULL: any
    const struct query_funnel_result *listing; ///< for its (other)
    struct people_unit *unit;                  ///< in hand
    const struct query_plan *plan;
    uint32_t taken; ///< tuples of values seen
    bool in_slice;
    struct arena arena; ///< reset for each attempt
    struct query_money money[PEOPLE_CURRENCY_COUNT_MAX];
};

/// Everything but `gathered`, and `fill->in_slice`: whether the attempt is in the cell's slice. Its
/// values are then those that put it there. Valid until the next call.
CORONG_MUST_CHECK enum corong_status people_attempt_fill(struct people_fill *fill,
                                                         struct query_units *units,
                                                         const struct query_attempt *attempt,
                                                         struct people_unit *unit_out,
                                                         struct corong_error *error);
/// The last of its matched events.
int64_t people_attempt_end(const struct people_unit *unit);
