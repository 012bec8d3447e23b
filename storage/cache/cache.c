// SPDX-License-Identifier: Apache-2.0
// Sixteen parts by the hash of the key, each with a lock, a hash table and a ring that the hand of
// a clock goes round (Corbato 1968): a block that was found since the hand last passed is spared.
#include "storage/cache/cache.h"

#include "storage/base/hash.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define SHARD_COUNT 16u
#define BUCKET_COUNT_FIRST 64u
/// Of blocks for which there is no room one in so many displaces others.
#define DISPLACING_EVERY 8u

struct cache_block {
    struct cache_key key;
    uint64_t hash;
    struct cache_block *next_of_bucket;
    struct cache_block *ring_next;
    struct cache_block *ring_before;
    size_t size; ///< all that it takes
    uint32_t pin_count;
    bool found; ///< since the hand last passed
    _Alignas(CACHE_ALIGNMENT) uint8_t bytes[];
};

struct shard {
    pthread_mutex_t lock;
    struct cache_block **buckets;
    uint32_t bucket_count;
    struct cache_block *hand; ///< NULL: no block
    uint64_t budget_bytes;
    uint64_t offered; ///< blocks for which there was no room
    struct cache_figures figures;
};

struct cache {
    struct shard shards[SHARD_COUNT];
};

struct cache *cache_create(uint64_t budget_bytes)
{
    struct cache *cache = memory_allocate_zeroed(1, sizeof(*cache));
    for (uint32_t index = 0; index < SHARD_COUNT; index++) {
        struct shard *shard = &cache->shards[index];
        ASSERT(pthread_mutex_init(&shard->lock, NULL) == 0);
        shard->budget_bytes = budget_bytes / SHARD_COUNT;
        shard->bucket_count = BUCKET_COUNT_FIRST;
        shard->buckets = memory_allocate_zeroed(BUCKET_COUNT_FIRST, sizeof(void *));
    }
    return cache;
}

static struct cache_block **bucket_of(struct shard *shard, uint64_t hash)
{
    return &shard->buckets[(hash >> 8) & (shard->bucket_count - 1)];
}

static void ring_insert(struct shard *shard, struct cache_block *block)
{
    struct cache_block *hand = shard->hand == NULL ? block : shard->hand;
    block->ring_next = hand;
    block->ring_before = shard->hand == NULL ? block : hand->ring_before;
    block->ring_before->ring_next = block;
    hand->ring_before = block;
    shard->hand = hand;
}

static void drop(struct shard *shard, struct cache_block *block)
{
    struct cache_block **at = bucket_of(shard, block->hash);
    while (*at != block) {
        at = &(*at)->next_of_bucket;
    }
    *at = block->next_of_bucket;
    block->ring_before->ring_next = block->ring_next;
    block->ring_next->ring_before = block->ring_before;
    shard->hand = block->ring_next == block ? NULL : block->ring_next;
    shard->figures.used_bytes -= block->size;
    shard->figures.block_count--;
    memory_free(block);
}

void cache_destroy(struct cache *cache)
{
    if (cache == NULL) {
        return;
    }
    for (uint32_t index = 0; index < SHARD_COUNT; index++) {
        struct shard *shard = &cache->shards[index];
        while (shard->hand != NULL) {
            ASSERT(shard->hand->pin_count == 0);
            drop(shard, shard->hand);
        }
        memory_free(shard->buckets);
        pthread_mutex_destroy(&shard->lock);
    }
    memory_free(cache);
}

static uint64_t hash_of(const struct cache_key *key)
{
    return hash_bytes64(key, sizeof(*key));
}

static struct shard *shard_of(struct cache *cache, uint64_t hash)
{
    return &cache->shards[hash % SHARD_COUNT];
}

/// Under the lock.
static struct cache_block *look_up(struct shard *shard, const struct cache_key *key, uint64_t hash)
{
    struct cache_block *block = *bucket_of(shard, hash);
    while (block != NULL && memcmp(&block->key, key, sizeof(*key)) != 0) {
        block = block->next_of_bucket;
    }
    return block;
}

struct cache_block *cache_find(struct cache *cache, const struct cache_key *key)
{
    if (cache == NULL) {
        return NULL;
    }
    uint64_t hash = hash_of(key);
    struct shard *shard = shard_of(cache, hash);
    pthread_mutex_lock(&shard->lock);
    struct cache_block *block = look_up(shard, key, hash);
    if (block != NULL) {
        block->pin_count++;
        block->found = true;
        shard->figures.found++;
    } else {
        shard->figures.missed++;
    }
    pthread_mutex_unlock(&shard->lock);
    return block;
}

const void *cache_block_bytes(const struct cache_block *block)
{
    return block->bytes;
}

