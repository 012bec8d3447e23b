// SPDX-License-Identifier: Apache-2.0
/// Which values put an attempt into its slice (SEMANTICS 6). Values stay as stored, so that those
/// who count them choose how to tell them apart. Thread: one worker.
#pragma once

#include "engine/query/query_units.h"

/// Takes one tuple of values, one per slice attribute.
typedef enum corong_status query_attribution_function(void *context, const struct query_raw *values,
                                                      struct corong_error *error);

struct query_attribution_rule {
    enum query_attribution attribution;
    uint32_t step; ///< from 0
    uint32_t column_count;
    const uint32_t *columns; ///< schema columns
};

void query_attribution_init(struct query_attribution_rule *rule, const struct query_funnel *query,
                            const uint32_t *columns);
/// Gives the attempt's values to `take`: once, or for EACH once per event, repeated values too.
CORONG_MUST_CHECK enum corong_status
query_attribution_visit(const struct query_attribution_rule *rule, struct query_units *units,
                        const struct query_attempt *attempt, query_attribution_function *take,
                        void *context, struct corong_error *error);
