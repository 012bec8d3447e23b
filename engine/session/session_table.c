// SPDX-License-Identifier: Apache-2.0
#include "engine/session/session_table.h"

#include "storage/base/bytes.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <stdlib.h>
#include <string.h>

// An entry: low half of the key (8), 32 bits of the high half (4), moment (8), session length (5).
// The moment is the last event's time, above eight bits of flags, so 0 is an empty slot.
#define ENTRY_KEY_LOW 0
#define ENTRY_KEY_HIGH 8
#define ENTRY_MOMENT 12
#define ENTRY_LENGTH 20
#define MOMENT_OCCUPIED UINT64_C(1)
#define MOMENT_PENDING UINT64_C(2)
#define MOMENT_CONTINUED UINT64_C(4)
#define MOMENT_RECORDED UINT64_C(8)
#define MOMENT_RETURNED UINT64_C(16)
#define MOMENT_MARK UINT64_C(32)
#define MOMENT_TIME_SHIFT 8

#define PART_COUNT 256u
#define PART_SLOTS_MIN 8u
#define FILTER_PROBES 6u
#define EVICTION_SAMPLES 63u

struct session_part {
    uint8_t *slots;
    uint32_t slot_count;
    uint32_t count;
};

static struct session_part *part_of(const struct session_table *table, struct hash128 key)
{
    return &table->parts[key.low >> 56];
}

// Scaled instead of masked: a sub-table may have any number of slots.
static uint32_t home_of(uint32_t key_high, uint32_t slot_count)
{
    return (uint32_t)((uint64_t)key_high * slot_count >> 32);
}

static uint8_t *slot_at(const struct session_table *table, const struct session_part *part,
                        uint32_t index)
{
    return part->slots + (size_t)index * table->entry_size;
}

static bool slot_is_empty(const uint8_t *slot)
{
    return bytes_load_u64(slot + ENTRY_MOMENT) == 0;
}

static void part_allocate(struct session_table *table, struct session_part *part,
                          uint32_t slot_count)
{
    part->slots = memory_allocate_zeroed(slot_count, table->entry_size);
    part->slot_count = slot_count;
    table->bytes += (uint64_t)slot_count * table->entry_size;
}

void session_table_init(struct session_table *table, uint32_t extra_size, uint64_t budget_bytes)
{
    *table = (struct session_table){.entry_size = SESSION_ENTRY_HEAD_SIZE + extra_size};
    ASSERT(budget_bytes >= SESSION_BUDGET_MIN);
    // An eighth for the filter of dropped users; while one sub-table grows it exists twice.
    table->filter_words = budget_bytes / 8 / sizeof(uint64_t);
    table->part_bytes_max = budget_bytes / 8 * 7 / (PART_COUNT + 2);
    table->parts = memory_allocate_zeroed(PART_COUNT, sizeof(struct session_part));
    for (uint32_t i = 0; i < PART_COUNT; i++) {
        part_allocate(table, &table->parts[i], PART_SLOTS_MIN);
    }
}

void session_table_deinit(struct session_table *table)
{
    for (uint32_t i = 0; i < PART_COUNT && table->parts != NULL; i++) {
        memory_free(table->parts[i].slots);
    }
    memory_free(table->parts);
    memory_free(table->returned_filter);
    *table = (struct session_table){0};
}

void session_table_prefetch(const struct session_table *table, struct hash128 key)
{
    const struct session_part *part = part_of(table, key);
    const uint8_t *slot = slot_at(table, part, home_of((uint32_t)key.high, part->slot_count));
    __builtin_prefetch(slot);
    __builtin_prefetch(slot + table->entry_size); // entries span lines, and the next is often it
}

static uint8_t *next_slot(const struct session_table *table, const struct session_part *part,
                          uint8_t *slot)
{
    slot += table->entry_size;
    return slot == part->slots + (size_t)part->slot_count * table->entry_size ? part->slots : slot;
}

// The key's slot, or the empty one where it would go.
static uint8_t *probe(const struct session_table *table, const struct session_part *part,
                      uint64_t key_low, uint32_t key_high)
{
    uint8_t *slot = slot_at(table, part, home_of(key_high, part->slot_count));
    while (!slot_is_empty(slot) && (bytes_load_u64(slot + ENTRY_KEY_LOW) != key_low ||
                                    bytes_load_u32(slot + ENTRY_KEY_HIGH) != key_high)) {
        slot = next_slot(table, part, slot);
    }
    return slot;
}

