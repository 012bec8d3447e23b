// SPDX-License-Identifier: Apache-2.0
/// A file beside the segments that can be thrown away at any time (FORMAT.md, Derived). It names
/// the segments that it was worked out from, so that one of another version is never believed.
#include "storage/base/bytes.h"
#include "storage/base/memory.h"
#include "storage/file/file.h"
#include "storage/storage.h"
#include "storage/store_derived.h"

#include <stdio.h>
#include <string.h>
#include <zstd.h>

#define FILE_NAME "derived"
#define HEAD_SIZE 40u ///< before the segments: magic, version, how many, raw size, hash
#define VERSION 1u
#define LEVEL 3
#define FILE_SIZE_MAX ((size_t)1 << 32)

static const char magic[8] = "CORONGDR";

/// Segments, in the snapshot's order: whoever opens this version has the same.
static void append_segments(const struct store_snapshot *snapshot, struct text_buffer *out)
{
    for (uint32_t i = 0; i < store_snapshot_segment_count(snapshot); i++) {
        const struct segment_meta *meta = segment_reader_meta(store_snapshot_segment(snapshot, i));
        text_buffer_append(out, meta->uuid, sizeof(meta->uuid));
    }
}

static void append_frame(struct text bytes, struct text_buffer *out)
{
    size_t bound = ZSTD_compressBound(bytes.size);
    char *target = text_buffer_reserve(out, bound);
    size_t size = ZSTD_compress(target, bound, bytes.bytes, bytes.size, LEVEL);
    out->size += ZSTD_isError(size) ? 0 : size;
}

enum corong_status store_derived_write(const char *directory, const struct store_snapshot *snapshot,
                                       struct text bytes, struct corong_error *error)
{
    struct text_buffer body = {0};
    struct text_buffer file = {0};
    append_segments(snapshot, &body);
    append_frame(bytes, &body);
    struct hash128 hash = hash_bytes128(body.bytes, body.size);
    text_buffer_append(&file, magic, sizeof(magic));
    text_buffer_append_u32(&file, VERSION);
    text_buffer_append_u32(&file, store_snapshot_segment_count(snapshot));
    text_buffer_append_u64(&file, bytes.size);
    text_buffer_append_u64(&file, hash.low);
    text_buffer_append_u64(&file, hash.high);
    text_buffer_append(&file, body.bytes, body.size);
    // Who reads it checks it: no disk that fails to sync it may end a process over it.
    enum corong_status status =
        file_replace_unsynced(directory, FILE_NAME, file.bytes, file.size, error);
    text_buffer_deinit(&body);
    text_buffer_deinit(&file);
    return status;
}

/// Whether the file is whole and of these segments; then where its frame begins.
static bool is_ours(const struct store_snapshot *snapshot, struct text file, uint64_t size_max,
                    uint64_t *raw_size_out, struct text *frame_out)
{
    struct byte_cursor cursor = byte_cursor_over(file.bytes, file.size);
    const char *found = byte_cursor_take(&cursor, sizeof(magic));
    uint32_t version = byte_cursor_u32(&cursor);
    uint32_t count = byte_cursor_u32(&cursor);
    *raw_size_out = byte_cursor_u64(&cursor);
    uint64_t low = byte_cursor_u64(&cursor);
    uint64_t high = byte_cursor_u64(&cursor);
    if (cursor.failed || memcmp(found, magic, sizeof(magic)) != 0 || version != VERSION ||
        count != store_snapshot_segment_count(snapshot) || *raw_size_out > size_max) {
        return false;
    }
    struct text body = {file.bytes + HEAD_SIZE, file.size - HEAD_SIZE};
    struct hash128 hash = hash_bytes128(body.bytes, body.size);
    struct text_buffer segments = {0};
    append_segments(snapshot, &segments);
    bool ours = hash.low == low && hash.high == high && body.size >= segments.size &&
                (segments.size == 0 || memcmp(body.bytes, segments.bytes, segments.size) == 0);
    if (ours) {
        *frame_out = (struct text){body.bytes + segments.size, body.size - segments.size};
    }
    text_buffer_deinit(&segments);
    return ours;
}

/// No file that holds `size_max` bytes for these segments is larger.
static size_t file_size_max(const struct store_snapshot *snapshot, uint64_t size_max)
{
    uint64_t head = HEAD_SIZE + UINT64_C(16) * store_snapshot_segment_count(snapshot);
    return size_max < FILE_SIZE_MAX / 2 ? (size_t)(head + ZSTD_compressBound(size_max))
                                        : FILE_SIZE_MAX;
}

bool store_derived_read(const char *directory, const struct store_snapshot *snapshot,
                        uint64_t size_max, struct text_buffer *bytes_out)
{
    char path[4096];
    char *bytes;
    size_t size;
    int length = snprintf(path, sizeof(path), "%s/%s", directory, FILE_NAME);
    if (length < 0 || (size_t)length >= sizeof(path) ||
        file_read_whole(path, file_size_max(snapshot, size_max), &bytes, &size, NULL) !=
            CORONG_OK) {
        return false;
    }
    uint64_t raw_size;
    struct text frame;
    // The raw size stands before the hash: the frame, which is under it, has to say the same.
    bool good = is_ours(snapshot, (struct text){bytes, size}, size_max, &raw_size, &frame) &&
                ZSTD_getFrameContentSize(frame.bytes, frame.size) == raw_size;
    if (good) {
        char *target = text_buffer_reserve(bytes_out, raw_size);
        good = ZSTD_decompress(target, raw_size, frame.bytes, frame.size) == raw_size;
        bytes_out->size += good ? raw_size : 0;
    }
    memory_free(bytes);
    return good;
}
