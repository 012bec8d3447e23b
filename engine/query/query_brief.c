// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_brief.h"

#include "storage/base/memory.h"

#include <string.h>

#define NO_GROUP UINT32_MAX

void query_brief_init(struct query_brief_sums *sums, const struct query_plan *plan,
                      uint32_t step_count)
{
    *sums = (struct query_brief_sums){.step_count = step_count};
    sums->stored = memory_allocate((size_t)(plan->segment_count + 1) * sizeof(*sums->stored));
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        sums->stored[i].group = NO_GROUP;
    }
}

void query_brief_deinit(struct query_brief_sums *sums)
{
    memory_free(sums->sums);
    memory_free(sums->stored);
}

static inline uint64_t *sums_of(const struct query_brief_sums *sums, uint32_t slice)
{
    return sums->sums + (size_t)slice * sums->step_count * 2;
}

static void reserve(struct query_brief_sums *sums, uint32_t slice)
{
    if (slice < sums->slice_capacity) {
        return;
    }
    uint32_t capacity = slice < 8 ? 16 : slice * 2;
    size_t each = (size_t)sums->step_count * 2;
    sums->sums = memory_resize_array(sums->sums, capacity * each, sizeof(*sums->sums));
    memset(sums->sums + sums->slice_capacity * each, 0,
           (capacity - sums->slice_capacity) * each * sizeof(*sums->sums));
    sums->slice_capacity = capacity;
}

static inline void add(struct query_brief_sums *sums, uint32_t slice,
                       const struct query_brief *brief)
{
    sums_of(sums, slice)[(brief->level - 1u) * 2 + brief->open]++;
}

/// The only attribute's column where a byte of it names the slice, else NULL.
static const struct column_packed *byte_column(const struct query_slices *slices,
                                               const struct row_group *rows)
{
    if (slices->count != 1) {
        return NULL;
    }
    const struct column_packed *column = &rows->packed[slices->columns[0]];
    return column->exists && column->width == 1 ? column : NULL;
}

static enum corong_status add_by_bytes(struct query_brief_sums *sums, struct query_slices *slices,
                                       struct query_source *source, uint32_t group,
                                       const struct row_group *rows,
                                       const struct query_brief *briefs, uint32_t count,
                                       uint32_t *slices_out, struct corong_error *error)
{
    struct query_brief_slices *stored = &sums->stored[source->index];
    const uint8_t *bytes = rows->packed[slices->columns[0]].values;
    source->slice_bytes = bytes;
    source->slice_group = group;
    if (stored->group != group) {
        memset(stored, 0, sizeof(*stored));
        stored->group = group;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t *slice = &stored->slices[bytes[briefs[i].row]];
        if (*slice == 0) {
            TRY(query_slices_at(slices, source, rows, briefs[i].row, slice, error));
            reserve(sums, *slice);
            ++*slice;
        }
        add(sums, *slice - 1, &briefs[i]);
        if (slices_out != NULL) {
            slices_out[i] = *slice - 1;
        }
    }
    return CORONG_OK;
}

enum corong_status query_brief_add(struct query_brief_sums *sums, struct query_slices *slices,
                                   struct query_source *source, uint32_t group,
                                   const struct query_brief *briefs, uint32_t count,
                                   uint32_t *slices_out, struct corong_error *error)
{
    uint32_t unwanted;
    if (slices->count == 0) {
        reserve(sums, 0);
        for (uint32_t i = 0; i < count; i++) {
            add(sums, 0, &briefs[i]);
        }
        if (slices_out != NULL) {
            memset(slices_out, 0, count * sizeof(*slices_out));
        }
        return CORONG_OK;
    }
    const struct row_group *rows;
    TRY(query_source_look(source, group, &rows, error));
    if (byte_column(slices, rows) != NULL) {
        return add_by_bytes(sums, slices, source, group, rows, briefs, count, slices_out, error);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t *slice = slices_out == NULL ? &unwanted : &slices_out[i];
        TRY(query_slices_at(slices, source, rows, briefs[i].row, slice, error));
        reserve(sums, *slice);
        add(sums, *slice, &briefs[i]);
    }
    return CORONG_OK;
}

void query_brief_add_cells(struct query_brief_sums *sums, uint32_t slice, const uint64_t *cells)
{
    reserve(sums, slice);
    uint64_t *of_slice = sums_of(sums, slice);
    for (uint32_t i = 0; i < sums->step_count * 2; i++) {
        of_slice[i] += cells[i];
    }
}

void query_brief_take_buckets(struct query_brief_sums *sums, uint64_t *cells, uint32_t count)
{
    const size_t each = (size_t)sums->step_count * 2;
    for (uint32_t bucket = 0; bucket < count; bucket++) {
        query_brief_add_cells(sums, bucket, cells + bucket * each);
    }
    if (count > 0) {
        memset(cells, 0, count * each * sizeof(*cells));
    }
}

void query_brief_settle(struct query_brief_sums *sums, struct query_tally *tally)
{
    for (uint32_t slice = 0; slice < sums->slice_capacity; slice++) {
        uint64_t *of_slice = sums_of(sums, slice);
        for (uint32_t i = 0; i < sums->step_count * 2; i++) {
            if (of_slice[i] > 0) {
                query_tally_levels(tally, slice, i / 2 + 1, i % 2 != 0, of_slice[i]);
                of_slice[i] = 0;
            }
        }
    }
}

uint64_t query_brief_bytes(const struct query_brief_sums *sums)
{
    return (uint64_t)sums->slice_capacity * sums->step_count * 2 * sizeof(*sums->sums);
}
