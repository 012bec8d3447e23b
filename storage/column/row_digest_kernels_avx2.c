// SPDX-License-Identifier: Apache-2.0
#include "storage/column/row_digest_kernels.h"

#if defined(__AVX2__)
#include <immintrin.h>
#include <stddef.h>

// A place never crosses a line of the cache; one load and one store take half of it at least.
static inline __attribute__((always_inline)) void
put_places(const char *places, uint32_t size, const uint32_t *codes, char **ends, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const char *place = places + (size_t)(uint32_t)(codes[i] + 1) * size;
        char *to = ends[i];
        __m256i low = _mm256_load_si256((const __m256i *)(const void *)place);
        _mm256_storeu_si256((__m256i *)(void *)to, low);
        if (size == 64) {
            __m256i high = _mm256_load_si256((const __m256i *)(const void *)(place + 32));
            _mm256_storeu_si256((__m256i *)(void *)(to + 32), high);
        }
        ends[i] = to + (uint8_t)place[size - 1];
    }
}

void row_digest_put_places_avx2(const char *places, uint32_t size, const uint32_t *codes,
                                char **ends, uint32_t count)
{
    if (size == 32) {
        put_places(places, 32, codes, ends, count);
    } else {
        put_places(places, 64, codes, ends, count);
    }
}
#endif
