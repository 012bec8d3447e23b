// SPDX-License-Identifier: Apache-2.0
/// Decoded blocks of segments, kept under a byte budget from question to question: what is here
/// costs neither a checksum nor a zstd pass. Segments never change and no uuid is used twice, so
/// nothing here is ever stale; what nobody asks for any more is displaced.
///
/// Thread: any, all functions. Ownership: a block stays where it is while it is pinned; pins are
/// given back before the cache is destroyed.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CACHE_UUID_SIZE 16
/// Parts of a block begin at multiples of this.
#define CACHE_ALIGNMENT 32u

struct cache;
struct cache_block; ///< one pin

/// What a block is: the segment's uuid, and two numbers that its reader chooses.
struct cache_key {
    uint8_t uuid[CACHE_UUID_SIZE];
    uint32_t group;
    uint32_t part;
};

/// Bytes that are copied into a block, one part behind the other.
struct cache_bytes {
    const void *bytes;
    size_t size;
};

/// The budget covers blocks and what is kept beside them; 0 keeps nothing.
struct cache *cache_create(uint64_t budget_bytes);
/// NULL-safe.
void cache_destroy(struct cache *cache);
/// Pins a block, or NULL where it is not here. `cache` may be NULL.
struct cache_block *cache_find(struct cache *cache, const struct cache_key *key);
/// The first part; others follow at cache_aligned() distances.
const void *cache_block_bytes(const struct cache_block *block);
/// NULL-safe.
void cache_unpin(struct cache *cache, struct cache_block *block);
/// Copies a block in. Where the budget is used up, most new blocks are refused and few displace
/// what was not asked for lately (CLOCK): a question that reads more than the budget holds again
/// and again finds a part of it each time, instead of nothing. `cache` may be NULL.
void cache_put(struct cache *cache, const struct cache_key *key, const struct cache_bytes *parts,
               uint32_t part_count);

/// Says whether a segment's blocks will never be asked for again.
typedef bool cache_gone_function(const void *context, const uint8_t *uuid);
/// Drops blocks of segments that are gone; those that are pinned stay for now. `gone` is called
/// under a lock of the cache. `cache` may be NULL.
void cache_forget(struct cache *cache, cache_gone_function *gone, const void *context);

struct cache_figures {
    uint64_t budget_bytes;
    uint64_t used_bytes;
    uint64_t block_count;
    uint64_t found;   ///< calls of cache_find() that gave a block
    uint64_t missed;  ///< and that did not
    uint64_t refused; ///< blocks that cache_put() did not keep
};
struct cache_figures cache_read(struct cache *cache);

static inline size_t cache_aligned(size_t size)
{
    return (size + CACHE_ALIGNMENT - 1) & ~(size_t)(CACHE_ALIGNMENT - 1);
}
