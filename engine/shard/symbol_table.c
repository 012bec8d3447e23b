// SPDX-License-Identifier: Apache-2.0
#include "engine/shard/symbol_table.h"

#include "storage/base/bytes.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/base/pages.h"

#include <string.h>
#define XXH_INLINE_ALL // short keys are hashed in a few nanoseconds only when inlined
#include <xxhash.h>

#define SLOT_COUNT_MIN 64u
#define SLOT_COUNT_KEPT 4096u
#define ENTRY_COUNT_NEAR 1024u
#define RANKED_INSERTION_COUNT_MAX 12u

struct symbol_slot {
    uint32_t tag;           // the high half of the hash, whose low half chose the slot
    uint32_t code_plus_one; // 0: empty
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
    pages_free(table->entries, table->entry_capacity * sizeof(struct packed_text));
    pages_free(table->far, table->far_capacity);
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
    table->far_size = 0;
    table->size = 0;
}

static inline uint64_t fold_product(uint64_t left, uint64_t right)
{
    unsigned __int128 product = (unsigned __int128)left * right;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

// Short strings are hashed as the two words that are compared as well, by folded products with the
// secret (as in wyhash, Wang Yi 2019), the others by XXH3.
static inline uint64_t hash_string(const struct symbol_table *table,
                                   const struct packed_text *string, const char *far)
{
    const uint8_t *secret = table->secret->bytes;
    if (!packed_text_is_short(string)) {
        struct text text = packed_text_get(string, far);
        return XXH3_64bits_withSecret(text.bytes, text.size, secret, HASH_SECRET_SIZE);
    }
    uint64_t inner = fold_product(string->words[0] ^ bytes_load_u64(secret),
                                  string->words[1] ^ bytes_load_u64(secret + 8));
    return fold_product(inner ^ bytes_load_u64(secret + 16),
                        packed_text_mark(string) ^ bytes_load_u64(secret + 24));
}

static void fill_slot(struct symbol_table *table, uint64_t hash, uint32_t code)
{
    uint32_t mask = table->slot_count - 1;
    uint32_t at = (uint32_t)hash & mask;
    while (table->slots[at].code_plus_one != 0) {
        at = (at + 1) & mask;
    }
    table->slots[at] = (struct symbol_slot){(uint32_t)(hash >> 32), code + 1};
}

static void grow_slots(struct symbol_table *table)
{
    pages_free(table->slots, table->slot_count * sizeof(struct symbol_slot));
    allocate_slots(table, table->slot_count * 2);
    for (uint32_t code = 0; code < table->count; code++) {
        fill_slot(table, hash_string(table, &table->entries[code], table->far), code);
    }
}

static struct packed_text keep_far(struct symbol_table *table, struct text text)
{
    if (table->far_size + text.size > table->far_capacity) {
        uint64_t doubled = table->far_capacity == 0 ? 1024 : table->far_capacity * 2;
        uint64_t wanted = table->far_size + text.size;
        uint64_t capacity = doubled > wanted ? doubled : wanted;
        table->far = pages_resize(table->far, table->far_capacity, capacity);
        table->far_capacity = capacity;
    }
    memcpy(table->far + table->far_size, text.bytes, text.size);
    table->far_size += text.size;
    return packed_text_far(table->far_size - text.size, (uint32_t)text.size);
}

static uint32_t append_entry(struct symbol_table *table, const struct packed_text *string,
                             const char *far)
{
    struct text text = packed_text_get(string, far);
    if (table->count == table->entry_capacity) {
        uint32_t capacity = table->entry_capacity == 0 ? 64 : table->entry_capacity * 2;
        table->entries =
            pages_resize(table->entries, table->entry_capacity * sizeof(struct packed_text),
                         capacity * sizeof(struct packed_text));
        table->entry_capacity = capacity;
    }
    table->entries[table->count] = packed_text_is_short(string) ? *string : keep_far(table, text);
    table->size += text.size;
    return table->count++;
}

uint32_t symbol_table_append(struct symbol_table *table, struct text text)
{
    struct packed_text packed = packed_text_over(text);
    return append_entry(table, &packed, text.bytes);
}

static inline bool entry_holds(const struct symbol_table *table, uint32_t code,
                               const struct packed_text *string, const char *far)
{
    const struct packed_text *entry = &table->entries[code];
    if (entry->words[1] != string->words[1]) {
        return false;
    }
    if (packed_text_is_short(string)) {
        return entry->words[0] == string->words[0];
    }
    return memcmp(table->far + entry->words[0], far + string->words[0],
                  packed_text_far_size(string)) == 0;
}

static uint32_t add(struct symbol_table *table, const struct packed_text *string, const char *far,
                    uint64_t hash)
{
    uint32_t code = append_entry(table, string, far);
    if (table->count > table->slot_count / 2) {
        grow_slots(table);
    } else {
        fill_slot(table, hash, code);
    }
    return code;
}

static inline uint32_t resolve_one(struct symbol_table *table, const struct packed_text *string,
                                   const char *far, uint64_t hash)
{
    const struct symbol_slot *slots = table->slots;
    uint32_t mask = table->slot_count - 1;
    uint32_t tag = (uint32_t)(hash >> 32);
    for (uint32_t at = (uint32_t)hash & mask; slots[at].code_plus_one != 0; at = (at + 1) & mask) {
        if (slots[at].tag == tag && entry_holds(table, slots[at].code_plus_one - 1, string, far)) {
            return slots[at].code_plus_one - 1;
        }
    }
    return add(table, string, far, hash);
}

static inline const struct packed_text *batch_string(const struct symbol_batch *batch,
                                                     uint32_t index)
{
    const char *first = (const char *)batch->first;
    return (const struct packed_text *)(const void *)(first + (size_t)index * batch->stride);
}

// Once the slots are there, what they say is fetched as well, where it does not lie near anyway.
static void fetch_entries(const struct symbol_table *table, const uint64_t *hashes, uint32_t count)
{
    if (table->count < ENTRY_COUNT_NEAR) {
        return;
    }
    uint32_t mask = table->slot_count - 1;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t code_plus_one = table->slots[(uint32_t)hashes[i] & mask].code_plus_one;
        if (code_plus_one != 0) {
            __builtin_prefetch(&table->entries[code_plus_one - 1]);
        }
    }
}

