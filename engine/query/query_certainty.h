// SPDX-License-Identifier: Apache-2.0
/// How sure the numbers are, from the counts alone: tests of slices against the rest, and the split
/// of a change. (Intervals are in query.h.) Thread: values.
#pragma once

#include "engine/query/query.h"

/// Tests the won/closed of each listed slice against all other units of the total, and corrects
/// over those tested.
void query_certainty_test(struct query_funnel_result *result);
/// Two-sided p-value of equal shares, pooled z-test. Both wholes are above 0.
double query_certainty_p(uint64_t part, uint64_t whole, uint64_t other_part, uint64_t other_whole);
/// Benjamini and Hochberg's q-values of `count` p-values.
void query_certainty_q(const double *p_values, uint32_t count, double *q_values_out);
/// Splits the change of won/entered of `result` against its comparison. Memory: `arena`.
void query_certainty_split(struct query_funnel_result *result, struct arena *arena);
