// SPDX-License-Identifier: Apache-2.0
/// The largest slices of a question in little memory, however many values there are: values are
/// taken by ranges of their hashes, each range as wide as memory allows and asked in a pass of its
/// own; of each pass only the largest slices stay. Thread: the caller's.
#pragma once

#include "engine/query/query_listing.h"

/// True where numbering all values of the slice attributes at once would take too much of the
/// memory limit.
bool query_ranking_needed(const struct store_snapshot *snapshot, const struct query_funnel *query);
/// Ranks the slices of a question. Memory of the listing: `arena`.
CORONG_MUST_CHECK enum corong_status query_ranking_list(struct store_snapshot *snapshot,
                                                        const struct query_funnel *query,
                                                        struct arena *arena,
                                                        struct query_listing *listing_out,
                                                        struct corong_error *error);
