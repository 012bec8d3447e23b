// SPDX-License-Identifier: Apache-2.0
// A reader's side of the cache of decoded blocks.
#include "storage/base/memory.h"
#include "storage/segment/segment_cache.h"

#include <string.h>

void segment_reader_use_cache(struct segment_reader *reader, struct cache *cache)
{
    reader->cache = cache;
}

static struct cache_key key_of(const struct segment_reader *reader, uint32_t group, uint32_t part)
{
    struct cache_key key = {.group = group, .part = part};
    memcpy(key.uuid, reader->footer.meta.uuid, sizeof(key.uuid));
    return key;
}

static void keep_pin(struct segment_scratch *scratch, struct cache_block *block)
{
    if (scratch->pin_count == scratch->pin_capacity) {
        scratch->pin_capacity = scratch->pin_capacity * 2 + 8;
        scratch->pins =
            memory_resize_array(scratch->pins, scratch->pin_capacity, sizeof(struct cache_block *));
    }
    scratch->pins[scratch->pin_count++] = block;
}

const void *segment_cache_find(const struct segment_reader *reader, uint32_t group, uint32_t part,
                               struct segment_scratch *scratch)
{
    struct cache_key key = key_of(reader, group, part);
    struct cache_block *block = cache_find(reader->cache, &key);
    if (block == NULL) {
        return NULL;
    }
    scratch->cache = reader->cache;
    keep_pin(scratch, block);
    return cache_block_bytes(block);
}

void segment_cache_put(const struct segment_reader *reader, uint32_t group, uint32_t part,
                       const struct cache_bytes *parts, uint32_t part_count)
{
    struct cache_key key = key_of(reader, group, part);
    cache_put(reader->cache, &key, parts, part_count);
}

void segment_cache_unpin(struct segment_scratch *scratch)
{
    for (uint32_t index = 0; index < scratch->pin_count; index++) {
        cache_unpin(scratch->cache, scratch->pins[index]);
    }
    scratch->pin_count = 0;
}
