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

struct hash128 hash_user(const struct hash_secret *secret, uint8_t id_namespace, struct text id)
{
    if (id.size > ID_INLINE_SIZE_MAX) {
        return hash_user_long(secret, id_namespace, id);
    }
    uint8_t input[ID_INLINE_SIZE_MAX + 1];
    input[0] = id_namespace;
    if (id.size >= 8 && id.size <= 16) {
        memcpy(input + 1, id.bytes, 8);
        memcpy(input + 1 + id.size - 8, id.bytes + id.size - 8, 8);
    } else {
        memcpy(input + 1, id.bytes, id.size);
    }
    XXH128_hash_t hash =
        XXH3_128bits_withSecret(input, id.size + 1, secret->bytes, HASH_SECRET_SIZE);
    return (struct hash128){hash.high64, hash.low64};
}
