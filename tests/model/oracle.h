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
    bool no_entry;  ///< may not be an entry, whatever the question's range says
};

/// "the event's name is in `names` (a bit set), and price >= price_min, and attributes[0] is not
/// `attribute_not`": NONE and -1 mean that there is no such condition.
struct oracle_condition {
    unsigned names;
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
    bool inside; ///< everything lies in the range
    bool by_session;
    bool session_window; ///< all in one session; the unit is the user
    int64_t from;        ///< ORACLE_NONE: open
    int64_t to;
    int64_t session_timeout;
    struct oracle_condition where; ///< names 0: no filter on names
    bool has_where;
};

/// The reported attempt of one unit.
struct oracle_attempt {
    int level;
    int events[ORACLE_STEP_MAX]; ///< indices into the unit's events
    bool open;
};

/// Sorts by (time, sequence, then the whole content) and drops second copies of the same (time,
/// id). Returns the new count.
int oracle_sort(struct oracle_event *events, int count);
/// Whether an event has a stage.
bool oracle_holds(const struct oracle_condition *condition, const struct oracle_event *event);
/// Index of the first event of the session after the one that starts at `start`; `count` if none.
int oracle_session_end(const struct oracle_event *events, int count, int start, int64_t timeout);
/// The reported attempt of the unit made of events[begin..end) of one person's `count` sorted
/// events. `as_of` is T.
void oracle_attempt(const struct oracle_question *question, const struct oracle_event *events,
                    int count, int begin, int end, int64_t as_of,
                    struct oracle_attempt *attempt_out);
