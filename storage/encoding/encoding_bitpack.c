// SPDX-License-Identifier: Apache-2.0
/// Bit-packing with a frame of reference: u8 width, u8 compressed, u64 reference, [u32 frame size],
/// bits.
///
/// Full vectors of 1024 values are packed in 32 lanes of 32-bit words: row r of lane l is value
/// r * 32 + l, so that packing and unpacking are the same shifts on 32 neighbouring words, which
/// the compiler turns into vector code for any width. A width above 32 is a vector of low halves,
/// then one of the remaining bits. What is left over is packed one value after the other, least bit
/// first.
#include "storage/encoding/encoding_private.h"

#define VECTOR_COUNT 1024u
#define LANE_COUNT 32u
#define ROW_COUNT 32u
#define WORD_BYTES 4u
#define WORD_ROW_BYTES (LANE_COUNT * WORD_BYTES)
#define TAIL_BYTES_MAX (VECTOR_COUNT * 8u)
#define SLACK_BYTES 16u
#define WAY_FEWEST_BITS 1u
#define WAY_HALF_BYTES 2u

static inline uint32_t lane_load(const uint8_t *row, uint32_t lane)
{
    return bytes_load_u32(row + lane * WORD_BYTES);
}

static void pack_vector(const uint32_t *restrict values, unsigned width, uint8_t *restrict packed)
{
    memset(packed, 0, (size_t)width * WORD_ROW_BYTES);
    for (unsigned row = 0; row < ROW_COUNT; row++) {
        unsigned shift = row * width % 32;
        uint8_t *words = packed + row * width / 32 * WORD_ROW_BYTES;
        const uint32_t *from = values + row * LANE_COUNT;
        for (uint32_t lane = 0; lane < LANE_COUNT; lane++) {
            bytes_store_u32(words + lane * WORD_BYTES,
                            lane_load(words, lane) | from[lane] << shift);
        }
        if (shift + width > 32) {
            for (uint32_t lane = 0; lane < LANE_COUNT; lane++) {
                bytes_store_u32(words + WORD_ROW_BYTES + lane * WORD_BYTES,
                                from[lane] >> (32 - shift));
            }
        }
    }
}

static void unpack_vector(const uint8_t *restrict packed, unsigned width, uint32_t reference,
                          uint32_t *restrict values)
{
    uint32_t mask = (uint32_t)bit_mask(width);
    for (unsigned row = 0; row < ROW_COUNT; row++) {
        unsigned shift = row * width % 32;
        const uint8_t *words = packed + row * width / 32 * WORD_ROW_BYTES;
        uint32_t *to = values + row * LANE_COUNT;
        if (shift + width <= 32) {
            for (uint32_t lane = 0; lane < LANE_COUNT; lane++) {
                to[lane] = (lane_load(words, lane) >> shift & mask) + reference;
            }
        } else {
            const uint8_t *next = words + WORD_ROW_BYTES;
            unsigned left = 32 - shift;
            for (uint32_t lane = 0; lane < LANE_COUNT; lane++) {
                uint32_t value = lane_load(words, lane) >> shift | lane_load(next, lane) << left;
                to[lane] = (value & mask) + reference;
            }
        }
    }
}

static void fill_vector(uint32_t *values, uint32_t value)
{
    for (uint32_t index = 0; index < VECTOR_COUNT; index++) {
        values[index] = value;
    }
}

ENCODING_INLINE void unpack_any(const uint8_t *packed, unsigned width, uint32_t reference,
                                uint32_t *values)
{
    if (width == 0) {
        fill_vector(values, reference);
    } else {
        unpack_vector(packed, width, reference, values);
    }
}

static void unpack_vector64(const uint8_t *packed, unsigned width, uint64_t reference,
                            uint64_t *restrict values)
{
    uint32_t low[VECTOR_COUNT];
    uint32_t high[VECTOR_COUNT];
    unpack_any(packed, width < 32 ? width : 32, 0, low);
    if (width <= 32) {
        for (uint32_t index = 0; index < VECTOR_COUNT; index++) {
            values[index] = low[index] + reference;
        }
        return;
    }
    unpack_any(packed + (size_t)32 * WORD_ROW_BYTES, width - 32, 0, high);
    for (uint32_t index = 0; index < VECTOR_COUNT; index++) {
        values[index] = ((uint64_t)high[index] << 32 | low[index]) + reference;
    }
}

static void pack_vector64(const uint64_t *values, unsigned width, uint64_t reference,
                          uint8_t *packed)
{
    uint32_t half[VECTOR_COUNT];
    for (uint32_t index = 0; index < VECTOR_COUNT; index++) {
        half[index] = (uint32_t)(values[index] - reference);
    }
    pack_vector(half, width < 32 ? width : 32, packed);
    if (width > 32) {
        for (uint32_t index = 0; index < VECTOR_COUNT; index++) {
            half[index] = (uint32_t)((values[index] - reference) >> 32);
        }
        pack_vector(half, width - 32, packed + (size_t)32 * WORD_ROW_BYTES);
    }
}

