// SPDX-License-Identifier: Apache-2.0
/// A row group that grows in memory. Private to compact/.
/// Thread: one.
#pragma once

#include "storage/column/column.h"

/// `group` is always consistent. Memory: its own; start with compact_group_init().
struct compact_group {
    struct row_group group;
    const struct schema *schema;
    uint32_t row_capacity;
    uint32_t user_capacity;
    uint32_t id_capacity;
};

/// Columns with `columns_used` false stay NULL.
void compact_group_init(struct compact_group *out, const struct schema *schema,
                        const bool *columns_used);
void compact_group_deinit(struct compact_group *group);
/// Forgets the rows, keeps the memory.
void compact_group_reset(struct compact_group *group);
/// Appends a user without rows.
void compact_group_add_user(struct compact_group *group, struct hash128 key, uint8_t flags,
                            struct text id);
/// Appends rows to the last user. Columns that the input lacks become missing.
void compact_group_add_rows(struct compact_group *group, const struct column_values *columns,
                            uint32_t from, uint32_t count);
/// Appends users [first, first + count) of another group, whose rows begin at `row`, in the given
/// columns. Returns how many
/// rows they have.
uint32_t compact_group_add_users(struct compact_group *out, const struct row_group *from,
                                 const struct column_values *columns, uint32_t first,
                                 uint32_t count, uint32_t row);
/// Copies row `from` over row `to`.
void compact_group_move_row(struct compact_group *group, uint32_t to, uint32_t from);
/// Takes the last user's last rows away, down to `row_count` rows in all.
void compact_group_cut(struct compact_group *group, uint32_t row_count);
