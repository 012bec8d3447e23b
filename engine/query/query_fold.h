// SPDX-License-Identifier: Apache-2.0
/// Filters that read one string column, as a table: which steps a row keeps, by the column's code.
/// A regular expression is asked once per dictionary entry, and a row costs one look-up, however
/// many steps are filtered. Thread: immutable once prepared.
#pragma once

#include "engine/filter/filter.h"
#include "storage/base/arena.h"

#define QUERY_FOLD_COUNT_MAX 4u              ///< columns of a segment
#define QUERY_FOLD_CLASS_COUNT_MAX 128u      ///< so that names find room in a byte, too
#define QUERY_FOLD_CODE_COUNT_MAX (1u << 20) ///< larger dictionaries are not worth a table

struct query_fold {
    uint32_t column;
    uint32_t count;   ///< of the column's dictionary
    uint64_t *keep;   ///< by code + 1: steps that a row keeps; keep[0] is the missing value's
    uint8_t *classes; ///< by code + 1: what the value adds to a row's class
};

/// The filters of one segment that became tables.
struct query_folds {
    struct query_fold folds[QUERY_FOLD_COUNT_MAX];
    uint32_t count;
    /// Values that keep the same steps are of one class. Of several columns the classes are
    /// numbered together; 0: too many, or not sought.
    uint32_t class_count;
    uint64_t class_keep[QUERY_FOLD_CLASS_COUNT_MAX]; ///< steps that a row of the class keeps
};

/// Whether such a filter can become a table: one string column, and room for it.
bool query_fold_takes(const struct query_folds *folds, const struct filter *filter,
                      const struct schema *schema, uint32_t code_count);
/// Lets the filter clear `bits` in the steps of rows that do not satisfy it. Memory: `arena`.
void query_fold_add(struct query_folds *folds, const struct filter *filter,
                    const struct filter_segment *prepared, const struct schema *schema,
                    uint32_t code_count, uint64_t bits, struct arena *arena);
/// Numbers the classes, once all filters are there. Memory: `arena`.
void query_fold_classify(struct query_folds *folds, struct arena *arena);
/// Bytes of a new table.
static inline uint64_t query_fold_bytes(uint32_t code_count)
{
    return ((uint64_t)code_count + 1) * (sizeof(uint64_t) + 1);
}