static void filter_touch(struct session_table *table, uint64_t key_low, uint32_t key_high, bool add,
                         bool *known)
{
    // One 64-byte line per user, six bits in it: at most one cache miss.
    uint64_t line_count = table->filter_words / 8;
    uint64_t line = (uint64_t)key_high * line_count >> 32;
    for (uint32_t i = 0; i < FILTER_PROBES; i++) {
        uint32_t bit = (uint32_t)(key_low >> (i * 9)) & 511;
        uint64_t *word = &table->returned_filter[line * 8 + bit / 64];
        uint64_t mask = UINT64_C(1) << (bit % 64);
        *known &= (*word & mask) != 0;
        *word |= add ? mask : 0;
    }
}

static bool was_dropped(struct session_table *table, uint64_t key_low, uint32_t key_high)
{
    bool known = table->returned_filter != NULL;
    if (known) {
        filter_touch(table, key_low, key_high, false, &known);
    }
    return known;
}

static void remember_dropped(struct session_table *table, const uint8_t *slot)
{
    if (table->returned_filter == NULL) {
        table->returned_filter = memory_allocate_zeroed(table->filter_words, sizeof(uint64_t));
    }
    if (table->dropped != NULL) {
        table->dropped(table->context, slot);
    }
    bool known = true;
    filter_touch(table, bytes_load_u64(slot + ENTRY_KEY_LOW), bytes_load_u32(slot + ENTRY_KEY_HIGH),
                 true, &known);
    table->evicted_count++;
    table->user_count--;
}

// Rebuilds a sub-table with `slot_count` slots; users whose last event is older than `oldest` are
// dropped.
static void rebuild(struct session_table *table, struct session_part *part, uint32_t slot_count,
                    uint64_t oldest)
{
    struct session_part old = *part;
    part_allocate(table, part, slot_count);
    part->count = 0;
    for (uint32_t i = 0; i < old.slot_count; i++) {
        const uint8_t *slot = slot_at(table, &old, i);
        if (slot_is_empty(slot)) {
            continue;
        }
        if (bytes_load_u64(slot + ENTRY_MOMENT) < oldest) {
            remember_dropped(table, slot);
            continue;
        }
        uint8_t *to = probe(table, part, bytes_load_u64(slot + ENTRY_KEY_LOW),
                            bytes_load_u32(slot + ENTRY_KEY_HIGH));
        memcpy(to, slot, table->entry_size);
        part->count++;
    }
    table->bytes -= (uint64_t)old.slot_count * table->entry_size;
    memory_free(old.slots);
}

static int compare_moments(const void *left_pointer, const void *right_pointer)
{
    uint64_t left = bytes_load_u64(left_pointer);
    uint64_t right = bytes_load_u64(right_pointer);
    return left < right ? -1 : left > right;
}

// About the lower quartile of the users' last times, from evenly spread samples.
static uint64_t idle_quartile(const struct session_table *table, const struct session_part *part)
{
    uint64_t samples[EVICTION_SAMPLES];
    uint32_t count = 0;
    uint32_t stride = part->slot_count / EVICTION_SAMPLES + 1;
    for (uint32_t i = 0; i < part->slot_count && count < EVICTION_SAMPLES; i += stride) {
        const uint8_t *slot = slot_at(table, part, i);
        if (!slot_is_empty(slot)) {
            samples[count++] = bytes_load_u64(slot + ENTRY_MOMENT);
        }
    }
    if (count == 0) {
        return UINT64_MAX;
    }
    qsort(samples, count, sizeof(uint64_t), compare_moments);
    return samples[count / 4];
}

// Makes room for one more user: at most four of five slots are in use.
static void make_room(struct session_table *table, struct session_part *part)
{
    if ((uint64_t)(part->count + 1) * 5 <= (uint64_t)part->slot_count * 4) {
        return;
    }
    uint32_t grown = part->slot_count + part->slot_count / 5 + 2;
    if ((uint64_t)grown * table->entry_size <= table->part_bytes_max) {
        rebuild(table, part, grown, 0);
        return;
    }
    rebuild(table, part, part->slot_count, idle_quartile(table, part));
    if ((uint64_t)(part->count + 1) * 5 > (uint64_t)part->slot_count * 4) {
        // All equally idle, so the quartile dropped nobody: everybody goes.
        rebuild(table, part, part->slot_count, UINT64_MAX);
    }
}

