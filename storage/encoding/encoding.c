// SPDX-License-Identifier: Apache-2.0
#include "storage/encoding/encoding.h"

#include "storage/base/memory.h"
#include "storage/encoding/encoding_private.h"

#include <zstd.h>

#define LEAF_ZSTD_LEVEL 1     ///< packed values have no long repeats: higher levels gain nothing
#define COMPRESS_SIZE_MIN 64u ///< below, a frame's own header eats the gain
#define SAVING_SHARE 16u
#define SAMPLE_SIZE 4096u

static const struct encoding_codec *const CODECS[ENCODING_ID_END] = {
    [ENCODING_CONSTANT] = &encoding_constant,     [ENCODING_PLAIN] = &encoding_plain,
    [ENCODING_BITPACK] = &encoding_bitpack,       [ENCODING_PATCHED] = &encoding_patched,
    [ENCODING_RUN_LENGTH] = &encoding_run_length, [ENCODING_DELTA] = &encoding_delta,
    [ENCODING_USER_DELTA] = &encoding_user_delta, [ENCODING_DICTIONARY] = &encoding_dictionary,
    [ENCODING_SPARSE] = &encoding_sparse,         [ENCODING_BY_USER] = &encoding_by_user,
    [ENCODING_ENTROPY] = &encoding_entropy,       [ENCODING_GROUPED] = &encoding_grouped,
    [ENCODING_BY_NAME] = &encoding_by_name,       [ENCODING_BY_VISIT] = &encoding_by_visit,
};

const struct encoding_codec *encoding_codec_of(unsigned id)
{
    return id < ENCODING_ID_END ? CODECS[id] : NULL;
}

const char *encoding_name(enum encoding_id id)
{
    return (unsigned)id < ENCODING_ID_END && CODECS[id] != NULL ? CODECS[id]->name : NULL;
}

enum encoding_guide encoding_guide_of(const void *bytes, size_t size)
{
    unsigned id = size == 0 ? ENCODING_CHOOSE : *(const uint8_t *)bytes;
    return id == ENCODING_BY_NAME    ? ENCODING_GUIDE_NAMES
           : id == ENCODING_BY_VISIT ? ENCODING_GUIDE_TIMES
                                     : ENCODING_GUIDE_NONE;
}

uint32_t encoding_decoder_used(struct encoding_decoder *decoder)
{
    uint32_t used = decoder->used;
    decoder->used = 0;
    return used;
}

void encoding_used_describe(uint32_t used, struct text_buffer *out)
{
    const char *separator = "";
    // From the outside in: composite encodings have the higher ids.
    for (unsigned id = ENCODING_ID_END - 1; id > ENCODING_CHOOSE; id--) {
        if ((used >> id & 1) != 0) {
            text_buffer_append_string(out, separator);
            text_buffer_append_string(out, CODECS[id]->name);
            separator = " ";
        }
    }
    if ((used & ENCODING_USED_ZSTD) != 0) {
        text_buffer_append_string(out, "+zstd");
    }
}

void *encoding_slot_take(struct encoding_slots *slots, size_t size)
{
    ASSERT(slots->used < ENCODING_SLOT_COUNT);
    unsigned slot = slots->used++;
    if (size > slots->capacity[slot] || slots->memory[slot] == NULL) {
        memory_free(slots->memory[slot]);
        slots->memory[slot] = memory_allocate(size);
        slots->capacity[slot] = size;
    }
    return slots->memory[slot];
}

void encoding_slots_deinit(struct encoding_slots *slots)
{
    for (unsigned slot = 0; slot < ENCODING_SLOT_COUNT; slot++) {
        memory_free(slots->memory[slot]);
    }
}

struct encoding_encoder *encoding_encoder_create(int zstd_level)
{
    struct encoding_encoder *encoder = memory_allocate_zeroed(1, sizeof(*encoder));
    if (zstd_level == 0) {
        return encoder;
    }
    encoder->zstd = ZSTD_createCCtx();
    ASSERT(encoder->zstd != NULL);
    encoder->zstd_level = zstd_level;
    return encoder;
}

void encoding_encoder_destroy(struct encoding_encoder *encoder)
{
    if (encoder != NULL) {
        ZSTD_freeCCtx(encoder->zstd);
        encoding_slots_deinit(&encoder->slots);
        memory_free(encoder);
    }
}

struct encoding_decoder *encoding_decoder_create(void)
{
    struct encoding_decoder *decoder = memory_allocate_zeroed(1, sizeof(*decoder));
    return decoder;
}

void encoding_decoder_destroy(struct encoding_decoder *decoder)
{
    if (decoder != NULL) {
        ZSTD_freeDCtx(decoder->zstd);
        encoding_slots_deinit(&decoder->slots);
        memory_free(decoder);
    }
}

// Sum of squares of the byte counts of a sample: 1/256 of its square for noise. Where a sample
// looks like noise, zstd would only burn time; long repeats of noise, which it could find, do not
// occur here.
static bool looks_like_noise(const uint8_t *bytes, size_t size)
{
    uint32_t counts[256] = {0};
    size_t step = size > SAMPLE_SIZE ? size / SAMPLE_SIZE : 1;
    uint64_t sampled = 0;
    uint64_t squares = 0;
    for (size_t at = 0; at < size; at += step) {
        counts[bytes[at]]++;
        sampled++;
    }
    for (unsigned value = 0; value < 256; value++) {
        squares += (uint64_t)counts[value] * counts[value];
    }
    // Expected for noise: sampled^2 / 256 + sampled.
    return size >= SAMPLE_SIZE &&
           squares * 256 < sampled * sampled + 256 * sampled + sampled * sampled / 4;
}

