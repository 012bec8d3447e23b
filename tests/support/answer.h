// SPDX-License-Identifier: Apache-2.0
/// A hand-made answer for the tests of reports: 1,000 visitors, 100 carts, 10 orders, two countries
/// and the rest, three days.
#pragma once

#include "engine/query/query.h"

struct answer {
    struct arena arena;
    struct query_funnel query;
    struct query_funnel_result result;
};

void answer_init(struct answer *answer);
/// Nobody did anything.
void answer_empty(struct answer *answer);
void answer_deinit(struct answer *answer);
