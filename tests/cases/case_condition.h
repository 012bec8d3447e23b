// SPDX-License-Identifier: Apache-2.0
/// Conditions of vectors as stages and filters. Comparisons are those of the analytics tools: what
/// is missing differs from every value. Memory: the arena.
#pragma once

#include "engine/funnel/funnel.h"

#include <jansson.h>

/// {event, event_ne, where, any_of} as a stage; false where a condition is not known.
bool case_condition_stage(const json_t *step, struct arena *arena, struct stage *stage_out);
/// {property: value or {operator: value}} as a filter; missing where there is none.
bool case_condition_filter(const json_t *conditions, struct arena *arena, struct text *where_out);
