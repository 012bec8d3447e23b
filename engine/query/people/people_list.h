// SPDX-License-Identifier: Apache-2.0
/// A sorted list that may be longer than memory: every worker keeps the smallest rows that fit into
/// its share, they are visited in order up to where one is missing, and the next pass goes on from
/// there. Private to engine/query/people. Thread: rows[i] belongs to worker i while workers run,
/// the rest to the caller.
#pragma once

#include "engine/query/people/people_rows.h"

/// Takes the next row of the list.
typedef enum corong_status people_list_take(void *context, struct text row,
                                            struct corong_error *error);

struct people_list {
    struct people_rows rows[QUERY_THREAD_COUNT_MAX];
    uint32_t worker_count;
    uint64_t row_count_max; ///< 0: all
    uint64_t visited;
    struct text_buffer from;
};

/// `limit_bytes` is the question's memory limit, 0 for the default; `budget_bytes` what one worker
/// may hold, 0 for a share of the limit.
void people_list_init(struct people_list *list, struct query_tasks *tasks, uint64_t limit_bytes,
                      uint64_t budget_bytes, uint64_t row_count_max);
void people_list_deinit(struct people_list *list);
/// Visits what a pass brought. Where `more_out` is true another pass is needed, and the rows are
/// ready for it.
CORONG_MUST_CHECK enum corong_status people_list_visit(struct people_list *list,
                                                       people_list_take *take, void *context,
                                                       bool *more_out, struct corong_error *error);
