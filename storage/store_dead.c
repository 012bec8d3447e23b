// SPDX-License-Identifier: Apache-2.0
#include "storage/store_dead.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/file/file.h"

#include <inttypes.h>

char *store_dead_path(const char *directory, uint64_t number)
{
    struct text_buffer path = {0};
    text_buffer_printf(&path, "%s/dead/%" PRIu64 ".dlq", directory, number);
    return path.bytes;
}

static bool list_holds(const struct store_dead_list *list, uint64_t number)
{
    for (uint32_t index = 0; index < list->count; index++) {
        if (list->files[index].number == number) {
            return true;
        }
    }
    return false;
}

static void list_begin_file(struct store_dead_list *list)
{
    uint64_t number = list->count == 0 ? 1 : list->files[list->count - 1].number + 1;
    if (list->count == MANIFEST_DEAD_FILE_COUNT_MAX) {
        list->count--;
        memmove(list->files, list->files + 1, list->count * sizeof(list->files[0]));
    }
    list->files[list->count++] = (struct store_dead_letter_file){.number = number};
}

/// Cuts the file to what is committed, then appends.
static enum corong_status append_at(int descriptor, uint64_t committed_size, struct text letters,
                                    struct corong_error *error)
{
    int64_t size;
    TRY(file_size(descriptor, &size, error));
    if ((uint64_t)size < committed_size) {
        return error_set(error, CORONG_CORRUPT, "it has %lld bytes, %llu were committed",
                         (long long)size, (unsigned long long)committed_size);
    }
    if ((uint64_t)size > committed_size) {
        TRY(file_truncate(descriptor, (int64_t)committed_size, error));
    }
    return file_write_all(descriptor, letters.bytes, letters.size, error);
}

static enum corong_status append_to(const char *directory, struct store_dead_letter_file *file,
                                    struct text letters, struct corong_error *error)
{
    char *path = store_dead_path(directory, file->number);
    int descriptor = -1;
    enum corong_status status = file_open_append(path, &descriptor, error);
    if (status == CORONG_OK) {
        status = append_at(descriptor, file->size_bytes, letters, error);
        if (status == CORONG_OK) {
            file_sync(descriptor, path);
        } else {
            error_prepend(error, "'%s'", path);
        }
        file_close_quietly(descriptor); // synced, or of no use
    }
    memory_free(path);
    return status;
}

static void sync_names(const char *directory)
{
    struct text_buffer path = {0};
    text_buffer_printf(&path, "%s/dead", directory);
    file_sync_directory(path.bytes);
    text_buffer_deinit(&path);
}

enum corong_status store_dead_append(const char *directory, struct text letters,
                                     struct store_dead_list *list, struct corong_error *error)
{
    ASSERT(letters.size > 0);
    bool is_full =
        list->count == 0 || list->files[list->count - 1].size_bytes >= STORE_DEAD_FILE_SIZE_MAX;
    if (is_full) {
        list_begin_file(list);
    }
    struct corong_error local;
    struct corong_error *cause = error != NULL ? error : &local;
    struct store_dead_letter_file *newest = &list->files[list->count - 1];
    enum corong_status status = append_to(directory, newest, letters, cause);
    if (status == CORONG_CORRUPT) {
        // Somebody shortened the file. What was in it is lost already; that must not stop
        // ingestion.
        list_begin_file(list);
        newest = &list->files[list->count - 1];
        status = append_to(directory, newest, letters, cause);
    }
    if (status == CORONG_OK) {
        if (newest->size_bytes == 0) {
            sync_names(directory);
        }
        newest->size_bytes += letters.size;
    }
    return status;
}

void store_dead_remove(const char *directory, const struct store_dead_list *before,
                       const struct store_dead_list *after)
{
    for (uint32_t index = 0; index < before->count; index++) {
        if (!list_holds(after, before->files[index].number)) {
            char *path = store_dead_path(directory, before->files[index].number);
            file_remove_quietly(path);
            memory_free(path);
        }
    }
}
