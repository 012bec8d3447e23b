// SPDX-License-Identifier: Apache-2.0
#include "engine/query/block/block_few.h"

#include "engine/query/block/block_bits.h"
#include "storage/base/cpu.h"

#define ROWS_AHEAD 64u
#define ROWS_PER_LINE 16u

void block_few_init(struct block_few *few)
{
    for (uint32_t bits = 0; bits < 256; bits++) {
        uint32_t count = 0;
        few->order[bits] = 0;
        for (uint64_t bit = 0; bit < 8; bit++) {
            few->order[bits] |= (bits >> bit & 1) != 0 ? bit << 8 * count++ : 0;
        }
    }
}

void block_few_begin(struct block_few *few)
{
    few->entry_count = 0;
    few->later_count = 0;
    few->lost_count = 0;
    few->outside = 0;
    few->known = true;
}

void block_few_word_scalar(struct block_few *few, const struct block_few_values *of,
                           const struct block_few_word *word)
{
    for (uint64_t bits = word->entries | word->later; bits != 0; bits &= bits - 1) {
        const uint32_t bit = block_bits_lowest(bits);
        const uint32_t value = of->values[word->begin + bit];
        if (value == of->missing) {
            few->outside++;
            continue;
        }
        const uint32_t key = of->keys != NULL ? of->keys[(uint32_t)(value + of->offset)] : value;
        few->known = few->known && (of->keys == NULL || key != 0);
        if ((word->entries >> bit & 1) != 0) {
            few->entries[few->entry_count++] = key;
        }
        if ((word->later >> bit & 1) != 0) {
            few->later[few->later_count++] = key;
        }
    }
}

static inline void take_word(struct block_few *few, const struct block_few_values *of,
                             const struct block_few_word *word)
{
#if defined(__x86_64__)
    if (cpu_has_avx2()) {
        block_few_word_avx2(few, of, word);
        return;
    }
#endif
    block_few_word_scalar(few, of, word);
}

/// Where one user's values end is where the next one's begin: too short for the machine to guess.
static inline void fetch_ahead(const uint32_t *values, uint32_t row)
{
    for (uint32_t line = 0; line < 3; line++) {
        __builtin_prefetch(
            (const void *)((uintptr_t)values +
                           sizeof(uint32_t) * ((uint64_t)row + ROWS_AHEAD + line * ROWS_PER_LINE)));
    }
}

bool block_few_take(struct block_few *few, const struct block_few_values *of,
                    const struct block_run *run, uint32_t begin, uint32_t end)
{
    fetch_ahead(of->values, end);
    while (begin < end) {
        uint32_t count = end - begin < BLOCK_WORD_SIZE ? end - begin : BLOCK_WORD_SIZE;
        uint32_t entry_count = run->entry_end > begin ? run->entry_end - begin : 0;
        uint64_t may_enter = block_bits_first(entry_count < count ? entry_count : count);
        uint64_t entries = block_bits_at(run->lane->entries, begin, count);
        uint64_t later = block_bits_at(run->lane->later, begin, count);
        struct block_few_word word = {begin, count, entries & may_enter,
                                      later | (entries & ~may_enter)};
        take_word(few, of, &word);
        if (!few->known || few->entry_count > BLOCK_REPEATS_MAX ||
            few->later_count > BLOCK_REPEATS_MAX) {
            return false;
        }
        begin += count;
    }
    return true;
}

bool block_few_count(const struct block_few *few, uint64_t fresh[2])
{
    if (block_repeats_meet(few->entries, few->entry_count, few->later, few->later_count)) {
        return false;
    }
    // A unit may be won where its last entry may.
    const uint32_t *open = few->entries + few->lost_count;
    uint32_t open_count = few->entry_count - few->lost_count;
    uint32_t units = few->entry_count - block_repeats_count(few->entries, few->entry_count);
    uint32_t open_units =
        few->lost_count == 0 ? units : open_count - block_repeats_count(open, open_count);
    fresh[0] += units - open_units;
    fresh[1] += open_units;
    return true;
}
