// SPDX-License-Identifier: Apache-2.0
/// The people behind the numbers: who stands in a cell of a funnel's answer, what each event of one
/// person did, and who has not come back.
///
/// Every list has a stated order that does not depend on how the events are stored, is handed on
/// row by row, and stays under the question's memory limit however long it is: what does not fit
/// is read again in a further pass. Thread: the functions may be called from any thread and start
/// their own workers; `visit` is called by the caller's thread. Memory: what a visit is given lives
/// until it returns.
#pragma once

#include "engine/query/query.h"

#define PEOPLE_GATHER_COUNT_MAX 8u
#define PEOPLE_GATHERED_VALUE_COUNT_MAX 16u

/// The kinds of cells that a funnel's answer has.
enum people_cell_kind {
    PEOPLE_CELL_REACHED = 0, ///< the reported attempt makes step `step`
    PEOPLE_CELL_DROPPED,     ///< it ends there, and that is not the last step
    PEOPLE_CELL_OPEN,        ///< of dropped: may still convert
    PEOPLE_CELL_LOST,        ///< of dropped: cannot
    PEOPLE_CELL_WON,
};

/// One number of the answer. {.step = 1} is the first.
struct people_cell {
    enum people_cell_kind kind;
    uint32_t step; ///< from 1; 0 with OPEN and LOST: at any step. WON: unused
    /// The slice: one value per attribute of `by`, missing for (none). NULL: all slices.
    const struct text *values;
    bool other;     ///< the units of `(other)`; `values` is then NULL
    bool has_day;   ///< REACHED only: those whose step lies in the day (UTC) ...
    int64_t day_us; ///< ... that begins here
};

/// Values that an attribute had on the events from the entry to the last matched one.
struct people_gathered {
    struct text values[PEOPLE_GATHERED_VALUE_COUNT_MAX]; ///< distinct, in order of first sight
    uint32_t count;
    bool more; ///< there were others
};

/// A unit of the list: an attempt, with whose it is.
struct people_unit {
    uint8_t user_namespace;
    struct text user_id;
    uint32_t level;   ///< furthest step made; order any: how many are
    uint32_t entered; ///< first step made
    uint32_t ended;   ///< the step at which it counts as dropped
    uint32_t made;    ///< bit k: step k + 1 is made (order any: rank k + 1)
    bool open;
    bool won;
    int64_t session_us;                                       ///< unit session: its start
    struct text unit_values[FUNNEL_UNIT_ATTRIBUTE_COUNT_MAX]; ///< unit of attributes: their values
    int64_t entry_us;
    int64_t matched_us[FUNNEL_STEP_COUNT_MAX]; ///< where `made`
    uint8_t steps[FUNNEL_STEP_COUNT_MAX]; ///< where `made`: the step from 0; differs with order any
    struct text values[QUERY_SLICE_ATTRIBUTE_COUNT_MAX]; ///< of the slice; missing for (none)
    struct people_gathered gathered[PEOPLE_GATHER_COUNT_MAX];
    struct query_money *money; ///< over all matched events, by currency
    uint32_t money_count;
};

/// A list of units.
struct people_users {
    const struct query_funnel *funnel;
    struct people_cell cell;
    struct text gather[PEOPLE_GATHER_COUNT_MAX];
    uint32_t gather_count;
    uint64_t row_count_max;    ///< rows visited at most; 0: all
    uint64_t row_budget_bytes; ///< held by one worker; 0: a share of the memory limit
};
struct people_users_result {
    uint64_t count; ///< units in the cell, also those that were not visited
    struct query_provenance provenance;
};

/// Takes a list: what is known of all of it, then unit by unit. What fails ends it.
struct people_users_visitor {
    void *context;
    enum corong_status (*begin)(void *context, const struct people_users_result *result,
                                struct corong_error *error);
    enum corong_status (*unit)(void *context, const struct people_unit *unit,
                               struct corong_error *error);
};
/// Visits the units of a cell by namespace, user id (bytes), entry, then the rest of the row.
CORONG_MUST_CHECK enum corong_status people_users_run(struct store_snapshot *snapshot,
                                                      const struct people_users *query,
                                                      const struct people_users_visitor *visitor,
                                                      struct corong_error *error);

/// What an event did to the funnel.
enum people_did {
    PEOPLE_DID_MATCH = 0, ///< fills a step of a reported attempt
    PEOPLE_DID_OPEN,      ///< opened an attempt that is not the reported one
    PEOPLE_DID_NOTHING,
};

