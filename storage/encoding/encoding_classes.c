// SPDX-License-Identifier: Apache-2.0
/// Classes are found bottom up over a binary tree of ranges: a range is one class, or what its
/// halves are best cut into, whichever takes fewer bits, the class's entry in the file included.
/// Ranges are aligned powers of two, so frequent small numbers, an even spread that ends anywhere,
/// and spikes in between are all met closely by few classes.
#include "storage/encoding/encoding_classes.h"

#include "storage/base/invariant.h"

#include <string.h>

#define EXACT_BITS 12u    ///< bins of one value
#define OCTAVE_BINS 2048u ///< bins of each bit length above
#define LEAF_BITS 20u     ///< what a class costs, in bits
#define ONE (UINT64_C(1) << CLASS_LOGARITHM_BITS)
#define CURVATURE 22600u ///< log2(1 + m) is about m + 0.345 m (1 - m)

uint64_t encoding_logarithm(uint64_t number)
{
    unsigned exponent = 63u - (unsigned)__builtin_clzll(number);
    uint64_t mantissa =
        (exponent >= CLASS_LOGARITHM_BITS ? number >> (exponent - CLASS_LOGARITHM_BITS)
                                          : number << (CLASS_LOGARITHM_BITS - exponent)) -
        ONE;
    uint64_t bow = mantissa * (ONE - mantissa) / ONE * CURVATURE / ONE;
    return exponent * ONE + mantissa + bow;
}

struct search {
    struct encoding_class_bins *bins;
    struct encoding_classes *classes;
    uint64_t whole;     ///< log2 of the number of values
    uint64_t leaf_cost; ///< of one class
    unsigned top_bits;  ///< all values are below 2^top_bits
    bool prefix_split[CLASS_BITS_MAX + 1];
    bool full; ///< more classes than allowed
};

/// A range of bins: the tree of an octave begins at bin `first` and has 2^height of them; `index`
/// counts from 1 at its root, children being 2 * index and 2 * index + 1.
struct range {
    uint32_t first;
    unsigned height;
    uint32_t index;
    uint32_t from;
    unsigned depth; ///< 2^depth bins
    unsigned bin_bits;
};

static struct range half_of(struct range range, unsigned half)
{
    range.depth--;
    range.index = 2 * range.index + half;
    range.from += half << range.depth;
    return range;
}

static uint32_t count_of(const struct search *search, const struct range *range)
{
    return search->bins->sums[range->from + (1u << range->depth)] - search->bins->sums[range->from];
}

static uint64_t cost_as_class(const struct search *search, uint32_t count, unsigned bits)
{
    if (count == 0) {
        return search->leaf_cost;
    }
    return count * (search->whole - encoding_logarithm(count) + bits * ONE) + search->leaf_cost;
}

static uint64_t weigh(struct search *search, struct range range)
{
    uint32_t count = count_of(search, &range);
    uint64_t whole = cost_as_class(search, count, range.depth + range.bin_bits);
    if (range.depth == 0) {
        return whole;
    }
    uint8_t *split = &search->bins->split[range.first + range.index];
    *split = 0;
    // Halving saves at most a bit per value and level.
    if (count * (uint64_t)range.depth * ONE <= search->leaf_cost) {
        return whole;
    }
    uint64_t halves = weigh(search, half_of(range, 0)) + weigh(search, half_of(range, 1));
    *split = halves < whole;
    return halves < whole ? halves : whole;
}

// The values of one bit length above the exact ones, or (12 bits) all exact ones.
static struct range octave(unsigned bits)
{
    if (bits == EXACT_BITS) {
        return (struct range){0, EXACT_BITS, 1, 0, EXACT_BITS, 0};
    }
    unsigned above = bits - EXACT_BITS;
    uint32_t first = OCTAVE_BINS * (above + 1);
    return (struct range){first, EXACT_BITS - 1, 1, first, EXACT_BITS - 1, above};
}

static void weigh_all(struct search *search)
{
    uint64_t cost = weigh(search, octave(EXACT_BITS));
    uint32_t count = search->bins->sums[1u << EXACT_BITS];
    for (unsigned bits = EXACT_BITS + 1; bits <= search->top_bits; bits++) {
        struct range range = octave(bits);
        count += count_of(search, &range);
        uint64_t whole = cost_as_class(search, count, bits);
        uint64_t parts = cost + weigh(search, range);
        search->prefix_split[bits] = parts < whole;
        cost = parts < whole ? parts : whole;
    }
}

