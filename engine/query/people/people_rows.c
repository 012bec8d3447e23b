// SPDX-License-Identifier: Apache-2.0
#include "engine/query/people/people_rows.h"

#include "storage/base/bytes.h"
#include "storage/base/memory.h"

#include <stdlib.h>

#define CHARGE_SIZE (UINT64_C(1) << 20)

void people_rows_init(struct people_rows *rows, struct query_tasks *tasks, uint64_t budget_bytes,
                      uint64_t row_count_max)
{
    *rows = (struct people_rows){
        .tasks = tasks, .budget_bytes = budget_bytes, .row_count_max = row_count_max};
}

void people_rows_deinit(struct people_rows *rows)
{
    query_tasks_return(rows->tasks, rows->charged_bytes);
    text_buffer_deinit(&rows->bytes);
    text_buffer_deinit(&rows->bound);
    memory_free(rows->offsets);
    *rows = (struct people_rows){0};
}

void people_rows_restart(struct people_rows *rows, struct text from)
{
    rows->from = from;
    rows->count = 0;
    rows->cut = false;
    text_buffer_reset(&rows->bytes);
    text_buffer_reset(&rows->bound);
}

static struct text row_at(const struct text_buffer *bytes, uint64_t offset)
{
    return (struct text){bytes->bytes + offset + sizeof(uint32_t),
                         bytes_load_u32(bytes->bytes + offset)};
}

struct text people_rows_at(const struct people_rows *rows, uint64_t index)
{
    return row_at(&rows->bytes, rows->offsets[index]);
}

static int compare_rows(const void *left, const void *right, void *context)
{
    const struct text_buffer *bytes = context;
    return text_compare(row_at(bytes, *(const uint64_t *)left),
                        row_at(bytes, *(const uint64_t *)right));
}

void people_rows_sort(struct people_rows *rows)
{
    if (rows->count < 2) {
        return;
    }
    qsort_r(rows->offsets, rows->count, sizeof(*rows->offsets), compare_rows, &rows->bytes);
}

static uint64_t used_bytes(const struct people_rows *rows)
{
    return rows->bytes.size + rows->count * sizeof(*rows->offsets);
}

/// Moves the rows that are kept together, in their sorted order.
static void keep(struct people_rows *rows, uint64_t kept)
{
    struct text_buffer bytes = {0};
    for (uint64_t i = 0; i < kept; i++) {
        struct text row = people_rows_at(rows, i);
        rows->offsets[i] = bytes.size;
        text_buffer_append_sized(&bytes, row);
    }
    text_buffer_deinit(&rows->bytes);
    rows->bytes = bytes;
    rows->count = kept;
}

static bool equals_next(const struct people_rows *rows, uint64_t index)
{
    return text_compare(people_rows_at(rows, index), people_rows_at(rows, index + 1)) == 0;
}

/// How many of the sorted rows stay: about `wanted`, and never some of several equal ones.
static uint64_t cut_at(const struct people_rows *rows, uint64_t wanted)
{
    uint64_t kept = wanted;
    while (kept > 0 && equals_next(rows, kept - 1)) {
        kept--;
    }
    if (kept > 0) {
        return kept;
    }
    for (kept = wanted; kept < rows->count && equals_next(rows, kept - 1); kept++) {
    }
    return kept;
}

/// Drops the larger half.
static void cut(struct people_rows *rows)
{
    people_rows_sort(rows);
    uint64_t half = rows->count / 2;
    bool few = rows->row_count_max != 0 && rows->row_count_max < half;
    uint64_t kept = cut_at(rows, few ? rows->row_count_max : half);
    if (kept == rows->count) {
        rows->budget_bytes *= 2; // one row many times over: what is charged sets the end
        return;
    }
    text_buffer_reset(&rows->bound);
    text_buffer_append_text(&rows->bound, people_rows_at(rows, kept));
    rows->cut = true;
    keep(rows, kept);
}

static enum corong_status charge(struct people_rows *rows, struct corong_error *error)
{
    uint64_t bytes = rows->bytes.capacity + rows->capacity * sizeof(*rows->offsets);
    if (bytes < rows->charged_bytes + CHARGE_SIZE) {
        return CORONG_OK;
    }
    uint64_t grown = bytes - rows->charged_bytes;
    rows->charged_bytes = bytes;
    return query_tasks_charge(rows->tasks, grown, "rows of the list", error);
}

/// True where the row is of this pass and not among those dropped.
static bool wanted(const struct people_rows *rows, struct text row)
{
    struct text bound = {rows->bound.bytes, rows->bound.size};
    return (rows->from.bytes == NULL || text_compare(row, rows->from) >= 0) &&
           !(rows->cut && text_compare(row, bound) >= 0);
}

enum corong_status people_rows_add(struct people_rows *rows, struct text row,
                                   struct corong_error *error)
{
    if (!wanted(rows, row)) {
        return CORONG_OK;
    }
    bool full = used_bytes(rows) + row.size > rows->budget_bytes;
    bool enough = rows->row_count_max != 0 && rows->count > 2 * rows->row_count_max + 1024;
    if ((full && rows->count > 1) || enough) {
        cut(rows);
        if (!wanted(rows, row)) {
            return CORONG_OK;
        }
    }
    if (rows->count == rows->capacity) {
        rows->capacity = rows->capacity == 0 ? 64 : rows->capacity * 2;
        rows->offsets = memory_resize_array(rows->offsets, rows->capacity, sizeof(*rows->offsets));
    }
    rows->offsets[rows->count++] = rows->bytes.size;
    text_buffer_append_sized(&rows->bytes, row);
    return charge(rows, error);
}
