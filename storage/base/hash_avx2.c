// SPDX-License-Identifier: Apache-2.0
// Debian's libxxhash is compiled for vectors of 16 bytes; its header, compiled here, takes 32.
#include "storage/base/hash.h"

#if defined(__AVX2__)
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hash_bytes64_seeded_avx2(const void *bytes, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, size, seed);
}
#endif
