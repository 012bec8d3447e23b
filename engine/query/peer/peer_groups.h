// SPDX-License-Identifier: Apache-2.0
/// What PostHog's breakdowns and trends add up, by value. Thread: one worker.
#pragma once

#include "engine/query/peer/peer.h"

struct peer_times {
    int64_t *list;
    uint32_t count;
    uint32_t capacity;
};

/// One value's users, as they are added.
struct peer_tally {
    uint64_t reached[FUNNEL_STEP_COUNT_MAX];
    struct peer_times times[FUNNEL_STEP_COUNT_MAX]; ///< to this required step from the one before
    struct peer_trend_row *trend;                   ///< ascending; intervals with somebody
    uint32_t trend_count;
    uint32_t trend_capacity;
    bool seen;
};

struct peer_groups {
    const struct peer_posthog *question;
    struct peer_tally *tallies; ///< by normalised value
    uint32_t count;
    uint64_t bytes; ///< held
};

void peer_groups_deinit(struct peer_groups *groups);
struct peer_tally *peer_groups_at(struct peer_groups *groups, uint32_t value);
void peer_times_add(struct peer_groups *groups, struct peer_times *times, int64_t time_us);
/// Counts a user of a group.
void peer_groups_match(struct peer_groups *groups, uint32_t value,
                       const struct posthog_match *match);
/// Counts an entry of a group.
void peer_groups_entry(struct peer_groups *groups, uint32_t value, int64_t bucket_us,
                       bool converted);
/// Orders, cuts to the limit and fills the result. `texts` names a value.
void peer_groups_fill(struct peer_groups *groups,
                      struct text *(*texts)(const void *context, uint32_t value,
                                            struct arena *arena),
                      const void *context, struct arena *arena,
                      struct peer_posthog_result *result_out);
