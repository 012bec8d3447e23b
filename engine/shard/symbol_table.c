// SPDX-License-Identifier: Apache-2.0
#include "engine/shard/symbol_table.h"

#include "storage/base/bytes.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/base/pages.h"

#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL // short keys are hashed in a few nanoseconds only when inlined
#include <xxhash.h>

#define SLOT_COUNT_MIN 64u
#define SLOT_COUNT_KEPT 4096u
#define INLINE_SIZE 16u

struct symbol_slot {
    uint64_t hash;
    uint32_t size;
    uint32_t code_plus_one; // 0: empty
    uint64_t head[2];       // the first bytes, zero-padded; the whole string where size <= 16
};

static void allocate_slots(struct symbol_table *table, uint32_t slot_count)
{
    table->slots = pages_allocate_zeroed(slot_count * sizeof(struct symbol_slot));
    table->slot_count = slot_count;
}

void symbol_table_init(struct symbol_table *table, const struct hash_secret *secret)
{
    *table = (struct symbol_table){.secret = secret};
    allocate_slots(table, SLOT_COUNT_MIN);
}

void symbol_table_deinit(struct symbol_table *table)
{
    pages_free(table->slots, table->slot_count * sizeof(struct symbol_slot));
    pages_free(table->entries, table->entry_capacity * sizeof(struct symbol_entry));
    pages_free(table->bytes, table->capacity);
    *table = (struct symbol_table){0};
}

void symbol_table_reset(struct symbol_table *table)
{
    // A burst of distinct strings must not hold its memory for ever; a usual table keeps its own.
    if (table->slot_count > SLOT_COUNT_KEPT && table->count < table->slot_count / 8) {
        const struct hash_secret *secret = table->secret;
        symbol_table_deinit(table);
        symbol_table_init(table, secret);
        return;
    }
    memset(table->slots, 0, table->slot_count * sizeof(struct symbol_slot));
    table->count = 0;
    table->size = 0;
}

static void grow_slots(struct symbol_table *table)
{
    struct symbol_slot *old = table->slots;
    uint32_t old_count = table->slot_count;
    allocate_slots(table, old_count * 2);
    uint32_t mask = table->slot_count - 1;
    for (uint32_t i = 0; i < old_count; i++) {
        if (old[i].code_plus_one == 0) {
            continue;
        }
        uint32_t at = (uint32_t)old[i].hash & mask;
        while (table->slots[at].code_plus_one != 0) {
            at = (at + 1) & mask;
        }
        table->slots[at] = old[i];
    }
    pages_free(old, old_count * sizeof(struct symbol_slot));
}

static void append_entry(struct symbol_table *table, struct text text)
{
    if (table->count == table->entry_capacity) {
        uint32_t capacity = table->entry_capacity == 0 ? 64 : table->entry_capacity * 2;
        table->entries =
            pages_resize(table->entries, table->entry_capacity * sizeof(struct symbol_entry),
                         capacity * sizeof(struct symbol_entry));
        table->entry_capacity = capacity;
    }
    // The first string allocates even when it is empty: NULL bytes would mean missing.
    if (table->bytes == NULL || table->size + text.size > table->capacity) {
        uint64_t doubled = table->capacity == 0 ? 1024 : table->capacity * 2;
        uint64_t wanted = table->size + text.size;
        uint64_t capacity = doubled > wanted ? doubled : wanted;
        table->bytes = pages_resize(table->bytes, table->capacity, capacity);
        table->capacity = capacity;
    }
    if (text.size > 0) {
        memcpy(table->bytes + table->size, text.bytes, text.size);
    }
    table->entries[table->count++] = (struct symbol_entry){table->size, (uint32_t)text.size};
    table->size += text.size;
}

uint32_t symbol_table_append(struct symbol_table *table, struct text text)
{
    append_entry(table, text);
    return table->count - 1;
}

static bool slot_holds(const struct symbol_table *table, const struct symbol_slot *slot,
                       const struct symbol_slot *key, struct text text)
{
    if (slot->hash != key->hash || slot->size != key->size || slot->head[0] != key->head[0] ||
        slot->head[1] != key->head[1]) {
        return false;
    }
    return key->size <= INLINE_SIZE ||
           memcmp(table->bytes + table->entries[slot->code_plus_one - 1].offset, text.bytes,
                  text.size) == 0;
}

// The first INLINE_SIZE bytes, without a call: most strings are shorter than that.
static inline void fill_head(uint64_t *head, struct text text)
{
    uint64_t low = 0;
    uint64_t high = 0;
    const char *bytes = text.bytes;
    size_t size = text.size;
    if (size >= INLINE_SIZE) {
        memcpy(&low, bytes, 8);
        memcpy(&high, bytes + 8, 8);
    } else if (size >= 8) {
        memcpy(&low, bytes, 8);
        memcpy(&high, bytes + size - 8, 8);
        high = size == 8 ? 0 : high >> (INLINE_SIZE - size) * 8;
    } else if (size >= 4) {
        uint32_t first;
        uint32_t last;
        memcpy(&first, bytes, 4);
        memcpy(&last, bytes + size - 4, 4);
        low = first | (uint64_t)last << (size - 4) * 8;
    } else {
        for (size_t index = 0; index < size; index++) {
            low |= (uint64_t)(uint8_t)bytes[index] << index * 8;
        }
    }
    head[0] = low;
    head[1] = high;
}

