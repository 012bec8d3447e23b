// SPDX-License-Identifier: Apache-2.0
/// The slow, obvious answer: every assignment of events to steps is enumerated and judged by the
/// words of SEMANTICS, with plain arrays and no index, hash, cache or one-pass rule. It shares no
/// code with the product, not even its headers. Small histories only: the enumeration is
/// exponential.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define ORACLE_STEP_MAX 8
#define ORACLE_EVENT_MAX 64
#define ORACLE_ATTRIBUTE_COUNT 2
#define ORACLE_EXCLUSION_MAX 3
#define ORACLE_NONE INT64_MIN

/// One event of one person. Texts are small integers here; -1 is a missing value.
struct oracle_event {
    int user;
    int64_t time;
    int64_t sequence;
    int name;
    int attributes[ORACLE_ATTRIBUTE_COUNT];
    int64_t price;  ///< ORACLE_NONE where missing
    int64_t amount; ///< revenue in 1/10000; ORACLE_NONE where missing
    int64_t id;     ///< 32-bit hash of the mapped event id; ORACLE_NONE where missing
    bool no_entry;  ///< may not be an entry, whatever the range says
};

/// "the event's name is in `names` (a bit set), and price >= price_min, and attributes[0] is not
/// `attribute_not`": NONE and -1 mean that there is no such condition.
struct oracle_condition {
    uint64_t names;
    int64_t price_min;
    int attribute_not;
};

/// Steps count from 1.
struct oracle_exclusion {
    struct oracle_condition condition;
    int after;
    int before;
    bool remove;
};

struct oracle_question {
    struct oracle_condition steps[ORACLE_STEP_MAX];
    int step_count;
    int64_t min_gap[ORACLE_STEP_MAX]; ///< since the step before
    int64_t max_gap[ORACLE_STEP_MAX];
    bool has_max_gap[ORACLE_STEP_MAX];
    struct oracle_exclusion exclusions[ORACLE_EXCLUSION_MAX];
    int exclusion_count;
    int64_t window; ///< ORACLE_NONE: none
    bool ties_strict;
    bool first_attempt;
    bool last_attempt;
    bool all_attempts;
    bool inside; ///< everything lies in the range
    bool by_session;
    bool session_window;               ///< all in one session; the unit is the user
    bool hold[ORACLE_ATTRIBUTE_COUNT]; ///< the unit is the user and these values
    enum oracle_order { ORACLE_LOOSE = 0, ORACLE_STRICT, ORACLE_ANY } order;
    bool scope_funnel; ///< strict: only events that match some step must not lie between
    bool repeat_allow;
    bool optional[ORACLE_STEP_MAX];
    bool entry_open;
    int anchor_first; ///< from 1; 0: none
    int anchor_last;
    int64_t tolerance;
    int64_t from; ///< ORACLE_NONE: open
    int64_t to;
    int64_t session_timeout;
    struct oracle_condition where; ///< names 0: no filter on names
    bool has_where;
};

/// A reported attempt of one unit. By step, or with ORACLE_ANY by rank.
struct oracle_attempt {
    int level;                      ///< furthest step made, or how many; 0: no entry
    int entered;                    ///< first step made, from 1
    int ended;                      ///< furthest required step made, from 1
    int events[ORACLE_STEP_MAX];    ///< indices into the person's events; -1: not made
    int64_t times[ORACLE_STEP_MAX]; ///< of the events, or of their blocks
    int steps[ORACLE_STEP_MAX];     ///< ORACLE_ANY: the step that has the rank
    bool won;
    bool open;
};

/// Sorts by (time, sequence, then the whole content) and drops second copies of the same (time,
/// id). Returns the new count.
int oracle_sort(struct oracle_event *events, int count);
/// Whether an event has a stage.
bool oracle_holds(const struct oracle_condition *condition, const struct oracle_event *event);
/// Index of the first event of the session after the one that starts at `start`; `count` if none.
int oracle_session_end(const struct oracle_event *events, int count, int start, int64_t timeout);
/// The first event of the gap-free run that holds events[index].
int oracle_run_start(const struct oracle_event *events, int index, int64_t timeout);
/// Whether a midnight in (before, after] splits a run that began at `start_time`.
bool oracle_midnight_splits(int64_t start_time, int64_t before, int64_t after);
/// Order of two events by (time, sequence): equal in both, they are simultaneous.
int oracle_compare_instants(const struct oracle_event *left, const struct oracle_event *right);
/// The reported attempts of the unit made of the person's sorted events that are `members`, in
/// order of their entries: at most one unless all are asked for. `as_of` is T.
int oracle_attempts(const struct oracle_question *question, const struct oracle_event *events,
                    int count, const bool *members, int64_t as_of,
                    struct oracle_attempt attempts_out[ORACLE_EVENT_MAX]);
/// The only attempt of the unit made of events [begin, end); level 0 where there is none. Not for
/// all attempts.
void oracle_attempt(const struct oracle_question *question, const struct oracle_event *events,
                    int count, int begin, int end, int64_t as_of,
                    struct oracle_attempt *attempt_out);