/// Why an event did nothing.
enum people_because {
    PEOPLE_BECAUSE_NONE = 0,
    PEOPLE_BECAUSE_NO_STEP,       ///< no step has its name
    PEOPLE_BECAUSE_STEP_FILTER,   ///< the step's own filter refuses it
    PEOPLE_BECAUSE_WHERE,         ///< the question's filter hides it
    PEOPLE_BECAUSE_ENTRY_FILTER,  ///< where_entry or where_user refuses it as an entry
    PEOPLE_BECAUSE_AFTER_AS_OF,   ///< it does not exist for the question
    PEOPLE_BECAUSE_OUTSIDE_RANGE, ///< an entry outside, or with `range: inside` anything outside
    PEOPLE_BECAUSE_OTHER_ENTRY,   ///< `attempts` wants the first or the last entry only
    PEOPLE_BECAUSE_OTHER_SESSION,
    PEOPLE_BECAUSE_OTHER_ATTEMPT, ///< it is after an entry whose attempt is not a reported one
    PEOPLE_BECAUSE_WINDOW_OVER,
    PEOPLE_BECAUSE_EXCLUDED, ///< it is what an exclusion names; with a step: one came before it
    PEOPLE_BECAUSE_TIE,      ///< another event of the same instant was taken
    PEOPLE_BECAUSE_GAP,      ///< too soon or too late after the step before
    PEOPLE_BECAUSE_STRICT,   ///< order strict: something came between
    PEOPLE_BECAUSE_BREAKS,   ///< order strict: it ends the attempt
    PEOPLE_BECAUSE_ANCHOR,   ///< order any: on the wrong side of the anchored step
    PEOPLE_BECAUSE_REPEAT,   ///< its step is matched already
    PEOPLE_BECAUSE_ORDER,    ///< the steps before its own are not matched at that time
    PEOPLE_BECAUSE_COUNT,
};

/// One event of the person traced.
struct people_event {
    int64_t time_us;
    struct text name;
    struct text label; ///< the stage of highest priority that it has, or missing
    uint32_t session;  ///< from 1
    enum people_did did;
    enum people_because because;
    bool opened;                                 ///< MATCH: also the entry of its attempt
    uint32_t attempt;                            ///< MATCH, OPEN: which; 0: none
    uint32_t step;                               ///< MATCH: which; otherwise the one meant, or 0
    uint32_t exclusion;                          ///< EXCLUDED: which, from 1
    struct text values[PEOPLE_GATHER_COUNT_MAX]; ///< of the attributes gathered
};

/// A reported attempt of the person.
struct people_attempt {
    uint32_t number;       ///< as in people_event.attempt
    uint32_t session;      ///< of its entry
    int64_t open_until_us; ///< `unit.open`: the last instant, or INT64_MAX for no end
    struct people_unit unit;
};

struct people_trace {
    const struct query_funnel *funnel;
    struct text user_id;
    const struct stage *stages; ///< for labels
    uint32_t stage_count;
    struct text gather[PEOPLE_GATHER_COUNT_MAX];
    uint32_t gather_count;
};
/// An id of a person.
struct people_id {
    uint8_t user_namespace;
    struct text id;
};
struct people_trace_result {
    bool found;
    uint8_t user_namespace; ///< of the id asked for
    struct people_id *ids;  ///< of a person who has several: first what the person is called by,
    uint32_t id_count;      ///< then by namespace and bytes; 0: only the one asked for
    struct people_attempt *attempts; ///< by entry
    uint32_t attempt_count;
    uint64_t event_count;
    uint32_t opened_count; ///< entries
    struct query_provenance provenance;
};

/// Looks a person up in every namespace; returns which have them, as bits. Reads row groups that
/// may hold the key only.
CORONG_MUST_CHECK enum corong_status people_find(struct store_snapshot *snapshot,
                                                 struct text user_id, uint32_t *namespaces_out,
                                                 struct corong_error *error);
/// Ids that nearly equal one that is not there.
#define PEOPLE_NEAREST_COUNT 3u
#define PEOPLE_NEAREST_SIZE_MAX 128u
struct people_nearest {
    uint32_t distance;
    uint8_t user_namespace;
    uint32_t size;
    char bytes[PEOPLE_NEAREST_SIZE_MAX];
};
/// Fills at most PEOPLE_NEAREST_COUNT, the nearest first. Reads all user ids.
CORONG_MUST_CHECK enum corong_status people_find_nearest(struct store_snapshot *snapshot,
                                                         struct text user_id,
                                                         struct people_nearest *nearest_out,
                                                         uint32_t *count_out,
                                                         struct corong_error *error);
