// SPDX-License-Identifier: Apache-2.0
#include "engine/event/lane.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"

void lane_init(struct lane *lane, uint64_t capacity, uint64_t first_index)
{
    ASSERT(capacity > 0 && (capacity & (capacity - 1)) == 0);
    lane->slots = memory_allocate_zeroed(capacity, sizeof(*lane->slots));
    lane->capacity = capacity;
    lane->head_seen = first_index;
    lane->tail_seen = first_index;
    atomic_init(&lane->tail, first_index);
    atomic_init(&lane->head, first_index);
}

void lane_deinit(struct lane *lane)
{
    memory_free(lane->slots);
    lane->slots = NULL;
}

bool lane_push(struct lane *lane, uintptr_t word)
{
    // Relaxed: this thread alone writes `tail`.
    uint64_t tail = atomic_load_explicit(&lane->tail, memory_order_relaxed);
    if (tail - lane->head_seen == lane->capacity) {
        // Acquire, pairs with the release in lane_pop(): the consumer has read the slot that is
        // reused.
        lane->head_seen = atomic_load_explicit(&lane->head, memory_order_acquire);
        if (tail - lane->head_seen == lane->capacity) {
            return false;
        }
    }
    DCHECK(tail - lane->head_seen < lane->capacity);
    lane->slots[tail & (lane->capacity - 1)] = word;
    // Release, pairs with the acquire in lane_pop(): the slot, and what it points at, come before.
    atomic_store_explicit(&lane->tail, tail + 1, memory_order_release);
    return true;
}

bool lane_empty(struct lane *lane)
{
    // Relaxed: this thread alone writes `head`.
    uint64_t head = atomic_load_explicit(&lane->head, memory_order_relaxed);
    if (head != lane->tail_seen) {
        return false;
    }
    // Acquire, pairs with the release in lane_push(): whoever sees the index may read the slot.
    lane->tail_seen = atomic_load_explicit(&lane->tail, memory_order_acquire);
    return head == lane->tail_seen;
}

bool lane_pop(struct lane *lane, uintptr_t *word_out)
{
    if (lane_empty(lane)) {
        return false;
    }
    // Relaxed: this thread alone writes `head`.
    uint64_t head = atomic_load_explicit(&lane->head, memory_order_relaxed);
    *word_out = lane->slots[head & (lane->capacity - 1)];
    // Release, pairs with the acquire in lane_push(): the slot was read before it is offered again.
    atomic_store_explicit(&lane->head, head + 1, memory_order_release);
    return true;
}
