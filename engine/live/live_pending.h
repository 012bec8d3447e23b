// SPDX-License-Identifier: Apache-2.0
/// Whom a shard still has to look at: users whose state must be recomputed from the store, and
/// events that lie after as-of. Both lists are bounded; what does not fit is found by reading
/// everybody.
///
/// Thread: the shard's.
#pragma once

#include "storage/base/hash.h"

#include <stdbool.h>
#include <stdint.h>

/// Keys in order of their coming; those before ready_count are sealed.
struct live_pending {
    struct hash128 *keys;
    uint32_t count;
    uint32_t ready_count;
    uint32_t capacity;
    uint32_t count_max;
};

void live_pending_init(struct live_pending *pending, uint64_t budget_bytes);
void live_pending_deinit(struct live_pending *pending);
/// False where the list is full.
bool live_pending_add(struct live_pending *pending, struct hash128 key);
/// Takes at most `key_max` of the sealed ones, ascending and each once; returns how many.
uint32_t live_pending_take(struct live_pending *pending, struct hash128 *keys_out,
                           uint32_t key_max);

struct live_held_event {
    int64_t time_us;
    struct hash128 key;
};

/// A heap, the earliest event first.
struct live_held {
    struct live_held_event *events;
    uint32_t count;
    uint32_t capacity;
    uint32_t count_max;
    int64_t lost_us; ///< the earliest that found no room; INT64_MAX: none
};

void live_held_init(struct live_held *held, uint64_t budget_bytes);
void live_held_deinit(struct live_held *held);
/// Where the heap is full the later half is given up.
void live_held_add(struct live_held *held, int64_t time_us, struct hash128 key);
/// Time of the earliest event, also of one that found no room; INT64_MAX: none.
int64_t live_held_first(const struct live_held *held);
/// Takes the earliest event not after `as_of_us`; false where there is none.
bool live_held_take(struct live_held *held, int64_t as_of_us, struct hash128 *key_out);
