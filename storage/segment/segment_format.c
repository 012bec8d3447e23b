// SPDX-License-Identifier: Apache-2.0
/// Header, trailer and names of segment files.
#include "storage/segment/segment_private.h"

#include <stdio.h>

#define HEADER_FEATURES_OFFSET 12u
#define HEADER_UUID_OFFSET 24u
#define HEADER_HASH_OFFSET 56u
#define TRAILER_HASH_OFFSET 48u
#define TRAILER_MAGIC_OFFSET 56u

enum corong_status segment_path(char *path, const char *directory, const uint8_t *uuid,
                                struct corong_error *error)
{
    char digits[2 * SEGMENT_UUID_SIZE + 1];
    for (unsigned index = 0; index < SEGMENT_UUID_SIZE; index++) {
        snprintf(digits + (size_t)2 * index, 3, "%02x", uuid[index]);
    }
    int size = snprintf(path, SEGMENT_PATH_SIZE, "%s/%s.fseg", directory, digits);
    if (size < 0 || (unsigned)size >= SEGMENT_PATH_SIZE) {
        return error_set(error, CORONG_INVALID, "path '%s' is too long", directory);
    }
    return CORONG_OK;
}

uint64_t segment_block_seed(const uint8_t *uuid, uint32_t block)
{
    return hash_bytes64_seeded(uuid, SEGMENT_UUID_SIZE, block);
}

/// Features of a segment with these dictionaries.
static uint32_t features_of(const struct segment_writer_options *options)
{
    uint32_t features = options->secret != NULL ? SEGMENT_FEATURE_DERIVED_KEYS : 0;
    features |= options->zstd_level > 0 ? SEGMENT_FEATURE_ENTROPY : 0;
    for (uint32_t kind = 0; kind < COLUMN_LINK_COUNT; kind++) {
        int32_t column = schema_find(options->schema, column_link_names[kind]);
        if (column >= 0 && options->dictionaries[column].count > 0) {
            features |= SEGMENT_FEATURE_LINKS;
        }
    }
    return features;
}

void segment_header_build(uint8_t *header, const struct segment_writer_options *options)
{
    memset(header, 0, SEGMENT_HEADER_SIZE);
    memcpy(header, SEGMENT_MAGIC, SEGMENT_MAGIC_SIZE);
    bytes_store_u16(header + 8, SEGMENT_VERSION_MAJOR);
    bytes_store_u16(header + 10, SEGMENT_VERSION_MINOR);
    bytes_store_u32(header + HEADER_FEATURES_OFFSET, features_of(options));
    // 16: compatible features; none so far.
    memcpy(header + HEADER_UUID_OFFSET, options->uuid, SEGMENT_UUID_SIZE);
    bytes_store_u64(header + HEADER_HASH_OFFSET, hash_bytes64(header, HEADER_HASH_OFFSET));
}

uint32_t segment_header_features(const uint8_t *header)
{
    return bytes_load_u32(header + HEADER_FEATURES_OFFSET);
}

const uint8_t *segment_header_uuid(const uint8_t *header)
{
    return header + HEADER_UUID_OFFSET;
}

enum corong_status segment_header_check(const uint8_t *header, const uint8_t *uuid,
                                        struct corong_error *error)
{
    if (memcmp(header, SEGMENT_MAGIC, SEGMENT_MAGIC_SIZE) != 0) {
        return error_set(error, CORONG_CORRUPT, "the file does not begin like a segment");
    }
    if (bytes_load_u64(header + HEADER_HASH_OFFSET) != hash_bytes64(header, HEADER_HASH_OFFSET)) {
        return error_set(error, CORONG_CORRUPT, "the header does not match its checksum");
    }
    unsigned major = bytes_load_u16(header + 8);
    if (major != SEGMENT_VERSION_MAJOR) {
        return error_set(error, CORONG_UNSUPPORTED, "segment format %u; this program reads %u",
                         major, SEGMENT_VERSION_MAJOR);
    }
    uint32_t features = segment_header_features(header) & ~SEGMENT_FEATURES_KNOWN;
    if (features != 0) {
        return error_set(error, CORONG_UNSUPPORTED,
                         "the segment uses features 0x%x, which this program does not know",
                         features);
    }
    if (memcmp(header + HEADER_UUID_OFFSET, uuid, SEGMENT_UUID_SIZE) != 0) {
        return error_set(error, CORONG_CORRUPT, "the header has the uuid of another segment");
    }
    return CORONG_OK;
}

void segment_trailer_build(uint8_t *bytes, const struct segment_trailer *trailer)
{
    memset(bytes, 0, SEGMENT_TRAILER_SIZE);
    bytes_store_u64(bytes, trailer->footer_offset);
    bytes_store_u64(bytes + 8, trailer->footer_size);
    bytes_store_u64(bytes + 16, trailer->footer_hash.high);
    bytes_store_u64(bytes + 24, trailer->footer_hash.low);
    bytes_store_u64(bytes + 32, trailer->file_size);
    bytes_store_u64(bytes + TRAILER_HASH_OFFSET, hash_bytes64(bytes, TRAILER_HASH_OFFSET));
    memcpy(bytes + TRAILER_MAGIC_OFFSET, SEGMENT_MAGIC, SEGMENT_MAGIC_SIZE);
}

static bool trailer_fits(const struct segment_trailer *trailer, uint64_t file_size)
{
    return trailer->file_size == file_size && trailer->footer_size <= SEGMENT_FOOTER_SIZE_MAX &&
           trailer->footer_offset >= SEGMENT_HEADER_SIZE && trailer->footer_offset <= file_size &&
           trailer->footer_offset + trailer->footer_size + SEGMENT_TRAILER_SIZE == file_size;
}

enum corong_status segment_trailer_parse(const uint8_t *bytes, uint64_t file_size,
                                         struct segment_trailer *trailer,
                                         struct corong_error *error)
{
    if (memcmp(bytes + TRAILER_MAGIC_OFFSET, SEGMENT_MAGIC, SEGMENT_MAGIC_SIZE) != 0) {
        return error_set(error, CORONG_CORRUPT, "the file does not end like a segment");
    }
    if (bytes_load_u64(bytes + TRAILER_HASH_OFFSET) != hash_bytes64(bytes, TRAILER_HASH_OFFSET)) {
        return error_set(error, CORONG_CORRUPT, "the trailer does not match its checksum");
    }
    trailer->footer_offset = bytes_load_u64(bytes);
    trailer->footer_size = bytes_load_u64(bytes + 8);
    trailer->footer_hash.high = bytes_load_u64(bytes + 16);
    trailer->footer_hash.low = bytes_load_u64(bytes + 24);
    trailer->file_size = bytes_load_u64(bytes + 32);
    if (!trailer_fits(trailer, file_size)) {
        return error_set(error, CORONG_CORRUPT, "the trailer names parts outside of the file");
    }
    return CORONG_OK;
}
