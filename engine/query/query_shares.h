// SPDX-License-Identifier: Apache-2.0
/// Key ranges that the workers of a question take. Private to engine/query/query_plan.c.
#pragma once

#include "engine/query/query_plan.h"

/// Cuts the keys at starts of groups, so that most groups belong to one task only: plan->bounds.
void query_shares_cut(struct query_plan *plan, uint32_t thread_count);
