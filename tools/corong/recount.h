// SPDX-License-Identifier: Apache-2.0
/// The live funnels of a replay, counted again from the store as the replay ends: late and
/// returning users were left pending, and a store may hold events of earlier runs.
/// Thread: main.
#pragma once

#include "engine/engine.h"
#include "engine/query/query.h"

/// Makes the view's funnels anew, with nothing counted: those of the definitions that could be
/// followed live. For stores whose events link ids, where none is.
void recount_list(const struct definitions *definitions, struct arena *arena,
                  struct engine_live_view *view);
/// Replaces the counts of `view`'s funnels by those of the questions that their definitions ask.
/// Memory: `arena`. On failure the view is as before.
CORONG_MUST_CHECK enum corong_status
recount_live(const char *directory, const struct definitions *definitions,
             const struct query_funnel *defaults, struct arena *arena,
             struct engine_live_view *view, struct corong_error *error);
