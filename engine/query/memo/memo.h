// SPDX-License-Identifier: Apache-2.0
/// What a question for counts found of each user, kept from one time that it is asked to the next:
/// then only users are gone through whose events are in segments that were not there, and those
/// whose answer may have changed with as-of or with the beginning of the range. See README.md.
///
/// Thread: query_memo_* of query.h any; a run belongs to the thread of its pass, a hand to one
/// worker. Ownership: the run holds what it took from the memo until query_memo_end().
#pragma once

#include "engine/query/block/block.h"
#include "engine/query/query_brief.h"
#include "engine/query/query_plan.h"

/// Users are told apart by the first 32 bits of their keys: those who share them are never kept.
#define QUERY_MEMO_NO_KEY (UINT64_C(1) << 32)
static inline uint32_t query_memo_key(uint64_t key_high)
{
    return (uint32_t)(key_high >> 32);
}

/// Segments that a question may have.
#define QUERY_MEMO_SEGMENT_COUNT_MAX 64u

struct query_memo_run;
struct query_memo_hand;

/// Takes what is known of a question that query_block answers for counts alone. Rounds the plan's
/// bounds. NULL: it is not one for it. `plan` and `query` outlive the run.
struct query_memo_run *query_memo_begin(struct query_plan *plan, const struct query_funnel *query,
                                        uint32_t worker_count);
/// Keeps what was found, where the pass succeeded, else what was there. NULL-safe.
void query_memo_end(struct query_memo_run *run, bool succeeded);
struct query_memo_hand *query_memo_hand(struct query_memo_run *run, uint32_t worker);

/// A task begins.
void query_memo_task(struct query_memo_hand *hand, uint32_t task);
/// True where something is known: users are then asked for by query_memo_next().
bool query_memo_knows(const struct query_memo_hand *hand);
/// Whether a segment's rows are part of what is known; and whether it will be gone the next time.
bool query_memo_has(const struct query_memo_hand *hand, uint32_t source);
bool query_memo_passes(const struct query_memo_hand *hand, uint32_t source);
/// Counts what is known of users before `fresh`, the next key of a segment that is not known, and
/// returns the next key to go through: `fresh` or one before it. QUERY_MEMO_NO_KEY: none.
uint64_t query_memo_next(struct query_memo_hand *hand, uint64_t fresh);
/// A user of whom nothing can be kept: its events lie in a segment that will be gone, or it was
/// left to the general way. NULL-safe.
void query_memo_pass(struct query_memo_hand *hand, uint32_t key);
/// Users that were counted, with the worker's numbers of their slices.
void query_memo_keep(struct query_memo_hand *hand, const struct query_memo_note *notes,
                     const struct query_brief *briefs, const uint32_t *slices, uint32_t count);
/// The task ends: what was known and counted joins the worker's sums. NULL-safe.
void query_memo_settle(struct query_memo_hand *hand, struct query_brief_sums *sums,
                       struct query_slices *slices);
/// Users that were known, so far. NULL: none.
uint64_t query_memo_users(const struct query_memo_hand *hand);
