// SPDX-License-Identifier: Apache-2.0
/// The oracle's whole answer to a funnel question over a small data set: units, slices, times,
/// money, days. As oracle.h: plain arrays, no code of the product.
#pragma once

#include "tests/model/oracle.h"

#define ORACLE_UNIT_MAX 8192
#define ORACLE_USER_MAX 1024
#define ORACLE_VALUE_COUNT 8 ///< attribute values are 0 .. ORACLE_VALUE_COUNT - 1, or -1

/// Counts of one slice, or of all units.
struct oracle_counts {
    uint64_t reached[ORACLE_STEP_MAX];
    uint64_t open[ORACLE_STEP_MAX];
    uint64_t lost[ORACLE_STEP_MAX];
    uint64_t orders[ORACLE_STEP_MAX];
    int64_t revenue[ORACLE_STEP_MAX];
    uint64_t won;
    int duration_count[ORACLE_STEP_MAX];
    int64_t from_previous[ORACLE_STEP_MAX][ORACLE_UNIT_MAX]; ///< sorted
    int64_t from_entry[ORACLE_STEP_MAX][ORACLE_UNIT_MAX];    ///< sorted
};

struct oracle_answer {
    struct oracle_counts total;
    struct oracle_counts slices[ORACLE_VALUE_COUNT + 1]; ///< by attributes[0] of the entry event;
                                                         ///< last: missing
    int levels[ORACLE_USER_MAX];                         ///< best of the user's units
    int opens[ORACLE_USER_MAX];                          ///< how many of them are open
    int64_t as_of;
    uint64_t after_as_of;
};

/// `events` are all events of all users, in any order; they are sorted in place. `as_of`
/// ORACLE_NONE: the data's own. The answer is large: allocate it.
void oracle_answer(const struct oracle_question *question, struct oracle_event *events, int count,
                   int64_t as_of, struct oracle_answer *answer_out);
/// Percentile by linear interpolation over sorted values, as SEMANTICS 7 has it.
double oracle_percentile(const int64_t *sorted, int count, double share);
