// SPDX-License-Identifier: Apache-2.0
/// The values of a user of few step rows: entries and later steps apart, compared all with all.
/// Counts units of entries alone. The _scalar form is the specification; the _avx2 form gives the
/// same. Private to this folder. Thread: one worker.
#pragma once

#include "engine/query/block/block_repeats.h"
#include "engine/query/block/block_walk.h"

/// A word of rows may be collected before it is found that they are too many, and eight numbers be
/// written where fewer are.
#define BLOCK_FEW_CAPACITY (BLOCK_REPEATS_MAX + 64u + BLOCK_REPEATS_BEYOND)

/// The attribute in a row group.
struct block_few_values {
    const uint32_t *values; ///< as stored, by row
    const uint32_t *keys;   ///< what a value is, by value + offset; 0: not known. NULL: itself
    uint32_t offset;
    uint32_t missing; ///< stored where a row has no value
};

struct block_few {
    uint32_t entries[BLOCK_FEW_CAPACITY]; ///< values of entries
    uint32_t later[BLOCK_FEW_CAPACITY];   ///< values of rows of later steps
    uint32_t entry_count;
    uint32_t later_count;
    uint32_t lost_count; ///< entries, the first ones, that are too old to be won; for the caller
    uint32_t outside;    ///< step rows without a value
    bool known;          ///< all values are
    uint64_t order[256]; ///< by a byte's bits: the places of those that are set, a byte each
};

/// Up to 64 rows, and which of them are entries and rows of later steps.
struct block_few_word {
    uint32_t begin;
    uint32_t count;
    uint64_t entries;
    uint64_t later;
};

void block_few_init(struct block_few *few);
void block_few_begin(struct block_few *few);

/// Adds the values of rows [begin, end) of a run. Runs come in their order. False: a value is not
/// known, or they are more than BLOCK_REPEATS_MAX.
bool block_few_take(struct block_few *few, const struct block_few_values *of,
                    const struct block_run *run, uint32_t begin, uint32_t end);
void block_few_word_scalar(struct block_few *few, const struct block_few_values *of,
                           const struct block_few_word *word);
void block_few_word_avx2(struct block_few *few, const struct block_few_values *of,
                         const struct block_few_word *word);

/// Adds units to those that are lost, [0], and those that may still be won, [1]. False, and nothing
/// added, where some unit has a later step, too.
bool block_few_count(const struct block_few *few, uint64_t fresh[2]);
