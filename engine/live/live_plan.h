// SPDX-License-Identifier: Apache-2.0
/// Which funnels are followed live, and which of their steps an event may fill. Made once, shared
/// by all shards, immutable.
///
/// Followed: order loose, unit user, attempts best or first, without `window: session`. The others
/// are answered by queries only.
#pragma once

#include "engine/funnel/funnel.h"
#include "engine/live/live_funnel.h"
#include "storage/base/arena.h"

struct live_followed {
    const struct funnel *funnel;
    struct live_rule rule;
    int32_t slice_column;    ///< schema column, or -1
    struct filter **filters; ///< by step; NULL where the step has no `where`
    uint32_t filter_steps;   ///< bit k: step k + 1 has a `where`
};

struct live_plan {
    struct arena arena;
    const struct schema *schema;
    struct live_followed *followed;
    uint32_t followed_count;
    uint32_t *columns; ///< that slices and filters read, each once
    uint32_t column_count;
};

/// `definitions` may be NULL.
CORONG_MUST_CHECK enum corong_status live_plan_init(struct live_plan *plan,
                                                    const struct definitions *definitions,
                                                    const struct schema *schema,
                                                    struct corong_error *error);
void live_plan_deinit(struct live_plan *plan);
/// Bytes of the packed states of all followed funnels.
uint32_t live_plan_state_size(const struct live_plan *plan);
/// Text by which a value that is not a string is sliced; TEXT_MISSING for a missing one. `buffer`
/// has LIVE_PLAN_TEXT_SIZE bytes.
#define LIVE_PLAN_TEXT_SIZE 32
struct text live_plan_slice_text(enum column_type type, int64_t integer, char *buffer);
/// Steps of one funnel that an event of this name may fill, `where` aside.
uint32_t live_plan_name_steps(const struct live_followed *followed, struct text name);
/// Takes away the steps whose `where` the event does not satisfy.
uint32_t live_plan_filter_steps(const struct live_followed *followed, uint32_t steps,
                                const union canonical_value *values, int64_t time_us);
