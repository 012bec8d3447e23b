// SPDX-License-Identifier: Apache-2.0
#include "storage/group/group_format.h"

#include "storage/base/bytes.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/file/file.h"

#define GROUP_MAGIC "CORONGGR"
#define GROUP_MAGIC_SIZE 8
#define GROUP_MAJOR 1u
#define GROUP_MINOR 0u
#define GROUP_SIZE 224u
#define GROUP_SIZE_MAX 65536u ///< a newer version may be longer

static enum corong_status group_decode(const char *bytes, size_t size,
                                       struct hash_secret *secret_out, struct corong_error *error)
{
    // It was synced before it got its name: short is damaged, not unfinished.
    if (size < GROUP_SIZE || memcmp(bytes, GROUP_MAGIC, GROUP_MAGIC_SIZE) != 0) {
        return error_set(error, CORONG_CORRUPT,
                         "it is short or does not begin like the file of a store group (%zu bytes)",
                         size);
    }
    if (bytes_load_u64(bytes + size - 8) != hash_bytes64(bytes, size - 8)) {
        return error_set(error, CORONG_CORRUPT, "its checksum is wrong");
    }
    struct byte_cursor cursor = byte_cursor_over(bytes, size);
    (void)byte_cursor_take(&cursor, GROUP_MAGIC_SIZE);
    uint16_t major = byte_cursor_u16(&cursor);
    (void)byte_cursor_u16(&cursor); // minor versions only add what may be ignored
    (void)byte_cursor_u32(&cursor);
    uint64_t features = byte_cursor_u64(&cursor);
    if (major > GROUP_MAJOR || features != 0) {
        return error_set(error, CORONG_UNSUPPORTED,
                         "the group has version %u with features %#llx, this program knows version "
                         "%u; use a newer one",
                         major, (unsigned long long)features, GROUP_MAJOR);
    }
    memcpy(secret_out->bytes, byte_cursor_take(&cursor, HASH_SECRET_SIZE), HASH_SECRET_SIZE);
    return CORONG_OK;
}

enum corong_status group_format_read(const char *directory, struct hash_secret *secret_out,
                                     struct corong_error *error)
{
    struct text_buffer path = {0};
    text_buffer_printf(&path, "%s/GROUP", directory);
    char *bytes = NULL;
    size_t size = 0;
    enum corong_status status = file_read_whole(path.bytes, GROUP_SIZE_MAX, &bytes, &size, error);
    if (status == CORONG_OK) {
        status = group_decode(bytes, size, secret_out, error);
        if (status != CORONG_OK) {
            error_prepend(error, "'%s'", path.bytes);
        }
    }
    memory_free(bytes);
    text_buffer_deinit(&path);
    return status;
}

enum corong_status group_format_create(const char *directory, struct hash_secret *secret_out,
                                       struct corong_error *error)
{
    hash_random_bytes(secret_out->bytes, HASH_SECRET_SIZE);
    struct text_buffer bytes = {0};
    text_buffer_append(&bytes, GROUP_MAGIC, GROUP_MAGIC_SIZE);
    text_buffer_append_u16(&bytes, GROUP_MAJOR);
    text_buffer_append_u16(&bytes, GROUP_MINOR);
    text_buffer_append_u32(&bytes, 0);
    text_buffer_append_u64(&bytes, 0); // features
    text_buffer_append(&bytes, secret_out->bytes, HASH_SECRET_SIZE);
    text_buffer_append_u64(&bytes, hash_bytes64(bytes.bytes, bytes.size));
    ASSERT(bytes.size == GROUP_SIZE);
    enum corong_status status = file_replace(directory, "GROUP", bytes.bytes, bytes.size, error);
    text_buffer_deinit(&bytes);
    return status;
}