static void emit(struct search *search, uint32_t from_bin, uint32_t bin_count, unsigned bits)
{
    struct encoding_classes *classes = search->classes;
    uint32_t at = classes->class_count;
    if (at == CLASS_COUNT_MAX) {
        search->full = true;
        return;
    }
    const struct encoding_class_bins *bins = search->bins;
    classes->bits[at] = (uint8_t)bits;
    classes->value_counts[at] = bins->sums[from_bin + bin_count] - bins->sums[from_bin];
    classes->bases[at] =
        at == 0 ? 0 : classes->bases[at - 1] + (UINT64_C(1) << classes->bits[at - 1]);
    memset(search->bins->classes + from_bin, (int)at, bin_count);
    classes->class_count++;
}

static void emit_range(struct search *search, struct range range)
{
    if (range.depth > 0 && search->bins->split[range.first + range.index] != 0) {
        emit_range(search, half_of(range, 0));
        emit_range(search, half_of(range, 1));
    } else {
        emit(search, range.from, 1u << range.depth, range.depth + range.bin_bits);
    }
}

static void emit_all(struct search *search)
{
    unsigned whole = search->top_bits;
    while (whole > EXACT_BITS && search->prefix_split[whole]) {
        whole--;
    }
    if (whole > EXACT_BITS) {
        struct range last = octave(whole);
        emit(search, 0, last.first + OCTAVE_BINS, whole);
    } else {
        emit_range(search, octave(EXACT_BITS));
    }
    for (unsigned bits = whole + 1; bits <= search->top_bits; bits++) {
        emit_range(search, octave(bits));
    }
}

static void drop_empty_end(struct encoding_classes *classes)
{
    while (classes->class_count > 0 && classes->value_counts[classes->class_count - 1] == 0) {
        classes->class_count--;
    }
}

// Equal values one after the other would wait for each other's count, so every second one is
// counted apart.
static void count_narrow(const uint64_t *values, uint32_t count, uint64_t reference,
                         uint32_t *counts)
{
    uint32_t others[1u << EXACT_BITS];
    uint32_t pairs_end = count & ~1u;
    memset(others, 0, sizeof(others));
    for (uint32_t index = 0; index < pairs_end; index += 2) {
        counts[values[index] - reference]++;
        others[values[index + 1] - reference]++;
    }
    for (uint32_t index = pairs_end; index < count; index++) {
        counts[values[index] - reference]++;
    }
    for (uint32_t bin = 0; bin < 1u << EXACT_BITS; bin++) {
        counts[bin] += others[bin];
    }
}

static unsigned count_values(const uint64_t *values, uint32_t count, uint64_t reference,
                             uint64_t maximum, struct encoding_class_bins *bins)
{
    unsigned top_bits = EXACT_BITS;
    while ((maximum - reference) >> top_bits != 0) {
        top_bits++;
    }
    ASSERT(top_bits <= CLASS_BITS_MAX);
    struct range last = octave(top_bits);
    uint32_t bin_count = last.first + (1u << last.height);
    uint32_t *counts = bins->sums + 1;
    memset(bins->sums, 0, (bin_count + 1) * sizeof(*bins->sums));
    if (top_bits == EXACT_BITS) {
        count_narrow(values, count, reference, counts);
    } else {
        for (uint32_t index = 0; index < count; index++) {
            counts[encoding_class_bin(values[index] - reference)]++;
        }
    }
    for (uint32_t bin = 1; bin < bin_count; bin++) {
        counts[bin] += counts[bin - 1];
    }
    return top_bits;
}

void encoding_classes_find(const uint64_t *values, uint32_t count, uint64_t reference,
                           uint64_t maximum, struct encoding_class_bins *bins,
                           struct encoding_classes *classes)
{
    struct search search = {.bins = bins, .classes = classes};
    search.top_bits = count_values(values, count, reference, maximum, bins);
    search.whole = encoding_logarithm(count);
    search.leaf_cost = LEAF_BITS * ONE;
    do {
        classes->class_count = 0;
        search.full = false;
        weigh_all(&search);
        emit_all(&search);
        search.leaf_cost *= 2;
    } while (search.full);
    drop_empty_end(classes);
}
