// SPDX-License-Identifier: Apache-2.0
#include "engine/query/block/block_places.h"

#include "storage/base/cpu.h"

void block_places_fill_scalar(const struct block_even *even, const uint32_t *units, uint32_t count,
                              uint16_t *places)
{
    for (uint32_t row = 0; row < count; row++) {
        uint32_t place = even->first + (even->rest + units[row]) / even->width;
        places[row] = (uint16_t)(place < even->last ? place : even->last);
    }
}

void block_places_fill(const struct block_even *even, const uint32_t *units, uint32_t count,
                       uint16_t *places)
{
#if defined(__x86_64__)
    if (cpu_has_avx2()) {
        block_places_fill_avx2(even, units, count, places);
        return;
    }
#endif
    block_places_fill_scalar(even, units, count, places);
}

void block_turns_fill_scalar(const uint16_t *places, uint32_t count, uint64_t *turns)
{
    for (uint32_t begin = 0; begin <= count; begin += 64) {
        uint64_t bits = 0;
        for (uint32_t row = begin; row < count && row < begin + 64; row++) {
            bits |= (uint64_t)(row == 0 || places[row] != places[row - 1]) << (row - begin);
        }
        turns[begin / 64] = bits;
    }
}

void block_turns_fill(const uint16_t *places, uint32_t count, uint64_t *turns)
{
#if defined(__x86_64__)
    if (cpu_has_avx2()) {
        block_turns_fill_avx2(places, count, turns);
        return;
    }
#endif
    block_turns_fill_scalar(places, count, turns);
}
