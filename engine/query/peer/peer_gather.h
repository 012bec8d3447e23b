// SPDX-License-Identifier: Apache-2.0
/// One user's rows as PostHog's matchers want them. Thread: one worker.
#pragma once

#include "engine/query/peer/peer.h"
#include "engine/query/peer/peer_histories.h"

/// Which bits of a row mean what.
struct peer_bits {
    uint32_t steps; ///< mask
    uint32_t seen;  ///< rows with one of these exist for the matcher
    uint32_t every; ///< bit of "any event at all", which `where` does not hide; 0: not asked
    uint32_t first[FUNNEL_STEP_COUNT_MAX];   ///< by step: bit whose first row alone may fill it
    uint32_t forbids[FUNNEL_STEP_COUNT_MAX]; ///< by exclusion
};

struct peer_gather {
    const struct peer_posthog *question;
    struct stage stages[FUNNEL_STEP_COUNT_MAX];
    uint32_t stage_count;
    uint32_t not_hidden;
    struct peer_bits bits;
    struct posthog_event *events;
    uint32_t count;
    uint32_t capacity;
    struct query_table values; ///< normalised: a missing value is the empty one
    uint32_t *value_of_slice;  ///< number + 1 by the histories' value number
    uint32_t slice_capacity;
    bool *has_text; ///< by value: some attribute of it is not empty
    uint32_t value_capacity;
};

/// Lays out the stages, or says what the question asks that PostHog does not have.
CORONG_MUST_CHECK enum corong_status peer_gather_init(struct peer_gather *gather,
                                                      const struct peer_posthog *question,
                                                      struct corong_error *error);
void peer_gather_deinit(struct peer_gather *gather);
/// Fills `events` from a user's rows.
CORONG_MUST_CHECK enum corong_status peer_gather_user(struct peer_gather *gather,
                                                      struct peer_histories *histories,
                                                      const struct peer_history *history,
                                                      struct corong_error *error);
/// Texts of a normalised value. Memory: `arena`.
struct text *peer_gather_texts(const struct peer_gather *gather, uint32_t value,
                               struct arena *arena);
