// SPDX-License-Identifier: Apache-2.0
#include "storage/compact/compact_group.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <string.h>

#define ROW_CAPACITY_START 4096u
#define USER_CAPACITY_START 1024u
#define ID_CAPACITY_START 16384u

/// A column used at all has one byte of memory from the start: a pointer that is not NULL says so.
void compact_group_init(struct compact_group *out, const struct schema *schema,
                        const bool *columns_used)
{
    *out = (struct compact_group){.schema = schema};
    out->group.columns = memory_allocate_zeroed(schema->column_count, sizeof(*out->group.columns));
    for (uint32_t column = 0; column < schema->column_count; column++) {
        if (columns_used[column] && schema->columns[column].type == COLUMN_STRING) {
            out->group.columns[column].codes = memory_allocate(0);
        } else if (columns_used[column]) {
            out->group.columns[column].integers = memory_allocate(0);
        }
    }
    out->group.id_offsets = memory_allocate_zeroed(1, sizeof(*out->group.id_offsets));
}

void compact_group_deinit(struct compact_group *group)
{
    for (uint32_t column = 0; column < group->schema->column_count; column++) {
        memory_free(group->group.columns[column].codes);
        memory_free(group->group.columns[column].integers);
    }
    memory_free(group->group.columns);
    memory_free(group->group.user_keys);
    memory_free(group->group.user_row_counts);
    memory_free(group->group.user_flags);
    memory_free(group->group.user_name_masks);
    memory_free(group->group.id_offsets);
    memory_free(group->group.id_bytes);
    *group = (struct compact_group){0};
}

void compact_group_reset(struct compact_group *group)
{
    group->group.user_count = 0;
    group->group.row_count = 0;
}

static uint32_t grown(uint32_t capacity, uint64_t wanted, uint32_t start)
{
    uint64_t doubled = (uint64_t)capacity * 2;
    uint64_t next = wanted > doubled ? wanted : doubled;
    next = next < start ? start : next;
    ASSERT(next <= UINT32_MAX);
    return (uint32_t)next;
}

static void reserve_users(struct compact_group *out, uint32_t extra)
{
    struct row_group *group = &out->group;
    uint64_t wanted = (uint64_t)group->user_count + extra;
    if (wanted <= out->user_capacity) {
        return;
    }
    out->user_capacity = grown(out->user_capacity, wanted, USER_CAPACITY_START);
    size_t capacity = out->user_capacity;
    group->user_keys = memory_resize_array(group->user_keys, capacity, sizeof(struct hash128));
    group->user_row_counts = memory_resize_array(group->user_row_counts, capacity, 4);
    group->user_flags = memory_resize_array(group->user_flags, capacity, 1);
    group->user_name_masks = memory_resize_array(group->user_name_masks, capacity, 8);
    memset(group->user_name_masks, 0, capacity * 8);
    group->id_offsets = memory_resize_array(group->id_offsets, capacity + 1, 4);
}

static void reserve_ids(struct compact_group *out, size_t extra)
{
    uint64_t wanted = (uint64_t)out->group.id_offsets[out->group.user_count] + extra;
    if (wanted > out->id_capacity) {
        out->id_capacity = grown(out->id_capacity, wanted, ID_CAPACITY_START);
        out->group.id_bytes = memory_resize(out->group.id_bytes, out->id_capacity);
    }
}

static void reserve_rows(struct compact_group *out, uint32_t extra)
{
    uint64_t wanted = (uint64_t)out->group.row_count + extra;
    if (wanted <= out->row_capacity) {
        return;
    }
    out->row_capacity = grown(out->row_capacity, wanted, ROW_CAPACITY_START);
    for (uint32_t column = 0; column < out->schema->column_count; column++) {
        struct column_values *values = &out->group.columns[column];
        if (values->codes != NULL) {
            values->codes = memory_resize_array(values->codes, out->row_capacity, 4);
        } else if (values->integers != NULL) {
            values->integers = memory_resize_array(values->integers, out->row_capacity, 8);
        }
    }
}

