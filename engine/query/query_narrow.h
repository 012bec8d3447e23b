// SPDX-License-Identifier: Apache-2.0
/// Percentiles of durations without keeping them: each rank is looked for in a range that every
/// pass over the question makes 256 times narrower. Thread: the caller's.
#pragma once

#include "engine/query/query_answer.h"

/// Fills the percentiles of a lean answer, whose counts and extremes are known.
CORONG_MUST_CHECK enum corong_status query_narrow(const struct query_answer *answer,
                                                  struct query_funnel_result *result,
                                                  struct corong_error *error);
