// SPDX-License-Identifier: Apache-2.0
/// Users one after the other, in order of their keys, over all segments of a plan; and the rows of
/// a user as runs in (time, seq, id hash, canonical row) order, copies of one event left out.
/// Thread: one worker.
#pragma once

#include "engine/query/query_source.h"

/// Rows [begin, end) of the loaded group of a source, next in order. A run never spans users.
typedef enum corong_status query_run_function(void *context, struct query_source *source,
                                              uint32_t begin, uint32_t end,
                                              struct corong_error *error);

struct query_cursor {
    const struct query_plan *plan;
    struct query_source *sources;
    uint64_t *key_highs; ///< of each source; UINT64_MAX where it is done
    uint32_t *heap;      ///< where sources are many: those that are not done, least key first
    uint32_t heap_count;
    bool scanned;    ///< few sources: all are looked at for each user, and there is no heap
    uint32_t *parts; ///< sources that stand at the present user
    uint32_t part_count;
    struct hash128 key;          ///< of the present user
    uint64_t possible;           ///< steps that name masks do not rule out
    struct query_source **heads; ///< merging: sources that still have rows of the user
    uint32_t head_count;
    union canonical_value *values; ///< scratch of the tie rule
    struct text_buffer canonical[2];
};

void query_cursor_init(struct query_cursor *cursor, const struct query_plan *plan,
                       struct query_tasks *tasks, struct query_reading *reading);
void query_cursor_deinit(struct query_cursor *cursor);
/// Starts the key range of a task.
CORONG_MUST_CHECK enum corong_status query_cursor_seek(struct query_cursor *cursor, uint32_t task,
                                                       struct corong_error *error);
/// Starts at the first user with a key of `from` or more; `end` (NULL: none) ends the range.
CORONG_MUST_CHECK enum corong_status query_cursor_enter(struct query_cursor *cursor,
                                                        struct hash128 from,
                                                        const struct hash128 *end,
                                                        struct corong_error *error);
/// Sources were moved by hand, each stands at a user or is done.
void query_cursor_resume(struct query_cursor *cursor);
/// Leaves users with smaller keys out; before query_cursor_next().
CORONG_MUST_CHECK enum corong_status
query_cursor_advance(struct query_cursor *cursor, struct hash128 from, struct corong_error *error);
/// Stands at the next user; false where the range is done. query_cursor_rows() or
/// query_cursor_skip() must be called before the next one.
bool query_cursor_next(struct query_cursor *cursor);
CORONG_MUST_CHECK enum corong_status query_cursor_rows(struct query_cursor *cursor,
                                                       query_run_function *run, void *context,
                                                       struct corong_error *error);
CORONG_MUST_CHECK enum corong_status query_cursor_skip(struct query_cursor *cursor,
                                                       struct corong_error *error);
/// Merges the rows of a user who stands in several sources (query_merge.c).
CORONG_MUST_CHECK enum corong_status query_merge_rows(struct query_cursor *cursor,
                                                      query_run_function *run, void *context,
                                                      struct corong_error *error);
