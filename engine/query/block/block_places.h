// SPDX-License-Identifier: Apache-2.0
/// Places of rows among buckets of one length (block_trend.h). The _scalar forms are the
/// specification; the _avx2 forms give the same; the plain names choose once per process. Private
/// to this folder. Thread: any.
#pragma once

#include <stdint.h>

/// Such an array of places is longer by so many.
#define BLOCK_PLACES_BEYOND 16u
#define BLOCK_EVEN_WIDTH_MAX (UINT32_C(1) << 30)
#define BLOCK_EVEN_END (UINT32_C(1) << 31)

/// Buckets as rows of a group see them: a row's place is `first` + (`rest` + its units) / `width`,
/// where `rest` + its units is below BLOCK_EVEN_END.
struct block_even {
    uint32_t first;
    uint32_t rest;
    uint32_t width; ///< from 1 to BLOCK_EVEN_WIDTH_MAX
    uint32_t last;  ///< no place is greater, whatever the units
};

/// Fills in `count` places.
void block_places_fill(const struct block_even *even, const uint32_t *units, uint32_t count,
                       uint16_t *places);
void block_places_fill_scalar(const struct block_even *even, const uint32_t *units, uint32_t count,
                              uint16_t *places);
void block_places_fill_avx2(const struct block_even *even, const uint32_t *units, uint32_t count,
                            uint16_t *places);

/// Sets the bits of rows whose place is another than that of the row before, and of row 0. Bits
/// from `count` on are undefined; they are count / 64 + 1 words.
void block_turns_fill(const uint16_t *places, uint32_t count, uint64_t *turns);
void block_turns_fill_scalar(const uint16_t *places, uint32_t count, uint64_t *turns);
void block_turns_fill_avx2(const uint16_t *places, uint32_t count, uint64_t *turns);
