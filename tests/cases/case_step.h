// SPDX-License-Identifier: Apache-2.0
/// A vector's steps as stages. Memory: the arena.
#pragma once

#include "engine/funnel/funnel.h"

#include <jansson.h>

/// False where a condition is one that filters do not have.
bool case_step_build(const json_t *step, struct arena *arena, struct stage *stage_out);
/// All of a funnel's steps; CORONG_UNSUPPORTED says why not.
CORONG_MUST_CHECK enum corong_status case_step_build_all(const json_t *steps, struct arena *arena,
                                                         struct stage **stages_out,
                                                         uint32_t *count_out,
                                                         struct corong_error *error);
