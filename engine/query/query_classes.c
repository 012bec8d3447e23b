// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_classes.h"

#include "storage/base/memory.h"

#include <string.h>

#define BYTE_COUNT 256u

/// Steps of each stored name. The segment may have more names than a byte tells apart: the group's
/// are those from its base on.
static void list_names(struct query_source *source)
{
    const struct query_segment *segment = source->segment;
    uint8_t stored[BYTE_COUNT];
    struct column_packed names = *source->names;
    names.values = stored;
    for (uint32_t i = 0; i < BYTE_COUNT; i++) {
        stored[i] = (uint8_t)i;
        source->steps_of_class[i] = 0;
        if ((uint32_t)(i + names.base) < segment->names->count) {
            source->steps_of_class[i] = segment->steps_of_name[column_packed_code(&names, i)];
        }
    }
}

/// Joins the classes of names and those of the folded columns; false where they are too many.
/// `shares`: what a stored name adds.
static bool join(struct query_source *source, uint8_t *shares)
{
    const struct query_folds *folds = &source->segment->folds;
    uint64_t steps[BYTE_COUNT];
    uint32_t count = 0;
    for (uint32_t i = 0; i < BYTE_COUNT; i++) {
        uint32_t found = 0;
        while (found < count && steps[found] != source->steps_of_class[i]) {
            found++;
        }
        steps[found] = source->steps_of_class[i];
        count += found == count;
        if (count * folds->class_count > BYTE_COUNT) {
            return false;
        }
        shares[i] = (uint8_t)(found * folds->class_count);
    }
    memset(source->steps_of_class, 0, sizeof(source->steps_of_class));
    for (uint32_t i = 0; i < count * folds->class_count; i++) {
        source->steps_of_class[i] =
            steps[i / folds->class_count] & folds->class_keep[i % folds->class_count];
    }
    return true;
}

/// What each value of a fold's column adds, by how the column stores it.
static enum corong_status find_shares(struct query_source *source, uint32_t which,
                                      const uint8_t **shares_out, struct corong_error *error)
{
    const struct query_fold *fold = &source->segment->folds.folds[which];
    const uint32_t *codes = source->rows.packed[fold->column].ranked_codes;
    uint8_t **ranked = &source->class_of_rank[which];
    *shares_out = fold->classes;
    if (codes == NULL) {
        return CORONG_OK;
    }
    if (*ranked == NULL) {
        TRY(query_tasks_charge(source->tasks, (uint64_t)fold->count + 1,
                               "what filters say of the values of a column", error));
        *ranked = memory_allocate((size_t)fold->count + 1);
        for (uint32_t i = 0; i <= fold->count; i++) {
            (*ranked)[i] = fold->classes[(uint32_t)(codes[i] + 1)];
        }
    }
    *shares_out = *ranked;
    return CORONG_OK;
}

static bool is_stored_small(const struct column_packed *packed)
{
    return packed->exists && (packed->width == 1 || packed->width == sizeof(uint32_t));
}

static bool are_stored_small(const struct query_source *source)
{
    const struct query_folds *folds = &source->segment->folds;
    bool small = folds->class_count > 0;
    for (uint32_t i = 0; i < folds->count; i++) {
        small = small && is_stored_small(&source->rows.packed[folds->folds[i].column]);
    }
    return small;
}

/// classes[row] = what it has of names, and what the first column adds.
static void add_first(const struct query_source *source, const uint8_t *restrict of_name,
                      const struct column_packed *packed, const uint8_t *restrict shares)
{
    const uint8_t *restrict names = source->names->values;
    const uint8_t *restrict bytes = packed->values;
    const uint32_t *restrict words = packed->values;
    uint8_t *restrict classes = source->class_bytes;
    uint32_t count = source->rows.row_count;
    const uint32_t base = (uint32_t)packed->base + 1;
    for (uint32_t row = 0; row < count && packed->width == 1; row++) {
        classes[row] = (uint8_t)(of_name[names[row]] + shares[(uint32_t)(bytes[row] + base)]);
    }
    for (uint32_t row = 0; row < count && packed->width != 1; row++) {
        classes[row] = (uint8_t)(of_name[names[row]] + shares[(uint32_t)(words[row] + base)]);
    }
}

static void add_further(const struct query_source *source, const struct column_packed *packed,
                        const uint8_t *restrict shares)
{
    uint8_t *restrict classes = source->class_bytes;
    for (uint32_t row = 0; row < source->rows.row_count; row++) {
        uint32_t stored = (uint32_t)column_packed_stored(packed, row) + (uint32_t)packed->base + 1;
        classes[row] = (uint8_t)(classes[row] + shares[stored]);
    }
}

enum corong_status query_classes_fill(struct query_source *source, struct corong_error *error)
{
    const struct query_folds *folds = &source->segment->folds;
    uint8_t of_name[BYTE_COUNT];
    source->classes = NULL;
    if (source->names == NULL || source->names->width != 1) {
        return CORONG_OK;
    }
    if (folds->count == 0) {
        list_names(source);
        source->classes = source->names->values;
        return CORONG_OK;
    }
    if (!are_stored_small(source)) {
        return CORONG_OK;
    }
    list_names(source);
    if (!join(source, of_name)) {
        return CORONG_OK;
    }
    for (uint32_t i = 0; i < folds->count; i++) {
        const struct column_packed *packed = &source->rows.packed[folds->folds[i].column];
        const uint8_t *shares;
        TRY(find_shares(source, i, &shares, error));
        if (i == 0) {
            add_first(source, of_name, packed, shares);
        } else {
            add_further(source, packed, shares);
        }
    }
    source->classes = source->class_bytes;
    return CORONG_OK;
}
