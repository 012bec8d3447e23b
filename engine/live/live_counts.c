// SPDX-License-Identifier: Apache-2.0
#include "engine/live/live_counts.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <string.h>

#define SLOT_COUNT_MIN 64u

struct live_slot {
    uint64_t hash;
    uint32_t code; // 0, which is no value's, where the slot is empty
};

struct live_chunk {
    struct text values[LIVE_CHUNK_SLICES];
    uint64_t *dropped[LIVE_DROPPED_KINDS]; // as at_level; NULL: nobody
    atomic_uint_least64_t at_level[];      // [slice in chunk * step_count + level - 1]
};

static struct live_chunk *chunk_of(const struct live_counts *counts, uint32_t code)
{
    return counts->chunks[code / LIVE_CHUNK_SLICES];
}

static size_t counter_count(const struct live_counts *counts)
{
    return (size_t)LIVE_CHUNK_SLICES * counts->step_count;
}

// Publishes one more value and returns its code.
static uint16_t add_value(struct live_counts *counts, struct text value)
{
    // Relaxed: this thread alone writes it.
    uint32_t code = atomic_load_explicit(&counts->slice_count, memory_order_relaxed);
    if (chunk_of(counts, code) == NULL) {
        counts->chunks[code / LIVE_CHUNK_SLICES] = memory_allocate_zeroed(
            1, sizeof(struct live_chunk) + counter_count(counts) * sizeof(atomic_uint_least64_t));
    }
    chunk_of(counts, code)->values[code % LIVE_CHUNK_SLICES] = value;
    // Release, pairs with the acquire in live_counts_slice_count(): chunk and value come before.
    atomic_store_explicit(&counts->slice_count, code + 1, memory_order_release);
    return (uint16_t)code;
}

void live_counts_init(struct live_counts *counts, uint32_t step_count,
                      const struct hash_secret *secret, uint64_t budget_bytes)
{
    memset(counts, 0, sizeof(*counts));
    counts->step_count = step_count;
    counts->secret = secret;
    counts->budget_bytes = budget_bytes;
    counts->slots = memory_allocate_zeroed(SLOT_COUNT_MIN, sizeof(struct live_slot));
    counts->slot_count = SLOT_COUNT_MIN;
    atomic_init(&counts->slice_count, 0);
    add_value(counts, TEXT_MISSING);            // LIVE_SLICE_NONE
    add_value(counts, TEXT_LITERAL("(other)")); // LIVE_SLICE_OTHER
}

void live_counts_deinit(struct live_counts *counts)
{
    for (uint32_t i = 0; i < LIVE_CHUNK_COUNT; i++) {
        for (uint32_t kind = 0; counts->chunks[i] != NULL && kind < LIVE_DROPPED_KINDS; kind++) {
            memory_free(counts->chunks[i]->dropped[kind]);
        }
        memory_free(counts->chunks[i]);
    }
    arena_deinit(&counts->values);
    memory_free(counts->slots);
}

uint64_t live_counts_memory(const struct live_counts *counts)
{
    // Relaxed: the shard itself asks.
    uint64_t count = atomic_load_explicit(&counts->slice_count, memory_order_relaxed);
    uint64_t slice_size =
        sizeof(struct text) + (1 + LIVE_DROPPED_KINDS) * counts->step_count * sizeof(uint64_t);
    return counts->values.used_bytes + count * slice_size +
           counts->slot_count * sizeof(struct live_slot);
}

static void grow_slots(struct live_counts *counts)
{
    struct live_slot *old = counts->slots;
    uint32_t old_count = counts->slot_count;
    counts->slot_count = old_count * 2;
    counts->slots = memory_allocate_zeroed(counts->slot_count, sizeof(struct live_slot));
    for (uint32_t i = 0; i < old_count; i++) {
        uint32_t at = (uint32_t)old[i].hash & (counts->slot_count - 1);
        while (old[i].code != 0 && counts->slots[at].code != 0) {
            at = (at + 1) & (counts->slot_count - 1);
        }
        if (old[i].code != 0) {
            counts->slots[at] = old[i];
        }
    }
    memory_free(old);
}

