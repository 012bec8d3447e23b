// SPDX-License-Identifier: Apache-2.0
/// What a person's attributes were at a moment: the values of all events of the present user, in
/// order, and the filter over them that says which entries count (`where_user`). A value holds from
/// its event on, its own instant included, for 30 days. Thread: one worker.
#pragma once

#include "engine/query/query_source.h"

#define QUERY_HISTORY_US (INT64_C(30) * 86400 * 1000000)

/// A value as stored: a dictionary code of `source`'s segment, or an integer's or number's bits.
struct query_raw {
    const struct query_source *source;
    bool present;
    int64_t bits;
};

struct query_history_row {
    int64_t time_us;
    int64_t sequence;
    int64_t bits;
    const struct query_source *source;
};

/// Present values of one column, in order.
struct query_history_list {
    struct query_history_row *rows;
    uint32_t count;
    uint32_t capacity;
    uint32_t asked; ///< how many rows lay before the last moment asked for: the next is near
};

struct query_history {
    const struct query_plan *plan; ///< its history_columns are followed; none: nothing is
    struct query_tasks *tasks;
    struct query_history_list *lists; ///< by place in plan->history_columns
    union canonical_value *values;    ///< of the filter, by schema column
    struct query_raw *judged;         ///< what the filter judged last, by place
    bool any_judged;
    bool allowed; ///< and what it said
};

void query_history_init(struct query_history *history, const struct query_plan *plan,
                        struct query_tasks *tasks);
void query_history_deinit(struct query_history *history);
/// Forgets the user.
void query_history_reset(struct query_history *history);
/// Takes rows [begin, end) of the loaded group, which come in canonical order.
CORONG_MUST_CHECK enum corong_status query_history_add(struct query_history *history,
                                                       const struct query_source *source,
                                                       uint32_t begin, uint32_t end,
                                                       struct corong_error *error);
/// The latest present value of followed column `which` at or before (time, sequence).
struct query_raw query_history_value(const struct query_history *history, uint32_t which,
                                     int64_t time_us, int64_t sequence);
/// Whether an entry at (time, sequence) satisfies `where_user`. True where there is none.
bool query_history_allows(struct query_history *history, int64_t time_us, int64_t sequence);
/// The value of a row in columns as stored.
struct query_raw query_history_raw(const struct query_source *source, const struct row_group *rows,
                                   uint32_t column, uint32_t row);
