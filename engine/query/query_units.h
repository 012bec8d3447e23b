// SPDX-License-Identifier: Apache-2.0
/// One worker of a funnel question: users from the cursor, cut into units, matched, reported.
/// Thread: one worker.
#pragma once

#include "engine/dialect/dialect.h"
#include "engine/query/block/block.h"
#include "engine/query/query_buckets.h"
#include "engine/query/query_cursor.h"
#include "engine/query/query_customer.h"
#include "engine/query/query_digest.h"
#include "engine/query/query_gather.h"
#include "engine/query/query_group.h"
#include "engine/query/query_history.h"
#include "engine/query/query_hold.h"
#include "engine/query/query_session_rule.h"
#include "engine/query/query_trail.h"

/// A reported attempt of a unit: of its steps, or with `order: any` of its ranks, rank k being the
/// k-th step that was filled.
struct query_attempt {
    uint32_t level;   ///< furthest step made, from 1; order any: how many are filled
    uint32_t entered; ///< first step made: 1 unless the entry is open
    uint32_t ended;   ///< the step at which it counts as dropped: the furthest required one made
    uint32_t made; ///< bit k: step k + 1 is made (between `entered` and `level` optional ones may
                   ///< be missing); order any: bits 0..level - 1
    bool open;     ///< not won, and may still be
    bool won;      ///< the last step is made (any: all are)
    int64_t entry_us;                          ///< time of the first step made
    int64_t matched_us[FUNNEL_STEP_COUNT_MAX]; ///< by step (any: by rank), where `made`
    struct query_place places[FUNNEL_STEP_COUNT_MAX];
    uint8_t steps[FUNNEL_STEP_COUNT_MAX]; ///< order any: which step (from 0) has the rank
    uint32_t further_begin;               ///< its further orders in query_units.further
    uint32_t further_end;
    int64_t end_us; ///< left by query_units.note
    uint8_t end;
};

/// Where the entry event is.
static inline struct query_place query_attempt_entry(const struct query_attempt *attempt)
{
    return attempt->places[attempt->entered - 1];
}

/// An event that could fill a step which is made already.
struct query_further {
    uint64_t place; ///< packed
    uint32_t step;  ///< from 0 (any: the rank)
};

struct query_units;

/// Takes a unit's reported attempt (level > 0), or with `attempts: all` each of its attempts.
typedef enum corong_status query_report_function(void *context, struct query_units *units,
                                                 const struct query_attempt *attempt,
                                                 struct corong_error *error);

struct query_units {
    /// Told of each attempt of a session while its events are at hand: when it is reported, those
    /// of later sessions may be. NULL: nobody needs them.
    void (*note)(const struct query_units *units, struct query_attempt *attempt);
    const struct query_plan *plan;
    const struct funnel *funnel;
    struct query_tasks *tasks;
    query_report_function *report;
    void *context;
    struct match_rule rule;
    bool in_sessions;             ///< attempts stay inside sessions
    bool per_session;             ///< and each session is a unit
    bool clipped;                 ///< some rows of the store lie outside the question's ranges
    bool bare;                    ///< rows are gathered by query_gather_rows()
    bool fast;                    ///< the rule is one that query_fast_match() has
    struct query_block *block;    ///< goes through users on its own; NULL: not for this question
    query_brief_function *brief;  ///< takes its users where only counts are asked for; else NULL
    struct query_memo_hand *hand; ///< what is kept of users; NULL: nothing
    const struct query_memo_note *notes; ///< while `brief` is called: of its users; NULL: none
    struct dialect_needs dialect;
    int64_t end_us;  ///< what is matched lies before this (`range: inside`); INT64_MAX: no end
    bool rows_after; ///< rows after as-of exist and are to be counted
    struct query_cursor cursor;
    struct query_reading reading;
    struct query_gather gather;
    struct query_session_rule session;
    struct text_buffer user_id; ///< of the present user, where the plan asks for ids
    uint8_t user_namespace;
    bool every_event;          ///< strict order sees events that match nothing, too
    uint32_t entry_steps;      ///< steps whose events may be entries, as bits
    int64_t session_end_us;    ///< where the session of what is gathered ends at the latest
    int64_t session_last_us;   ///< its last event so far
    struct query_hold hold;    ///< where attributes make the units
    struct query_trail *trail; ///< all events of the present user; NULL: not needed
    bool grouped;              ///< they do in the common shape: `group` is used instead
    struct query_group group;
    uint32_t session_number;
    struct query_attempt attempt; ///< best session of the unit, where sessions are not units
    uint32_t score;               ///< of `attempt`
    uint32_t best_out; ///< highest level, ignoring exclusions, of its sessions that are removed
    uint32_t best_in;  ///< and of the others
    struct query_attempt *waiting; ///< attempts of a unit that may turn out to be removed
    uint32_t waiting_count;
    uint32_t waiting_capacity;
    uint64_t match_bytes;           ///< booked for what the matcher allocates
    struct query_customer customer; ///< where `$customer` is asked for
    struct query_history history;   ///< the person's values, where the question reads them
    uint32_t seen_step; ///< bit of the step whose events are noted for slices; 0: none are
    uint64_t *seen;     ///< packed places of these events, see note_seen()
    uint32_t seen_count;
    uint32_t seen_capacity;
    const struct query_buckets *buckets; ///< each unit is asked for the entries of each; NULL: once
    bool whole;        ///< and for all entries at once, reported in bucket `buckets->count`
    uint32_t bucket;   ///< of the attempt that is reported
    uint32_t *entries; ///< the entries among the gathered events, where there are buckets
    uint32_t entry_capacity;
    bool at_rows; ///< while an attempt is reported: the user's rows are still loaded
    struct query_further *further; ///< else: further orders of the unit's attempts
    uint32_t further_count;
    uint32_t further_capacity;
    uint64_t entered[2]; ///< units of one slice at level 1 that `brief` is not told of: those that
                         ///< are not open, and those that are
    uint64_t users_read;
    uint64_t users_skipped;
    uint64_t events_matched;
    uint64_t after_as_of;
};

