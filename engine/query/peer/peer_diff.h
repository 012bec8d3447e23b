// SPDX-License-Identifier: Apache-2.0
/// Why users differ between a dialect and us. Private to engine/query/peer/. Thread: one worker.
#pragma once

#include "engine/query/peer/peer.h"
#include "engine/query/query_table.h"

/// One user on the way; `why` NULL: not known yet.
struct peer_pair {
    uint32_t level[2];
    int64_t *times_us[2]; ///< in the arena of the diff
    const char *why;
    bool differs;
};

struct peer_diff {
    struct store_snapshot *snapshot;
    const struct query_funnel *ours;
    struct query_funnel theirs;
    struct query_table users; ///< namespace byte and id
    struct peer_pair *pairs;  ///< by number
    uint32_t capacity;
    struct arena times;
    uint32_t side;      ///< that is being asked: 0 or 1
    const char *probed; ///< words of the rule that is being tried
    uint64_t limit_bytes;
    bool full; ///< beyond the limit
};

/// The pair of a user whom either rule has; NULL for others.
struct peer_pair *peer_diff_find(const struct peer_diff *diff, uint8_t user_namespace,
                                 struct text user_id);
/// Fills `why` of every pair that differs.
CORONG_MUST_CHECK enum corong_status peer_diff_explain(struct peer_diff *diff,
                                                       struct corong_error *error);
