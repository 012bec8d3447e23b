// SPDX-License-Identifier: Apache-2.0
/// Strings to dense codes, for one column between two flushes. Codes are given in order of
/// appearance; at a flush the table is ranked, and its entries become a sorted dictionary.
///
/// Works on batches: all hashes first, then all slots are fetched, then resolved, so that the
/// misses of one batch overlap. Strings up to 16 bytes are compared inside the slot.
///
/// Thread: the shard's.
#pragma once

#include "storage/base/hash.h"
#include "storage/base/text.h"
#include "storage/column/column.h"

#include <stdint.h>

#define SYMBOL_BATCH_COUNT_MAX 256u
/// A table whose strings take more than this asks for a flush: offsets of a dictionary are 32 bits.
#define SYMBOL_BYTES_MAX (UINT64_C(1) << 30)

struct symbol_slot;

struct symbol_entry {
    uint64_t offset; ///< into bytes
    uint32_t size;
};

struct symbol_table {
    const struct hash_secret *secret; ///< nobody outside can aim strings at one slot
    struct symbol_slot *slots;
    uint32_t slot_count; ///< a power of two
    uint32_t count;
    uint32_t entry_capacity;
    struct symbol_entry *entries; ///< by code
    char *bytes;
    uint64_t size;
    uint64_t capacity;
};

void symbol_table_init(struct symbol_table *table, const struct hash_secret *secret);
void symbol_table_deinit(struct symbol_table *table);
/// Forgets all strings; memory beyond a small table is given back.
void symbol_table_reset(struct symbol_table *table);
/// Resolves up to SYMBOL_BATCH_COUNT_MAX strings; a missing text gives COLUMN_CODE_MISSING.
void symbol_table_resolve(struct symbol_table *table, const struct text *texts, uint32_t count,
                          uint32_t *codes_out);
/// Adds a string that is not there, to a table in which nobody looks strings up; returns its code.
uint32_t symbol_table_append(struct symbol_table *table, struct text text);
static inline struct text symbol_table_text(const struct symbol_table *table, uint32_t code)
{
    return code == COLUMN_CODE_MISSING ? TEXT_MISSING
                                       : (struct text){table->bytes + table->entries[code].offset,
                                                       table->entries[code].size};
}
/// Fills `order_out` (code by rank) and `ranks_out` (rank by code), table->count entries each.
void symbol_table_rank(const struct symbol_table *table, uint32_t *order_out, uint32_t *ranks_out);
/// About what the strings at hand take of what is held.
uint64_t symbol_table_fill(const struct symbol_table *table);
/// Bytes held.
uint64_t symbol_table_memory(const struct symbol_table *table);
