// SPDX-License-Identifier: Apache-2.0
/// Attribute values as small numbers, the same in all segments, and slices: tuples of them. Each
/// worker numbers its own; query_slices_key() brings the workers' numbers together.
/// Thread: one worker, then the caller.
#pragma once

#include "engine/query/query_history.h"
#include "engine/query/query_table.h"

/// Attributes of a slice, and the currency behind them.
#define QUERY_SLICE_COLUMN_COUNT_MAX (QUERY_SLICE_ATTRIBUTE_COUNT_MAX + 1)

#define QUERY_SLICES_MISSING 0 ///< type byte of the missing value

struct query_slices {
    const struct query_plan *plan;
    uint32_t columns[QUERY_SLICE_COLUMN_COUNT_MAX]; ///< `count` attributes, then the currency
    uint32_t count;
    struct query_table values;  ///< type byte, then the raw value; the type byte alone is missing
    struct query_table tuples;  ///< value numbers; unused for fewer than two attributes
    uint32_t **numbers_of_code; ///< by segment and column: value number + 1 by dictionary code
    uint64_t cache_bytes;
    uint32_t missing; ///< number of the missing value
};

void query_slices_init(struct query_slices *slices, const struct query_plan *plan,
                       const uint32_t *columns, uint32_t count);
void query_slices_deinit(struct query_slices *slices);
/// The slice of a looked-up row; 0 where there are no attributes.
CORONG_MUST_CHECK enum corong_status query_slices_at(struct query_slices *slices,
                                                     const struct query_source *source,
                                                     const struct row_group *rows, uint32_t row,
                                                     uint32_t *slice_out,
                                                     struct corong_error *error);
/// The slice of values as stored, `count` of them.
CORONG_MUST_CHECK enum corong_status query_slices_of(struct query_slices *slices,
                                                     const struct query_raw *values,
                                                     uint32_t *slice_out,
                                                     struct corong_error *error);
/// The value number of a looked-up row's currency.
CORONG_MUST_CHECK enum corong_status query_slices_currency(struct query_slices *slices,
                                                           const struct query_source *source,
                                                           const struct row_group *rows,
                                                           uint32_t row, uint32_t *value_out,
                                                           struct corong_error *error);
uint64_t query_slices_bytes(const struct query_slices *slices);
/// A value's text as shown: integers in decimal, numbers in the shortest form that reads back the
/// same, booleans as words. Missing stays missing. Memory: `arena`.
struct text query_slices_text(const struct query_slices *slices, uint32_t value,
                              struct arena *arena);
/// The same of a value's bytes: type byte, then the raw value.
struct text query_slices_show(struct text value, struct arena *arena);
/// Bytes that are equal for equal slices of any worker.
void query_slices_key(const struct query_slices *slices, uint32_t slice, struct text_buffer *out);
/// The slice that has these bytes, which a worker of any plan made.
uint32_t query_slices_from_key(struct query_slices *slices, struct text key);
/// The texts of a slice, `count` of them. Memory: `arena`.
struct text *query_slices_texts(const struct query_slices *slices, uint32_t slice,
                                struct arena *arena);