size_t encoding_bitpack_size(uint32_t count, unsigned width)
{
    size_t tail_bits = (size_t)(count % VECTOR_COUNT) * width;
    return (size_t)(count / VECTOR_COUNT) * width * WORD_ROW_BYTES + (tail_bits + 7) / 8;
}

// `packed` is zeroed and has SLACK_BYTES behind it.
static void pack_tail(const uint64_t *values, uint32_t count, unsigned width, uint64_t reference,
                      uint8_t *packed)
{
    for (uint32_t index = 0; index < count; index++) {
        size_t bit = (size_t)index * width;
        unsigned shift = bit % 8;
        uint8_t *at = packed + bit / 8;
        uint64_t value = values[index] - reference;
        bytes_store_u64(at, bytes_load_u64(at) | value << shift);
        if (shift + width > 64) {
            at[8] = (uint8_t)(value >> (64 - shift));
        }
    }
}

ENCODING_INLINE void unpack_tail(const uint8_t *packed, uint32_t count, unsigned width,
                                 uint64_t reference, void *values, enum value_width value_width)
{
    uint64_t mask = bit_mask(width);
    for (uint32_t index = 0; index < count; index++) {
        size_t bit = (size_t)index * width;
        unsigned shift = bit % 8;
        const uint8_t *at = packed + bit / 8;
        // << 1 << (63 - shift) is << (64 - shift) that is also defined for shift 0.
        uint64_t value = bytes_load_u64(at) >> shift | (uint64_t)at[8] << 1 << (63 - shift);
        value_set(values, value_width, index, (value & mask) + reference);
    }
}

static void pack_all(const uint64_t *values, uint32_t count, unsigned width, uint64_t reference,
                     uint8_t *packed)
{
    uint32_t vectors = count / VECTOR_COUNT;
    for (uint32_t vector = 0; vector < vectors && width > 0; vector++) {
        pack_vector64(values + (size_t)vector * VECTOR_COUNT, width, reference,
                      packed + (size_t)vector * width * WORD_ROW_BYTES);
    }
    uint8_t tail[TAIL_BYTES_MAX + SLACK_BYTES] = {0};
    uint32_t left = count % VECTOR_COUNT;
    pack_tail(values + (size_t)vectors * VECTOR_COUNT, left, width, reference, tail);
    memcpy(packed + (size_t)vectors * width * WORD_ROW_BYTES, tail, ((size_t)left * width + 7) / 8);
}

// Narrow values: two rows of words at a time would not be faster, as the shifts are few.
static void unpack_vector8(const uint8_t *restrict packed, unsigned width, uint8_t reference,
                           uint8_t *restrict values)
{
    uint32_t mask = (uint32_t)bit_mask(width);
    for (unsigned row = 0; row < ROW_COUNT; row++) {
        unsigned shift = row * width % 32;
        const uint8_t *words = packed + row * width / 32 * WORD_ROW_BYTES;
        uint8_t *to = values + row * LANE_COUNT;
        for (uint32_t lane = 0; lane < LANE_COUNT; lane++) {
            to[lane] = (uint8_t)((lane_load(words, lane) >> shift & mask) + reference);
        }
    }
}

// A width that divides 32 has no value across two words.
ENCODING_INLINE void unpack_any8(const uint8_t *packed, unsigned width, uint64_t reference,
                                 uint8_t *values)
{
    if (width == 1 || width == 2 || width == 4 || width == 8) {
        unpack_vector8(packed, width, (uint8_t)reference, values);
        return;
    }
    uint32_t wide[VECTOR_COUNT];
    unpack_any(packed, width < 32 ? width : 32, (uint32_t)reference, wide);
    for (uint32_t index = 0; index < VECTOR_COUNT; index++) {
        values[index] = (uint8_t)wide[index];
    }
}

ENCODING_INLINE void unpack_all(const uint8_t *packed, unsigned width, uint64_t reference,
                                void *values, uint32_t count, enum value_width value_width)
{
    uint32_t vectors = count / VECTOR_COUNT;
    size_t vector_bytes = (size_t)width * WORD_ROW_BYTES;
    for (uint32_t vector = 0; vector < vectors; vector++) {
        const uint8_t *from = packed + vector * vector_bytes;
        size_t at = (size_t)vector * VECTOR_COUNT;
        if (value_width == VALUE_8) {
            unpack_any8(from, width, reference, (uint8_t *)values + at);
        } else if (value_width == VALUE_32) {
            unpack_any(from, width < 32 ? width : 32, (uint32_t)reference, (uint32_t *)values + at);
        } else {
            unpack_vector64(from, width, reference, (uint64_t *)values + at);
        }
    }
    uint32_t left = count % VECTOR_COUNT;
    uint8_t tail[TAIL_BYTES_MAX + SLACK_BYTES];
    size_t tail_bytes = ((size_t)left * width + 7) / 8;
    memcpy(tail, packed + vectors * vector_bytes, tail_bytes);
    memset(tail + tail_bytes, 0, SLACK_BYTES);
    unpack_tail(tail, left, width, reference,
                (uint8_t *)values + (size_t)vectors * VECTOR_COUNT * value_width, value_width);
}

