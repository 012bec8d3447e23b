// SPDX-License-Identifier: Apache-2.0
#include "engine/shard/symbol_table.h"

#include "engine/shard/table_slot.h"
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

static void allocate_slots(struct symbol_table *table, uint32_t slot_count)
{
    table->slots = pages_allocate_zeroed(slot_count * sizeof(uint32_t));
    table->slot_count = slot_count;
}

void symbol_table_init(struct symbol_table *table, const struct hash_secret *secret)
{
    *table = (struct symbol_table){.secret = secret};
    allocate_slots(table, SLOT_COUNT_MIN);
}

void symbol_table_deinit(struct symbol_table *table)
{
    pages_free(table->slots, table->slot_count * sizeof(uint32_t));
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
    memset(table->slots, 0, table->slot_count * sizeof(uint32_t));
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
// secret (as in wyhash, Wang Yi 2019), the others by XXH3. Of a missing one nobody asks.
static inline uint64_t hash_string(const struct symbol_table *table,
                                   const struct packed_text *string, const char *far)
{
    const uint8_t *secret = table->secret->bytes;
    if (__builtin_expect(packed_text_mark(string) == PACKED_TEXT_FAR, 0)) {
        struct text text = packed_text_get(string, far);
        return XXH3_64bits_withSecret(text.bytes, text.size, secret, HASH_SECRET_SIZE);
    }
    uint64_t inner = fold_product(string->words[0] ^ bytes_load_u64(secret),
                                  string->words[1] ^ bytes_load_u64(secret + 8));
    return fold_product(inner ^ bytes_load_u64(secret + 16),
                        packed_text_mark(string) ^ bytes_load_u64(secret + 24));
}

// The low half of a hash chooses the slot.
static uint32_t tag_of(uint64_t hash)
{
    return (uint32_t)(hash >> 32);
}

static void fill_slot(struct symbol_table *table, uint64_t hash, uint32_t code)
{
    uint32_t mask = table->slot_count - 1;
    uint32_t at = (uint32_t)hash & mask;
    while (table->slots[at] != 0) {
        at = (at + 1) & mask;
    }
    table->slots[at] = table_slot_of(tag_of(hash), code, mask);
}

static void grow_slots(struct symbol_table *table)
{
    pages_free(table->slots, table->slot_count * sizeof(uint32_t));
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
    const uint32_t *slots = table->slots;
    uint32_t mask = table->slot_count - 1;
    for (uint32_t at = (uint32_t)hash & mask; slots[at] != 0; at = (at + 1) & mask) {
        uint32_t code = table_slot_number_plus_one(slots[at], mask) - 1;
        if (table_slot_may_be(slots[at], tag_of(hash), mask) &&
            entry_holds(table, code, string, far)) {
            return code;
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

// Where it does not lie near anyway.
void symbol_table_fetch(const struct symbol_table *table, const struct symbol_batch *batch)
{
    if (table->count < ENTRY_COUNT_NEAR) {
        return;
    }
    uint32_t mask = table->slot_count - 1;
    for (uint32_t i = 0; i < batch->count; i++) {
        uint32_t slot = table->slots[(uint32_t)batch->hashes[i] & mask];
        uint32_t code_plus_one = table_slot_number_plus_one(slot, mask);
        if (code_plus_one != 0) {
            __builtin_prefetch(&table->entries[code_plus_one - 1]);
        }
    }
}

// Nearly all strings are short or missing, and what their first slots say. Neither can be guessed
// where both occur, so nothing here branches on it: the others are noted in `late_out`, in order.
// What an empty slot stands for is compared as well: it is the string or it is not.
static uint32_t resolve_near(const struct symbol_table *table, const struct symbol_batch *batch,
                             uint32_t *codes_out, uint16_t *late_out)
{
    const uint32_t *slots = table->slots;
    const struct packed_text *entries = table->entries;
    uint32_t mask = table->slot_count - 1;
    uint32_t late_count = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct packed_text *string = batch_string(batch, i);
        uint32_t slot = slots[(uint32_t)batch->hashes[i] & mask];
        uint32_t code_plus_one = table_slot_number_plus_one(slot, mask);
        uint32_t code = code_plus_one - (code_plus_one != 0);
        uint64_t other = (entries[code].words[0] ^ string->words[0]) |
                         (entries[code].words[1] ^ string->words[1]) |
                         (uint64_t)!packed_text_is_short(string);
        uint32_t missing = packed_text_is_missing(string);
        codes_out[i] = code | (0 - missing);
        late_out[late_count] = (uint16_t)i;
        late_count += (other != 0) & !missing;
    }
    return late_count;
}

static uint32_t all_late(const struct symbol_batch *batch, uint32_t *codes_out, uint16_t *late_out)
{
    uint32_t late_count = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        bool missing = packed_text_is_missing(batch_string(batch, i));
        codes_out[i] = COLUMN_CODE_MISSING;
        late_out[late_count] = (uint16_t)i;
        late_count += !missing;
    }
    return late_count;
}

void symbol_table_hash(const struct symbol_table *table, struct symbol_batch *batch)
{
    DCHECK(batch->count <= SYMBOL_BATCH_COUNT_MAX);
    const uint32_t *slots = table->slots;
    uint32_t mask = table->slot_count - 1;
    for (uint32_t i = 0; i < batch->count; i++) {
        uint64_t hash = hash_string(table, batch_string(batch, i), batch->far);
        batch->hashes[i] = hash;
        __builtin_prefetch(&slots[(uint32_t)hash & mask]);
    }
}

void symbol_table_resolve(struct symbol_table *table, const struct symbol_batch *batch,
                          uint32_t *codes_out)
{
    uint16_t late[SYMBOL_BATCH_COUNT_MAX];
    uint32_t late_count = table->count == 0 ? all_late(batch, codes_out, late)
                                            : resolve_near(table, batch, codes_out, late);
    for (uint32_t i = 0; i < late_count; i++) {
        uint32_t at = late[i];
        codes_out[at] = resolve_one(table, batch_string(batch, at), batch->far, batch->hashes[at]);
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
    return (uint64_t)table->slot_count * sizeof(uint32_t) +
           (uint64_t)table->entry_capacity * sizeof(struct packed_text) + table->far_capacity;
}

uint64_t symbol_table_fill(const struct symbol_table *table)
{
    return table->count * (2 * sizeof(uint32_t) + sizeof(struct packed_text)) + table->far_size;
}
