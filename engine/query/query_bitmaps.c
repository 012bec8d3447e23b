// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_bitmaps.h"

#include "storage/base/cpu.h"

void query_bitmaps_fill_scalar(const uint8_t *bytes, uint32_t count, const uint8_t *kinds,
                               uint64_t *entries, uint64_t *later)
{
    for (uint32_t word = 0; word <= count / 64; word++) {
        uint32_t end = count - word * 64 < 64 ? count - word * 64 : 64;
        uint64_t entry_bits = 0;
        uint64_t later_bits = 0;
        for (uint32_t bit = 0; bit < end; bit++) {
            uint64_t kind = kinds[bytes[word * 64 + bit]];
            entry_bits |= (kind & 1) << bit;
            later_bits |= (kind >> 1 & 1) << bit;
        }
        entries[word] = entry_bits;
        later[word] = later_bits;
    }
}

void query_bitmaps_fill(const uint8_t *bytes, uint32_t count, const uint8_t *kinds,
                        uint64_t *entries, uint64_t *later)
{
#if defined(__x86_64__)
    if (cpu_has_avx2()) {
        query_bitmaps_fill_avx2(bytes, count, kinds, entries, later);
        return;
    }
#endif
    query_bitmaps_fill_scalar(bytes, count, kinds, entries, later);
}