/// "known", "anonymous", "account".
#define PEOPLE_NAMESPACE_COUNT 3u
const char *people_namespace_name(uint8_t user_namespace);

/// Takes a trace: the person's answer, then event by event in canonical order.
struct people_trace_visitor {
    void *context;
    enum corong_status (*begin)(void *context, const struct people_trace_result *result,
                                struct corong_error *error);
    enum corong_status (*event)(void *context, const struct people_event *event,
                                struct corong_error *error);
    /// After the last event; the result is still there. May be NULL.
    enum corong_status (*end)(void *context, struct corong_error *error);
};
CORONG_MUST_CHECK enum corong_status people_trace_run(struct store_snapshot *snapshot,
                                                      const struct people_trace *query,
                                                      uint8_t user_namespace,
                                                      const struct people_trace_visitor *visitor,
                                                      struct corong_error *error);

/// How long ago a user was last seen.
enum people_age {
    PEOPLE_AGE_ACTIVE = 0, ///< less than `after`
    PEOPLE_AGE_DORMANT,    ///< `after` or more
    PEOPLE_AGE_GONE,       ///< `gone` or more
};
#define PEOPLE_AGE_COUNT 3u

/// Users by the age, at as-of, of their last event, or of their last event of a stage.
struct people_dormant {
    const struct stage *stage; ///< NULL: any event
    struct text where;         ///< hides events; may be missing
    int64_t after_us;
    int64_t gone_us; ///< INT64_MAX: nobody is gone
    struct text by[QUERY_SLICE_ATTRIBUTE_COUNT_MAX];
    uint32_t by_count; ///< slices by the values of that last event
    uint32_t top;
    int64_t as_of_us;
    struct query_limits limits;
    uint32_t listed;        ///< ages that are listed, as bits
    uint64_t row_count_max; ///< as in struct people_users
    uint64_t row_budget_bytes;
};
struct people_dormant_slice {
    struct text *values; ///< by_count; NULL for total and other
    uint64_t users[PEOPLE_AGE_COUNT];
};
struct people_dormant_result {
    struct people_dormant_slice total;
    struct people_dormant_slice *slices; ///< by users, ties by value
    uint32_t slice_count;
    struct people_dormant_slice other;
    uint64_t other_slice_count;
    uint64_t never; ///< users who have events, but none of these
    uint64_t listed_count;
    struct query_provenance provenance;
};
struct people_sleeper {
    uint8_t user_namespace;
    struct text user_id;
    enum people_age age;
    int64_t first_us; ///< of these events
    int64_t last_us;
    uint64_t events;
    struct text values[QUERY_SLICE_ATTRIBUTE_COUNT_MAX];
};
struct people_dormant_visitor {
    void *context;
    enum corong_status (*begin)(void *context, const struct people_dormant_result *result,
                                struct corong_error *error);
    enum corong_status (*user)(void *context, const struct people_sleeper *user,
                               struct corong_error *error);
    enum corong_status (*end)(void *context, struct corong_error *error);
};
/// Visits the users of the listed ages: the latest seen first, then by namespace and id.
CORONG_MUST_CHECK enum corong_status
people_dormant_run(struct store_snapshot *snapshot, const struct people_dormant *query,
                   const struct people_dormant_visitor *visitor, struct corong_error *error);

/// How often people do one thing: first, second, third time ..., and all later ones together.
#define PEOPLE_RANK_COUNT_MAX 100u
struct people_repeat {
    const struct stage *stage;
    struct query_range range; ///< of the events counted
    struct text where;
    uint32_t rank_count; ///< shown one by one; 0: 5
    int64_t as_of_us;
    struct query_limits limits;
};
/// One rank; the last one is all later times.
struct people_rank {
    uint64_t people; ///< who did it so often or more
    uint64_t orders; ///< events of this rank: as many as people, but behind the last rank more
    struct query_durations since_previous; ///< since the event before
    struct query_money *money;             ///< by currency
    uint32_t money_count;
};
struct people_repeat_result {
    struct people_rank *ranks; ///< rank_count, and one for all later times
    uint32_t rank_count;
    uint64_t orders;
    struct query_provenance provenance;
};
CORONG_MUST_CHECK enum corong_status people_repeat_run(struct store_snapshot *snapshot,
                                                       const struct people_repeat *query,
                                                       struct arena *arena,
                                                       struct people_repeat_result *result_out,
                                                       struct corong_error *error);