void encoding_bitpack_encode_width(struct encoding_encoder *encoder, const uint64_t *values,
                                   uint32_t count, unsigned width, uint64_t reference,
                                   struct text_buffer *out)
{
    unsigned slots = encoder->slots.used;
    size_t size = encoding_bitpack_size(count, width);
    uint8_t *packed = encoding_slot_take(&encoder->slots, size);
    pack_all(values, count, width, reference, packed);
    text_buffer_append_u8(out, (uint8_t)width);
    size_t flag_at = out->size;
    text_buffer_append_u8(out, 0);
    text_buffer_append_u64(out, reference);
    size_t frame_at = out->size;
    text_buffer_append_u32(out, 0);
    // Bits that do not line up with bytes are noise to zstd; whole bytes are for plain.
    bool aligned = width == 1 || width == 2 || width == 4;
    if (aligned && encoding_compress_leaf(encoder, packed, size, out)) {
        out->bytes[flag_at] = 1;
        bytes_store_u32(out->bytes + frame_at, (uint32_t)(out->size - frame_at - sizeof(uint32_t)));
    } else {
        out->size = frame_at;
        text_buffer_append(out, packed, size);
    }
    encoder->slots.used = slots;
}

static uint64_t bitpack_estimate(const struct encoding_encoder *encoder,
                                 const struct encoding_statistics *statistics, uint32_t count)
{
    (void)encoder;
    return encoding_bitpack_size(count, bit_length(statistics->maximum - statistics->minimum));
}

static void bitpack_encode(struct encoding_encoder *encoder,
                           const struct encoding_statistics *statistics, const uint64_t *values,
                           uint32_t count, struct text_buffer *out)
{
    unsigned width = bit_length(statistics->maximum - statistics->minimum);
    unsigned way = encoding_variant(encoder);
    size_t from = out->size;
    encoding_bitpack_encode_width(encoder, values, count,
                                  width == 3 && way == WAY_HALF_BYTES ? 4 : width,
                                  statistics->minimum, out);
    if (width != 3 || way != 0) {
        encoding_set_variant(encoder, encoding_node(encoder), way);
        return;
    }
    // Few distinct values: four bits each, two to a byte, often compress below three bits.
    struct text_buffer wider = {0};
    encoding_bitpack_encode_width(encoder, values, count, 4, statistics->minimum, &wider);
    bool better = wider.size < out->size - from;
    if (better) {
        out->size = from;
        text_buffer_append(out, wider.bytes, wider.size);
    }
    encoding_set_variant(encoder, encoding_node(encoder),
                         better ? WAY_HALF_BYTES : WAY_FEWEST_BITS);
    text_buffer_deinit(&wider);
}

static const uint8_t *take_packed(struct encoding_decoder *decoder, bool compressed, size_t size)
{
    if (!compressed) {
        return byte_cursor_take(&decoder->cursor, size);
    }
    uint32_t frame_size = byte_cursor_u32(&decoder->cursor);
    const void *frame = byte_cursor_take(&decoder->cursor, frame_size);
    if (frame == NULL) {
        return NULL;
    }
    uint8_t *packed = encoding_slot_take(&decoder->slots, size);
    return encoding_decompress(decoder, frame, frame_size, packed, size) ? packed : NULL;
}

static bool bitpack_decode(struct encoding_decoder *decoder, void *values, enum value_width width,
                           uint32_t count)
{
    unsigned bits = byte_cursor_u8(&decoder->cursor);
    unsigned compressed = byte_cursor_u8(&decoder->cursor);
    uint64_t reference = byte_cursor_u64(&decoder->cursor);
    if (decoder->cursor.failed || bits > 64 || compressed > 1) {
        return decoder_fail(decoder, "bitpack: bad width or flag");
    }
    const uint8_t *packed =
        take_packed(decoder, compressed == 1, encoding_bitpack_size(count, bits));
    if (packed == NULL) {
        return decoder_fail(decoder, "bitpack: cut short or frame does not fit");
    }
    ENCODING_BY_WIDTH(width, unpack_all, packed, bits, reference, values, count);
    return true;
}

const struct encoding_codec encoding_bitpack = {
    "bitpack", ENCODING_DEPTH_MAX, bitpack_estimate, bitpack_encode, bitpack_decode,
};
