// SPDX-License-Identifier: Apache-2.0
/// One person's events as a funnel sees them: which steps each may fill by its name, by the steps'
/// filters, and by the question's. Private to engine/query/people. Thread: one.
#pragma once

#include "engine/query/people/people.h"
#include "engine/query/people/people_walk.h"
#include "engine/query/query_history.h"
#include "engine/query/query_session_rule.h"

/// One event; texts are looked up again when it is shown.
struct people_record {
    int64_t time_us;
    int64_t sequence;
    uint64_t place;    ///< people_walk_place()
    uint64_t named;    ///< steps and exclusions, as bits, by the name alone
    uint64_t held;     ///< and by their filters
    bool refused;      ///< where_entry or where_user does not let it be an entry
    uint64_t kept;     ///< and by the question's
    uint32_t session;  ///< from 1; 0 after as-of
    uint32_t instant;  ///< events of one instant have the same number
    uint32_t label;    ///< stage + 1, 0: none
    uint32_t attempt;  ///< which one it opened or is matched in, from 1
    uint32_t opener;   ///< index + 1 of the last entry before it that is not a reported one's
    uint32_t reported; ///< index + 1 of the reported attempt that it is matched in
    uint8_t step;      ///< then: which, from 0
    bool entry;        ///< and whether it is its entry
};

struct people_history {
    struct store_snapshot *snapshot;
    struct query_tasks *tasks;
    struct hash128 key;
    int64_t as_of_us; ///< asked
    struct query_session_rule session;
    struct people_record *records;
    uint32_t count;
    uint32_t capacity;
    const struct stage *stages; ///< of the walk in hand
    uint32_t stage_base;
    uint32_t next; ///< record of the row in hand, in walks after the first
    int64_t last_sequence;
    struct query_history person; ///< of the walk that asks where_user
    int64_t until_us;            ///< as-of, as it came out
};

void people_history_deinit(struct people_history *history);
/// Reads the events. `ask` is the question's own; its filter is applied on top.
CORONG_MUST_CHECK enum corong_status people_history_read(struct people_history *history,
                                                         const struct query_ask *ask,
                                                         struct corong_error *error);
/// Labels the events with the stage of highest priority that they have.
CORONG_MUST_CHECK enum corong_status people_history_label(struct people_history *history,
                                                          const struct stage *stages,
                                                          uint32_t stage_count,
                                                          struct corong_error *error);
/// Walks over the person's rows under a plan of its own, made from `ask`.
CORONG_MUST_CHECK enum corong_status people_history_walk(struct people_history *history,
                                                         struct query_ask ask,
                                                         query_run_function *run, void *context,
                                                         struct corong_error *error);
/// The record of a row, or NULL. With a tie tolerance (`slack_us`) a matched event may be that much
/// later than the time that it counts as.
struct people_record *people_history_find(const struct people_history *history, int64_t time_us,
                                          int64_t slack_us, uint64_t place);
