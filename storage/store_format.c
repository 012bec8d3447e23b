// SPDX-License-Identifier: Apache-2.0
#include "storage/store_format.h"

#include "storage/base/bytes.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/file/file.h"

#define FORMAT_MAGIC "CORONGST"
#define FORMAT_MAGIC_SIZE 8
#define FORMAT_MAJOR 1u
#define FORMAT_MINOR 0u
#define FORMAT_SIZE 264u
#define FORMAT_SIZE_MAX 65536u ///< a newer version may be longer
/// Known feature bits, none yet: compatible ones are ignored, read-compatible ones forbid writing,
/// incompatible ones forbid opening.
#define FORMAT_READ_FEATURES UINT64_C(0)
#define FORMAT_OPEN_FEATURES UINT64_C(0)

static void format_encode(const struct store_format *format, struct text_buffer *out)
{
    text_buffer_append(out, FORMAT_MAGIC, FORMAT_MAGIC_SIZE);
    text_buffer_append_u16(out, FORMAT_MAJOR);
    text_buffer_append_u16(out, FORMAT_MINOR);
    text_buffer_append_u32(out, 0);
    text_buffer_append_u64(out, 0); // compatible features
    text_buffer_append_u64(out, FORMAT_READ_FEATURES);
    text_buffer_append_u64(out, FORMAT_OPEN_FEATURES);
    text_buffer_append(out, format->uuid, STORE_UUID_SIZE);
    text_buffer_append(out, format->secret.bytes, HASH_SECRET_SIZE);
    text_buffer_append_i64(out, format->period_us);
    text_buffer_append_u64(out, hash_bytes64(out->bytes, out->size));
    ASSERT(out->size == FORMAT_SIZE);
}

static enum corong_status check_versions(struct byte_cursor *cursor, struct store_format *format,
                                         struct corong_error *error)
{
    uint16_t major = byte_cursor_u16(cursor);
    (void)byte_cursor_u16(cursor); // minor versions only add what may be ignored
    (void)byte_cursor_u32(cursor);
    (void)byte_cursor_u64(cursor);
    uint64_t read_features = byte_cursor_u64(cursor);
    uint64_t open_features = byte_cursor_u64(cursor);
    if (major > FORMAT_MAJOR || (open_features & ~FORMAT_OPEN_FEATURES) != 0) {
        return error_set(error, CORONG_UNSUPPORTED,
                         "the store has format version %u with features %#llx, this program knows "
                         "version %u; use a newer one",
                         major, (unsigned long long)open_features, FORMAT_MAJOR);
    }
    format->is_read_only = (read_features & ~FORMAT_READ_FEATURES) != 0;
    return CORONG_OK;
}

static enum corong_status format_decode(const char *bytes, size_t size, struct store_format *format,
                                        struct corong_error *error)
{
    if (size < FORMAT_MAGIC_SIZE) {
        return error_set(error, CORONG_NOT_FOUND, "it is empty or short");
    }
    if (memcmp(bytes, FORMAT_MAGIC, FORMAT_MAGIC_SIZE) != 0) {
        return error_set(error, CORONG_CORRUPT, "it does not begin like the file of a store");
    }
    if (size < FORMAT_SIZE) {
        return error_set(error, CORONG_NOT_FOUND, "it is empty or short");
    }
    struct byte_cursor cursor = byte_cursor_over(bytes, size);
    (void)byte_cursor_take(&cursor, FORMAT_MAGIC_SIZE);
    // A newer version may be longer: its checksum stands at its own end.
    if (bytes_load_u64(bytes + size - 8) != hash_bytes64(bytes, size - 8)) {
        return error_set(error, CORONG_CORRUPT, "its checksum is wrong");
    }
    TRY(check_versions(&cursor, format, error));
    memcpy(format->uuid, byte_cursor_take(&cursor, STORE_UUID_SIZE), STORE_UUID_SIZE);
    memcpy(format->secret.bytes, byte_cursor_take(&cursor, HASH_SECRET_SIZE), HASH_SECRET_SIZE);
    format->period_us = byte_cursor_i64(&cursor);
    if (format->period_us <= 0) {
        return error_set(error, CORONG_CORRUPT, "its period is %lld microseconds",
                         (long long)format->period_us);
    }
    return CORONG_OK;
}

enum corong_status store_format_read(const char *directory, struct store_format *format_out,
                                     struct corong_error *error)
{
    *format_out = (struct store_format){0};
    struct text_buffer path = {0};
    text_buffer_printf(&path, "%s/FORMAT", directory);
    char *bytes = NULL;
    size_t size = 0;
    enum corong_status status = file_read_whole(path.bytes, FORMAT_SIZE_MAX, &bytes, &size, error);
    if (status == CORONG_OK) {
        status = format_decode(bytes, size, format_out, error);
        if (status != CORONG_OK) {
            error_prepend(error, "'%s'", path.bytes);
        }
    }
    memory_free(bytes);
    text_buffer_deinit(&path);
    return status;
}

enum corong_status store_format_create(const char *directory, int64_t period_us,
                                       const struct hash_secret *secret,
                                       struct store_format *format_out, struct corong_error *error)
{
    ASSERT(period_us > 0);
    *format_out = (struct store_format){.period_us = period_us};
    hash_random_bytes(format_out->uuid, STORE_UUID_SIZE);
    if (secret != NULL) {
        format_out->secret = *secret;
    } else {
        hash_random_bytes(format_out->secret.bytes, HASH_SECRET_SIZE);
    }
    struct text_buffer bytes = {0};
    format_encode(format_out, &bytes);
    enum corong_status status = file_replace(directory, "FORMAT", bytes.bytes, bytes.size, error);
    text_buffer_deinit(&bytes);
    return status;
}
