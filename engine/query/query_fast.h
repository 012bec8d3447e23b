// SPDX-License-Identifier: Apache-2.0
/// The common unit: a user whose rows in each segment lie in one row group, these runs one after
/// the other in time, step rows all at different instants. Its level is found on the bitmaps of the
/// groups, without gathering events: only rows of later steps are visited, the latest entry before
/// one is a count of leading zeros away. Thread: one worker.
#pragma once

#include "engine/query/query_units.h"

#define QUERY_FAST_RUN_COUNT_MAX 16u

/// Matches the present user of the cursor, no row of whom is after as-of. False where the exact
/// matcher is needed; the attempt is then not filled. Level 0: no entry.
bool query_fast_match(struct query_units *units, struct query_attempt *attempt);
