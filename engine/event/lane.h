// SPDX-License-Identifier: Apache-2.0
/// A bounded single-producer single-consumer ring of machine words (batch pointers, markers).
///
/// Thread: one thread pushes, one thread pops; no lock, no fence, no allocation. The orderings are
/// on the index operations themselves, where ThreadSanitizer sees them. Indices run freely through
/// all of uint64_t and wrap; the capacity is a power of two, so that a slot is index & (capacity -
/// 1).
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/// Two cache lines: the hardware prefetches them in pairs.
#define LANE_SEPARATION 128

struct lane {
    /// Set once before both threads start.
    uintptr_t *slots;
    uint64_t capacity;
    _Alignas(LANE_SEPARATION) atomic_uint_least64_t tail; ///< written by the producer
    _Alignas(LANE_SEPARATION) uint64_t head_seen;         ///< the producer's last look at `head`
    _Alignas(LANE_SEPARATION) atomic_uint_least64_t head; ///< written by the consumer
    _Alignas(LANE_SEPARATION) uint64_t tail_seen;         ///< the consumer's last look at `tail`
};

/// `capacity` is a power of two. Both indices start at `first_index` (0; tests start near the
/// wrap).
void lane_init(struct lane *lane, uint64_t capacity, uint64_t first_index);
void lane_deinit(struct lane *lane);

/// False when the ring is full. Thread: the producer.
bool lane_push(struct lane *lane, uintptr_t word);
/// False when the ring is empty. Thread: the consumer.
bool lane_pop(struct lane *lane, uintptr_t *word_out);
/// True when there is nothing to pop: the look before a consumer goes to sleep. Thread: the
/// consumer.
bool lane_empty(struct lane *lane);
