// SPDX-License-Identifier: Apache-2.0
/// The common unit: a user whose rows lie in one row group, and whose step rows are at different
/// instants. Its level is found on the bitmaps of the group, without gathering events: only rows of
/// later steps are visited, the latest entry before one is a count of leading zeros away.
/// Thread: one worker.
#pragma once

#include "engine/query/query_units.h"

/// Matches the present user of `source` (all its rows, none after as-of). False where simultaneous
/// step rows need the exact matcher; the attempt is then not filled. Level 0: no entry.
bool query_fast_match(struct query_units *units, const struct query_source *source,
                      struct query_attempt *attempt);
