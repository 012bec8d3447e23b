// SPDX-License-Identifier: Apache-2.0
/// What the encodings share; private to this folder.
#pragma once

#include "storage/base/bytes.h"
#include "storage/base/invariant.h"
#include "storage/encoding/encoding.h"

#define ENCODING_INLINE static inline __attribute__((always_inline))
#define ENCODING_SLOT_COUNT 24u
#define ENCODING_IMPOSSIBLE UINT64_MAX

/// What one pass over an array finds; enough to say which encodings are worth trying.
struct encoding_statistics {
    uint64_t minimum;
    uint64_t maximum;
    uint32_t run_count;
    uint64_t majority; ///< the value of more than half of the rows, if there is one
    uint32_t majority_count;
    uint32_t bit_counts[65]; ///< values by bit length of value + 1 (64 also for UINT64_MAX)
    uint64_t delta_minimum;  ///< of value - previous value, as signed
    uint64_t delta_maximum;
    uint64_t user_delta_maximum;    ///< of value - previous value of the same user, as unsigned
    uint32_t user_difference_count; ///< rows that differ from the first row of their user
    uint32_t name_row_count;        ///< rows of names some row of which is not the minimum
    int64_t visit_gap_us;           ///< that tells visits best
    uint32_t visit_count;           ///< of all users, as encoding_by_visit.c tells them
    uint32_t visit_change_count;    ///< rows within a visit that differ from the row before
};

/// Memory kept from call to call; taken and released in stack order.
struct encoding_slots {
    void *memory[ENCODING_SLOT_COUNT];
    size_t capacity[ENCODING_SLOT_COUNT];
    unsigned used;
};

void *encoding_slot_take(struct encoding_slots *slots, size_t size);
void encoding_slots_deinit(struct encoding_slots *slots);

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

struct encoding_encoder {
    struct ZSTD_CCtx_s *zstd;
    int zstd_level;                     ///< of string bytes
    int zstd_level_now;                 ///< that `zstd` is set to
    const struct encoding_users *users; ///< of the root; NULL for children
    struct encoding_slots slots;
    unsigned depth;
    bool favours_speed;
    struct encoding_tree made;            ///< of what is being encoded
    const struct encoding_tree *followed; ///< or NULL
    unsigned followed_at;                 ///< its next node
    unsigned followed_end;                ///< behind the nodes below the one in hand
    unsigned variant;                     ///< see encoding_variant()
};

struct encoding_decoder {
    struct ZSTD_DCtx_s *zstd;
    struct byte_cursor cursor;
    const struct encoding_users *users;
    struct encoding_slots slots;
    const char *fault; ///< what is wrong with the bytes; static
    unsigned depth;
    uint32_t used; ///< see encoding_decoder_used()
};

/// Width of a decoded value in bytes. Decoders are written once and compiled for each.
enum value_width { VALUE_8 = 1, VALUE_32 = 4, VALUE_64 = 8 };

ENCODING_INLINE uint64_t value_get(const void *values, enum value_width width, size_t index)
{
    if (width == VALUE_8) {
        return ((const uint8_t *)values)[index];
    }
    return width == VALUE_32 ? ((const uint32_t *)values)[index]
                             : ((const uint64_t *)values)[index];
}

ENCODING_INLINE void value_set(void *values, enum value_width width, size_t index, uint64_t value)
{
    if (width == VALUE_8) {
        ((uint8_t *)values)[index] = (uint8_t)value;
    } else if (width == VALUE_32) {
        ((uint32_t *)values)[index] = (uint32_t)value;
    } else {
        ((uint64_t *)values)[index] = value;
    }
}

/// Calls an always-inline function whose last parameter is the width, compiled for each width.
#define ENCODING_BY_WIDTH(width, function, ...)                                                    \
    ((width) == VALUE_8    ? function(__VA_ARGS__, VALUE_8)                                        \
     : (width) == VALUE_32 ? function(__VA_ARGS__, VALUE_32)                                       \
                           : function(__VA_ARGS__, VALUE_64))

static inline unsigned bit_length(uint64_t value)
{
    return value == 0 ? 0 : 64u - (unsigned)__builtin_clzll(value);
}

static inline uint64_t bit_mask(unsigned width)
{
    return width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
}

/// What an encoding looks at.
enum analysis {
    ANALYSE_WIDTHS = 1, ///< how many are how wide, and what most are
    ANALYSE_NEIGHBOURS = 2,
    ANALYSE_USERS = 4,
    ANALYSE_NAMES = 8,
    ANALYSE_VISITS = 16,
    ANALYSE_BOUNDS = 32,
    ANALYSE_ALL = 63,
};

