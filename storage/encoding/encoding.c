// SPDX-License-Identifier: Apache-2.0
#include "storage/encoding/encoding.h"

#include "storage/base/memory.h"
#include "storage/encoding/encoding_private.h"

#include <zstd.h>

#define LEAF_ZSTD_LEVEL 1     ///< packed values have no long repeats: higher levels gain nothing
#define COMPRESS_SIZE_MIN 64u ///< below, a frame's own header eats the gain
#define SAVING_SHARE 16u
#define SAMPLE_SIZE 4096u
#define SAMPLE_COUNT 4096u     ///< values looked at to estimate how many are how wide
#define ENTROPY_SHARE 512u     ///< of the bytes that entropy coding must save at least
#define ENTROPY_SHARE_SLOW 16u ///< where speed is favoured
#define TRY_SLACK 2u ///< estimates may be wrong by this factor before a candidate is dropped

static const struct encoding_codec *const CODECS[ENCODING_ID_END] = {
    [ENCODING_CONSTANT] = &encoding_constant,     [ENCODING_PLAIN] = &encoding_plain,
    [ENCODING_BITPACK] = &encoding_bitpack,       [ENCODING_PATCHED] = &encoding_patched,
    [ENCODING_RUN_LENGTH] = &encoding_run_length, [ENCODING_DELTA] = &encoding_delta,
    [ENCODING_USER_DELTA] = &encoding_user_delta, [ENCODING_DICTIONARY] = &encoding_dictionary,
    [ENCODING_SPARSE] = &encoding_sparse,         [ENCODING_BY_USER] = &encoding_by_user,
    [ENCODING_ENTROPY] = &encoding_entropy,       [ENCODING_GROUPED] = &encoding_grouped,
    [ENCODING_BY_NAME] = &encoding_by_name,       [ENCODING_BY_VISIT] = &encoding_by_visit,
};

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
    decoder->zstd = ZSTD_createDCtx();
    ASSERT(decoder->zstd != NULL);
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

static void find_bounds(struct encoding_statistics *statistics, const uint64_t *values,
                        uint32_t count)
{
    uint64_t minimum = values[0];
    uint64_t maximum = values[0];
    for (uint32_t index = 1; index < count; index++) {
        minimum = values[index] < minimum ? values[index] : minimum;
        maximum = values[index] > maximum ? values[index] : maximum;
    }
    statistics->minimum = minimum;
    statistics->maximum = maximum;
}

// Bit lengths are for estimates, and a majority shows in a sample as well. False: there is none.
static bool sample_values(struct encoding_statistics *statistics, const uint64_t *values,
                          uint32_t count)
{
    uint32_t step = count > 2 * SAMPLE_COUNT ? count / SAMPLE_COUNT : 1;
    uint64_t candidate = values[0];
    uint32_t votes = 0;
    uint32_t last = 0;
    for (uint32_t index = 0; index < count; index += step) {
        uint64_t value = values[index];
        last = value == UINT64_MAX ? 64 : bit_length(value + 1);
        statistics->bit_counts[last] += step;
        if (votes == 0) { // Boyer and Moore: what is more than half survives the vote
            candidate = value;
        }
        votes += value == candidate ? 1u : -1u;
    }
    // The counts sum to the number of values.
    statistics->bit_counts[last] -= (step - count % step) % step;
    statistics->majority = candidate;
    uint32_t equal = 0;
    for (uint32_t index = 0; index < count && votes > 0; index += step) {
        equal += values[index] == candidate;
    }
    return equal > count / step / 3;
}

static void analyse_values(struct encoding_statistics *statistics, const uint64_t *values,
                           uint32_t count)
{
    if (!sample_values(statistics, values, count)) {
        return;
    }
    uint64_t majority = statistics->majority;
    uint32_t majority_count = 0;
    for (uint32_t index = 0; index < count; index++) {
        majority_count += values[index] == majority;
    }
    statistics->majority_count = majority_count;
}

static void analyse_neighbours(struct encoding_statistics *statistics, const uint64_t *values,
                               uint32_t count)
{
    int64_t smallest = count > 1 ? (int64_t)(values[1] - values[0]) : 0;
    int64_t largest = smallest;
    uint32_t runs = 1;
    for (uint32_t index = 1; index < count; index++) {
        int64_t delta = (int64_t)(values[index] - values[index - 1]);
        smallest = delta < smallest ? delta : smallest;
        largest = delta > largest ? delta : largest;
        runs += delta != 0;
    }
    statistics->delta_minimum = (uint64_t)smallest;
    statistics->delta_maximum = (uint64_t)largest;
    statistics->run_count = runs;
}

