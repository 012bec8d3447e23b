// SPDX-License-Identifier: Apache-2.0
/// Filters that read one string column, as a table: which steps a row keeps, by the column's code.
/// A regular expression is asked once per dictionary entry, and a row costs one look-up, however
/// many steps are filtered. Thread: immutable once prepared.
#pragma once

#include "engine/filter/filter.h"
#include "storage/base/arena.h"

#define QUERY_FOLD_COUNT_MAX 4u              ///< columns of a segment
#define QUERY_FOLD_CODE_COUNT_MAX (1u << 20) ///< larger dictionaries are not worth a table

struct query_fold {
    uint32_t column;
    uint32_t count; ///< of the column's dictionary
    uint64_t *keep; ///< by code + 1: steps that a row keeps; keep[0] is the missing value's
    uint8_t *small; ///< the same of the first eight steps, near enough for a look-up per row
};

/// The filters of one segment that became tables.
struct query_folds {
    struct query_fold folds[QUERY_FOLD_COUNT_MAX];
    uint32_t count;
};

/// Whether such a filter can become a table: one string column, and room for it.
bool query_fold_takes(const struct query_folds *folds, const struct filter *filter,
                      const struct schema *schema, uint32_t code_count);
/// Lets the filter clear `bits` in the steps of rows that do not satisfy it. Memory: `arena`.
void query_fold_add(struct query_folds *folds, const struct filter *filter,
                    const struct filter_segment *prepared, const struct schema *schema,
                    uint32_t code_count, uint64_t bits, struct arena *arena);
/// Bytes of a new table.
static inline uint64_t query_fold_bytes(uint32_t code_count)
{
    return ((uint64_t)code_count + 1) * (sizeof(uint64_t) + 1);
}
