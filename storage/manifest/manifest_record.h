// SPDX-License-Identifier: Apache-2.0
/// The frame of a manifest record: magic, size, type, flags, sequence, hash of the record before,
/// payload, checksum. FORMAT.md describes every byte.
/// Thread: values.
#pragma once

#include "storage/base/error.h"
#include "storage/base/hash.h"
#include "storage/base/text.h"

#include <stdint.h>

#define MANIFEST_RECORD_HEADER_SIZE 40u
#define MANIFEST_RECORD_SIZE_MIN (MANIFEST_RECORD_HEADER_SIZE + 8u)

enum manifest_record_type {
    MANIFEST_RECORD_SNAPSHOT = 1, ///< the whole state; first record of every file, and only there
    MANIFEST_RECORD_COMMIT = 2,
};

/// A record's positions carry control offsets, first offset and topic id. Every record written
/// today has it; those of older programs do not.
#define MANIFEST_FLAG_POSITIONS 1u

struct manifest_record {
    uint16_t type;
    uint16_t flags;
    uint64_t sequence;
    struct hash128 previous_hash;
    struct text payload; ///< borrowed
    size_t size_bytes;   ///< of the whole record
    struct hash128 hash; ///< of the whole record: the next one's previous_hash
};

/// Appends a record; `record`'s size and hash are filled. `seed` is the store's, so that bytes
/// inside a payload that look like a record cannot pass for one.
void manifest_record_encode(struct manifest_record *record, uint64_t seed, struct text_buffer *out);
/// True where a whole record with a right checksum begins at `bytes`.
bool manifest_record_decode(const void *bytes, size_t size, uint64_t seed,
                            struct manifest_record *record_out);
/// Offset of the first valid record in `[from, size)`, or -1.
int64_t manifest_record_search(const void *bytes, size_t size, size_t from, uint64_t seed);
