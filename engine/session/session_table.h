// SPDX-License-Identifier: Apache-2.0
/// Live users of one shard: a hash table of packed entries of a fixed size, chosen when the table
/// is made (the funnels followed need more or less). Made of many small sub-tables that grow one by
/// one by a fifth, so that growth costs one sub-table and slack stays small.
///
/// An entry begins with what every user has, below; `extra_size` bytes of the caller's follow,
/// unaligned. The key is kept by 96 of its 128 bits: two users of one shard share them with
/// probability 2^-96 per pair.
///
/// Memory: bounded by `budget_bytes`. A sub-table that may not grow drops the quarter of its users
/// that were idle longest; a filter remembers who was dropped, so that a return is noticed (it
/// never forgets, and may take a new user for a returning one once very many were dropped).
///
/// Thread: the shard's.
#pragma once

#include "engine/session/session_rule.h"
#include "storage/base/hash.h"

#include <stdbool.h>
#include <stdint.h>

struct session_part;

struct session_table {
    uint32_t entry_size;
    uint64_t part_bytes_max; ///< one sub-table may take this
    struct session_part *parts;
    uint64_t *returned_filter; ///< NULL until somebody was dropped
    uint64_t filter_words;
    uint64_t bytes; ///< of all sub-tables, slack included
    uint64_t user_count;
    uint64_t evicted_count;
    /// Called for each user before it is dropped for lack of room; may be NULL.
    void (*dropped)(void *context, const uint8_t *entry);
    void *context;
};

/// Head of an entry, unpacked.
struct session_user {
    struct session_state session;
    bool pending;  ///< its live answer waits for a recomputation
    bool recorded; ///< some event at `last_us` matters, and is in the caller's record of recent
                   ///< ones or cannot be had again
    bool returned; ///< it was dropped before: what it counted for then is not known
    bool mark;     ///< the caller's
};
#define SESSION_ENTRY_HEAD_SIZE 25u
#define SESSION_BUDGET_MIN (UINT64_C(512) << 10)

void session_table_init(struct session_table *table, uint32_t extra_size, uint64_t budget_bytes);
void session_table_deinit(struct session_table *table);
/// Fetches the place of a key that will be looked up soon.
void session_table_prefetch(const struct session_table *table, struct hash128 key);
/// The user's entry; where there was none, a new one (`*is_new_out`) that session_store() must
/// fill. Valid until the next call. `*returned_out`: a new one that was probably dropped before.
uint8_t *session_table_find(struct session_table *table, struct hash128 key, bool *is_new_out,
                            bool *returned_out);
/// The user's entry, or NULL.
uint8_t *session_table_look(const struct session_table *table, struct hash128 key);
/// Forgets all users whose last event is before `oldest_us`, who was dropped, and the caller's
/// bytes and all flags of the users that stay.
void session_table_roll(struct session_table *table, int64_t oldest_us);

void session_load(const uint8_t *entry, struct session_user *user_out);
void session_store(uint8_t *entry, const struct session_user *user);
/// The caller's bytes of an entry; zero in a new one.
static inline uint8_t *session_extra(uint8_t *entry)
{
    return entry + SESSION_ENTRY_HEAD_SIZE;
}