uint8_t *session_table_find(struct session_table *table, struct hash128 key, bool *is_new_out,
                            bool *returned_out)
{
    struct session_part *part = part_of(table, key);
    uint8_t *slot = probe(table, part, key.low, (uint32_t)key.high);
    *is_new_out = slot_is_empty(slot);
    *returned_out = false;
    if (!*is_new_out) {
        return slot;
    }
    make_room(table, part);
    slot = probe(table, part, key.low, (uint32_t)key.high);
    memset(slot, 0, table->entry_size);
    bytes_store_u64(slot + ENTRY_KEY_LOW, key.low);
    bytes_store_u32(slot + ENTRY_KEY_HIGH, (uint32_t)key.high);
    bytes_store_u64(slot + ENTRY_MOMENT, MOMENT_OCCUPIED);
    *returned_out = was_dropped(table, key.low, (uint32_t)key.high);
    part->count++;
    table->user_count++;
    return slot;
}

uint8_t *session_table_look(const struct session_table *table, struct hash128 key)
{
    uint8_t *slot = probe(table, part_of(table, key), key.low, (uint32_t)key.high);
    return slot_is_empty(slot) ? NULL : slot;
}

// The part again with those of its users who stay; never larger than it was.
static void roll_part(struct session_table *table, struct session_part *part, int64_t oldest_us)
{
    struct session_part old = *part;
    uint32_t stay = 0;
    for (uint32_t i = 0; i < old.slot_count; i++) {
        const uint8_t *slot = slot_at(table, &old, i);
        stay += !slot_is_empty(slot) &&
                (int64_t)(bytes_load_u64(slot + ENTRY_MOMENT) >> MOMENT_TIME_SHIFT) >= oldest_us;
    }
    uint32_t roomy = stay + stay / 2 + PART_SLOTS_MIN;
    table->bytes -= (uint64_t)old.slot_count * table->entry_size;
    table->user_count -= old.count;
    part_allocate(table, part, roomy < old.slot_count ? roomy : old.slot_count);
    part->count = stay;
    table->user_count += stay;
    for (uint32_t i = 0; i < old.slot_count; i++) {
        const uint8_t *slot = slot_at(table, &old, i);
        uint64_t moment = bytes_load_u64(slot + ENTRY_MOMENT);
        if (moment == 0 || (int64_t)(moment >> MOMENT_TIME_SHIFT) < oldest_us) {
            continue;
        }
        uint8_t *to = probe(table, part, bytes_load_u64(slot + ENTRY_KEY_LOW),
                            bytes_load_u32(slot + ENTRY_KEY_HIGH));
        memcpy(to, slot, SESSION_ENTRY_HEAD_SIZE);
        uint64_t time = moment >> MOMENT_TIME_SHIFT << MOMENT_TIME_SHIFT;
        bytes_store_u64(to + ENTRY_MOMENT, time | (moment & (MOMENT_OCCUPIED | MOMENT_CONTINUED)));
    }
    memory_free(old.slots);
}

void session_table_roll(struct session_table *table, int64_t oldest_us)
{
    for (uint32_t i = 0; i < PART_COUNT; i++) {
        roll_part(table, &table->parts[i], oldest_us);
    }
    memory_free(table->returned_filter);
    table->returned_filter = NULL;
}

void session_load(const uint8_t *entry, struct session_user *user_out)
{
    uint64_t moment = bytes_load_u64(entry + ENTRY_MOMENT);
    uint64_t length_us = 0;
    memcpy(&length_us, entry + ENTRY_LENGTH, 5);
    int64_t last_us = (int64_t)(moment >> MOMENT_TIME_SHIFT);
    user_out->session.last_us = last_us;
    user_out->session.start_us = last_us - (int64_t)length_us;
    user_out->session.continued = (moment & MOMENT_CONTINUED) != 0;
    user_out->pending = (moment & MOMENT_PENDING) != 0;
    user_out->recorded = (moment & MOMENT_RECORDED) != 0;
    user_out->returned = (moment & MOMENT_RETURNED) != 0;
    user_out->mark = (moment & MOMENT_MARK) != 0;
}

void session_store(uint8_t *entry, const struct session_user *user)
{
    uint64_t length_us = (uint64_t)(user->session.last_us - user->session.start_us);
    DCHECK(length_us < UINT64_C(1) << 40);
    uint64_t moment = (uint64_t)user->session.last_us << MOMENT_TIME_SHIFT | MOMENT_OCCUPIED;
    moment |= user->session.continued ? MOMENT_CONTINUED : 0;
    moment |= user->recorded ? MOMENT_RECORDED : 0;
    moment |= user->pending ? MOMENT_PENDING : 0;
    moment |= user->returned ? MOMENT_RETURNED : 0;
    moment |= user->mark ? MOMENT_MARK : 0;
    bytes_store_u64(entry + ENTRY_MOMENT, moment);
    memcpy(entry + ENTRY_LENGTH, &length_us, 5);
}