static void analyse_users(struct encoding_statistics *statistics,
                          const struct encoding_users *users, const uint64_t *values)
{
    size_t at = 0;
    for (uint32_t user = 0; user < users->user_count; user++) {
        uint64_t first = values[at++];
        for (uint32_t row = 1; row < users->row_counts[user]; row++, at++) {
            uint64_t delta = values[at] - values[at - 1];
            statistics->user_difference_count += values[at] != first;
            if (delta > statistics->user_delta_maximum) {
                statistics->user_delta_maximum = delta;
            }
        }
    }
}

// What an encoding looks at beside the bounds.
enum analysis {
    ANALYSE_WIDTHS = 1, ///< how many are how wide, and what most are
    ANALYSE_NEIGHBOURS = 2,
    ANALYSE_USERS = 4,
    ANALYSE_NAMES = 8,
    ANALYSE_VISITS = 16,
    ANALYSE_ALL = 31,
};

static unsigned analysis_of(enum encoding_id id)
{
    switch (id) {
    case ENCODING_PATCHED:
    case ENCODING_SPARSE:
    case ENCODING_ENTROPY:
        return ANALYSE_WIDTHS;
    case ENCODING_RUN_LENGTH:
    case ENCODING_DELTA:
        return ANALYSE_NEIGHBOURS;
    case ENCODING_USER_DELTA:
    case ENCODING_BY_USER:
        return ANALYSE_USERS;
    case ENCODING_BY_NAME:
        return ANALYSE_NAMES;
    case ENCODING_BY_VISIT:
        return ANALYSE_VISITS;
    default:
        return 0;
    }
}

// What the encodings look at that are tried at a depth.
static unsigned analysis_at(unsigned depth)
{
    unsigned wanted = 0;
    for (unsigned id = ENCODING_CONSTANT; id < ENCODING_ID_END; id++) {
        wanted |= depth <= CODECS[id]->depth_max ? analysis_of((enum encoding_id)id) : 0;
    }
    return wanted;
}

static void analyse(struct encoding_statistics *statistics, unsigned wanted,
                    const struct encoding_users *users, const uint64_t *values, uint32_t count)
{
    memset(statistics, 0, sizeof(*statistics));
    if (count > 0) {
        find_bounds(statistics, values, count);
    }
    if (count > 0 && (wanted & ANALYSE_WIDTHS) != 0) {
        analyse_values(statistics, values, count);
    }
    if (count > 0 && (wanted & ANALYSE_NEIGHBOURS) != 0) {
        analyse_neighbours(statistics, values, count);
    }
    if (users != NULL && (wanted & ANALYSE_USERS) != 0) {
        analyse_users(statistics, users, values);
    }
    if (users != NULL && users->names != NULL && (wanted & ANALYSE_NAMES) != 0) {
        uint8_t selected[ENCODING_NAME_CODE_MAX];
        statistics->name_row_count =
            encoding_names_select(users, values, count, statistics->minimum, selected);
    }
    if (users != NULL && users->times_us != NULL && (wanted & ANALYSE_VISITS) != 0) {
        encoding_visits_count(users, values, count, statistics);
    }
}

// Appends the node, or nothing where the encoding cannot hold the values after all.
static bool encode_as(struct encoding_encoder *encoder, unsigned id,
                      const struct encoding_statistics *statistics, const uint64_t *values,
                      uint32_t count, struct text_buffer *out)
{
    size_t from = out->size;
    text_buffer_append_u8(out, (uint8_t)id);
    CODECS[id]->encode(encoder, statistics, values, count, out);
    if (out->size == from + 1) {
        out->size = from;
        return false;
    }
    return true;
}

struct candidates {
    uint64_t estimates[ENCODING_ID_END];
    uint64_t best;
};

static struct candidates estimate_all(const struct encoding_encoder *encoder,
                                      const struct encoding_statistics *statistics, uint32_t count)
{
    struct candidates candidates = {.best = ENCODING_IMPOSSIBLE};
    for (unsigned id = ENCODING_CONSTANT; id < ENCODING_ID_END; id++) {
        bool allowed = encoder->depth <= CODECS[id]->depth_max;
        uint64_t estimate =
            allowed ? CODECS[id]->estimate(encoder, statistics, count) : ENCODING_IMPOSSIBLE;
        candidates.estimates[id] = estimate;
        // A dictionary's estimate is a hope; it must not push out what is certain. Nor must entropy
        // coding push out what decodes faster and may be as small.
        bool certain = id != ENCODING_DICTIONARY && id != ENCODING_ENTROPY;
        candidates.best = certain && estimate < candidates.best ? estimate : candidates.best;
    }
    return candidates;
}