void cache_unpin(struct cache *cache, struct cache_block *block)
{
    if (block == NULL) {
        return;
    }
    struct shard *shard = shard_of(cache, block->hash);
    pthread_mutex_lock(&shard->lock);
    ASSERT(block->pin_count > 0);
    block->pin_count--;
    pthread_mutex_unlock(&shard->lock);
}

/// Goes twice round at most: the first round takes the marks off.
static bool displace(struct shard *shard, size_t size)
{
    uint64_t steps = 2 * shard->figures.block_count;
    while (shard->figures.used_bytes + size > shard->budget_bytes && steps-- > 0 &&
           shard->hand != NULL) {
        struct cache_block *block = shard->hand;
        if (block->pin_count == 0 && !block->found) {
            drop(shard, block);
        } else {
            block->found = false;
            shard->hand = block->ring_next;
        }
    }
    return shard->figures.used_bytes + size <= shard->budget_bytes;
}

/// Under the lock.
static bool make_room(struct shard *shard, size_t size)
{
    if (shard->figures.used_bytes + size <= shard->budget_bytes) {
        return true;
    }
    return size <= shard->budget_bytes && shard->offered++ % DISPLACING_EVERY == 0 &&
           displace(shard, size);
}

static void grow_buckets(struct shard *shard)
{
    struct cache_block *first = shard->hand;
    struct cache_block *block = first;
    if (shard->figures.block_count < shard->bucket_count) {
        return;
    }
    memory_free(shard->buckets);
    shard->bucket_count *= 2;
    shard->buckets = memory_allocate_zeroed(shard->bucket_count, sizeof(void *));
    do {
        struct cache_block **bucket = bucket_of(shard, block->hash);
        block->next_of_bucket = *bucket;
        *bucket = block;
        block = block->ring_next;
    } while (block != first);
}

static void insert(struct shard *shard, struct cache_block *block)
{
    grow_buckets(shard);
    struct cache_block **bucket = bucket_of(shard, block->hash);
    block->next_of_bucket = *bucket;
    *bucket = block;
    ring_insert(shard, block);
    shard->figures.used_bytes += block->size;
    shard->figures.block_count++;
}

static struct cache_block *make_block(const struct cache_key *key, uint64_t hash, size_t size,
                                      const struct cache_bytes *parts, uint32_t part_count)
{
    struct cache_block *block = memory_allocate_aligned(CACHE_ALIGNMENT, size);
    *block = (struct cache_block){.key = *key, .hash = hash, .size = size};
    uint8_t *at = block->bytes;
    for (uint32_t index = 0; index < part_count; index++) {
        memcpy(at, parts[index].bytes, parts[index].size);
        at += cache_aligned(parts[index].size);
    }
    return block;
}

void cache_put(struct cache *cache, const struct cache_key *key, const struct cache_bytes *parts,
               uint32_t part_count)
{
    if (cache == NULL) {
        return;
    }
    uint64_t hash = hash_of(key);
    struct shard *shard = shard_of(cache, hash);
    size_t size = sizeof(struct cache_block);
    for (uint32_t index = 0; index < part_count; index++) {
        size += cache_aligned(parts[index].size);
    }
    pthread_mutex_lock(&shard->lock);
    bool kept = look_up(shard, key, hash) == NULL && make_room(shard, size);
    if (kept) {
        insert(shard, make_block(key, hash, size, parts, part_count));
    } else {
        shard->figures.refused++;
    }
    pthread_mutex_unlock(&shard->lock);
}

/// Under the lock.
static void forget_in(struct shard *shard, cache_gone_function *gone, const void *context)
{
    struct cache_block *block = shard->hand;
    for (uint64_t left = shard->figures.block_count; left > 0; left--) {
        struct cache_block *next = block->ring_next;
        if (block->pin_count == 0 && gone(context, block->key.uuid)) {
            drop(shard, block);
        }
        block = next;
    }
}

void cache_forget(struct cache *cache, cache_gone_function *gone, const void *context)
{
    for (uint32_t index = 0; cache != NULL && index < SHARD_COUNT; index++) {
        struct shard *shard = &cache->shards[index];
        pthread_mutex_lock(&shard->lock);
        forget_in(shard, gone, context);
        pthread_mutex_unlock(&shard->lock);
    }
}

struct cache_figures cache_read(struct cache *cache)
{
    struct cache_figures sum = {0};
    for (uint32_t index = 0; index < SHARD_COUNT; index++) {
        struct shard *shard = &cache->shards[index];
        pthread_mutex_lock(&shard->lock);
        sum.budget_bytes += shard->budget_bytes;
        sum.used_bytes += shard->figures.used_bytes;
        sum.block_count += shard->figures.block_count;
        sum.found += shard->figures.found;
        sum.missed += shard->figures.missed;
        sum.refused += shard->figures.refused;
        pthread_mutex_unlock(&shard->lock);
    }
    return sum;
}
