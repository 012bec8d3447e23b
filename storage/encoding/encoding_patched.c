// SPDX-License-Identifier: Apache-2.0
/// Patched frame of reference: a few large values must not widen all. u8 width, u32 exception
/// count, child codes, child exceptions. A code with all `width` bits set stands for the next
/// exception, whose stored value is value - that code; positions need no bytes of their own.
#include "storage/encoding/encoding_kernels.h"
#include "storage/encoding/encoding_private.h"

#define PATCHED_WIDTH_MAX 32u
#define BYTE_WIDTH 8u
#define WAY_FEWEST_BITS 1u
#define WAY_BYTES 2u

static uint32_t exception_count(const struct encoding_statistics *statistics, unsigned width)
{
    uint32_t count = 0;
    for (unsigned length = width + 1; length <= 64; length++) {
        count += statistics->bit_counts[length];
    }
    return count;
}

static uint64_t patched_bits(const struct encoding_statistics *statistics, uint32_t count,
                             unsigned width)
{
    uint64_t exceptions = exception_count(statistics, width);
    return (uint64_t)count * width + exceptions * bit_length(statistics->maximum);
}

static unsigned best_width(const struct encoding_statistics *statistics, uint32_t count)
{
    unsigned best = 1;
    for (unsigned width = 2; width <= PATCHED_WIDTH_MAX; width++) {
        if (patched_bits(statistics, count, width) < patched_bits(statistics, count, best)) {
            best = width;
        }
    }
    return best;
}

static uint64_t patched_estimate(const struct encoding_encoder *encoder,
                                 const struct encoding_statistics *statistics, uint32_t count)
{
    (void)encoder;
    if (statistics->maximum < 4) {
        return ENCODING_IMPOSSIBLE;
    }
    return patched_bits(statistics, count, best_width(statistics, count)) / 8;
}

static void encode_width(struct encoding_encoder *encoder, unsigned width, const uint64_t *values,
                         uint32_t count, struct text_buffer *out)
{
    unsigned slots = encoder->slots.used;
    uint64_t *codes = encoding_slot_take(&encoder->slots, count * sizeof(uint64_t));
    uint64_t *exceptions = encoding_slot_take(&encoder->slots, (count + 1) * sizeof(uint64_t));
    uint64_t escape = bit_mask(width);
    uint32_t found = 0;
    for (uint32_t index = 0; index < count; index++) {
        bool large = values[index] >= escape;
        exceptions[found] = values[index] - escape;
        found += large;
        codes[index] = large ? escape : values[index];
    }
    text_buffer_append_u8(out, (uint8_t)width);
    text_buffer_append_u32(out, found);
    encoding_encode_child(encoder, codes, count, out);
    encoding_encode_child(encoder, exceptions, found, out);
    encoder->slots.used = slots;
}

// Whole bytes, which zstd's entropy coder can shorten, may beat the width of fewest bits.
static unsigned try_both(struct encoding_encoder *encoder, unsigned width, const uint64_t *values,
                         uint32_t count, struct text_buffer *out)
{
    struct text_buffer bytes = {0};
    struct encoding_tree before = encoder->made;
    unsigned followed_at = encoder->followed_at; // both ways follow the same children
    size_t from = out->size;
    encode_width(encoder, width, values, count, out);
    struct encoding_tree narrow = encoder->made;
    encoder->made = before;
    encoder->followed_at = followed_at;
    encode_width(encoder, BYTE_WIDTH, values, count, &bytes);
    bool better = bytes.size < out->size - from;
    if (better) {
        out->size = from;
        text_buffer_append(out, bytes.bytes, bytes.size);
    } else {
        encoder->made = narrow;
    }
    text_buffer_deinit(&bytes);
    return better ? WAY_BYTES : WAY_FEWEST_BITS;
}

static void patched_encode(struct encoding_encoder *encoder,
                           const struct encoding_statistics *statistics, const uint64_t *values,
                           uint32_t count, struct text_buffer *out)
{
    unsigned width = best_width(statistics, count);
    unsigned way = encoding_variant(encoder);
    unsigned node = encoding_node(encoder);
    if (way == WAY_BYTES) {
        width = BYTE_WIDTH;
    }
    if (way == 0 && width != BYTE_WIDTH && width >= 5 && width <= 12) {
        way = try_both(encoder, width, values, count, out);
    } else {
        encode_width(encoder, width, values, count, out);
    }
    encoding_set_variant(encoder, node, way);
}

