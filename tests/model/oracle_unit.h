// SPDX-License-Identifier: Apache-2.0
/// One unit as the oracle sees it, and judgements about one assignment of its events: is it allowed
/// (SEMANTICS 4), and is it better than another (4.4)? Thread: values.
#pragma once

#include "tests/model/oracle.h"

#define ORACLE_VIRTUAL (-2)           // a further event
#define ORACLE_FAR (INT64_C(1) << 40) // ranks of instants after all stored ones

// What fills a step. Ranks order instants: those of stored events are even, between them lie odd
// ones, in which any number of further events may follow each other.
struct oracle_place {
    int event; // index, -1: nothing, ORACLE_VIRTUAL
    int64_t time;
    int64_t rank;
};

struct oracle_unit {
    const struct oracle_question *question;
    const struct oracle_event *events;
    int count;
    int step_count;
    int64_t as_of;
    int64_t times[ORACLE_EVENT_MAX]; // with a tolerance those of the blocks
    int64_t ranks[ORACLE_EVENT_MAX];
    int sessions[ORACLE_EVENT_MAX];
    bool matches[ORACLE_EVENT_MAX][ORACLE_STEP_MAX]; // the event may fill the step
    bool member[ORACLE_EVENT_MAX];
    bool in_scope[ORACLE_EVENT_MAX];
    bool excluded[ORACLE_EVENT_MAX][ORACLE_EXCLUSION_MAX];
    bool may_enter[ORACLE_EVENT_MAX];
    bool used[ORACLE_EVENT_MAX]; // spent by earlier attempts
    int64_t entry_from;          // ranks of entries that are looked at
    int64_t entry_to;
    int64_t until; // events of higher rank do not exist

    // The search under way.
    bool with_virtual;
    bool after_only; // further events come strictly after `until`
    int64_t now;     // and not before this time
    int score_above; // further events must get further than this
    bool win_first;  // whole assignments only, the earliest end first
    bool ignore_exclusions;
    bool removing_only;
    struct oracle_place placed[ORACLE_STEP_MAX];
    struct oracle_place best[ORACLE_STEP_MAX];
    bool found;
};

int oracle_first_made(const struct oracle_unit *unit, const struct oracle_place *placed);
int oracle_last_made(const struct oracle_unit *unit, const struct oracle_place *placed);
int oracle_ended(const struct oracle_unit *unit, const struct oracle_place *placed);
int oracle_ordered_steps(const struct oracle_unit *unit, const struct oracle_place *placed,
                         int *steps);
bool oracle_is_placed(const struct oracle_unit *unit, const struct oracle_place *placed, int index);
bool oracle_is_allowed(const struct oracle_unit *unit);
bool oracle_is_whole(const struct oracle_unit *unit, const struct oracle_place *placed);
int oracle_score(const struct oracle_unit *unit, const struct oracle_place *placed);
int64_t oracle_entry_rank(const struct oracle_unit *unit, const struct oracle_place *placed);
int64_t oracle_end_rank(const struct oracle_unit *unit, const struct oracle_place *placed);
bool oracle_is_better(const struct oracle_unit *unit, const struct oracle_place *left,
                      const struct oracle_place *right);
