// SPDX-License-Identifier: Apache-2.0
/// Bytes of the values, plane by plane: u8 plane count (1 to 8); then, for each plane from the
/// least significant byte up, u8 compressed, [u32 frame size], bytes. High planes are nearly
/// constant and compress to nothing while the low one, often noise, stays raw and costs no
/// decompression.
#include "storage/encoding/encoding_private.h"

#define PLANE_COUNT_MAX 8u
#define CHUNK_COUNT 1024u

static unsigned plane_count(uint64_t maximum)
{
    return maximum == 0 ? 1 : (bit_length(maximum) + 7) / 8;
}

static uint64_t plain_estimate(const struct encoding_encoder *encoder,
                               const struct encoding_statistics *statistics, uint32_t count)
{
    (void)encoder;
    return (uint64_t)count * plane_count(statistics->maximum);
}

static void append_plane(struct encoding_encoder *encoder, const uint8_t *plane, uint32_t count,
                         struct text_buffer *out)
{
    size_t flag_at = out->size;
    text_buffer_append_u8(out, 1);
    text_buffer_append_u32(out, 0);
    size_t frame_at = out->size;
    if (encoding_compress_leaf(encoder, plane, count, out)) {
        bytes_store_u32(out->bytes + flag_at + 1, (uint32_t)(out->size - frame_at));
        return;
    }
    out->size = flag_at;
    text_buffer_append_u8(out, 0);
    text_buffer_append(out, plane, count);
}

static void plain_encode(struct encoding_encoder *encoder,
                         const struct encoding_statistics *statistics, const uint64_t *values,
                         uint32_t count, struct text_buffer *out)
{
    unsigned planes = plane_count(statistics->maximum);
    unsigned slots = encoder->slots.used;
    uint8_t *plane = encoding_slot_take(&encoder->slots, count);
    text_buffer_append_u8(out, (uint8_t)planes);
    for (unsigned at = 0; at < planes; at++) {
        for (uint32_t index = 0; index < count; index++) {
            plane[index] = (uint8_t)(values[index] >> (8 * at));
        }
        append_plane(encoder, plane, count, out);
    }
    encoder->slots.used = slots;
}

static const uint8_t *take_plane(struct encoding_decoder *decoder, uint32_t count)
{
    unsigned compressed = byte_cursor_u8(&decoder->cursor);
    if (compressed == 0) {
        return byte_cursor_take(&decoder->cursor, count);
    }
    uint32_t frame_size = byte_cursor_u32(&decoder->cursor);
    const void *frame = byte_cursor_take(&decoder->cursor, frame_size);
    if (frame == NULL || compressed != 1) {
        return NULL;
    }
    uint8_t *plane = encoding_slot_take(&decoder->slots, count);
    return encoding_decompress(decoder, frame, frame_size, plane, count) ? plane : NULL;
}

ENCODING_INLINE void join_chunk(const uint8_t *const *planes, unsigned plane_total, size_t from,
                                uint32_t count, void *values, enum value_width width)
{
    for (uint32_t index = 0; index < count; index++) {
        value_set(values, width, from + index, planes[0][from + index]);
    }
    for (unsigned plane = 1; plane < plane_total && plane < (unsigned)width; plane++) {
        const uint8_t *restrict bytes = planes[plane] + from;
        for (uint32_t index = 0; index < count; index++) {
            uint64_t value = value_get(values, width, from + index);
            value_set(values, width, from + index, value | (uint64_t)bytes[index] << (8 * plane));
        }
    }
}

// In chunks, so that the values stay in the nearest cache while the planes are joined.
ENCODING_INLINE void join_planes(const uint8_t *const *planes, unsigned plane_total, void *values,
                                 uint32_t count, enum value_width width)
{
    for (uint32_t from = 0; from < count; from += CHUNK_COUNT) {
        uint32_t left = count - from;
        join_chunk(planes, plane_total, from, left < CHUNK_COUNT ? left : CHUNK_COUNT, values,
                   width);
    }
}

static bool plain_decode(struct encoding_decoder *decoder, void *values, enum value_width width,
                         uint32_t count)
{
    const uint8_t *planes[PLANE_COUNT_MAX];
    unsigned total = byte_cursor_u8(&decoder->cursor);
    if (total < 1 || total > PLANE_COUNT_MAX) {
        return decoder_fail(decoder, "plain: bad plane count");
    }
    for (unsigned plane = 0; plane < total; plane++) {
        planes[plane] = take_plane(decoder, count);
        if (planes[plane] == NULL) {
            return decoder_fail(decoder, "plain: cut short or frame does not fit");
        }
    }
    ENCODING_BY_WIDTH(width, join_planes, planes, total, values, count);
    return true;
}

const struct encoding_codec encoding_plain = {
    "plain", ENCODING_DEPTH_MAX, plain_estimate, plain_encode, plain_decode,
};
