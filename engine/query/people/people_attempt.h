// SPDX-License-Identifier: Apache-2.0
/// A reported attempt with all that lists and traces say about it. Private to engine/query/people.
/// Thread: one worker.
#pragma once

#include "engine/query/people/people.h"
#include "engine/query/query_units.h"

#define PEOPLE_CURRENCY_COUNT_MAX FUNNEL_STEP_COUNT_MAX

/// What is filled beside the attempt itself. {0} to start.
struct people_fill {
    const struct query_funnel *query;
    const uint32_t *columns; ///< of the slice attributes
    struct arena arena;      ///< reset for each attempt
    struct query_money money[PEOPLE_CURRENCY_COUNT_MAX];
};

/// Everything but `gathered`. Valid until the next call.
CORONG_MUST_CHECK enum corong_status people_attempt_fill(struct people_fill *fill,
                                                         struct query_units *units,
                                                         const struct query_attempt *attempt,
                                                         struct people_unit *unit_out,
                                                         struct corong_error *error);
/// The last of its matched events.
int64_t people_attempt_end(const struct people_unit *unit);
