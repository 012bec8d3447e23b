// SPDX-License-Identifier: Apache-2.0
#include "storage/column/row_digest_kernels.h"

#include "storage/base/cpu.h"

#include <string.h>

// `size` is a constant where it is called.
static inline __attribute__((always_inline)) void
put_places(const char *places, uint32_t size, const uint32_t *codes, char **ends, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const char *place = places + (size_t)(uint32_t)(codes[i] + 1) * size;
        memcpy(ends[i], place, size);
        ends[i] += (uint8_t)place[size - 1];
    }
}

void row_digest_put_places_scalar(const char *places, uint32_t size, const uint32_t *codes,
                                  char **ends, uint32_t count)
{
    if (size == 32) {
        put_places(places, 32, codes, ends, count);
    } else {
        put_places(places, 64, codes, ends, count);
    }
}

void row_digest_put_places(const char *places, uint32_t size, const uint32_t *codes, char **ends,
                           uint32_t count)
{
#if defined(__x86_64__)
    if (cpu_has_avx2()) {
        row_digest_put_places_avx2(places, size, codes, ends, count);
        return;
    }
#endif
    row_digest_put_places_scalar(places, size, codes, ends, count);
}
