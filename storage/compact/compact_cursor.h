// SPDX-License-Identifier: Apache-2.0
/// Reading one run group by group, in the columns and codes of the merge's result.
/// Thread: one.
#pragma once

#include "storage/column/column.h"
#include "storage/segment/segment.h"

/// One segment of a run, opened, with its tables from old codes to new ones.
struct compact_input {
    struct segment_reader *reader;
    uint32_t *const *remaps; ///< per column; NULL where codes stay. Borrowed.
};

/// At user `user` of `group`, whose rows from `row` on (of `rows_left`) are still to be taken.
struct compact_cursor {
    const struct compact_input *inputs; ///< the run's, borrowed
    uint32_t input_count;
    uint32_t input_index;
    uint32_t group_index;
    uint32_t column_count; ///< of the result's schema
    struct segment_scratch *scratch;
    struct row_group group;
    struct column_values *columns; ///< of the current group, codes already new; absent columns NULL
    uint32_t **codes;              ///< per column: memory for new codes
    uint32_t code_capacity;
    uint32_t user;
    uint32_t row;
    uint32_t rows_left;
    bool is_done;
};

/// Stands at the first user of the run afterwards, or is done.
CORONG_MUST_CHECK enum corong_status
compact_cursor_init(struct compact_cursor *cursor, const struct compact_input *inputs,
                    uint32_t input_count, const struct schema *schema, struct corong_error *error);
void compact_cursor_deinit(struct compact_cursor *cursor);

static inline struct hash128 compact_cursor_key(const struct compact_cursor *cursor)
{
    return cursor->group.user_keys[cursor->user];
}

static inline struct text compact_cursor_id(const struct compact_cursor *cursor)
{
    uint32_t from = cursor->group.id_offsets[cursor->user];
    uint32_t to = cursor->group.id_offsets[cursor->user + 1];
    return (struct text){cursor->group.id_bytes + from, to - from};
}

/// Takes `count` <= rows_left rows; behind the last one stands the next user, maybe of the next
/// group, maybe the same user again.
CORONG_MUST_CHECK enum corong_status
compact_cursor_take(struct compact_cursor *cursor, uint32_t count, struct corong_error *error);
/// Takes `user_count` whole users (the rest of the current one counts as one) with `row_count`
/// rows.
CORONG_MUST_CHECK enum corong_status compact_cursor_take_users(struct compact_cursor *cursor,
                                                               uint32_t user_count,
                                                               uint32_t row_count,
                                                               struct corong_error *error);
