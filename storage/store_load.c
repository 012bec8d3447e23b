// SPDX-License-Identifier: Apache-2.0
#include "storage/store_load.h"

#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "storage/file/file.h"

struct manifest_place store_load_place(const char *directory, const struct store_format *format)
{
    struct manifest_place place = {.directory = directory};
    _Static_assert(MANIFEST_UUID_SIZE == STORE_UUID_SIZE, "one uuid names the store");
    memcpy(place.uuid, format->uuid, STORE_UUID_SIZE);
    return place;
}

char *store_load_path(const char *directory, const char *name)
{
    struct text_buffer path = {0};
    text_buffer_printf(&path, "%s/%s", directory, name);
    return path.bytes;
}

char *store_load_segment_path(const char *directory, const uint8_t *uuid)
{
    struct text_buffer path = {0};
    text_buffer_printf(&path, "%s/seg/", directory);
    for (size_t index = 0; index < SEGMENT_UUID_SIZE; index++) {
        text_buffer_printf(&path, "%02x", uuid[index]);
    }
    text_buffer_append_string(&path, ".fseg");
    return path.bytes;
}

enum corong_status store_load(const char *directory, struct store_format *format,
                              struct manifest_state *state, struct corong_error *error)
{
    enum corong_status status = store_format_read(directory, format, error);
    if (status != CORONG_OK) {
        return status;
    }
    struct manifest_place place = store_load_place(directory, format);
    for (int try = 0; try < STORE_LOAD_TRY_COUNT; try++) {
        manifest_state_init(state);
        status = manifest_load(&place, state, error);
        if (status == CORONG_OK) {
            return CORONG_OK;
        }
        manifest_state_deinit(state);
        if (status != CORONG_NOT_FOUND) {
            return status;
        }
        clock_sleep_us(try * 50);
    }
    return status;
}

enum corong_status store_load_synced(const char *directory, struct store_format *format,
                                     struct manifest_state *state, struct corong_error *error)
{
    TRY(store_load(directory, format, state, error));
    struct manifest_place place = store_load_place(directory, format);
    enum corong_status status = CORONG_NOT_FOUND;
    // A file that is gone was followed by one that holds what it held and was synced before.
    for (int try = 0; status == CORONG_NOT_FOUND && try < STORE_LOAD_TRY_COUNT; try++) {
        status = manifest_sync_current(&place, error);
    }
    if (status != CORONG_OK) {
        manifest_state_deinit(state);
    }
    return status;
}

static enum corong_status check_file(const char *path, uint64_t size_wanted,
                                     struct corong_error *error)
{
    int descriptor;
    enum corong_status status = file_open_read(path, &descriptor, error);
    if (status == CORONG_NOT_FOUND) {
        return error_set(error, CORONG_CORRUPT, "the segment '%s' is gone", path);
    }
    TRY(status);
    int64_t size = 0;
    status = file_size(descriptor, &size, error);
    file_close_quietly(descriptor);
    if (status == CORONG_OK && (uint64_t)size != size_wanted) {
        status = error_set(error, CORONG_CORRUPT, "the segment '%s' has %lld bytes, not %llu", path,
                           (long long)size, (unsigned long long)size_wanted);
    }
    return status;
}

enum corong_status store_load_check_files(const char *directory, const struct manifest_state *state,
                                          struct corong_error *error)
{
    for (uint32_t index = 0; index < state->segment_count; index++) {
        const struct segment_meta *meta = &state->segments[index];
        char *path = store_load_segment_path(directory, meta->uuid);
        enum corong_status status = check_file(path, meta->size_bytes, error);
        memory_free(path);
        TRY(status);
    }
    return CORONG_OK;
}
