// SPDX-License-Identifier: Apache-2.0
/// Levels, matched times and counts of a funnel question, as vectors call them.
#pragma once

#include "engine/query/query.h"
#include "tests/cases/case_kind.h"

/// A question over everything, on one thread, without a funnel.
struct query_funnel case_levels_question(void);
/// Adds step_counts, levels_by_user and matched_ts_by_user to the line.
CORONG_MUST_CHECK enum corong_status case_levels_answer(struct case_run *run,
                                                        const struct query_funnel *query);
