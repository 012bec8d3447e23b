// SPDX-License-Identifier: Apache-2.0
/// Run-length: u32 run count, child values, child lengths - 1.
#include "storage/encoding/encoding_private.h"

static uint64_t run_length_estimate(const struct encoding_encoder *encoder,
                                    const struct encoding_statistics *statistics, uint32_t count)
{
    (void)encoder;
    if (count == 0) {
        return ENCODING_IMPOSSIBLE;
    }
    unsigned bits = bit_length(statistics->maximum - statistics->minimum);
    // Average length of a run, in bits, and one for what is above the average.
    unsigned length_bits = bit_length(count / statistics->run_count) + 1;
    return (uint64_t)statistics->run_count * (bits + length_bits) / 8;
}

static void run_length_encode(struct encoding_encoder *encoder,
                              const struct encoding_statistics *statistics, const uint64_t *values,
                              uint32_t count, struct text_buffer *out)
{
    unsigned slots = encoder->slots.used;
    uint32_t runs = statistics->run_count;
    uint64_t *run_values = encoding_slot_take(&encoder->slots, runs * sizeof(uint64_t));
    uint64_t *lengths = encoding_slot_take(&encoder->slots, runs * sizeof(uint64_t));
    uint32_t run = 0;
    uint32_t from = 0;
    for (uint32_t index = 1; index <= count; index++) {
        if (index == count || values[index] != values[from]) {
            run_values[run] = values[from];
            lengths[run++] = index - from - 1;
            from = index;
        }
    }
    ASSERT(run == runs);
    text_buffer_append_u32(out, runs);
    encoding_encode_child(encoder, run_values, runs, out);
    encoding_encode_child(encoder, lengths, runs, out);
    encoder->slots.used = slots;
}

ENCODING_INLINE bool expand(const void *run_values, const uint32_t *lengths, uint32_t runs,
                            void *values, uint32_t count, enum value_width width)
{
    uint32_t at = 0;
    for (uint32_t run = 0; run < runs; run++) {
        if (lengths[run] >= count - at) {
            return false;
        }
        uint64_t value = value_get(run_values, width, run);
        for (uint32_t end = at + lengths[run] + 1; at < end; at++) {
            value_set(values, width, at, value);
        }
    }
    return at == count;
}

static bool run_length_decode(struct encoding_decoder *decoder, void *values,
                              enum value_width width, uint32_t count)
{
    uint32_t runs = byte_cursor_u32(&decoder->cursor);
    if (runs > count) {
        return decoder_fail(decoder, "run-length: more runs than values");
    }
    void *run_values = encoding_slot_take(&decoder->slots, (size_t)runs * width);
    uint32_t *lengths = encoding_slot_take(&decoder->slots, (size_t)runs * sizeof(uint32_t));
    if (!encoding_decode_node(decoder, run_values, width, runs) ||
        !encoding_decode_node(decoder, lengths, VALUE_32, runs)) {
        return false;
    }
    bool fits = ENCODING_BY_WIDTH(width, expand, run_values, lengths, runs, values, count);
    return fits || decoder_fail(decoder, "run-length: lengths do not sum to the count");
}

const struct encoding_codec encoding_run_length = {
    "run-length", 1, run_length_estimate, run_length_encode, run_length_decode,
};
