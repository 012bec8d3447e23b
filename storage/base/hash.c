// SPDX-License-Identifier: Apache-2.0
#include "storage/base/hash.h"

#include "storage/base/cpu.h"
#include "storage/base/invariant.h"

#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

uint64_t hash_bytes64(const void *bytes, size_t size)
{
    return XXH3_64bits(bytes, size);
}

uint64_t hash_bytes64_seeded_library(const void *bytes, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, size, seed);
}

uint64_t hash_bytes64_seeded(const void *bytes, size_t size, uint64_t seed)
{
#if defined(__x86_64__)
    if (cpu_has_avx2()) {
        return hash_bytes64_seeded_avx2(bytes, size, seed);
    }
#endif
    return hash_bytes64_seeded_library(bytes, size, seed);
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