/// To say whether it is worth trying, and to encode.
unsigned encoding_analysis_of(enum encoding_id id);
/// To encode where it was chosen before.
unsigned encoding_analysis_to_follow(enum encoding_id id);
/// Fills `statistics` with what is `wanted`, zeros beside it. `users` may be NULL.
void encoding_analyse(struct encoding_statistics *statistics, unsigned wanted,
                      const struct encoding_users *users, const uint64_t *values, uint32_t count);

/// One encoding. `estimate` gives about how many bytes it would take, or ENCODING_IMPOSSIBLE where
/// it cannot hold the values or is hopeless. `encode` appends all but the id byte. `decode` reads
/// the same from the cursor, checks everything before use, and fails by decoder_fail().
struct encoding_codec {
    const char *name;
    unsigned depth_max; ///< deepest level at which the encoder tries it
    uint64_t (*estimate)(const struct encoding_encoder *encoder,
                         const struct encoding_statistics *statistics, uint32_t count);
    void (*encode)(struct encoding_encoder *encoder, const struct encoding_statistics *statistics,
                   const uint64_t *values, uint32_t count, struct text_buffer *out);
    bool (*decode)(struct encoding_decoder *decoder, void *values, enum value_width width,
                   uint32_t count);
};

/// For encodings that try two ways: the one that was better in the tree that is followed (1, 2),
/// or 0: try both. To be asked before any child is encoded.
ENCODING_INLINE unsigned encoding_variant(const struct encoding_encoder *encoder)
{
    return encoder->variant;
}
/// The node being encoded, asked before any child is encoded, and which way was better.
unsigned encoding_node(const struct encoding_encoder *encoder);
void encoding_set_variant(struct encoding_encoder *encoder, unsigned node, unsigned variant);

/// NULL for an id that does not exist.
const struct encoding_codec *encoding_codec_of(unsigned id);
extern const struct encoding_codec encoding_constant;
extern const struct encoding_codec encoding_plain;
extern const struct encoding_codec encoding_bitpack;
extern const struct encoding_codec encoding_patched;
extern const struct encoding_codec encoding_run_length;
extern const struct encoding_codec encoding_delta;
extern const struct encoding_codec encoding_user_delta;
extern const struct encoding_codec encoding_dictionary;
extern const struct encoding_codec encoding_sparse;
extern const struct encoding_codec encoding_by_user;
extern const struct encoding_codec encoding_entropy;
extern const struct encoding_codec encoding_grouped;
extern const struct encoding_codec encoding_by_name;
extern const struct encoding_codec encoding_by_visit;

/// Decodes the next node. Always returns false with `fault` set where it returns false.
bool encoding_decode_node(struct encoding_decoder *decoder, void *values, enum value_width width,
                          uint32_t count);
/// Sets the fault and returns false.
bool decoder_fail(struct encoding_decoder *decoder, const char *fault);
/// Encodes a child of the node being encoded.
void encoding_encode_child(struct encoding_encoder *encoder, const uint64_t *values, uint32_t count,
                           struct text_buffer *out);
/// As encoding_compress(), for the values of a leaf.
bool encoding_compress_leaf(struct encoding_encoder *encoder, const void *bytes, size_t size,
                            struct text_buffer *out);
/// True if the users' rows sum to `count` and none is empty.
bool encoding_users_cover(const struct encoding_users *users, uint32_t count);

/// Rows that break a rule, as ascending positions and their values (encoding_sparse.c).
void encoding_exceptions_encode(struct encoding_encoder *encoder, uint64_t *positions,
                                const uint64_t *values, uint32_t exception_count,
                                struct text_buffer *out);
bool encoding_exceptions_decode(struct encoding_decoder *decoder, void *values,
                                enum value_width width, uint32_t count);

#define ENCODING_NAME_CODE_MAX 4096u
/// `selected` (of ENCODING_NAME_CODE_MAX codes) becomes 1 for names of which some row is not
/// `common`; returns how many rows have such names, `count` where codes are too large.
uint32_t encoding_names_select(const struct encoding_users *users, const uint64_t *values,
                               uint32_t count, uint64_t common, uint8_t *selected);
/// Fills the visits' counts.
void encoding_visits_count(const struct encoding_users *users, const uint64_t *values,
                           uint32_t count, struct encoding_statistics *statistics);

/// Bytes that bit-packing takes, header apart (encoding_bitpack.c).
size_t encoding_bitpack_size(uint32_t count, unsigned width);
/// Encodes with a given width, no choice made; every value - reference fits.
void encoding_bitpack_encode_width(struct encoding_encoder *encoder, const uint64_t *values,
                                   uint32_t count, unsigned width, uint64_t reference,
                                   struct text_buffer *out);
