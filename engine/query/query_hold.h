// SPDX-License-Identifier: Apache-2.0
/// Hold constant: the rows of one person, kept until all are there, then one unit after the other
/// by the values of the unit's attributes. Thread: one worker.
#pragma once

#include "engine/query/query_gather.h"

struct query_held {
    struct query_gathered row;
    struct hash128 key;     ///< of the unit's values
    int64_t session_end_us; ///< where the session ends at the latest
    uint32_t session;       ///< number of it
};

struct query_hold {
    const uint32_t *columns;
    uint32_t column_count; ///< 0: units have no attributes
    struct query_tasks *tasks;
    struct query_held *rows;
    uint32_t *order; ///< rows by unit, then as they came
    uint32_t count;
    uint32_t capacity;
    uint64_t outside; ///< rows of steps that lack a value, over all persons
    struct text_buffer values;
};

void query_hold_deinit(struct query_hold *hold);
/// Keeps a row with what its session is; or counts it, where it lacks a value of the unit. `rows`
/// are the looked-up columns where it is.
CORONG_MUST_CHECK enum corong_status query_hold_add(struct query_hold *hold,
                                                    const struct query_source *source,
                                                    const struct row_group *rows, uint32_t row,
                                                    const struct query_held *held,
                                                    struct corong_error *error);
/// Sorts the rows: hold->order is filled.
void query_hold_sort(struct query_hold *hold);
