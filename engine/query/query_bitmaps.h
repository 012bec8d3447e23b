// SPDX-License-Identifier: Apache-2.0
/// Bitmaps of the rows that may fill a step, from one byte per row. The _scalar form is the
/// specification; the _avx2 form gives the same words; the plain name chooses once per process.
/// Thread: any.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define QUERY_KIND_COUNT 256u
#define QUERY_KIND_ENTRY 1u ///< may fill step 1
#define QUERY_KIND_LATER 2u ///< may fill a later step

/// Sets bit `row` of `entries` and `later` by kinds[bytes[row]], and clears all other bits of the
/// count / 64 + 1 words.
void query_bitmaps_fill(const uint8_t *bytes, uint32_t count, const uint8_t *kinds,
                        uint64_t *entries, uint64_t *later);
void query_bitmaps_fill_scalar(const uint8_t *bytes, uint32_t count, const uint8_t *kinds,
                               uint64_t *entries, uint64_t *later);
void query_bitmaps_fill_avx2(const uint8_t *bytes, uint32_t count, const uint8_t *kinds,
                             uint64_t *entries, uint64_t *later);
