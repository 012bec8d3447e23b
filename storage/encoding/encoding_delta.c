// SPDX-License-Identifier: Apache-2.0
/// Difference to the value before: u64 first value, u64 smallest difference, child differences -
/// that (one fewer than values). All arithmetic is modulo 2^64, so any values pass.
#include "storage/encoding/encoding_private.h"

static uint64_t delta_estimate(const struct encoding_encoder *encoder,
                               const struct encoding_statistics *statistics, uint32_t count)
{
    (void)encoder;
    if (count < 2) {
        return ENCODING_IMPOSSIBLE;
    }
    uint64_t range = statistics->delta_maximum - statistics->delta_minimum;
    return encoding_bitpack_size(count, bit_length(range)) + 2 * sizeof(uint64_t);
}

static void delta_encode(struct encoding_encoder *encoder,
                         const struct encoding_statistics *statistics, const uint64_t *values,
                         uint32_t count, struct text_buffer *out)
{
    unsigned slots = encoder->slots.used;
    uint64_t *deltas = encoding_slot_take(&encoder->slots, count * sizeof(uint64_t));
    for (uint32_t index = 1; index < count; index++) {
        deltas[index - 1] = values[index] - values[index - 1] - statistics->delta_minimum;
    }
    text_buffer_append_u64(out, values[0]);
    text_buffer_append_u64(out, statistics->delta_minimum);
    encoding_encode_child(encoder, deltas, count - 1, out);
    encoder->slots.used = slots;
}

ENCODING_INLINE void sum_up(void *values, uint32_t count, uint64_t first, uint64_t step,
                            enum value_width width)
{
    uint64_t value = first;
    value_set(values, width, 0, value);
    for (uint32_t index = 1; index < count; index++) {
        value += value_get(values, width, index) + step;
        value_set(values, width, index, value);
    }
}

static bool delta_decode(struct encoding_decoder *decoder, void *values, enum value_width width,
                         uint32_t count)
{
    uint64_t first = byte_cursor_u64(&decoder->cursor);
    uint64_t step = byte_cursor_u64(&decoder->cursor);
    if (count == 0 || decoder->cursor.failed) {
        return decoder_fail(decoder, "delta: no values or cut short");
    }
    if (!encoding_decode_node(decoder, (uint8_t *)values + width, width, count - 1)) {
        return false;
    }
    ENCODING_BY_WIDTH(width, sum_up, values, count, first, step);
    return true;
}

const struct encoding_codec encoding_delta = {
    "delta", 1, delta_estimate, delta_encode, delta_decode,
};
