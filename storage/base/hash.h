// SPDX-License-Identifier: Apache-2.0
/// Hashes: a keyed one for users, unkeyed ones for checksums and ids (XXH3). Thread: any.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "storage/base/text.h"

#define HASH_SECRET_SIZE 192

/// Random bytes made once per store group and kept in its FORMAT file; nobody outside can aim user
/// ids at one shard or one table slot.
struct hash_secret {
    uint8_t bytes[HASH_SECRET_SIZE];
};

/// 128 bits. As a user key it gives shard, table slot and sort order (by high, then low).
struct hash128 {
    uint64_t high;
    uint64_t low;
};

static inline int hash128_compare(struct hash128 left, struct hash128 right)
{
    if (left.high != right.high) {
        return left.high < right.high ? -1 : 1;
    }
    return left.low < right.low ? -1 : left.low > right.low;
}

static inline bool hash128_equal(struct hash128 left, struct hash128 right)
{
    return left.high == right.high && left.low == right.low;
}

/// Sum mod 2^128: order-independent digests of sets of rows.
static inline struct hash128 hash128_add(struct hash128 left, struct hash128 right)
{
    struct hash128 sum = {left.high + right.high, left.low + right.low};
    sum.high += sum.low < left.low;
    return sum;
}

static inline struct hash128 hash128_subtract(struct hash128 left, struct hash128 right)
{
    struct hash128 rest = {left.high - right.high, left.low - right.low};
    rest.high -= left.low < right.low;
    return rest;
}

/// XXH3-64, unkeyed: block checksums.
uint64_t hash_bytes64(const void *bytes, size_t size);
/// XXH3-64 with a seed: a block moved to another place or file cannot pass.
uint64_t hash_bytes64_seeded(const void *bytes, size_t size, uint64_t seed);
/// The two ways it takes; the second needs cpu_has_avx2().
uint64_t hash_bytes64_seeded_library(const void *bytes, size_t size, uint64_t seed);
uint64_t hash_bytes64_seeded_avx2(const void *bytes, size_t size, uint64_t seed);
/// XXH3-128, unkeyed.
struct hash128 hash_bytes128(const void *bytes, size_t size);
/// The 32-bit hash of a mapped event id: the low half of XXH3-64.
uint32_t hash_event_id(struct text id);
/// User key: XXH3-128 with the store's secret over the namespace byte and the id.
struct hash128 hash_user(const struct hash_secret *secret, uint8_t id_namespace, struct text id);
/// Fills with bytes from the operating system's random source.
void hash_random_bytes(void *bytes, size_t size);
