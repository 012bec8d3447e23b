// SPDX-License-Identifier: Apache-2.0
/// The inner loop of entropy decoding, written once and compiled for the baseline and, in
/// encoding_kernels_avx2.c, for processors with BMI2, whose shifts take one operation. Private to
/// this folder.
#pragma once

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
