// SPDX-License-Identifier: Apache-2.0
/// The users of one tail: user key to a dense number, with the id's bytes, which are stored once
/// per user and flush.
///
/// Thread: the shard's.
#pragma once

#include "storage/base/hash.h"
#include "storage/base/text.h"

#include <stdbool.h>
#include <stdint.h>

struct user_slot;

struct user_entry {
    struct hash128 key;
    uint64_t id_offset;
    uint32_t id_size;
    uint8_t user_namespace;
};

struct user_table {
    struct user_slot *slots;
    uint32_t slot_count; ///< a power of two
    uint32_t count;
    uint32_t entry_capacity;
    struct user_entry *entries; ///< by number
    char *id_bytes;
    uint64_t id_size;
    uint64_t id_capacity;
};

void user_table_init(struct user_table *table);
void user_table_deinit(struct user_table *table);
void user_table_reset(struct user_table *table);
/// Fetches the slot of a key that will be looked up soon.
void user_table_prefetch(const struct user_table *table, struct hash128 key);
/// The user's number; adds the user where unknown.
uint32_t user_table_resolve(struct user_table *table, struct hash128 key, uint8_t user_namespace,
                            struct text id);
/// Adds a user who is not there, to a table in which nobody looks users up.
uint32_t user_table_append(struct user_table *table, struct hash128 key, uint8_t user_namespace,
                           struct text id);
/// The user's number; false where unknown.
bool user_table_find(const struct user_table *table, struct hash128 key, uint32_t *user_out);
static inline struct text user_table_id(const struct user_table *table, uint32_t user)
{
    return (struct text){table->id_bytes + table->entries[user].id_offset,
                         table->entries[user].id_size};
}
/// Fills ranks_out[user] with the user's place by key and order_out[place] with the user.
void user_table_rank(const struct user_table *table, uint32_t *order_out, uint32_t *ranks_out);
uint64_t user_table_memory(const struct user_table *table);
/// About what the users at hand take of it.
uint64_t user_table_fill(const struct user_table *table);
