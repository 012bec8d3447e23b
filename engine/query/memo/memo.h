// SPDX-License-Identifier: Apache-2.0
/// What a question for counts found of each user, kept from one time that it is asked to the next.
/// Then users with new events are asked for those alone, and only those are gone through whose
/// answer may have changed by them, with as-of or with the beginning of the range. See README.md.
///
/// Thread: query_memo_* of query.h any; a run belongs to the thread of its pass, a hand to one
/// worker. Ownership: the run holds what it took from the memo until query_memo_end().
#pragma once

#include "engine/query/block/block.h"
#include "engine/query/query_brief.h"
#include "engine/query/query_plan.h"

/// No user's: the half of a key by which users are told apart, beside 32 bits of the other half.
#define QUERY_MEMO_NO_KEY UINT64_MAX
/// Segments that may have users of one task.
#define QUERY_MEMO_SEGMENT_COUNT_MAX 64u

/// `at` of a note: a user of whom nothing is known, and one of whom nothing is kept.
#define QUERY_MEMO_NEW (UINT32_MAX - 1)
#define QUERY_MEMO_NOT_KEPT UINT32_MAX

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
/// All rows that are part of what is known are at this moment or before.
int64_t query_memo_known_until(const struct query_memo_hand *hand);
/// Counts what is known of users before `fresh`, the next key of a segment that is not known, and
/// returns the next key to look at: `fresh`, or one before it that has to be gone through.
/// QUERY_MEMO_NO_KEY: none.
uint64_t query_memo_next(struct query_memo_hand *hand, uint64_t fresh);

/// What is known of the user at whom query_memo_next() stopped.
struct query_memo_user {
    bool whole;     ///< false: it is to be gone through
    uint32_t level; ///< by its known rows; 0: none of them can be an entry
};
struct query_memo_user query_memo_look(const struct query_memo_hand *hand, struct hash128 key);

/// What new rows of a user say whose level they cannot raise.
struct query_memo_news {
    bool open;         ///< where `has_last`
    bool has_last;     ///< they have an entry ...
    bool has_stored;   ///< ... and in segments that will be there the next time
    int64_t stored_us; ///< the last such entry
};
/// Counts the user that query_memo_look() knew as a whole, and keeps the news.
void query_memo_again(struct query_memo_hand *hand, const struct query_memo_news *news);
/// Where a note of a user's is kept who was gone through: `passing`, rows of it lie in segments
/// that will be gone; `stored`, some lie in others that are not known. What was known of it is
/// forgotten where it is not true any more.
uint32_t query_memo_place(struct query_memo_hand *hand, struct hash128 key, bool passing,
                          bool stored);
/// It was gone through and has no entry. `at` is its place.
void query_memo_without(struct query_memo_hand *hand, uint32_t at);
/// None of the rows of the user at whom query_memo_next() stopped can be met any more.
void query_memo_absent(struct query_memo_hand *hand);
/// A user of whom nothing can be kept: its events lie in a segment that will be gone, or it was
/// left to the general way. NULL-safe.
void query_memo_pass(struct query_memo_hand *hand, struct hash128 key);
/// Users that were counted, with the worker's numbers of their slices.
void query_memo_keep(struct query_memo_hand *hand, const struct query_slices *slices,
                     const struct query_memo_note *notes, const struct query_brief *briefs,
                     const uint32_t *numbers, uint32_t count);
/// The task ends: what was known and counted joins the worker's sums. NULL-safe.
void query_memo_settle(struct query_memo_hand *hand, struct query_brief_sums *sums,
                       struct query_slices *slices);
/// Users that were known, so far. NULL: none.
uint64_t query_memo_users(const struct query_memo_hand *hand);
