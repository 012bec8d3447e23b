// SPDX-License-Identifier: Apache-2.0
/// Lightweight encodings of integer arrays, one file each behind one table. An encoded array is a
/// tree: a node names its encoding, and an encoding may hold children (run values and run lengths,
/// dictionary entries and codes, ...). Leaves may be compressed with zstd where that makes them
/// clearly smaller. FORMAT.md, "Encoded arrays", describes every byte.
///
/// Thread: encoders and decoders belong to one thread; the rest are values.
#pragma once

#include "storage/base/error.h"
#include "storage/base/text.h"

#include <stdint.h>

#define ENCODING_COUNT_MAX (1u << 20) ///< values in one array
#define ENCODING_DEPTH_MAX 4u         ///< nodes from the root to a leaf

/// Ids are part of the file format and never change their meaning.
enum encoding_id {
    ENCODING_CHOOSE = 0, ///< not in files: let the encoder look for the smallest
    ENCODING_CONSTANT = 1,
    ENCODING_PLAIN = 2,
    ENCODING_BITPACK = 3,
    ENCODING_PATCHED = 4,
    ENCODING_RUN_LENGTH = 5,
    ENCODING_DELTA = 6,
    ENCODING_USER_DELTA = 7,
    ENCODING_DICTIONARY = 8,
    ENCODING_SPARSE = 9,
    ENCODING_BY_USER = 10,
    ENCODING_ENTROPY = 11,
    ENCODING_GROUPED = 12,
    ENCODING_BY_NAME = 13,
    ENCODING_BY_VISIT = 14,
    ENCODING_ID_END = 15,
};

/// How the rows of an array fall to users; sums to its count, no user is empty. Borrowed.
struct encoding_users {
    const uint32_t *row_counts;
    uint32_t user_count;
    const uint32_t *names;   ///< code of each row's name, or NULL
    const int64_t *times_us; ///< of each row, ascending within a user; or NULL
};

/// What the rows' own values do not say and an array's root must be told in its users.
enum encoding_guide { ENCODING_GUIDE_NONE, ENCODING_GUIDE_NAMES, ENCODING_GUIDE_TIMES };
enum encoding_guide encoding_guide_of(const void *bytes, size_t size);

struct encoding_encoder;
struct encoding_decoder;

/// Level 0: for arrays that do not live long. Nothing is compressed, values are packed
/// at the width of the largest one.
struct encoding_encoder *encoding_encoder_create(int zstd_level);
/// From now on what decodes slower must save much: for columns that every question reads.
void encoding_encoder_favour_speed(struct encoding_encoder *encoder, bool favour);
/// NULL-safe.
void encoding_encoder_destroy(struct encoding_encoder *encoder);
struct encoding_decoder *encoding_decoder_create(void);
/// NULL-safe.
void encoding_decoder_destroy(struct encoding_decoder *decoder);

/// Appends `count` (at most ENCODING_COUNT_MAX) values to `out` and returns the encoding of the
/// root. `users` may be NULL. `wanted` other than ENCODING_CHOOSE forces the root where the
/// encoding can hold the values (else the smallest is taken all the same).
enum encoding_id encoding_encode(struct encoding_encoder *encoder, enum encoding_id wanted,
                                 const uint64_t *values, uint32_t count,
                                 const struct encoding_users *users, struct text_buffer *out);

/// The encodings of an array's nodes, each before its children.
#define ENCODING_TREE_NODE_COUNT_MAX 32u
struct encoding_tree {
    struct encoding_tree_node {
        uint8_t id;
        uint8_t size;    ///< nodes from here to the end of its last child
        uint8_t variant; ///< of the encoding, 0 where there is but one way
    } nodes[ENCODING_TREE_NODE_COUNT_MAX];
    uint8_t node_count;
};

/// What was chosen for an array, for the arrays of the same column in the next groups. Zeroed at
/// first.
struct encoding_choice {
    struct encoding_tree tree;
    uint32_t use_count;
    uint32_t size; ///< bytes it took where it was chosen
    uint32_t count;
};

/// As encoding_encode(), following the `choice` instead of trying all. It is made, and made anew
/// after some times and where the values take clearly more than they did.
enum encoding_id encoding_encode_again(struct encoding_encoder *encoder,
                                       struct encoding_choice *choice, const uint64_t *values,
                                       uint32_t count, const struct encoding_users *users,
                                       struct text_buffer *out);

/// Decodes exactly `count` values, each cut to 32 bits. Safe on any bytes: CORONG_CORRUPT says what
/// is wrong. All `size` bytes must be used up. `users` as at encode.
CORONG_MUST_CHECK enum corong_status encoding_decode32(struct encoding_decoder *decoder,
                                                       const void *bytes, size_t size,
                                                       const struct encoding_users *users,
                                                       uint32_t *values, uint32_t count,
                                                       struct corong_error *error);
/// As encoding_decode32(), 8 bits.
CORONG_MUST_CHECK enum corong_status encoding_decode8(struct encoding_decoder *decoder,
                                                      const void *bytes, size_t size,
                                                      const struct encoding_users *users,
                                                      uint8_t *values, uint32_t count,
                                                      struct corong_error *error);
/// As encoding_decode32(), 64 bits.
CORONG_MUST_CHECK enum corong_status encoding_decode64(struct encoding_decoder *decoder,
                                                       const void *bytes, size_t size,
                                                       const struct encoding_users *users,
                                                       uint64_t *values, uint32_t count,
                                                       struct corong_error *error);

/// The encodings of the nodes decoded since the last call: bit `id` for each, and
/// ENCODING_USED_ZSTD. Forgets them.
uint32_t encoding_decoder_used(struct encoding_decoder *decoder);
#define ENCODING_USED_ZSTD (UINT32_C(1) << 31)
/// Appends "user-delta patched plain+zstd" for such a set.
void encoding_used_describe(uint32_t used, struct text_buffer *out);

/// "bitpack", or NULL for an id that does not exist. Static storage.
const char *encoding_name(enum encoding_id id);

/// Compresses if that saves at least one part in sixteen: appends the frame and returns true.
/// Used for string bytes.
bool encoding_compress(struct encoding_encoder *encoder, const void *bytes, size_t size,
                       struct text_buffer *out);
/// One-pass decompression to exactly `size` bytes; false for anything else than one whole frame of
/// that content size.
bool encoding_decompress(struct encoding_decoder *decoder, const void *frame, size_t frame_size,
                         void *bytes, size_t size);