uint16_t live_counts_code(struct live_counts *counts, struct text value)
{
    if (value.bytes == NULL) {
        return LIVE_SLICE_NONE;
    }
    uint64_t hash = hash_user(counts->secret, 0, value).low;
    uint32_t at = (uint32_t)hash & (counts->slot_count - 1);
    for (; counts->slots[at].code != 0; at = (at + 1) & (counts->slot_count - 1)) {
        if (counts->slots[at].hash == hash &&
            text_equal(live_counts_value(counts, counts->slots[at].code), value)) {
            return (uint16_t)counts->slots[at].code;
        }
    }
    // Relaxed: this thread alone writes it.
    uint32_t count = atomic_load_explicit(&counts->slice_count, memory_order_relaxed);
    if (count == LIVE_SLICE_COUNT_MAX ||
        live_counts_memory(counts) + value.size > counts->budget_bytes) {
        return LIVE_SLICE_OTHER;
    }
    uint16_t code = add_value(counts, arena_copy_text(&counts->values, value));
    counts->slots[at] = (struct live_slot){hash, code};
    if (count > counts->slot_count / 2) {
        grow_slots(counts);
    }
    return code;
}

static void add_to(struct live_counts *counts, uint32_t level, uint16_t slice, uint64_t difference)
{
    if (level == 0) {
        return;
    }
    atomic_uint_least64_t *counter =
        &chunk_of(counts, slice)
             ->at_level[slice % LIVE_CHUNK_SLICES * counts->step_count + level - 1];
    // Relaxed: a figure for people, written by this thread alone; a reader may see a user between
    // two places or in both.
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + difference, memory_order_relaxed);
}

void live_counts_move(struct live_counts *counts, uint32_t old_level, uint16_t old_slice,
                      uint32_t new_level, uint16_t new_slice)
{
    if (old_level == new_level && old_slice == new_slice) {
        return;
    }
    add_to(counts, old_level, old_slice, UINT64_MAX);
    add_to(counts, new_level, new_slice, 1);
}

void live_counts_drop(struct live_counts *counts, enum live_dropped kind, uint32_t level,
                      uint16_t slice)
{
    if (level == 0) {
        return;
    }
    struct live_chunk *chunk = chunk_of(counts, slice);
    if (chunk->dropped[kind] == NULL) {
        chunk->dropped[kind] = memory_allocate_zeroed(counter_count(counts), sizeof(uint64_t));
    }
    chunk->dropped[kind][slice % LIVE_CHUNK_SLICES * counts->step_count + level - 1]++;
}

void live_counts_forget_found(struct live_counts *counts)
{
    for (uint32_t i = 0; i < LIVE_CHUNK_COUNT && counts->chunks[i] != NULL; i++) {
        memory_free(counts->chunks[i]->dropped[LIVE_DROPPED_FOUND]);
        counts->chunks[i]->dropped[LIVE_DROPPED_FOUND] = NULL;
    }
}

void live_counts_exchange(struct live_counts *counts)
{
    for (uint32_t i = 0; i < LIVE_CHUNK_COUNT && counts->chunks[i] != NULL; i++) {
        struct live_chunk *chunk = counts->chunks[i];
        const uint64_t *counted = chunk->dropped[LIVE_DROPPED_COUNTED];
        const uint64_t *found = chunk->dropped[LIVE_DROPPED_FOUND];
        for (size_t at = 0; at < counter_count(counts); at++) {
            uint64_t difference =
                (found == NULL ? 0 : found[at]) - (counted == NULL ? 0 : counted[at]);
            // Relaxed: see add_to().
            uint64_t now = atomic_load_explicit(&chunk->at_level[at], memory_order_relaxed);
            atomic_store_explicit(&chunk->at_level[at], now + difference, memory_order_relaxed);
        }
        memory_free(chunk->dropped[LIVE_DROPPED_COUNTED]);
        chunk->dropped[LIVE_DROPPED_COUNTED] = chunk->dropped[LIVE_DROPPED_FOUND];
        chunk->dropped[LIVE_DROPPED_FOUND] = NULL;
    }
}

void live_counts_reset(struct live_counts *counts)
{
    struct live_counts fresh;
    live_counts_init(&fresh, counts->step_count, counts->secret, counts->budget_bytes);
    live_counts_deinit(counts);
    *counts = fresh;
}

uint32_t live_counts_slice_count(const struct live_counts *counts)
{
    // Acquire, pairs with the release in add_value().
    return atomic_load_explicit(&counts->slice_count, memory_order_acquire);
}

struct text live_counts_value(const struct live_counts *counts, uint32_t code)
{
    return chunk_of(counts, code)->values[code % LIVE_CHUNK_SLICES];
}

uint64_t live_counts_at_level(const struct live_counts *counts, uint32_t code, uint32_t level)
{
    // Relaxed: see add_to().
    return atomic_load_explicit(
        &chunk_of(counts, code)
             ->at_level[code % LIVE_CHUNK_SLICES * counts->step_count + level - 1],
        memory_order_relaxed);
}
