// SPDX-License-Identifier: Apache-2.0
#include "storage/base/hash.h"

#include "storage/base/invariant.h"

#include <string.h>
#include <sys/random.h>
#define XXH_STATIC_LINKING_ONLY // the streaming state on the stack
#include <xxhash.h>

#define ID_INLINE_SIZE_MAX 255

uint64_t hash_bytes64(const void *bytes, size_t size)
{
    return XXH3_64bits(bytes, size);
}

uint64_t hash_bytes64_seeded(const void *bytes, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, size, seed);
}

struct hash128 hash_bytes128(const void *bytes, size_t size)
{
    XXH128_hash_t hash = XXH3_128bits(bytes, size);
    return (struct hash128){hash.high64, hash.low64};
}

uint32_t hash_event_id(struct text id)
{
    return (uint32_t)XXH3_64bits(id.bytes, id.size);
}

static struct hash128 hash_user_long(const struct hash_secret *secret, uint8_t id_namespace,
                                     struct text id)
{
    XXH3_state_t state;
    XXH3_128bits_reset_withSecret(&state, secret->bytes, HASH_SECRET_SIZE);
    XXH3_128bits_update(&state, &id_namespace, 1);
    XXH3_128bits_update(&state, id.bytes, id.size);
    XXH128_hash_t hash = XXH3_128bits_digest(&state);
    return (struct hash128){hash.high64, hash.low64};
}

struct hash128 hash_user(const struct hash_secret *secret, uint8_t id_namespace, struct text id)
{
    if (id.size > ID_INLINE_SIZE_MAX) {
        return hash_user_long(secret, id_namespace, id);
    }
    uint8_t input[ID_INLINE_SIZE_MAX + 1];
    input[0] = id_namespace;
    memcpy(input + 1, id.bytes, id.size);
    XXH128_hash_t hash =
        XXH3_128bits_withSecret(input, id.size + 1, secret->bytes, HASH_SECRET_SIZE);
    return (struct hash128){hash.high64, hash.low64};
}

void hash_random_bytes(void *bytes, size_t size)
{
    uint8_t *at = bytes;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        ASSERT(got > 0);
        at += got;
        size -= (size_t)got;
    }
}
