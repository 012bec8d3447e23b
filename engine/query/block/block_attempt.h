// SPDX-License-Identifier: Apache-2.0
/// The rows of a reported attempt. Private to this folder. Thread: one worker.
#pragma once

#include "engine/query/block/block_walk.h"

struct query_attempt;

/// From the entry of what was found, the earliest row of each step in turn.
void block_attempt_fill(const struct block_user *user, struct query_attempt *attempt);
