// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_table.h"

#include "storage/base/hash.h"
#include "storage/base/memory.h"

#include <string.h>

#define SLOT_COUNT_MIN 64u

/// The slot that holds `key`, or the free one where it belongs.
static uint32_t find_slot(const struct query_table *table, struct text key)
{
    uint32_t mask = table->slot_count - 1;
    uint32_t slot = (uint32_t)hash_bytes64(key.bytes, key.size) & mask;
    while (table->slots[slot] != 0 && !text_equal(table->keys[table->slots[slot] - 1], key)) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

static void grow(struct query_table *table)
{
    table->slot_count = table->slot_count == 0 ? SLOT_COUNT_MIN : table->slot_count * 2;
    table->capacity = table->slot_count / 2;
    table->keys = memory_resize_array(table->keys, table->capacity, sizeof(*table->keys));
    memory_free(table->slots);
    table->slots = memory_allocate_zeroed(table->slot_count, sizeof(*table->slots));
    for (uint32_t i = 0; i < table->count; i++) {
        table->slots[find_slot(table, table->keys[i])] = i + 1;
    }
}

uint32_t query_table_number(struct query_table *table, struct text key)
{
    if (table->count == table->capacity) {
        grow(table);
    }
    uint32_t slot = find_slot(table, key);
    if (table->slots[slot] == 0) {
        table->keys[table->count] = arena_copy_text(&table->arena, key);
        table->slots[slot] = ++table->count;
    }
    return table->slots[slot] - 1;
}

bool query_table_find(const struct query_table *table, struct text key, uint32_t *number_out)
{
    if (table->count == 0) {
        return false;
    }
    uint32_t found = table->slots[find_slot(table, key)];
    *number_out = found - 1;
    return found != 0;
}

uint64_t query_table_bytes(const struct query_table *table)
{
    return table->arena.used_bytes + (uint64_t)table->capacity * sizeof(*table->keys) +
           (uint64_t)table->slot_count * sizeof(*table->slots);
}

void query_table_deinit(struct query_table *table)
{
    memory_free(table->keys);
    memory_free(table->slots);
    arena_deinit(&table->arena);
    *table = (struct query_table){0};
}
