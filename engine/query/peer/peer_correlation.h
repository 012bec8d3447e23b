// SPDX-License-Identifier: Apache-2.0
/// Which events go with conversion: per event name the users who have it between their first step
/// and their last one (or their window's end), of those who convert and of those who do not.
/// Thread: one worker.
#pragma once

#include "engine/query/peer/peer.h"
#include "engine/query/peer/peer_histories.h"

struct peer_name {
    uint64_t success;
    uint64_t failure;
    uint32_t stamp; ///< user in whom it was seen last
    struct text text;
};

struct peer_contingencies {
    const struct peer_posthog *question;
    uint32_t every; ///< bit of rows to be looked at
    struct peer_name *names;
    uint32_t count;
    struct arena arena; ///< texts
    uint64_t success_total;
    uint64_t failure_total;
    uint32_t user;
    uint64_t bytes;
};

void peer_contingencies_init(struct peer_contingencies *contingencies,
                             const struct peer_posthog *question, uint32_t every);
void peer_contingencies_deinit(struct peer_contingencies *contingencies);
/// Adds a user who entered.
void peer_contingencies_user(struct peer_contingencies *contingencies,
                             const struct peer_histories *histories,
                             const struct peer_history *history, const struct posthog_match *match);
void peer_contingencies_fill(const struct peer_contingencies *contingencies, struct arena *arena,
                             struct peer_posthog_result *result_out);