static inline uint64_t fold_product(uint64_t left, uint64_t right)
{
    unsigned __int128 product = (unsigned __int128)left * right;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

// Short strings are hashed as the two words that are compared as well, by folded products with the
// secret (as in wyhash, Wang Yi 2019), the others by XXH3.
static inline uint64_t hash_string(const struct symbol_table *table, const uint64_t *head,
                                   struct text text)
{
    const uint8_t *secret = table->secret->bytes;
    if (text.size > INLINE_SIZE) {
        return XXH3_64bits_withSecret(text.bytes, text.size, secret, HASH_SECRET_SIZE);
    }
    uint64_t inner =
        fold_product(head[0] ^ bytes_load_u64(secret), head[1] ^ bytes_load_u64(secret + 8));
    return fold_product(inner ^ bytes_load_u64(secret + 16),
                        text.size ^ bytes_load_u64(secret + 24));
}

static uint32_t resolve_one(struct symbol_table *table, struct text text, struct symbol_slot *key)
{
    uint32_t mask = table->slot_count - 1;
    uint32_t at = (uint32_t)key->hash & mask;
    while (table->slots[at].code_plus_one != 0) {
        if (slot_holds(table, &table->slots[at], key, text)) {
            return table->slots[at].code_plus_one - 1;
        }
        at = (at + 1) & mask;
    }
    append_entry(table, text);
    key->code_plus_one = table->count;
    table->slots[at] = *key;
    uint32_t code = table->count - 1;
    if (table->count > table->slot_count / 2) {
        grow_slots(table);
    }
    return code;
}

void symbol_table_resolve(struct symbol_table *table, const struct text *texts, uint32_t count,
                          uint32_t *codes_out)
{
    struct symbol_slot keys[SYMBOL_BATCH_COUNT_MAX];
    DCHECK(count <= SYMBOL_BATCH_COUNT_MAX);
    for (uint32_t i = 0; i < count; i++) {
        if (texts[i].bytes != NULL) {
            struct symbol_slot *key = &keys[i];
            key->size = (uint32_t)texts[i].size;
            fill_head(key->head, texts[i]);
            key->hash = hash_string(table, key->head, texts[i]);
            __builtin_prefetch(&table->slots[(uint32_t)key->hash & (table->slot_count - 1)]);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        codes_out[i] =
            texts[i].bytes == NULL ? COLUMN_CODE_MISSING : resolve_one(table, texts[i], &keys[i]);
    }
}

// The first eight bytes as a number that orders like them, so that most comparisons need no memory.
struct ranked {
    uint64_t head;
    uint32_t code;
};

static uint64_t sortable_head(struct text text)
{
    unsigned char head[8] = {0};
    memcpy(head, text.bytes, text.size < 8 ? text.size : 8);
    uint64_t number;
    memcpy(&number, head, 8);
    return __builtin_bswap64(number);
}

static int compare_ranked(const void *left_pointer, const void *right_pointer, void *context)
{
    const struct ranked *left = left_pointer;
    const struct ranked *right = right_pointer;
    if (left->head != right->head) {
        return left->head < right->head ? -1 : 1;
    }
    return text_compare(symbol_table_text(context, left->code),
                        symbol_table_text(context, right->code));
}

void symbol_table_rank(const struct symbol_table *table, uint32_t *order_out, uint32_t *ranks_out)
{
    struct ranked *sorted = memory_allocate(table->count * sizeof(*sorted));
    for (uint32_t code = 0; code < table->count; code++) {
        sorted[code] = (struct ranked){sortable_head(symbol_table_text(table, code)), code};
    }
    qsort_r(sorted, table->count, sizeof(*sorted), compare_ranked, (void *)(uintptr_t)table);
    for (uint32_t rank = 0; rank < table->count; rank++) {
        order_out[rank] = sorted[rank].code;
        ranks_out[sorted[rank].code] = rank;
    }
    memory_free(sorted);
}

uint64_t symbol_table_memory(const struct symbol_table *table)
{
    return (uint64_t)table->slot_count * sizeof(struct symbol_slot) +
           (uint64_t)table->entry_capacity * sizeof(struct symbol_entry) + table->capacity;
}

uint64_t symbol_table_fill(const struct symbol_table *table)
{
    return table->count * (2 * sizeof(struct symbol_slot) + sizeof(struct symbol_entry)) +
           table->size;
}
