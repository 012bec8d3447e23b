// SPDX-License-Identifier: Apache-2.0
/// A shard's figures, readable at any moment without stopping it. One writer, the shard; all
/// accesses but those of `held_us` are relaxed: a reader may see one figure newer than another.
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/// What a shard does. Later ones have better reasons to let others wait.
enum shard_activity {
    SHARD_TAKES = 0, ///< events, or the lack of them
    SHARD_WRITES,    ///< sorts and writes a tail
    SHARD_WAITS,     ///< before it tries again: for a disk that is full, for descriptors
    SHARD_PRIMES,    ///< reads what the store holds of its users
};

struct shard_counters {
    _Alignas(128) atomic_uint_least64_t users;
    atomic_uint_least64_t users_evicted;
    atomic_uint_least64_t pending;
    atomic_uint_least64_t settled;
    atomic_uint_least64_t sessions;
    atomic_int_least64_t held_us; ///< the earliest event held back until as-of; INT64_MAX: none
    atomic_uint_least64_t live_state_bytes;
    atomic_uint_least64_t live_bytes; ///< the live users', everything
    atomic_uint_least64_t tail_bytes; ///< without `chunk_bytes`
    atomic_uint_least64_t chunk_bytes;
    atomic_uint_least64_t activity; ///< enum shard_activity
    atomic_uint_least64_t sealed_epoch;
    atomic_uint_least64_t write_ns; ///< processor time: sorting and writing tails
    atomic_uint_least64_t show_ns;  ///< and making views
};

/// Thread: the shard's.
static inline void shard_counters_set(atomic_uint_least64_t *counter, uint64_t value)
{
    // Relaxed: a figure for people; stale is harmless.
    atomic_store_explicit(counter, value, memory_order_relaxed);
}

/// Any thread.
static inline uint64_t shard_counters_get(const atomic_uint_least64_t *counter)
{
    // Relaxed: see shard_counters_set().
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/// After `pending`: who is not held back any more is pending. Thread: the shard's.
static inline void shard_counters_hold(struct shard_counters *counters, int64_t held_us)
{
    // Release, pairs with the acquire in shard_counters_pending().
    atomic_store_explicit(&counters->held_us, held_us, memory_order_release);
}

/// Pending users, one more where as-of has come to an event that the shard still holds back. Any
/// thread.
static inline uint64_t shard_counters_pending(const struct shard_counters *counters,
                                              int64_t as_of_us)
{
    // Acquire, pairs with the release in shard_counters_hold().
    int64_t held_us = atomic_load_explicit(&counters->held_us, memory_order_acquire);
    return shard_counters_get(&counters->pending) + (held_us <= as_of_us);
}
