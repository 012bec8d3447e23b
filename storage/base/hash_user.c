// SPDX-License-Identifier: Apache-2.0
// The hash of each event's user: inlined, as ids are short and a call into the library costs more
// than the hash.
#include "storage/base/hash.h"

#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define ID_INLINE_SIZE_MAX 255

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

static inline uint64_t load(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    return word;
}

// XXH3 (Yann Collet) of 9 to 16 bytes, restated for an input that lies in two words: put together
// in memory first, it would be read back across two stores, which costs more than the hash.
static inline struct hash128 hash_words(const uint8_t *secret, uint64_t low, uint64_t high,
                                        uint64_t size)
{
    const char *bytes = (const char *)secret;
    uint64_t flip_low = load(bytes + 32) ^ load(bytes + 40);
    unsigned __int128 product = (unsigned __int128)(low ^ high ^ flip_low) * XXH_PRIME64_1;
    high ^= load(bytes + 48) ^ load(bytes + 56);
    uint64_t inner = (uint64_t)product + ((size - 1) << 54);
    uint64_t outer =
        (uint64_t)(product >> 64) + high + (high & UINT32_MAX) * (uint64_t)(XXH_PRIME32_2 - 1);
    inner ^= __builtin_bswap64(outer);
    product = (unsigned __int128)inner * XXH_PRIME64_2;
    return (struct hash128){XXH3_avalanche((uint64_t)(product >> 64) + outer * XXH_PRIME64_2),
                            XXH3_avalanche((uint64_t)product)};
}

struct hash128 hash_user(const struct hash_secret *secret, uint8_t id_namespace, struct text id)
{
    if (id.size >= 8 && id.size <= 15) {
        return hash_words(secret->bytes, load(id.bytes) << 8 | id_namespace,
                          load(id.bytes + id.size - 8), id.size + 1);
    }
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
