// SPDX-License-Identifier: Apache-2.0
/// Byte strings to dense numbers, in order of first sight: attribute values, and tuples of them.
/// Thread: a table belongs to one thread at a time.
#pragma once

#include "storage/base/arena.h"
#include "storage/base/text.h"

#include <stdbool.h>
#include <stdint.h>

/// Start from {0}.
struct query_table {
    struct text *keys; ///< by number; bytes in `arena`
    uint32_t count;
    uint32_t capacity;
    uint32_t *slots;     ///< number + 1, 0 where free
    uint32_t slot_count; ///< a power of two
    struct arena arena;
};

/// The number of `key`; a new one is copied.
uint32_t query_table_number(struct query_table *table, struct text key);
/// True where `key` has a number already.
bool query_table_find(const struct query_table *table, struct text key, uint32_t *number_out);
/// Bytes held, for budgets.
uint64_t query_table_bytes(const struct query_table *table);
void query_table_deinit(struct query_table *table);
