// SPDX-License-Identifier: Apache-2.0
#include "engine/shard/user_table.h"

#include "storage/base/memory.h"
#include "storage/base/pages.h"

#include <string.h>

#define SLOT_COUNT_MIN 256u
#define SLOT_COUNT_KEPT 65536u
#define RADIX_BITS 11u
#define RADIX_SIZE (1u << RADIX_BITS)
#define RADIX_PASSES 3u

struct user_slot {
    struct hash128 key;
    uint32_t number_plus_one; // 0: empty
};

static void allocate_slots(struct user_table *table, uint32_t slot_count)
{
    table->slots = pages_allocate_zeroed(slot_count * sizeof(struct user_slot));
    table->slot_count = slot_count;
}

void user_table_init(struct user_table *table)
{
    *table = (struct user_table){0};
    allocate_slots(table, SLOT_COUNT_MIN);
}

void user_table_deinit(struct user_table *table)
{
    pages_free(table->slots, table->slot_count * sizeof(struct user_slot));
    pages_free(table->entries, table->entry_capacity * sizeof(struct user_entry));
    pages_free(table->id_bytes, table->id_capacity);
    *table = (struct user_table){0};
}

void user_table_reset(struct user_table *table)
{
    if (table->slot_count > SLOT_COUNT_KEPT && table->count < table->slot_count / 8) {
        user_table_deinit(table);
        user_table_init(table);
        return;
    }
    memset(table->slots, 0, table->slot_count * sizeof(struct user_slot));
    table->count = 0;
    table->id_size = 0;
}

// The low half is independent of the shard, which the high half chose.
static uint32_t slot_of(const struct user_table *table, struct hash128 key)
{
    return (uint32_t)key.low & (table->slot_count - 1);
}

void user_table_prefetch(const struct user_table *table, struct hash128 key)
{
    __builtin_prefetch(&table->slots[slot_of(table, key)]);
}

static void grow_slots(struct user_table *table)
{
    struct user_slot *old = table->slots;
    uint32_t old_count = table->slot_count;
    allocate_slots(table, old_count * 2);
    for (uint32_t i = 0; i < old_count; i++) {
        if (old[i].number_plus_one == 0) {
            continue;
        }
        uint32_t at = slot_of(table, old[i].key);
        while (table->slots[at].number_plus_one != 0) {
            at = (at + 1) & (table->slot_count - 1);
        }
        table->slots[at] = old[i];
    }
    pages_free(old, old_count * sizeof(struct user_slot));
}

static void append_entry(struct user_table *table, struct hash128 key, uint8_t user_namespace,
                         struct text id)
{
    if (table->count == table->entry_capacity) {
        uint32_t capacity = table->entry_capacity == 0 ? 256 : table->entry_capacity * 2;
        table->entries =
            pages_resize(table->entries, table->entry_capacity * sizeof(struct user_entry),
                         capacity * sizeof(struct user_entry));
        table->entry_capacity = capacity;
    }
    if (table->id_bytes == NULL || table->id_size + id.size > table->id_capacity) {
        uint64_t doubled = table->id_capacity == 0 ? 4096 : table->id_capacity * 2;
        uint64_t wanted = table->id_size + id.size;
        uint64_t capacity = doubled > wanted ? doubled : wanted;
        table->id_bytes = pages_resize(table->id_bytes, table->id_capacity, capacity);
        table->id_capacity = capacity;
    }
    if (id.size > 0) {
        memcpy(table->id_bytes + table->id_size, id.bytes, id.size);
    }
    table->entries[table->count++] =
        (struct user_entry){key, table->id_size, (uint32_t)id.size, user_namespace};
    table->id_size += id.size;
}

uint32_t user_table_append(struct user_table *table, struct hash128 key, uint8_t user_namespace,
                           struct text id)
{
    append_entry(table, key, user_namespace, id);
    return table->count - 1;
}

uint32_t user_table_resolve(struct user_table *table, struct hash128 key, uint8_t user_namespace,
                            struct text id)
{
    uint32_t at = slot_of(table, key);
    while (table->slots[at].number_plus_one != 0) {
        if (hash128_equal(table->slots[at].key, key)) {
            return table->slots[at].number_plus_one - 1;
        }
        at = (at + 1) & (table->slot_count - 1);
    }
    append_entry(table, key, user_namespace, id);
    table->slots[at] = (struct user_slot){key, table->count};
    uint32_t number = table->count - 1;
    if (table->count > table->slot_count / 2) {
        grow_slots(table);
    }
    return number;
}

bool user_table_find(const struct user_table *table, struct hash128 key, uint32_t *user_out)
{
    uint32_t at = slot_of(table, key);
    while (table->slots[at].number_plus_one != 0 && !hash128_equal(table->slots[at].key, key)) {
        at = (at + 1) & (table->slot_count - 1);
    }
    *user_out = table->slots[at].number_plus_one - 1;
    return table->slots[at].number_plus_one != 0;
}

struct ranked_user {
    uint64_t high;
    uint32_t user;
};

static void radix_pass(const struct ranked_user *from, struct ranked_user *to, uint32_t count,
                       uint32_t shift)
{
    uint32_t starts[RADIX_SIZE] = {0};
    for (uint32_t i = 0; i < count; i++) {
        starts[from[i].high >> shift & (RADIX_SIZE - 1)]++;
    }
    uint32_t sum = 0;
    for (uint32_t digit = 0; digit < RADIX_SIZE; digit++) {
        uint32_t digit_count = starts[digit];
        starts[digit] = sum;
        sum += digit_count;
    }
    for (uint32_t i = 0; i < count; i++) {
        to[starts[from[i].high >> shift & (RADIX_SIZE - 1)]++] = from[i];
    }
}

// Keys are random, so the top 33 bits order nearly all of them; insertion puts the rest right.
static void finish_by_insertion(const struct user_table *table, struct ranked_user *users)
{
    for (uint32_t i = 1; i < table->count; i++) {
        struct ranked_user moved = users[i];
        uint32_t at = i;
        while (at > 0 && users[at - 1].high >= moved.high &&
               hash128_compare(table->entries[users[at - 1].user].key,
                               table->entries[moved.user].key) > 0) {
            users[at] = users[at - 1];
            at--;
        }
        users[at] = moved;
    }
}

void user_table_rank(const struct user_table *table, uint32_t *order_out, uint32_t *ranks_out)
{
    struct ranked_user *users = memory_allocate(table->count * sizeof(*users) * 2);
    struct ranked_user *spare = users + table->count;
    struct ranked_user *first = users;
    for (uint32_t i = 0; i < table->count; i++) {
        users[i] = (struct ranked_user){table->entries[i].key.high, i};
    }
    for (uint32_t pass = 0; pass < RADIX_PASSES; pass++) {
        radix_pass(users, spare, table->count, 64 - RADIX_BITS * (RADIX_PASSES - pass));
        struct ranked_user *swapped = users;
        users = spare;
        spare = swapped;
    }
    finish_by_insertion(table, users);
    for (uint32_t rank = 0; rank < table->count; rank++) {
        order_out[rank] = users[rank].user;
        ranks_out[users[rank].user] = rank;
    }
    memory_free(first);
}

uint64_t user_table_memory(const struct user_table *table)
{
    return (uint64_t)table->slot_count * sizeof(struct user_slot) +
           (uint64_t)table->entry_capacity * sizeof(struct user_entry) + table->id_capacity;
}

uint64_t user_table_fill(const struct user_table *table)
{
    return table->count * (2 * sizeof(struct user_slot) + sizeof(struct user_entry)) +
           table->id_size;
}