ENCODING_INLINE uint32_t find_escapes(const void *values, enum value_width width, uint32_t count,
                                      uint64_t escape, uint32_t *restrict positions)
{
    uint32_t found = 0;
    for (uint32_t index = 0; index < count; index++) {
        positions[found] = index;
        found += value_get(values, width, index) == escape;
    }
    return found;
}

ENCODING_INLINE bool decode_wide(struct encoding_decoder *decoder, unsigned bits,
                                 uint32_t exceptions, void *values, uint32_t count,
                                 enum value_width width)
{
    if (!encoding_decode_node(decoder, values, width, count)) {
        return false;
    }
    uint32_t *positions =
        encoding_slot_take(&decoder->slots, (count + (size_t)1) * sizeof(uint32_t));
    void *large = encoding_slot_take(&decoder->slots, (size_t)exceptions * width);
    uint64_t escape = bit_mask(bits);
    if (find_escapes(values, width, count, escape, positions) != exceptions) {
        return decoder_fail(decoder, "patched: exceptions do not match their count");
    }
    if (!encoding_decode_node(decoder, large, width, exceptions)) {
        return false;
    }
    for (uint32_t index = 0; index < exceptions; index++) {
        value_set(values, width, positions[index], value_get(large, width, index) + escape);
    }
    return true;
}

ENCODING_INLINE void expand(const uint8_t *codes, uint8_t escape, const void *large, void *values,
                            uint32_t count, enum value_width width)
{
    uint32_t next = 0;
    for (uint32_t index = 0; index < count; index++) {
        bool exception = codes[index] == escape;
        uint64_t added = exception ? value_get(large, width, next) : 0;
        next += exception;
        value_set(values, width, index, codes[index] + added);
    }
}

static uint32_t count_codes(const uint8_t *codes, uint32_t count, uint8_t code)
{
    uint32_t found = 0;
    for (uint32_t index = 0; index < count; index++) {
        found += codes[index] == code;
    }
    return found;
}

// Codes of at most a byte are decoded as bytes and widened while the exceptions are put in.
static bool decode_narrow(struct encoding_decoder *decoder, unsigned bits, uint32_t exceptions,
                          void *values, enum value_width width, uint32_t count)
{
    uint8_t escape = (uint8_t)bit_mask(bits);
    uint8_t *codes = encoding_slot_take(&decoder->slots, count);
    // Expanding reads whole vectors of exceptions.
    void *large = encoding_slot_take(&decoder->slots,
                                     ((size_t)exceptions + ENCODING_KERNEL_SLACK) * (size_t)width);
    if (!encoding_decode_node(decoder, codes, VALUE_8, count) ||
        !encoding_decode_node(decoder, large, width, exceptions)) {
        return false;
    }
    if (count_codes(codes, count, escape) != exceptions) {
        return decoder_fail(decoder, "patched: exceptions do not match their count");
    }
    if (width == VALUE_32) {
        encoding_expand_bytes(codes, escape, large, values, count);
    } else {
        ENCODING_BY_WIDTH(width, expand, codes, escape, large, values, count);
    }
    return true;
}

static bool patched_decode(struct encoding_decoder *decoder, void *values, enum value_width width,
                           uint32_t count)
{
    unsigned bits = byte_cursor_u8(&decoder->cursor);
    uint32_t exceptions = byte_cursor_u32(&decoder->cursor);
    if (bits < 1 || bits > PATCHED_WIDTH_MAX || exceptions > count) {
        return decoder_fail(decoder, "patched: bad width or count");
    }
    if (bits <= BYTE_WIDTH) {
        return decode_narrow(decoder, bits, exceptions, values, width, count);
    }
    if (width == VALUE_8) {
        uint32_t *wide = encoding_slot_take(&decoder->slots, count * sizeof(*wide));
        bool decoded = decode_wide(decoder, bits, exceptions, wide, count, VALUE_32);
        for (uint32_t index = 0; decoded && index < count; index++) {
            ((uint8_t *)values)[index] = (uint8_t)wide[index];
        }
        return decoded;
    }
    return width == VALUE_32 ? decode_wide(decoder, bits, exceptions, values, count, VALUE_32)
                             : decode_wide(decoder, bits, exceptions, values, count, VALUE_64);
}

const struct encoding_codec encoding_patched = {
    "patched", 2, patched_estimate, patched_encode, patched_decode,
};
