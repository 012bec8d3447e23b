// SPDX-License-Identifier: Apache-2.0
/// All values equal: u64 value.
#include "storage/encoding/encoding_private.h"

static uint64_t constant_estimate(const struct encoding_encoder *encoder,
                                  const struct encoding_statistics *statistics, uint32_t count)
{
    (void)encoder;
    bool fits = count == 0 || statistics->minimum == statistics->maximum;
    return fits ? sizeof(uint64_t) : ENCODING_IMPOSSIBLE;
}

static void constant_encode(struct encoding_encoder *encoder,
                            const struct encoding_statistics *statistics, const uint64_t *values,
                            uint32_t count, struct text_buffer *out)
{
    (void)encoder;
    (void)statistics;
    text_buffer_append_u64(out, count == 0 ? 0 : values[0]);
}

ENCODING_INLINE void fill(void *values, uint32_t count, uint64_t value, enum value_width width)
{
    for (uint32_t index = 0; index < count; index++) {
        value_set(values, width, index, value);
    }
}

static bool constant_decode(struct encoding_decoder *decoder, void *values, enum value_width width,
                            uint32_t count)
{
    uint64_t value = byte_cursor_u64(&decoder->cursor);
    if (decoder->cursor.failed) {
        return decoder_fail(decoder, "constant: cut short");
    }
    ENCODING_BY_WIDTH(width, fill, values, count, value);
    return true;
}

const struct encoding_codec encoding_constant = {
    "constant", ENCODING_DEPTH_MAX, constant_estimate, constant_encode, constant_decode,
};
