// SPDX-License-Identifier: Apache-2.0
/// Mostly one value (often: missing): u64 common value, exceptions.
/// Exceptions: u32 count, child gaps (rows skipped since the exception before), child values.
#include "storage/encoding/encoding_private.h"

#define GAP_BITS_EXTRA 2u

void encoding_exceptions_encode(struct encoding_encoder *encoder, uint64_t *positions,
                                const uint64_t *values, uint32_t exception_count,
                                struct text_buffer *out)
{
    uint64_t next = 0;
    for (uint32_t index = 0; index < exception_count; index++) {
        uint64_t position = positions[index];
        positions[index] = position - next;
        next = position + 1;
    }
    text_buffer_append_u32(out, exception_count);
    encoding_encode_child(encoder, positions, exception_count, out);
    encoding_encode_child(encoder, values, exception_count, out);
}

ENCODING_INLINE bool scatter(const uint32_t *gaps, const void *exceptions, uint32_t exception_count,
                             void *values, uint32_t count, enum value_width width)
{
    uint64_t next = 0;
    for (uint32_t index = 0; index < exception_count; index++) {
        uint64_t position = next + gaps[index];
        if (position >= count) {
            return false;
        }
        value_set(values, width, position, value_get(exceptions, width, index));
        next = position + 1;
    }
    return true;
}

bool encoding_exceptions_decode(struct encoding_decoder *decoder, void *values,
                                enum value_width width, uint32_t count)
{
    uint32_t exception_count = byte_cursor_u32(&decoder->cursor);
    if (exception_count > count) {
        return decoder_fail(decoder, "exceptions: more than values");
    }
    uint32_t *gaps = encoding_slot_take(&decoder->slots, exception_count * sizeof(uint32_t));
    void *exceptions = encoding_slot_take(&decoder->slots, (size_t)exception_count * width);
    if (!encoding_decode_node(decoder, gaps, VALUE_32, exception_count) ||
        !encoding_decode_node(decoder, exceptions, width, exception_count)) {
        return false;
    }
    bool fits = ENCODING_BY_WIDTH(width, scatter, gaps, exceptions, exception_count, values, count);
    return fits || decoder_fail(decoder, "exceptions: a position past the end");
}

static uint64_t sparse_estimate(const struct encoding_encoder *encoder,
                                const struct encoding_statistics *statistics, uint32_t count)
{
    (void)encoder;
    uint32_t exceptions = count - statistics->majority_count;
    if (count < 2 || exceptions > count / 2) {
        return ENCODING_IMPOSSIBLE;
    }
    unsigned bits = bit_length(statistics->maximum - statistics->minimum);
    unsigned gap_bits = bit_length(count / (exceptions + 1)) + GAP_BITS_EXTRA;
    return (uint64_t)exceptions * (bits + gap_bits) / 8 + sizeof(uint64_t);
}

static void sparse_encode(struct encoding_encoder *encoder,
                          const struct encoding_statistics *statistics, const uint64_t *values,
                          uint32_t count, struct text_buffer *out)
{
    unsigned slots = encoder->slots.used;
    uint32_t exceptions = count - statistics->majority_count;
    uint64_t *positions = encoding_slot_take(&encoder->slots, exceptions * sizeof(uint64_t));
    uint64_t *others = encoding_slot_take(&encoder->slots, exceptions * sizeof(uint64_t));
    uint32_t found = 0;
    for (uint32_t index = 0; index < count; index++) {
        if (values[index] != statistics->majority) {
            positions[found] = index;
            others[found++] = values[index];
        }
    }
    text_buffer_append_u64(out, statistics->majority);
    encoding_exceptions_encode(encoder, positions, others, found, out);
    encoder->slots.used = slots;
}

ENCODING_INLINE void fill(void *values, uint32_t count, uint64_t value, enum value_width width)
{
    for (uint32_t index = 0; index < count; index++) {
        value_set(values, width, index, value);
    }
}

static bool sparse_decode(struct encoding_decoder *decoder, void *values, enum value_width width,
                          uint32_t count)
{
    uint64_t common = byte_cursor_u64(&decoder->cursor);
    ENCODING_BY_WIDTH(width, fill, values, count, common);
    return encoding_exceptions_decode(decoder, values, width, count);
}

const struct encoding_codec encoding_sparse = {
    "sparse", 1, sparse_estimate, sparse_encode, sparse_decode,
};
