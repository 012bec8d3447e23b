// SPDX-License-Identifier: Apache-2.0
#include "engine/shard/user_table.h"

#include "engine/shard/table_slot.h"
#include "storage/base/memory.h"
#include "storage/base/pages.h"

#include <string.h>

#define SLOT_COUNT_MIN 256u
#define SLOT_COUNT_KEPT 65536u
#define RADIX_BITS 11u
#define RADIX_SIZE (1u << RADIX_BITS)
#define RADIX_PASSES 3u

static void allocate_slots(struct user_table *table, uint32_t slot_count)
{
    table->slots = pages_allocate_zeroed(slot_count * sizeof(uint32_t));
    table->slot_count = slot_count;
}

void user_table_init(struct user_table *table)
{
    *table = (struct user_table){0};
    allocate_slots(table, SLOT_COUNT_MIN);
}

void user_table_deinit(struct user_table *table)
{
    pages_free(table->slots, table->slot_count * sizeof(uint32_t));
    pages_free(table->keys, table->capacity * sizeof(struct hash128));
    pages_free(table->ids, table->capacity * sizeof(struct user_id));
    pages_free(table->far, table->far_capacity);
    *table = (struct user_table){0};
}

void user_table_reset(struct user_table *table)
{
    if (table->slot_count > SLOT_COUNT_KEPT && table->count < table->slot_count / 8) {
        user_table_deinit(table);
        user_table_init(table);
        return;
    }
    memset(table->slots, 0, table->slot_count * sizeof(uint32_t));
    table->count = 0;
    table->far_size = 0;
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

void user_table_prefetch_key(const struct user_table *table, struct hash128 key)
{
    uint32_t number_plus_one =
        table_slot_number_plus_one(table->slots[slot_of(table, key)], table->slot_count - 1);
    if (number_plus_one != 0) {
        __builtin_prefetch(&table->keys[number_plus_one - 1]);
    }
}

static uint32_t tag_of(struct hash128 key)
{
    return (uint32_t)(key.low >> 32);
}

static void fill_slot(struct user_table *table, uint32_t user)
{
    struct hash128 key = table->keys[user];
    uint32_t at = slot_of(table, key);
    while (table->slots[at] != 0) {
        at = (at + 1) & (table->slot_count - 1);
    }
    table->slots[at] = table_slot_of(tag_of(key), user, table->slot_count - 1);
}

static void grow_slots(struct user_table *table)
{
    pages_free(table->slots, table->slot_count * sizeof(uint32_t));
    allocate_slots(table, table->slot_count * 2);
    for (uint32_t user = 0; user < table->count; user++) {
        fill_slot(table, user);
    }
}

static void grow_users(struct user_table *table)
{
    size_t from = table->capacity;
    size_t capacity = from == 0 ? 256 : from * 2;
    table->keys =
        pages_resize(table->keys, from * sizeof(struct hash128), capacity * sizeof(struct hash128));
    table->ids =
        pages_resize(table->ids, from * sizeof(struct user_id), capacity * sizeof(struct user_id));
    table->capacity = (uint32_t)capacity;
}

static struct packed_text keep_far(struct user_table *table, struct text id)
{
    if (table->far_size + id.size > table->far_capacity) {
        uint64_t doubled = table->far_capacity == 0 ? 4096 : table->far_capacity * 2;
        uint64_t wanted = table->far_size + id.size;
        uint64_t capacity = doubled > wanted ? doubled : wanted;
        table->far = pages_resize(table->far, table->far_capacity, capacity);
        table->far_capacity = capacity;
    }
    memcpy(table->far + table->far_size, id.bytes, id.size);
    table->far_size += id.size;
    return packed_text_far(table->far_size - id.size, (uint32_t)id.size);
}

uint32_t user_table_append(struct user_table *table, struct hash128 key, const struct user_id *id,
                           const char *far)
{
    if (table->count == table->capacity) {
        grow_users(table);
    }
    struct text text = packed_text_get(&id->text, far);
    struct user_id *kept = &table->ids[table->count];
    *kept = *id;
    if (!packed_text_is_short(&id->text)) {
        kept->text = keep_far(table, text);
    }
    table->keys[table->count] = key;
    table->id_size += text.size;
    return table->count++;
}

// The place of the key's slot, or of the empty one where it would be.
static inline uint32_t find_slot(const struct user_table *table, struct hash128 key)
{
    const uint32_t *slots = table->slots;
    uint32_t mask = table->slot_count - 1;
    uint32_t at = slot_of(table, key);
    while (slots[at] != 0 &&
           (!table_slot_may_be(slots[at], tag_of(key), mask) ||
            !hash128_equal(table->keys[table_slot_number_plus_one(slots[at], mask) - 1], key))) {
        at = (at + 1) & mask;
    }
    return at;
}

uint32_t user_table_resolve(struct user_table *table, struct hash128 key, const struct user_id *id,
                            const char *far)
{
    uint32_t at = find_slot(table, key);
    uint32_t mask = table->slot_count - 1;
    if (table->slots[at] != 0) {
        return table_slot_number_plus_one(table->slots[at], mask) - 1;
    }
    uint32_t user = user_table_append(table, key, id, far);
    table->slots[at] = table_slot_of(tag_of(key), user, mask);
    if (table->count > table->slot_count / 2) {
        grow_slots(table);
    }
    return user;
}

bool user_table_find(const struct user_table *table, struct hash128 key, uint32_t *user_out)
{
    uint32_t at = find_slot(table, key);
    *user_out = table_slot_number_plus_one(table->slots[at], table->slot_count - 1) - 1;
    return table->slots[at] != 0;
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
               hash128_compare(table->keys[users[at - 1].user], table->keys[moved.user]) > 0) {
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
        users[i] = (struct ranked_user){table->keys[i].high, i};
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
    return (uint64_t)table->slot_count * sizeof(uint32_t) +
           (uint64_t)table->capacity * (sizeof(struct hash128) + sizeof(struct user_id)) +
           table->far_capacity;
}

uint64_t user_table_fill(const struct user_table *table)
{
    return table->count * (2 * sizeof(uint32_t) + sizeof(struct hash128) + sizeof(struct user_id)) +
           table->far_size;
}
