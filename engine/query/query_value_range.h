// SPDX-License-Identifier: Apache-2.0
/// Those values of one string attribute whose hashes lie in a range, numbered the same in all
/// segments. The range is narrowed until they fit into memory. Thread: filled by one thread, then
/// read by workers.
#pragma once

#include "engine/query/query_history.h"
#include "engine/query/query_table.h"

#define QUERY_VALUE_NONE UINT32_MAX

struct value_code;

struct query_value_codes {
    struct value_code *rows; ///< codes in the range, ascending
    uint32_t count;
    uint32_t capacity;
};

struct query_value_range {
    uint64_t low; ///< hashes in [low, high]
    uint64_t high;
    uint64_t budget_bytes;
    struct query_table texts;           ///< the values, by number
    struct query_value_codes *segments; ///< by segment
    uint32_t segment_count;
};

/// Numbers the values of `column` from hash `low` on, as far as memory goes: `high` says how far.
CORONG_MUST_CHECK enum corong_status query_value_range_fill(struct query_value_range *range,
                                                            struct store_snapshot *snapshot,
                                                            uint32_t column, uint64_t low,
                                                            uint64_t budget_bytes,
                                                            struct corong_error *error);
void query_value_range_deinit(struct query_value_range *range);
/// The number of a code, or QUERY_VALUE_NONE where its value is not in the range.
uint32_t query_value_range_number(const struct query_value_range *range, uint32_t segment,
                                  uint32_t code);
uint64_t query_value_range_bytes(const struct query_value_range *range);
