// SPDX-License-Identifier: Apache-2.0
/// The inner loops of entropy coding and decoding, written once and compiled for the baseline and,
/// in encoding_kernels_avx2.c, for processors with BMI2, whose shifts take one operation. Private
/// to this folder.
#pragma once

#include "storage/encoding/encoding_classes.h"
#include "storage/encoding/encoding_private.h"

#define ENTROPY_STREAM_COUNT 4u
#define ENTROPY_TABLE_BITS_MAX 12u
#define ENTROPY_STEP_BITS_MAX 56u ///< what one value takes from a stream at most
#define ENTROPY_ROUND 8u          ///< values of each stream between two looks at its end
#define ENTROPY_ROUND_BITS (ENTROPY_ROUND * ENTROPY_STEP_BITS_MAX + 64u)

/// A state's entry: the state that follows, before its bits are added; how many bits those are, how
/// many the value has in its class, and the class.
#define ENTROPY_NEXT_MASK 0xfffu
#define ENTROPY_STATE_SHIFT 12u
#define ENTROPY_VALUE_SHIFT 16u
#define ENTROPY_CLASS_SHIFT 24u

struct entropy_table {
    uint32_t entries[1u << ENTROPY_TABLE_BITS_MAX];
    uint64_t bases[256];
};

struct entropy_stream {
    const uint8_t *bytes;
    uint64_t bit;      ///< read so far
    uint64_t bit_size; ///< that there are
    uint32_t state;
    uint32_t index; ///< of the next value
    uint32_t end;
};

ENCODING_INLINE uint64_t entropy_step(const struct entropy_table *table,
                                      struct entropy_stream *stream, uint64_t bits)
{
    uint32_t entry = table->entries[stream->state];
    unsigned state_bits = entry >> ENTROPY_STATE_SHIFT & 0xf;
    unsigned value_bits = entry >> ENTROPY_VALUE_SHIFT & 0xff;
    stream->state =
        (entry & ENTROPY_NEXT_MASK) + (uint32_t)(bits & ((UINT64_C(1) << state_bits) - 1));
    stream->bit += state_bits + value_bits;
    return table->bases[entry >> ENTROPY_CLASS_SHIFT] +
           (bits >> state_bits & ((UINT64_C(1) << value_bits) - 1));
}

ENCODING_INLINE bool entropy_round_fits(const struct entropy_stream *streams)
{
    bool fits = true;
    for (unsigned at = 0; at < ENTROPY_STREAM_COUNT; at++) {
        fits &= streams[at].bit + ENTROPY_ROUND_BITS <= streams[at].bit_size;
        fits &= streams[at].index + ENTROPY_ROUND <= streams[at].end;
    }
    return fits;
}

/// Decodes from all streams at once while each has enough values and bytes left; the four chains of
/// dependent loads overlap.
ENCODING_INLINE void entropy_run(const struct entropy_table *table, struct entropy_stream *streams,
                                 void *values, enum value_width width)
{
    struct entropy_stream local[ENTROPY_STREAM_COUNT];
    memcpy(local, streams, sizeof(local));
    while (entropy_round_fits(local)) {
        for (unsigned step = 0; step < ENTROPY_ROUND; step++) {
            for (unsigned at = 0; at < ENTROPY_STREAM_COUNT; at++) {
                struct entropy_stream *stream = &local[at];
                uint64_t bits =
                    bytes_load_u64(stream->bytes + (stream->bit >> 3)) >> (stream->bit & 7);
                value_set(values, width, stream->index + step, entropy_step(table, stream, bits));
            }
        }
        for (unsigned at = 0; at < ENTROPY_STREAM_COUNT; at++) {
            local[at].index += ENTROPY_ROUND;
        }
    }
    memcpy(streams, local, sizeof(local));
}

/// What coding a value of a class does to a state x of [2^t, 2^(t+1)): it gives off its low
/// n = (x + bits_offset) >> 16 bits, and states[(x >> n) + states_offset] follows. Values of the
/// class have `value_bits` more.
struct entropy_code {
    uint32_t bits_offset;
    int32_t states_offset;
    uint32_t value_bits;
};

