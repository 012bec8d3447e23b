// SPDX-License-Identifier: Apache-2.0
/// Into which neighbouring classes of values an array falls best: within a class all values are as
/// likely, so a value is its class, which an entropy coder shortens, and plain bits. Private to
/// this folder. Thread: values.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CLASS_COUNT_MAX 255u
#define CLASS_BITS_MAX 44u ///< of the widest class, and of the range of all values
#define CLASS_BIN_COUNT (4096u + (CLASS_BITS_MAX - 12u) * 2048u) ///< of the finest look
#define CLASS_NARROW_END 4096u ///< values below this above the reference are their own bins
#define CLASS_LOGARITHM_BITS 16u

/// Classes tile the range from the reference up, each 2^bits wide. Those without a value are there
/// to skip what lies between.
struct encoding_classes {
    uint32_t class_count;
    uint8_t bits[CLASS_COUNT_MAX];
    uint32_t value_counts[CLASS_COUNT_MAX];
    uint64_t bases[CLASS_COUNT_MAX]; ///< above the reference
};

/// log2 of a positive number, CLASS_LOGARITHM_BITS of which are fraction; off by less than 1/64.
uint64_t encoding_logarithm(uint64_t number);

/// Scratch of encoding_classes_find(): one of each per bin.
struct encoding_class_bins {
    uint32_t sums[CLASS_BIN_COUNT + 1]; ///< values in the bins before
    uint8_t split[CLASS_BIN_COUNT];     ///< of each range of bins: its halves are better
    uint8_t classes[CLASS_BIN_COUNT];   ///< found: the class of the bin's values
};

/// The bin of a value above the reference, below 2^CLASS_BITS_MAX: exact up to 4096, then 2048 bins
/// for each bit length.
static inline uint32_t encoding_class_bin(uint64_t above)
{
    unsigned shift = 52u - (unsigned)__builtin_clzll(above | 2048); // 0 below 4096
    return (uint32_t)(2048u * shift + (above >> shift));
}

/// Looks at all values; each is at least `reference`, and by less than 2^CLASS_BITS_MAX above it.
void encoding_classes_find(const uint64_t *values, uint32_t count, uint64_t reference,
                           uint64_t maximum, struct encoding_class_bins *bins,
                           struct encoding_classes *classes);