void symbol_table_resolve(struct symbol_table *table, const struct symbol_batch *batch,
                          uint32_t *codes_out)
{
    uint64_t hashes[SYMBOL_BATCH_COUNT_MAX];
    DCHECK(batch->count <= SYMBOL_BATCH_COUNT_MAX);
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct packed_text *string = batch_string(batch, i);
        hashes[i] = packed_text_is_missing(string) ? 0 : hash_string(table, string, batch->far);
        __builtin_prefetch(&table->slots[(uint32_t)hashes[i] & (table->slot_count - 1)]);
    }
    fetch_entries(table, hashes, batch->count);
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct packed_text *string = batch_string(batch, i);
        codes_out[i] = packed_text_is_missing(string)
                           ? COLUMN_CODE_MISSING
                           : resolve_one(table, string, batch->far, hashes[i]);
    }
}

// The first fifteen bytes as two numbers that order like them, so that most comparisons need no
// memory. Behind them the size: of two that padding made equal the shorter one comes first, and a
// long one last.
struct ranked {
    uint64_t head;
    uint64_t rest;
    uint32_t code;
};

static struct ranked ranked_of(const struct symbol_table *table, uint32_t code)
{
    struct packed_text packed = table->entries[code];
    if (!packed_text_is_short(&packed)) {
        const char *bytes = table->far + packed.words[0];
        packed = packed_text_short(bytes, PACKED_TEXT_SIZE_MAX);
        packed.words[1] |= (uint64_t)PACKED_TEXT_FAR << 56;
    }
    return (struct ranked){__builtin_bswap64(packed.words[0]), __builtin_bswap64(packed.words[1]),
                           code};
}

static bool is_before(const struct symbol_table *table, const struct ranked *left,
                      const struct ranked *right)
{
    unsigned __int128 a = (unsigned __int128)left->head << 64 | left->rest;
    unsigned __int128 b = (unsigned __int128)right->head << 64 | right->rest;
    if (a != b) {
        return a < b;
    }
    return text_compare(symbol_table_text(table, left->code),
                        symbol_table_text(table, right->code)) < 0;
}

static void insert_sorted(const struct symbol_table *table, struct ranked *ranked, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        struct ranked moved = ranked[i];
        uint32_t at = i;
        while (at > 0 && is_before(table, &moved, &ranked[at - 1])) {
            ranked[at] = ranked[at - 1];
            at--;
        }
        ranked[at] = moved;
    }
}

// No two are equal. Which side goes on cannot be guessed, so the loop does not branch on it.
// `buffer` has room for half of them.
static void sort_ranked(const struct symbol_table *table, struct ranked *ranked, uint32_t count,
                        struct ranked *buffer)
{
    if (count <= RANKED_INSERTION_COUNT_MAX) {
        insert_sorted(table, ranked, count);
        return;
    }
    uint32_t middle = count / 2;
    sort_ranked(table, ranked, middle, buffer);
    sort_ranked(table, ranked + middle, count - middle, buffer);
    memcpy(buffer, ranked, middle * sizeof(*ranked));
    const struct ranked *left = buffer;
    const struct ranked *left_end = buffer + middle;
    const struct ranked *right = ranked + middle;
    const struct ranked *right_end = ranked + count;
    struct ranked *out = ranked;
    while (left < left_end && right < right_end) {
        bool takes_right = is_before(table, right, left);
        *out++ = takes_right ? *right : *left;
        right += takes_right;
        left += !takes_right;
    }
    memcpy(out, left, (size_t)(left_end - left) * sizeof(*ranked));
}

void symbol_table_rank(const struct symbol_table *table, uint32_t *order_out, uint32_t *ranks_out)
{
    // The same again, half of it, is the buffer.
    size_t room = (size_t)table->count + table->count / 2;
    struct ranked *sorted = memory_allocate(room * sizeof(*sorted));
    for (uint32_t code = 0; code < table->count; code++) {
        sorted[code] = ranked_of(table, code);
    }
    sort_ranked(table, sorted, table->count, sorted + table->count);
    for (uint32_t rank = 0; rank < table->count; rank++) {
        order_out[rank] = sorted[rank].code;
        ranks_out[sorted[rank].code] = rank;
    }
    memory_free(sorted);
}

uint64_t symbol_table_memory(const struct symbol_table *table)
{
    return (uint64_t)table->slot_count * sizeof(struct symbol_slot) +
           (uint64_t)table->entry_capacity * sizeof(struct packed_text) + table->far_capacity;
}

uint64_t symbol_table_fill(const struct symbol_table *table)
{
    return table->count * (2 * sizeof(struct symbol_slot) + sizeof(struct packed_text)) +
           table->far_size;
}