static void set_level(struct encoding_encoder *encoder, int level)
{
    if (encoder->zstd_level_now != level) {
        encoder->zstd_level_now = level;
        ASSERT(
            !ZSTD_isError(ZSTD_CCtx_setParameter(encoder->zstd, ZSTD_c_compressionLevel, level)));
    }
}

static bool compress_at(struct encoding_encoder *encoder, int level, const void *bytes, size_t size,
                        struct text_buffer *out)
{
    if (encoder->zstd == NULL || size < COMPRESS_SIZE_MIN || looks_like_noise(bytes, size)) {
        return false;
    }
    size_t bound = ZSTD_compressBound(size);
    char *target = text_buffer_reserve(out, bound);
    set_level(encoder, level);
    size_t compressed = ZSTD_compress2(encoder->zstd, target, bound, bytes, size);
    ASSERT(!ZSTD_isError(compressed));
    if (compressed > size - size / SAVING_SHARE) {
        return false;
    }
    out->size += compressed;
    return true;
}

bool encoding_compress(struct encoding_encoder *encoder, const void *bytes, size_t size,
                       struct text_buffer *out)
{
    return compress_at(encoder, encoder->zstd_level, bytes, size, out);
}

bool encoding_compress_leaf(struct encoding_encoder *encoder, const void *bytes, size_t size,
                            struct text_buffer *out)
{
    return compress_at(encoder, LEAF_ZSTD_LEVEL, bytes, size, out);
}

bool encoding_decompress(struct encoding_decoder *decoder, const void *frame, size_t frame_size,
                         void *bytes, size_t size)
{
    decoder->used |= ENCODING_USED_ZSTD;
    if (decoder->zstd == NULL) { // 160 KiB, which a reader of cached blocks never needs
        decoder->zstd = ZSTD_createDCtx();
        ASSERT(decoder->zstd != NULL);
    }
    return ZSTD_getFrameContentSize(frame, frame_size) == size &&
           ZSTD_decompressDCtx(decoder->zstd, bytes, size, frame, frame_size) == size;
}

bool encoding_users_cover(const struct encoding_users *users, uint32_t count)
{
    if (users == NULL) {
        return false;
    }
    uint64_t sum = 0;
    bool empty = false;
    for (uint32_t user = 0; user < users->user_count; user++) {
        sum += users->row_counts[user];
        empty |= users->row_counts[user] == 0;
    }
    return !empty && sum == count;
}

bool decoder_fail(struct encoding_decoder *decoder, const char *fault)
{
    decoder->fault = fault;
    return false;
}

bool encoding_decode_node(struct encoding_decoder *decoder, void *values, enum value_width width,
                          uint32_t count)
{
    unsigned id = byte_cursor_u8(&decoder->cursor);
    if (encoding_name((enum encoding_id)id) == NULL) {
        return decoder_fail(decoder, "unknown encoding");
    }
    if (decoder->depth >= ENCODING_DEPTH_MAX) {
        return decoder_fail(decoder, "nodes nest too deep");
    }
    unsigned slots = decoder->slots.used;
    decoder->depth++;
    decoder->used |= UINT32_C(1) << id;
    bool decoded = CODECS[id]->decode(decoder, values, width, count);
    decoder->depth--;
    decoder->slots.used = slots;
    return decoded;
}

static enum corong_status decode_root(struct encoding_decoder *decoder, struct byte_cursor cursor,
                                      const struct encoding_users *users, void *values,
                                      enum value_width width, uint32_t count,
                                      struct corong_error *error)
{
    if (count > ENCODING_COUNT_MAX) {
        return error_set(error, CORONG_CORRUPT, "array of %u values; at most %u are allowed", count,
                         ENCODING_COUNT_MAX);
    }
    decoder->cursor = cursor;
    decoder->users = users;
    decoder->depth = 0;
    decoder->slots.used = 0;
    if (!encoding_decode_node(decoder, values, width, count)) {
        return error_set(error, CORONG_CORRUPT, "array does not decode: %s", decoder->fault);
    }
    if (decoder->cursor.failed || byte_cursor_left(&decoder->cursor) != 0) {
        return error_set(error, CORONG_CORRUPT, "array has %zu bytes too many",
                         byte_cursor_left(&decoder->cursor));
    }
    return CORONG_OK;
}

enum corong_status encoding_decode8(struct encoding_decoder *decoder, const void *bytes,
                                    size_t size, const struct encoding_users *users,
                                    uint8_t *values, uint32_t count, struct corong_error *error)
{
    return decode_root(decoder, byte_cursor_over(bytes, size), users, values, VALUE_8, count,
                       error);
}

enum corong_status encoding_decode32(struct encoding_decoder *decoder, const void *bytes,
                                     size_t size, const struct encoding_users *users,
                                     uint32_t *values, uint32_t count, struct corong_error *error)
{
    return decode_root(decoder, byte_cursor_over(bytes, size), users, values, VALUE_32, count,
                       error);
}

enum corong_status encoding_decode64(struct encoding_decoder *decoder, const void *bytes,
                                     size_t size, const struct encoding_users *users,
                                     uint64_t *values, uint32_t count, struct corong_error *error)
{
    return decode_root(decoder, byte_cursor_over(bytes, size), users, values, VALUE_64, count,
                       error);
}
