// SPDX-License-Identifier: Apache-2.0
/// Arithmetic over all counters of a source at once. Thread: any.
#pragma once

#include "storage/storage.h"

#include <stdint.h>

_Static_assert(sizeof(struct store_counters) % sizeof(uint64_t) == 0, "nothing but counters");

static inline void counters_add(struct store_counters *sum, const struct store_counters *more)
{
    for (size_t index = 0; index < sizeof(*sum) / sizeof(uint64_t); index++) {
        ((uint64_t *)sum)[index] += ((const uint64_t *)more)[index];
    }
}

static inline void counters_subtract(struct store_counters *from, const struct store_counters *less)
{
    for (size_t index = 0; index < sizeof(*from) / sizeof(uint64_t); index++) {
        ((uint64_t *)from)[index] -= ((const uint64_t *)less)[index];
    }
}
