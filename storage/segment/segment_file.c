// SPDX-License-Identifier: Apache-2.0
// The file of a segment being written: on disk or in memory, and safe before a manifest names it.
#include "storage/segment/segment_file.h"

#include "storage/file/file.h"

enum corong_status segment_file_create(char *path, const char *directory, const uint8_t *uuid,
                                       int *descriptor_out, struct corong_error *error)
{
    TRY(segment_path(path, directory == NULL ? "memory" : directory, uuid, error));
    return directory == NULL ? file_create_memory("corong-segment", descriptor_out, error)
                             : file_create(path, descriptor_out, error);
}

enum corong_status segment_file_open(const char *directory, const uint8_t *uuid,
                                     int *descriptor_out, struct corong_error *error)
{
    char path[SEGMENT_PATH_SIZE];
    TRY(segment_path(path, directory, uuid, error));
    return file_open_read(path, descriptor_out, error);
}

// Catches a bad memory or a bad disk before a manifest says that the data is safe.
static enum corong_status read_back(int descriptor, const struct segment_footer *footer,
                                    const struct segment_trailer *trailer,
                                    struct text_buffer *buffer, struct corong_error *error)
{
    for (uint32_t at = 0; at < footer->block_count; at++) {
        const struct segment_block_entry *entry = &footer->blocks[at];
        size_t size = segment_aligned(entry->size);
        text_buffer_reset(buffer);
        char *bytes = text_buffer_reserve(buffer, size);
        TRY(file_read_at(descriptor, bytes, size, (int64_t)entry->offset, error));
        uint64_t seed = segment_block_seed(footer->meta.uuid, at);
        if (hash_bytes64_seeded(bytes + 8, size - 8, seed) != entry->hash ||
            bytes_load_u64(bytes) != entry->hash) {
            return error_set(error, CORONG_CORRUPT, "block %u reads back differently", at);
        }
    }
    text_buffer_reset(buffer);
    char *bytes = text_buffer_reserve(buffer, trailer->footer_size);
    TRY(file_read_at(descriptor, bytes, trailer->footer_size, (int64_t)trailer->footer_offset,
                     error));
    if (!hash128_equal(hash_bytes128(bytes, trailer->footer_size), trailer->footer_hash)) {
        return error_set(error, CORONG_CORRUPT, "the footer reads back differently");
    }
    return CORONG_OK;
}

enum corong_status segment_file_finish(int descriptor, const char *path,
                                       const struct segment_footer *footer,
                                       const struct segment_trailer *trailer,
                                       struct text_buffer *buffer, struct corong_error *error)
{
    TRY_IN(read_back(descriptor, footer, trailer, buffer, error), error, "segment '%s'", path);
    file_sync(descriptor, path);
    return CORONG_OK;
}
