// SPDX-License-Identifier: Apache-2.0
/// Tasks of a question whose users are kept. Private to this folder. Thread: one.
#pragma once

#include "engine/query/query_plan.h"

/// Cuts at half keys instead of keys, so that users with the same half are one task's, and tasks
/// that have users of more than QUERY_MEMO_SEGMENT_COUNT_MAX segments: a shard's chunks have its
/// keys alone, and a task that begins in one shard's and ends in another's has both. False, and
/// nothing is changed, where some task has too many all the same.
bool memo_cut_tasks(struct query_plan *plan);