/// `entries` is the question's range with its open ends filled in.
void query_units_init(struct query_units *units, const struct query_plan *plan,
                      const struct query_funnel *query, struct query_tasks *tasks,
                      query_report_function *report, void *context);
void query_units_deinit(struct query_units *units);
/// Keeps the id of the user at whom the cursor stands.
void query_units_keep_id(struct query_units *units);
/// From now on each unit is asked for the entries of each bucket by themselves, in one go; where
/// counts alone are asked for (`brief`), also for all entries at once. Not
/// where sessions are pieces of units, with `range: inside`, or with a dialect.
void query_units_by_bucket(struct query_units *units, const struct query_buckets *buckets);
/// From now on each user's events are noted in `trail` (borrowed), but of users who are reported
/// `at_rows`: their rows are still loaded, and each source's come one after the other in time. The
/// plan reads every row.
void query_units_follow(struct query_units *units, struct query_trail *trail);
/// Does one key range.
CORONG_MUST_CHECK enum corong_status query_units_task(struct query_units *units, uint32_t task,
                                                      struct corong_error *error);
/// The looked-up columns where an event is.
CORONG_MUST_CHECK enum corong_status query_units_look(struct query_units *units,
                                                      struct query_place place,
                                                      const struct row_group **rows_out,
                                                      struct corong_error *error);
/// The sequence number where an event is; 0 unless the plan looks at them.
CORONG_MUST_CHECK enum corong_status query_units_sequence(struct query_units *units,
                                                          struct query_place place,
                                                          int64_t *sequence_out,
                                                          struct corong_error *error);
/// The amount where an event is, or COLUMN_INTEGER_MISSING.
CORONG_MUST_CHECK enum corong_status query_units_amount(struct query_units *units,
                                                        struct query_place place,
                                                        int64_t *amount_out,
                                                        struct corong_error *error);
/// SEMANTICS 5: a unit that is not won may still be, through an entry at `entry_us`.
bool query_units_may_convert(const struct query_units *units, int64_t entry_us);
/// Completes an attempt whose `matched_us` and `places` of steps 1..level are filled.
void query_attempt_fill(struct query_attempt *attempt, uint32_t level, uint32_t step_count);
/// ---- pieces (query_piece.c): a unit, or one session of it where it has several
/// Before the first piece of a unit.
void query_piece_start(struct query_units *units);
/// Matches what was gathered, which is a whole piece; `last` says that no further session of the
/// person follows. Attempts of a unit of one piece are reported.
CORONG_MUST_CHECK enum corong_status query_piece_match(struct query_units *units, bool last,
                                                       struct corong_error *error);
/// After the last piece: reports what is left to report.
CORONG_MUST_CHECK enum corong_status query_piece_finish(struct query_units *units,
                                                        struct corong_error *error);

/// Matches the units of the rows in `group`, of one user, and reports them.
CORONG_MUST_CHECK enum corong_status query_units_match_groups(struct query_units *units,
                                                              struct corong_error *error);
/// Adds what the worker did.
void query_units_add_work(const struct query_units *units, struct query_work *work);
