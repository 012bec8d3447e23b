// SPDX-License-Identifier: Apache-2.0
/// Slices as SEMANTICS 6 has them, with plain arrays and loops over all of a person's events: every
/// attribution, where_entry, where_user. No code of the product.
#pragma once

#include "tests/model/oracle.h"

#define ORACLE_CELL_VALUES 9 ///< -1 to 7
#define ORACLE_CELL_COUNT (ORACLE_CELL_VALUES * ORACLE_CELL_VALUES)
#define ORACLE_CELL_STEPS 4
#define ORACLE_HISTORY_US (INT64_C(30) * 86400 * 1000000)

enum oracle_attribution {
    ORACLE_BY_ENTRY = 0,
    ORACLE_BY_FIRST,
    ORACLE_BY_LAST,
    ORACLE_BY_STEP,
    ORACLE_BY_USER,
    ORACLE_BY_EACH,
};

struct oracle_cell {
    uint64_t reached[ORACLE_CELL_STEPS];
    uint64_t open[ORACLE_CELL_STEPS];
    uint64_t lost[ORACLE_CELL_STEPS];
    uint64_t orders[ORACLE_CELL_STEPS];
    int64_t revenue[ORACLE_CELL_STEPS];
    uint64_t repeat_orders[ORACLE_CELL_STEPS];
    int64_t repeat_revenue[ORACLE_CELL_STEPS];
    uint64_t won;
};

/// What is asked, in the oracle's words and beside them.
struct oracle_asked {
    struct oracle_question question;
    struct oracle_condition entry;
    bool has_entry;
    int user_attribute; ///< where_user: this attribute of the person ...
    int user_not;       ///< ... is not this value; -1: no where_user
    bool user_null;     ///< or: is missing
    bool user_anybody;  ///< where_user that looks at nothing: everybody ...
    bool user_nobody;   ///< ... or nobody
    enum oracle_attribution attribution;
    int attribution_step;
    int by_count;
    uint32_t top;
    int64_t as_of;
};

struct oracle_expected {
    struct oracle_cell cells[ORACLE_CELL_COUNT];
    struct oracle_cell total;
    struct oracle_cell other;
    bool listed[ORACLE_CELL_COUNT];
    bool listing; ///< the second time: `listed` is known, `other` counts units
};

/// Where the units with these values are counted.
int oracle_cell_of(const struct oracle_asked *asked, const int *values);
/// Adds all units of all events to `expected`, which is zeroed or has its listing.
void oracle_slices_count(const struct oracle_asked *asked, const struct oracle_event *all,
                         int count, struct oracle_expected *expected);
