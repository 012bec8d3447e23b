// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_fold.h"

#include "storage/base/memory.h"

#include <string.h>

static struct query_fold *find(struct query_folds *folds, uint32_t column)
{
    for (uint32_t i = 0; i < folds->count; i++) {
        if (folds->folds[i].column == column) {
            return &folds->folds[i];
        }
    }
    return NULL;
}

bool query_fold_takes(const struct query_folds *folds, const struct filter *filter,
                      const struct schema *schema, uint32_t code_count)
{
    const uint32_t *columns;
    return filter_columns(filter, &columns) == 1 && columns[0] < schema->column_count &&
           schema->columns[columns[0]].type == COLUMN_STRING &&
           code_count <= QUERY_FOLD_CODE_COUNT_MAX && folds->count < QUERY_FOLD_COUNT_MAX;
}

static struct query_fold *add_column(struct query_folds *folds, uint32_t column,
                                     uint32_t code_count, struct arena *arena)
{
    struct query_fold *fold = &folds->folds[folds->count++];
    *fold = (struct query_fold){.column = column, .count = code_count};
    fold->keep = arena_allocate(arena, ((size_t)code_count + 1) * sizeof(uint64_t));
    memset(fold->keep, 0xff, ((size_t)code_count + 1) * sizeof(uint64_t));
    return fold;
}

void query_fold_add(struct query_folds *folds, const struct filter *filter,
                    const struct filter_segment *prepared, const struct schema *schema,
                    uint32_t code_count, uint64_t bits, struct arena *arena)
{
    struct arena scratch = {0};
    const uint32_t *columns;
    filter_columns(filter, &columns);
    struct query_fold *fold = find(folds, columns[0]);
    fold = fold == NULL ? add_column(folds, columns[0], code_count, arena) : fold;
    // Rows that hold each entry once, the missing value first.
    struct column_values *rows =
        arena_allocate_zeroed(&scratch, schema->column_count, sizeof(*rows));
    uint32_t *codes = arena_allocate(&scratch, ((size_t)code_count + 1) * sizeof(*codes));
    uint8_t *matches = arena_allocate(&scratch, (size_t)code_count + 1);
    for (uint32_t i = 0; i <= code_count; i++) {
        codes[i] = i - 1; // COLUMN_CODE_MISSING before 0
        matches[i] = 1;
    }
    rows[columns[0]].codes = codes;
    filter_evaluate(prepared, rows, code_count + 1, &scratch, matches);
    for (uint32_t i = 0; i <= code_count; i++) {
        fold->keep[i] &= matches[i] != 0 ? UINT64_MAX : ~bits;
    }
    arena_deinit(&scratch);
}

/// The class of the steps kept, which is added where there is none; QUERY_FOLD_CLASS_COUNT_MAX
/// where there are too many.
static uint32_t class_of(uint64_t *keeps, uint32_t *count, uint64_t keep)
{
    uint32_t found = 0;
    while (found < *count && keeps[found] != keep) {
        found++;
    }
    if (found == *count && found < QUERY_FOLD_CLASS_COUNT_MAX) {
        keeps[found] = keep;
        ++*count;
    }
    return found;
}

/// Lets the classes tell the column's values apart, too; false where they are too many.
static bool classify_column(struct query_folds *folds, struct query_fold *fold, struct arena *arena)
{
    uint64_t keeps[QUERY_FOLD_CLASS_COUNT_MAX];
    uint64_t before[QUERY_FOLD_CLASS_COUNT_MAX];
    uint32_t own_count = 0;
    uint32_t stride = folds->class_count;
    fold->classes = arena_allocate(arena, (size_t)fold->count + 1);
    for (uint32_t i = 0; i <= fold->count; i++) {
        uint32_t found = class_of(keeps, &own_count, fold->keep[i]);
        if ((found + 1) * stride > QUERY_FOLD_CLASS_COUNT_MAX) {
            return false;
        }
        fold->classes[i] = (uint8_t)(found * stride);
    }
    memcpy(before, folds->class_keep, stride * sizeof(*before));
    for (uint32_t i = 0; i < own_count * stride; i++) {
        folds->class_keep[i] = before[i % stride] & keeps[i / stride];
    }
    folds->class_count = own_count * stride;
    return true;
}

void query_fold_classify(struct query_folds *folds, struct arena *arena)
{
    folds->class_count = 1;
    folds->class_keep[0] = UINT64_MAX;
    for (uint32_t i = 0; i < folds->count; i++) {
        if (!classify_column(folds, &folds->folds[i], arena)) {
            folds->class_count = 0;
            return;
        }
    }
}
