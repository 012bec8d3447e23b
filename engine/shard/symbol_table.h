// SPDX-License-Identifier: Apache-2.0
/// Strings to dense codes, for one column between two flushes. Codes are given in order of
/// appearance; at a flush the table is ranked, and its entries become a sorted dictionary.
///
/// Works on batches in three steps, between which the caller takes those of other columns, so that
/// the misses of all overlap with what is worked out for each: hashes, whose slots are fetched;
/// what the slots say is fetched; codes. Slots are four bytes, so that those of a column lie in the
/// near caches; short strings are compared as two words.
///
/// Thread: the shard's.
#pragma once

#include "engine/event/packed_text.h"
#include "storage/base/hash.h"
#include "storage/base/text.h"
#include "storage/column/column.h"

#include <stdint.h>

#define SYMBOL_BATCH_COUNT_MAX 64u
/// A table whose strings take more than this asks for a flush: offsets of a dictionary are 32 bits.
#define SYMBOL_BYTES_MAX (UINT64_C(1) << 30)

struct symbol_table {
    const struct hash_secret *secret; ///< nobody outside can aim strings at one slot
    uint32_t *slots;                  ///< see table_slot.h
    uint32_t slot_count;              ///< a power of two
    uint32_t count;
    uint32_t entry_capacity;
    struct packed_text *entries; ///< by code; long ones lie in `far`
    char *far;
    uint64_t far_size;
    uint64_t far_capacity;
    uint64_t size; ///< of all strings
};

/// Strings of one column in rows `stride` bytes apart, from `first` on.
struct symbol_batch {
    const struct packed_text *first;
    uint32_t stride;
    uint32_t count; ///< at most SYMBOL_BATCH_COUNT_MAX
    const char *far;
    uint64_t hashes[SYMBOL_BATCH_COUNT_MAX]; ///< filled by symbol_table_hash()
};

void symbol_table_init(struct symbol_table *table, const struct hash_secret *secret);
void symbol_table_deinit(struct symbol_table *table);
/// Forgets all strings; memory beyond a small table is given back.
void symbol_table_reset(struct symbol_table *table);
/// The first step: fills batch->hashes.
void symbol_table_hash(const struct symbol_table *table, struct symbol_batch *batch);
/// The second, which may be left out.
void symbol_table_fetch(const struct symbol_table *table, const struct symbol_batch *batch);
/// The third: fills codes_out[0..batch->count); a missing string gives COLUMN_CODE_MISSING.
void symbol_table_resolve(struct symbol_table *table, const struct symbol_batch *batch,
                          uint32_t *codes_out);
/// Adds a string that is not there, to a table in which nobody looks strings up; returns its code.
uint32_t symbol_table_append(struct symbol_table *table, struct text text);
/// Borrowed until the next string is added.
static inline struct text symbol_table_text(const struct symbol_table *table, uint32_t code)
{
    return code == COLUMN_CODE_MISSING ? TEXT_MISSING
                                       : packed_text_get(&table->entries[code], table->far);
}
/// Fills `order_out` (code by rank) and `ranks_out` (rank by code), table->count entries each.
void symbol_table_rank(const struct symbol_table *table, uint32_t *order_out, uint32_t *ranks_out);
/// About what the strings at hand take of what is held.
uint64_t symbol_table_fill(const struct symbol_table *table);
/// Bytes held.
uint64_t symbol_table_memory(const struct symbol_table *table);