// The root is chosen with care, as the choice is kept for many groups; children by their estimates,
// except that zstd's gain on whole bytes is known only by trying.
static bool worth_trying(const struct encoding_encoder *encoder,
                         const struct candidates *candidates, unsigned id)
{
    uint64_t estimate = candidates->estimates[id];
    if (estimate == ENCODING_IMPOSSIBLE) {
        return false;
    }
    if (id == ENCODING_CONSTANT || id == ENCODING_BITPACK) {
        return true;
    }
    if (encoder->depth == 0 || id == ENCODING_PLAIN || id == ENCODING_ENTROPY) {
        return estimate / TRY_SLACK <= candidates->best;
    }
    return id != ENCODING_DICTIONARY && estimate == candidates->best &&
           estimate < candidates->estimates[ENCODING_BITPACK] / 8 * 7;
}

// Entropy decoding is slower than all else: it must pay.
static size_t weighed(const struct encoding_encoder *encoder, unsigned id, size_t size)
{
    size_t share = encoder->favours_speed ? ENTROPY_SHARE_SLOW : ENTROPY_SHARE;
    return id == ENCODING_ENTROPY ? size + size / share : size;
}

void encoding_encoder_favour_speed(struct encoding_encoder *encoder, bool favour)
{
    encoder->favours_speed = favour;
}

static enum encoding_id encode_smallest(struct encoding_encoder *encoder,
                                        const struct encoding_statistics *statistics,
                                        const uint64_t *values, uint32_t count,
                                        struct text_buffer *out)
{
    struct candidates candidates = estimate_all(encoder, statistics, count);
    struct text_buffer attempt = {0};
    size_t from = out->size;
    unsigned chosen = ENCODING_CHOOSE;
    for (unsigned id = ENCODING_CONSTANT; id < ENCODING_ID_END; id++) {
        text_buffer_reset(&attempt);
        if (!worth_trying(encoder, &candidates, id) ||
            !encode_as(encoder, id, statistics, values, count, &attempt)) {
            continue;
        }
        if (chosen == ENCODING_CHOOSE || weighed(encoder, id, attempt.size) < out->size - from) {
            chosen = id;
            out->size = from;
            text_buffer_append(out, attempt.bytes, attempt.size);
        }
        if (id == ENCODING_CONSTANT) {
            break;
        }
    }
    text_buffer_deinit(&attempt);
    ASSERT(chosen != ENCODING_CHOOSE);
    return (enum encoding_id)chosen;
}

void encoding_encode_child(struct encoding_encoder *encoder, const uint64_t *values, uint32_t count,
                           struct text_buffer *out)
{
    const struct encoding_users *users = encoder->users;
    struct encoding_statistics statistics;
    encoder->users = NULL;
    encoder->depth++;
    analyse(&statistics, analysis_at(encoder->depth), NULL, values, count);
    (void)encode_smallest(encoder, &statistics, values, count, out);
    encoder->depth--;
    encoder->users = users;
}

static enum encoding_id encode_quickly(struct encoding_encoder *encoder, const uint64_t *values,
                                       uint32_t count, struct text_buffer *out)
{
    struct encoding_statistics statistics = {0};
    if (count > 0) {
        find_bounds(&statistics, values, count);
    }
    enum encoding_id id =
        statistics.minimum == statistics.maximum ? ENCODING_CONSTANT : ENCODING_BITPACK;
    bool encoded = encode_as(encoder, id, &statistics, values, count, out);
    ASSERT(encoded);
    return id;
}

enum encoding_id encoding_encode(struct encoding_encoder *encoder, enum encoding_id wanted,
                                 const uint64_t *values, uint32_t count,
                                 const struct encoding_users *users, struct text_buffer *out)
{
    struct encoding_statistics statistics;
    ASSERT(count <= ENCODING_COUNT_MAX);
    ASSERT(users == NULL || encoding_users_cover(users, count));
    encoder->users = users;
    encoder->depth = 0;
    encoder->slots.used = 0;
    if (encoder->zstd == NULL) {
        return encode_quickly(encoder, values, count, out);
    }
    if (wanted != ENCODING_CHOOSE) {
        analyse(&statistics, analysis_of(wanted), users, values, count);
        if (CODECS[wanted]->estimate(encoder, &statistics, count) != ENCODING_IMPOSSIBLE &&
            encode_as(encoder, wanted, &statistics, values, count, out)) {
            return wanted;
        }
    }
    analyse(&statistics, ANALYSE_ALL, users, values, count);
    return encode_smallest(encoder, &statistics, values, count, out);
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
