// SPDX-License-Identifier: Apache-2.0
/// Conversion by time since the entry (SEMANTICS 5): the Aalen-Johansen estimate of the share won,
/// which without competing ends is Kaplan-Meier's, and its 95 % band. Thread: the caller's.
#pragma once

#include "engine/query/query.h"

#define QUERY_SURVIVAL_POINT_COUNT_MAX 100u

/// Asks the question again, attempts all (or first, if it asks for them), and estimates.
CORONG_MUST_CHECK enum corong_status query_survival_pass(struct store_snapshot *snapshot,
                                                         const struct query_funnel *query,
                                                         struct arena *arena,
                                                         struct query_survival **survival_out,
                                                         struct corong_error *error);