struct entropy_codes {
    unsigned table_bits;
    unsigned width_max; ///< bits that one value takes at most
    bool narrow;        ///< no value is CLASS_NARROW_END or more above the reference
    uint64_t reference;
    struct entropy_code codes[CLASS_COUNT_MAX];
    uint16_t states[1u << ENTROPY_TABLE_BITS_MAX];
    struct encoding_class_bins bins;
};

/// A stream being written from its end: the last value is coded first, so that the first is decoded
/// first. Below `at` lies nothing yet but room for 8 bytes and for all values.
struct entropy_sink {
    const uint64_t *values;
    uint32_t left; ///< values not yet coded
    uint32_t state;
    uint8_t *at;   ///< where the whole bytes written so far begin
    uint64_t bits; ///< the low `fill` are those not in whole bytes; what is above is used up
    unsigned fill; ///< below 8; those bits lie, leftmost, in the byte before `at` as well
};

// `narrow`: all values are below 4096, which is to say their own bins.
ENCODING_INLINE void entropy_code_value(const struct entropy_codes *codes,
                                        struct entropy_sink *sink, uint64_t value, bool narrow)
{
    uint64_t above = value - codes->reference;
    uint64_t bin = narrow ? above : encoding_class_bin(above);
    const struct entropy_code *code = &codes->codes[codes->bins.classes[bin]];
    uint32_t state_bits = (sink->state + code->bits_offset) >> 16;
    uint32_t bits = state_bits + code->value_bits;
    // Classes lie at multiples of their size: the place in the class is the low bits.
    uint64_t place = above & ((UINT64_C(1) << code->value_bits) - 1);
    uint64_t chunk = place << state_bits | (sink->state & ((1u << state_bits) - 1));
    sink->bits = sink->bits << bits | chunk;
    sink->fill += bits;
    sink->state = codes->states[(int32_t)(sink->state >> state_bits) + code->states_offset];
}

// Writes eight bytes whatever is there; those that are not whole yet are written again.
ENCODING_INLINE void entropy_flush(struct entropy_sink *sink)
{
    bytes_store_u64(sink->at - sizeof(uint64_t), sink->bits << (-sink->fill & 63));
    sink->at -= sink->fill / 8;
    sink->fill %= 8;
}

// What a stream has more than `least`.
ENCODING_INLINE void entropy_code_excess(const struct entropy_codes *codes,
                                         struct entropy_sink *sink, uint32_t least, bool narrow)
{
    while (sink->left > least) {
        sink->left--;
        entropy_code_value(codes, sink, sink->values[sink->left], narrow);
        entropy_flush(sink);
    }
}

// Two streams side by side: four would not fit the registers. `batch` values of at most
// (64 - 7) / batch bits are kept before they are written.
ENCODING_INLINE void entropy_code_pair(const struct entropy_codes *codes,
                                       struct entropy_sink *sinks, unsigned batch, bool narrow)
{
    struct entropy_sink first = sinks[0];
    struct entropy_sink second = sinks[1];
    uint32_t left = first.left < second.left ? first.left : second.left;
    left -= left % batch;
    entropy_code_excess(codes, &first, left, narrow);
    entropy_code_excess(codes, &second, left, narrow);
    while (left > 0) {
        for (unsigned step = 0; step < batch; step++) {
            left--;
            entropy_code_value(codes, &first, first.values[left], narrow);
            entropy_code_value(codes, &second, second.values[left], narrow);
        }
        entropy_flush(&first);
        entropy_flush(&second);
    }
    first.left = 0;
    second.left = 0;
    sinks[0] = first;
    sinks[1] = second;
}

ENCODING_INLINE void entropy_code_all(const struct entropy_codes *codes, struct entropy_sink *sinks,
                                      bool narrow)
{
    for (unsigned at = 0; at < ENTROPY_STREAM_COUNT; at += 2) {
        if (codes->width_max <= 14) {
            entropy_code_pair(codes, sinks + at, 4, narrow);
        } else if (codes->width_max <= 28) {
            entropy_code_pair(codes, sinks + at, 2, narrow);
        } else {
            entropy_code_pair(codes, sinks + at, 1, narrow);
        }
    }
}

/// Codes all values of all streams; chains of dependent loads overlap.
ENCODING_INLINE void entropy_code_run(const struct entropy_codes *codes, struct entropy_sink *sinks)
{
    if (codes->narrow) {
        entropy_code_all(codes, sinks, true);
    } else {
        entropy_code_all(codes, sinks, false);
    }
}
