// SPDX-License-Identifier: Apache-2.0
/// The users of one tail: user key to a dense number, with the id's bytes, which are stored once
/// per user and flush.
///
/// Thread: the shard's.
#pragma once

#include "engine/event/packed_text.h"
#include "storage/base/hash.h"
#include "storage/base/text.h"

#include <stdbool.h>
#include <stdint.h>

struct user_id {
    struct packed_text text;
    uint8_t user_namespace;
};

struct user_table {
    uint32_t *slots;     ///< see table_slot.h
    uint32_t slot_count; ///< a power of two
    uint32_t count;
    uint32_t capacity;
    struct hash128 *keys; ///< by number
    struct user_id *ids;  ///< by number; long ones lie in `far`
    char *far;
    uint64_t far_size;
    uint64_t far_capacity;
    uint64_t id_size; ///< of all ids
};

void user_table_init(struct user_table *table);
void user_table_deinit(struct user_table *table);
void user_table_reset(struct user_table *table);
/// Fetches the slot of a key that will be looked up soon.
void user_table_prefetch(const struct user_table *table, struct hash128 key);
/// Fetches, once the slot is there, what the key is compared with.
void user_table_prefetch_key(const struct user_table *table, struct hash128 key);
/// The user's number; adds the user where unknown. A long id lies at an offset in `far`.
uint32_t user_table_resolve(struct user_table *table, struct hash128 key, const struct user_id *id,
                            const char *far);
/// Adds a user who is not there, to a table in which nobody looks users up.
uint32_t user_table_append(struct user_table *table, struct hash128 key, const struct user_id *id,
                           const char *far);
/// The user's number; false where unknown.
bool user_table_find(const struct user_table *table, struct hash128 key, uint32_t *user_out);
/// Borrowed until the next user is added.
static inline struct text user_table_id(const struct user_table *table, uint32_t user)
{
    return packed_text_get(&table->ids[user].text, table->far);
}
/// Fills ranks_out[user] with the user's place by key and order_out[place] with the user.
void user_table_rank(const struct user_table *table, uint32_t *order_out, uint32_t *ranks_out);
uint64_t user_table_memory(const struct user_table *table);
/// About what the users at hand take of it.
uint64_t user_table_fill(const struct user_table *table);
