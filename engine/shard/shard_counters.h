// SPDX-License-Identifier: Apache-2.0
/// A shard's figures, readable at any moment without stopping it. One writer, the shard; all
/// accesses are relaxed: a reader may see one figure newer than another.
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
    atomic_uint_least64_t live_state_bytes;
    atomic_uint_least64_t live_bytes; ///< the live users', everything
    atomic_uint_least64_t tail_bytes; ///< without `chunk_bytes`
    atomic_uint_least64_t chunk_bytes;
    atomic_uint_least64_t activity; ///< enum shard_activity
    atomic_uint_least64_t sealed_epoch;
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
