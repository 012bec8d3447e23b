// SPDX-License-Identifier: Apache-2.0
/// The smallest rows of a list, in memory: rows are byte strings, ordered by their bytes. Where
/// they outgrow their budget the larger half is dropped, and `bound` says from where on rows are
/// missing; the caller takes those up in another pass. Private to engine/query/people. Thread: one
/// worker.
#pragma once

#include "engine/query/query_tasks.h"
#include "storage/base/text.h"

struct people_rows {
    struct query_tasks *tasks;
    uint64_t budget_bytes;    ///< of row bytes and their index
    uint64_t row_count_max;   ///< no more rows are wanted; 0: all
    struct text from;         ///< rows before it were given already; missing: none
    struct text_buffer bytes; ///< u32 size, then the row
    uint64_t *offsets;        ///< of rows in `bytes`
    uint64_t count;
    uint64_t capacity;
    bool cut; ///< rows from `bound` on were dropped
    struct text_buffer bound;
    uint64_t charged_bytes;
};

void people_rows_init(struct people_rows *rows, struct query_tasks *tasks, uint64_t budget_bytes,
                      uint64_t row_count_max);
void people_rows_deinit(struct people_rows *rows);
/// Forgets the rows; the next pass takes those not before `from` (borrowed).
void people_rows_restart(struct people_rows *rows, struct text from);
CORONG_MUST_CHECK enum corong_status people_rows_add(struct people_rows *rows, struct text row,
                                                     struct corong_error *error);
/// Sorts what is there.
void people_rows_sort(struct people_rows *rows);
struct text people_rows_at(const struct people_rows *rows, uint64_t index);
