// SPDX-License-Identifier: Apache-2.0
/// One worker of a funnel question: users from the cursor, cut into units, matched, reported.
/// Thread: one worker.
#pragma once

#include "engine/query/query_cursor.h"
#include "engine/query/query_digest.h"
#include "engine/query/query_gather.h"
#include "engine/query/query_session_rule.h"

/// The reported attempt of a unit.
struct query_attempt {
    uint32_t level;
    bool open;
    int64_t matched_us[FUNNEL_STEP_COUNT_MAX];
    struct query_place places[FUNNEL_STEP_COUNT_MAX];
};

struct query_units;

/// Takes a unit's reported attempt (level > 0).
typedef enum corong_status query_report_function(void *context, struct query_units *units,
                                                 const struct query_attempt *attempt,
                                                 struct corong_error *error);

struct query_units {
    const struct query_plan *plan;
    const struct funnel *funnel;
    struct query_tasks *tasks;
    query_report_function *report;
    void *context;
    struct match_rule rule;
    bool in_sessions; ///< attempts stay inside sessions
    bool per_session; ///< and each session is a unit
    bool clipped;     ///< some rows of the store lie outside the question's ranges
    bool fast;        ///< the rule is one that query_fast_match() has
    int64_t end_us;   ///< what is matched lies before this (`range: inside`); INT64_MAX: no end
    bool rows_after;  ///< rows after as-of exist and are to be counted
    struct query_cursor cursor;
    struct query_reading reading;
    struct query_gather gather;
    struct query_session_rule session;
    struct text_buffer user_id; ///< of the present user, where the plan asks for ids
    uint8_t user_namespace;
    struct query_attempt attempt; ///< best session of the user, where sessions are not units
    uint32_t best_out;    ///< highest level, ignoring exclusions, of its sessions that are removed
    uint32_t best_in;     ///< and of the others
    uint64_t match_bytes; ///< booked for what the matcher allocates
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
/// Does one key range.
CORONG_MUST_CHECK enum corong_status query_units_task(struct query_units *units, uint32_t task,
                                                      struct corong_error *error);
/// The looked-up columns where an event is.
CORONG_MUST_CHECK enum corong_status query_units_look(struct query_units *units,
                                                      struct query_place place,
                                                      const struct row_group **rows_out,
                                                      struct corong_error *error);
/// SEMANTICS 5: a unit that is not won may still be, through an entry at `entry_us`.
bool query_units_may_convert(const struct query_units *units, int64_t entry_us);
/// Adds what the worker did.
void query_units_add_work(const struct query_units *units, struct query_work *work);
