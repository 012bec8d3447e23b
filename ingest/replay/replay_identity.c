// SPDX-License-Identifier: Apache-2.0
#include "ingest/replay/replay_identity.h"

#include "ingest/replay/replay_stream.h"
#include "storage/base/memory.h"

#include <stdlib.h>
#define XXH_STATIC_LINKING_ONLY // the streaming state on the stack
#include <xxhash.h>

#define SIZE_MASK UINT64_C(0x1ffff) ///< 17 bits hold 0 to 65536
_Static_assert(REPLAY_PREFIX_SIZE <= SIZE_MASK, "the prefix size is kept in the identity");

/// 111 bits of the hash stay; the low 17 say how many bytes it covers.
static struct hash128 identity_of(XXH128_hash_t hash, size_t size)
{
    return (struct hash128){hash.high64, (hash.low64 & ~SIZE_MASK) | size};
}

struct hash128 replay_identity(struct text prefix)
{
    return identity_of(XXH3_128bits(prefix.bytes, prefix.size), prefix.size);
}

uint32_t replay_identity_size(struct hash128 id)
{
    return (uint32_t)(id.low & SIZE_MASK);
}

void replay_known_add(struct replay_known_set *set, struct hash128 id, uint32_t owner)
{
    if (set->count == set->capacity) {
        set->capacity = set->capacity == 0 ? 64 : set->capacity * 2;
        set->items = memory_resize_array(set->items, set->capacity, sizeof(*set->items));
    }
    set->items[set->count++] = (struct replay_known){id, owner};
    set->sorted = false;
}

/// By size, then hash, then owner: one pass over the bytes meets the sizes in order.
static int compare_known(const void *left_item, const void *right_item)
{
    const struct replay_known *left = left_item;
    const struct replay_known *right = right_item;
    uint32_t left_size = replay_identity_size(left->id);
    uint32_t right_size = replay_identity_size(right->id);
    if (left_size != right_size) {
        return left_size < right_size ? -1 : 1;
    }
    int order = hash128_compare(left->id, right->id);
    return order != 0 ? order : (left->owner > right->owner) - (left->owner < right->owner);
}

/// First item that is not before (size of id, id).
static uint32_t lower_bound(const struct replay_known_set *set, struct hash128 id)
{
    struct replay_known wanted = {id, 0};
    uint32_t from = 0;
    uint32_t to = set->count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (compare_known(&set->items[middle], &wanted) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

/// First item of more bytes than `size`.
static uint32_t next_size(const struct replay_known_set *set, uint32_t size)
{
    struct hash128 beyond = {0, (uint64_t)size + 1};
    return lower_bound(set, beyond);
}

static void keep_longest(uint32_t *owners, uint32_t *count, uint32_t owner_max, uint32_t owner)
{
    uint32_t kept = *count < owner_max ? *count : owner_max - 1;
    memmove(owners + 1, owners, kept * sizeof(*owners));
    owners[0] = owner;
    *count = kept + 1;
}

uint32_t replay_known_find(struct replay_known_set *set, struct text prefix, uint32_t *owners,
                           uint32_t owner_max)
{
    if (!set->sorted && set->count > 0) {
        qsort(set->items, set->count, sizeof(*set->items), compare_known);
        set->sorted = true;
    }
    XXH3_state_t state;
    XXH3_128bits_reset(&state);
    uint32_t found = 0;
    size_t hashed = 0;
    for (uint32_t index = next_size(set, 0); index < set->count;) {
        uint32_t size = replay_identity_size(set->items[index].id);
        if (size > prefix.size) {
            break;
        }
        XXH3_128bits_update(&state, prefix.bytes + hashed, size - hashed);
        hashed = size;
        struct hash128 id = identity_of(XXH3_128bits_digest(&state), size);
        for (uint32_t at = lower_bound(set, id);
             at < set->count && hash128_equal(set->items[at].id, id); at++) {
            keep_longest(owners, &found, owner_max, set->items[at].owner);
        }
        index = next_size(set, size);
    }
    return found;
}

void replay_known_deinit(struct replay_known_set *set)
{
    memory_free(set->items);
    *set = (struct replay_known_set){0};
}
