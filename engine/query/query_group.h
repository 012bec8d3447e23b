// SPDX-License-Identifier: Apache-2.0
/// Hold constant in the common shape, one string attribute over few segments: a user's step rows as
/// numbers that sort by the attribute's value. Values are told apart by their place in the
/// dictionaries, so no text is touched twice. Thread: one worker.
#pragma once

#include "engine/query/query_source.h"

#define QUERY_GROUP_SEGMENT_COUNT_MAX 8u
#define QUERY_GROUP_INDEX_BITS 29u

struct query_group {
    struct query_tasks *tasks;
    const struct query_plan *plan;
    uint32_t column;
    /// By segment and code: the first segment that has the text, and its code there, + 1; 0: not
    /// looked for yet.
    uint64_t *keys_of_code[QUERY_GROUP_SEGMENT_COUNT_MAX];
    uint64_t *rows; ///< key << QUERY_GROUP_INDEX_BITS | index of the event
    uint64_t *spare;
    struct match_event *events;
    uint64_t *places; ///< packed, of the events
    uint32_t count;
    uint32_t capacity;
    uint64_t outside; ///< rows without a value
    uint64_t units;   ///< that this path cut
};

/// Whether the plan's units can be cut here.
bool query_group_takes(const struct query_plan *plan);
void query_group_init(struct query_group *group, const struct query_plan *plan,
                      struct query_tasks *tasks);
void query_group_deinit(struct query_group *group);
/// What a code stands for, in the form of `keys_of_code` without the 1, where that does not know it
/// yet: looks for its text in the segments up to its own.
CORONG_MUST_CHECK enum corong_status query_group_find_key(struct query_group *group,
                                                          const struct query_source *source,
                                                          uint32_t code, uint64_t *key_out,
                                                          struct corong_error *error);
/// Adds a row of the loaded group: its looked-up columns, its event, its packed place.
CORONG_MUST_CHECK enum corong_status query_group_add(struct query_group *group,
                                                     const struct query_source *source,
                                                     const struct row_group *looked, uint32_t row,
                                                     const struct match_event *event,
                                                     uint64_t place, struct corong_error *error);
/// Sorts the rows by value; those of one value stay in their order.
void query_group_sort(struct query_group *group);

static inline uint64_t query_group_key(uint64_t row)
{
    return row >> QUERY_GROUP_INDEX_BITS;
}

static inline uint32_t query_group_index(uint64_t row)
{
    return (uint32_t)row & ((UINT32_C(1) << QUERY_GROUP_INDEX_BITS) - 1);
}