void compact_group_add_user(struct compact_group *out, struct hash128 key, uint8_t flags,
                            struct text id)
{
    reserve_users(out, 1);
    reserve_ids(out, id.size);
    struct row_group *group = &out->group;
    uint32_t user = group->user_count++;
    uint32_t offset = group->id_offsets[user];
    if (id.size > 0) {
        memcpy(group->id_bytes + offset, id.bytes, id.size);
    }
    group->id_offsets[user + 1] = offset + (uint32_t)id.size;
    group->user_keys[user] = key;
    group->user_flags[user] = flags;
    group->user_row_counts[user] = 0;
}

static void fill_missing(const struct schema_column *column, struct column_values *values,
                         uint32_t from, uint32_t count)
{
    if (column->type == COLUMN_STRING) {
        memset(values->codes + from, 0xff, (size_t)count * 4);
        return;
    }
    int64_t missing = column->type == COLUMN_NUMBER ? (int64_t)COLUMN_NUMBER_MISSING_BITS
                                                    : COLUMN_INTEGER_MISSING;
    for (uint32_t row = from; row < from + count; row++) {
        values->integers[row] = missing;
    }
}

_Static_assert(COLUMN_CODE_MISSING == UINT32_MAX, "a missing code is all ones");

static void copy_rows(struct compact_group *out, const struct column_values *columns, uint32_t from,
                      uint32_t count)
{
    reserve_rows(out, count);
    uint32_t to = out->group.row_count;
    for (uint32_t column = 0; column < out->schema->column_count; column++) {
        struct column_values *values = &out->group.columns[column];
        if (values->codes != NULL && columns[column].codes != NULL) {
            memcpy(values->codes + to, columns[column].codes + from, (size_t)count * 4);
        } else if (values->integers != NULL && columns[column].integers != NULL) {
            memcpy(values->integers + to, columns[column].integers + from, (size_t)count * 8);
        } else if (values->codes != NULL || values->integers != NULL) {
            fill_missing(&out->schema->columns[column], values, to, count);
        }
    }
    out->group.row_count += count;
}

void compact_group_add_rows(struct compact_group *group, const struct column_values *columns,
                            uint32_t from, uint32_t count)
{
    ASSERT(group->group.user_count > 0);
    copy_rows(group, columns, from, count);
    group->group.user_row_counts[group->group.user_count - 1] += count;
}

static void copy_ids(struct compact_group *out, const struct row_group *from, uint32_t first,
                     uint32_t count)
{
    uint32_t start = from->id_offsets[first];
    uint32_t size = from->id_offsets[first + count] - start;
    reserve_ids(out, size);
    uint32_t base = out->group.id_offsets[out->group.user_count];
    if (size > 0) {
        memcpy(out->group.id_bytes + base, from->id_bytes + start, size);
    }
    uint32_t *offsets = out->group.id_offsets + out->group.user_count;
    for (uint32_t user = 1; user <= count; user++) {
        offsets[user] = base + from->id_offsets[first + user] - start;
    }
}

uint32_t compact_group_add_users(struct compact_group *out, const struct row_group *from,
                                 const struct column_values *columns, uint32_t first,
                                 uint32_t count, uint32_t row)
{
    reserve_users(out, count);
    copy_ids(out, from, first, count);
    uint32_t to = out->group.user_count;
    memcpy(out->group.user_keys + to, from->user_keys + first, count * sizeof(struct hash128));
    memcpy(out->group.user_flags + to, from->user_flags + first, count);
    memcpy(out->group.user_row_counts + to, from->user_row_counts + first, (size_t)count * 4);
    uint32_t row_count = 0;
    for (uint32_t user = 0; user < count; user++) {
        row_count += from->user_row_counts[first + user];
    }
    out->group.user_count += count;
    copy_rows(out, columns, row, row_count);
    return row_count;
}

void compact_group_move_row(struct compact_group *group, uint32_t to, uint32_t from)
{
    for (uint32_t column = 0; to != from && column < group->schema->column_count; column++) {
        struct column_values *values = &group->group.columns[column];
        if (values->codes != NULL) {
            values->codes[to] = values->codes[from];
        } else if (values->integers != NULL) {
            values->integers[to] = values->integers[from];
        }
    }
}

void compact_group_cut(struct compact_group *group, uint32_t row_count)
{
    uint32_t dropped = group->group.row_count - row_count;
    uint32_t *last = &group->group.user_row_counts[group->group.user_count - 1];
    ASSERT(dropped < *last);
    *last -= dropped;
    group->group.row_count = row_count;
}
