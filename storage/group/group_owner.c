// SPDX-License-Identifier: Apache-2.0
#include "storage/group/group_owner.h"

#include "storage/base/bytes.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/file/file.h"

#define OWNER_MAGIC "CORONGOW"
#define OWNER_MAGIC_SIZE 8
#define OWNER_VERSION 1u
#define OWNER_RECORD_SIZE 256u
/// A file of this size begins again with its next claim.
#define OWNER_FILE_SIZE_MAX ((int64_t)64 << 10)

char *group_owner_path(const char *group_directory, struct hash128 source_id)
{
    struct text_buffer path = {0};
    text_buffer_printf(&path, "%s/owners/%016llx%016llx", group_directory,
                       (unsigned long long)source_id.high, (unsigned long long)source_id.low);
    return path.bytes;
}

uint64_t group_owner_fingerprint(const struct store_position *position)
{
    if (position == NULL) {
        return 0;
    }
    struct text_buffer bytes = {0};
    text_buffer_append_i64(&bytes, position->next_offset);
    text_buffer_append_i64(&bytes, position->anchor_offset);
    text_buffer_append_u64(&bytes, position->anchor_hash);
    text_buffer_append_i64(&bytes, position->epoch);
    // Named one by one: counters that a later version adds must not change what an older one noted.
    text_buffer_append_u64(&bytes, position->counters.messages);
    text_buffer_append_u64(&bytes, position->counters.stored);
    text_buffer_append_u64(&bytes, position->counters.gaps);
    uint64_t hash = hash_bytes64(bytes.bytes, bytes.size);
    text_buffer_deinit(&bytes);
    return hash == 0 ? 1 : hash;
}

static void append_hash128(struct text_buffer *out, struct hash128 hash)
{
    text_buffer_append_u64(out, hash.low);
    text_buffer_append_u64(out, hash.high);
}

static struct hash128 read_hash128(struct byte_cursor *cursor)
{
    struct hash128 hash;
    hash.low = byte_cursor_u64(cursor);
    hash.high = byte_cursor_u64(cursor);
    return hash;
}

static void record_encode(const struct group_owner_record *record, struct text_buffer *out)
{
    uint32_t name_size = (uint32_t)strlen(record->name);
    text_buffer_append(out, OWNER_MAGIC, OWNER_MAGIC_SIZE);
    text_buffer_append_u32(out, OWNER_VERSION);
    text_buffer_append_u32(out, record->store_number);
    text_buffer_append_u64(out, record->epoch);
    append_hash128(out, record->token);
    append_hash128(out, record->source_id);
    text_buffer_append_u64(out, record->fingerprint);
    text_buffer_append_u32(out, record->process_id);
    text_buffer_append_u32(out, record->has_start);
    text_buffer_append_i64(out, record->start_offset);
    text_buffer_append_i64(out, record->start_anchor_offset);
    text_buffer_append_u64(out, record->start_anchor_hash);
    append_hash128(out, record->start_topic_id);
    text_buffer_append_u32(out, (uint32_t)record->start_epoch);
    text_buffer_append_u32(out, name_size);
    text_buffer_append(out, record->name, name_size);
    static const char zeros[OWNER_RECORD_SIZE] = {0};
    ASSERT(out->size <= OWNER_RECORD_SIZE - 8);
    text_buffer_append(out, zeros, OWNER_RECORD_SIZE - 8 - out->size);
    text_buffer_append_u64(out, hash_bytes64(out->bytes, out->size));
}

static bool record_is_whole(const char *bytes)
{
    return memcmp(bytes, OWNER_MAGIC, OWNER_MAGIC_SIZE) == 0 &&
           bytes_load_u64(bytes + OWNER_RECORD_SIZE - 8) ==
               hash_bytes64(bytes, OWNER_RECORD_SIZE - 8);
}

static enum corong_status record_decode(const char *bytes, struct hash128 source_id,
                                        struct group_owner_record *record,
                                        struct corong_error *error)
{
    *record = (struct group_owner_record){0};
    struct byte_cursor cursor = byte_cursor_over(bytes, OWNER_RECORD_SIZE - 8);
    (void)byte_cursor_take(&cursor, OWNER_MAGIC_SIZE);
    uint32_t version = byte_cursor_u32(&cursor);
    if (version != OWNER_VERSION) {
        return error_set(error, CORONG_UNSUPPORTED,
                         "the claim has version %u, this program knows %u; use a newer one",
                         version, OWNER_VERSION);
    }
    record->store_number = byte_cursor_u32(&cursor);
    record->epoch = byte_cursor_u64(&cursor);
    record->token = read_hash128(&cursor);
    record->source_id = read_hash128(&cursor);
    record->fingerprint = byte_cursor_u64(&cursor);
    record->process_id = byte_cursor_u32(&cursor);
    record->has_start = byte_cursor_u32(&cursor) != 0;
    record->start_offset = byte_cursor_i64(&cursor);
    record->start_anchor_offset = byte_cursor_i64(&cursor);
    record->start_anchor_hash = byte_cursor_u64(&cursor);
    record->start_topic_id = read_hash128(&cursor);
    record->start_epoch = (int32_t)byte_cursor_u32(&cursor);
    struct text name = byte_cursor_text(&cursor);
    if (cursor.failed || name.size > GROUP_OWNER_NAME_SIZE_MAX ||
        !hash128_equal(record->source_id, source_id)) {
        return error_set(error, CORONG_CORRUPT, "the claim is of another source");
    }
    memcpy(record->name, name.bytes, name.size);
    return CORONG_OK;
}

enum corong_status group_owner_read(int descriptor, struct hash128 source_id,
                                    struct group_owner_record *record_out, bool *found_out,
                                    struct corong_error *error)
{
    *found_out = false;
    int64_t size;
    TRY(file_size(descriptor, &size, error));
    int64_t at = size - size % OWNER_RECORD_SIZE;
    // What a power cut tore stands at the end; nobody was told of it.
    while (!*found_out && at > 0) {
        char bytes[OWNER_RECORD_SIZE];
        at -= OWNER_RECORD_SIZE;
        TRY(file_read_at(descriptor, bytes, sizeof(bytes), at, error));
        *found_out = record_is_whole(bytes);
        if (*found_out) {
            return record_decode(bytes, source_id, record_out, error);
        }
    }
    return CORONG_OK;
}

/// Cuts off what a failed or torn append left, or everything where the file has grown long.
static enum corong_status make_room(int descriptor, struct corong_error *error)
{
    int64_t size;
    TRY(file_size(descriptor, &size, error));
    int64_t kept = size >= OWNER_FILE_SIZE_MAX ? 0 : size - size % OWNER_RECORD_SIZE;
    return kept == size ? CORONG_OK : file_truncate(descriptor, kept, error);
}

enum corong_status group_owner_append(int descriptor, const char *path,
                                      const struct group_owner_record *record,
                                      struct corong_error *error)
{
    TRY(make_room(descriptor, error));
    struct text_buffer bytes = {0};
    record_encode(record, &bytes);
    enum corong_status status = file_write_all(descriptor, bytes.bytes, bytes.size, error);
    text_buffer_deinit(&bytes);
    if (status != CORONG_OK) {
        error_prepend(error, "'%s'", path);
        return status;
    }
    file_sync_data(descriptor, path);
    return CORONG_OK;
}
