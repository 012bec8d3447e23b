// SPDX-License-Identifier: Apache-2.0
/// What is kept of one question. Private to this folder. Thread: one at a time.
#pragma once

#include "engine/query/query_plan.h"
#include "engine/query/query_table.h"

/// Times are kept in units of 4.096 ms.
#define MEMO_UNIT_SHIFT 12u
#define MEMO_SLICE_COUNT_MAX (UINT32_C(1) << 16)

#define MEMO_LEVEL_BITS 8u
#define MEMO_LEVEL_MASK 0xffu
/// Levels that are none: nothing is known of the user; several users have the half key, so that
/// nothing is ever kept of them; it is known that the user has no entry.
#define MEMO_LEVEL_UNKNOWN 0u
#define MEMO_LEVEL_SHARED 0xfeu
#define MEMO_LEVEL_GONE 0xffu

/// A user.
struct memo_record {
    uint64_t high;  ///< half of its key
    uint32_t low;   ///< 32 bits of the other half
    uint32_t entry; ///< of the reported attempt, in units from the entry's base
    uint32_t last;  ///< the last entry, the same; of users who have not won
    uint32_t what;  ///< slice << 8 | level
};

struct memo_records {
    struct memo_record *records;
    size_t count;
    size_t capacity;
};

void memo_records_add(struct memo_records *records, struct memo_record record);
/// Sorts by the half key; records of one become one: of a user nothing is known, of several it is
/// shared.
void memo_records_sort(struct memo_records *records);
/// The first with a half key of `high` or more.
size_t memo_records_place(const struct memo_records *records, uint64_t high);
/// Takes sorted records in; where the half key is there the two become one in the same way.
void memo_records_insert(struct memo_records *records, const struct memo_records *more);
/// Lets those go that are known to have no entry.
void memo_records_sweep(struct memo_records *records);
void memo_records_deinit(struct memo_records *records);

struct memo_entry {
    struct hash128 question;
    struct hash128 digest; ///< of all rows that it knows
    uint64_t rows;
    uint8_t (*uuids)[SEGMENT_UUID_SIZE]; ///< of the segments that these rows were in
    uint32_t uuid_count;
    int64_t from_us; ///< of the range
    int64_t base_us; ///< of the records' times
    struct memo_records users;
    uint64_t gone_count;       ///< of them, those that have no entry
    struct query_table slices; ///< query_slices_key() by number
    uint64_t turn;             ///< when it was last asked for
};

/// Names the plan's committed segments as those that it knows.
void memo_entry_name(struct memo_entry *entry, const struct query_plan *plan);
/// NULL-safe.
void memo_entry_destroy(struct memo_entry *entry);
uint64_t memo_entry_bytes(const struct memo_entry *entry);
/// Finds segments of the plan that hold exactly the rows of the entry: those that are still there,
/// and what merges put in the place of others. False: there are none.
bool memo_entry_find(const struct memo_entry *entry, const struct query_plan *plan, bool *known);

/// Takes the question's entry out of the memo, or NULL.
struct memo_entry *query_memo_take(struct query_memo *memo, struct hash128 question);
/// Puts it (back) in, and lets others go where there is no room.
void query_memo_put(struct query_memo *memo, struct memo_entry *entry);
/// No entry may have more records.
size_t query_memo_room(const struct query_memo *memo);
