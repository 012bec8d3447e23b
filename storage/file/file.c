// SPDX-License-Identifier: Apache-2.0
#include "storage/file/file.h"

#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"
#include "storage/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MODE 0640u
#define DIRECTORY_MODE 0750u
/// Linux moves at most this much in one call; asking for more only hides short counts.
#define TRANSFER_SIZE_MAX ((size_t)1 << 30)

/// Whoever waits for a lock looks again after these pauses, growing from the first to the last.
#define LOCK_PAUSE_FIRST_US ((int64_t)100)
#define LOCK_PAUSE_MAX_US ((int64_t)5000)

static const struct file_calls *replaced_calls;

static const struct file_calls *calls(void)
{
    return replaced_calls != NULL ? replaced_calls : file_calls_system();
}

void file_calls_replace(const struct file_calls *calls_new)
{
    replaced_calls = calls_new;
}

static int open_uninterrupted(const char *path, int flags)
{
    int descriptor;
    do {
        descriptor = calls()->open(calls()->context, path, flags | O_CLOEXEC, FILE_MODE);
    } while (descriptor < 0 && errno == EINTR);
    return descriptor;
}

enum corong_status file_open_read(const char *path, int *descriptor_out, struct corong_error *error)
{
    *descriptor_out = open_uninterrupted(path, O_RDONLY);
    if (*descriptor_out >= 0) {
        return CORONG_OK;
    }
    int saved_errno = errno;
    enum corong_status status = error_set_errno(error, "cannot open '%s' for reading", path);
    if (saved_errno == ENOENT && error != NULL) {
        error->status = CORONG_NOT_FOUND;
    }
    return saved_errno == ENOENT ? CORONG_NOT_FOUND : status;
}

enum corong_status file_create(const char *path, int *descriptor_out, struct corong_error *error)
{
    *descriptor_out = open_uninterrupted(path, O_CREAT | O_EXCL | O_APPEND | O_RDWR);
    return *descriptor_out >= 0 ? CORONG_OK : error_set_errno(error, "cannot create '%s'", path);
}

enum corong_status file_create_memory(const char *label, int *descriptor_out,
                                      struct corong_error *error)
{
    *descriptor_out = calls()->memory_file(calls()->context, label);
    return *descriptor_out >= 0 ? CORONG_OK : error_set_errno(error, "cannot create a memory file");
}

enum corong_status file_seal(int descriptor, struct corong_error *error)
{
    return calls()->seal(calls()->context, descriptor) == 0
               ? CORONG_OK
               : error_set_errno(error, "cannot seal a memory file");
}

enum corong_status file_open_append(const char *path, int *descriptor_out,
                                    struct corong_error *error)
{
    *descriptor_out = open_uninterrupted(path, O_CREAT | O_APPEND | O_RDWR);
    return *descriptor_out >= 0 ? CORONG_OK
                                : error_set_errno(error, "cannot open '%s' for appending", path);
}

enum corong_status file_write_all(int descriptor, const void *bytes, size_t size,
                                  struct corong_error *error)
{
    const char *at = bytes;
    size_t left = size;
    while (left > 0) {
        size_t wanted = left < TRANSFER_SIZE_MAX ? left : TRANSFER_SIZE_MAX;
        int64_t written = calls()->write(calls()->context, descriptor, at, wanted);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            errno = written == 0 ? ENOSPC : errno;
            return error_set_errno(error, "cannot write %zu bytes", left);
        }
        ASSERT((uint64_t)written <= wanted);
        at += written;
        left -= (size_t)written;
    }
    return CORONG_OK;
}

enum corong_status file_read_at(int descriptor, void *bytes, size_t size, int64_t offset,
                                struct corong_error *error)
{
    char *at = bytes;
    size_t left = size;
    while (left > 0) {
        size_t wanted = left < TRANSFER_SIZE_MAX ? left : TRANSFER_SIZE_MAX;
        int64_t place = offset + (int64_t)(size - left);
        int64_t got = calls()->pread(calls()->context, descriptor, at, wanted, place);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return error_set_errno(error, "cannot read %zu bytes at %lld", left, (long long)place);
        }
        if (got == 0) {
            return error_set(error, CORONG_CORRUPT,
                             "the file is shorter than it should be: it ends at %lld, "
                             "%zu more bytes were expected",
                             (long long)place, left);
        }
        at += got;
        left -= (size_t)got;
    }
    return CORONG_OK;
}

enum corong_status file_size(int descriptor, int64_t *size_out, struct corong_error *error)
{
    if (calls()->file_size(calls()->context, descriptor, size_out) != 0) {
        return error_set_errno(error, "cannot tell the size of a file");
    }
    return CORONG_OK;
}

enum corong_status file_truncate(int descriptor, int64_t size, struct corong_error *error)
{
    int result;
    do {
        result = calls()->ftruncate(calls()->context, descriptor, size);
    } while (result != 0 && errno == EINTR);
    return result == 0
               ? CORONG_OK
               : error_set_errno(error, "cannot truncate a file to %lld bytes", (long long)size);
}

_Noreturn static void sync_failed(const char *path)
{
    fprintf(stderr,
            "corong: cannot sync '%s': %s; the disk may hold less than was promised, stopping\n",
            path, strerror(errno));
    abort();
}

void file_sync(int descriptor, const char *path)
{
    if (calls()->fsync(calls()->context, descriptor) != 0) {
        sync_failed(path);
    }
}

void file_sync_data(int descriptor, const char *path)
{
    if (calls()->fdatasync(calls()->context, descriptor) != 0) {
        sync_failed(path);
    }
}

void file_sync_directory(const char *path)
{
    int descriptor = open_uninterrupted(path, O_RDONLY | O_DIRECTORY);
    if (descriptor < 0) {
        sync_failed(path);
    }
    file_sync(descriptor, path);
    // Nothing was written through this descriptor, so its close has nothing to report.
    (void)calls()->close(calls()->context, descriptor);
}

enum corong_status file_map(int descriptor, size_t size, const void **bytes_out,
                            struct corong_error *error)
{
    *bytes_out = NULL;
    if (size == 0) {
        return CORONG_OK;
    }
    *bytes_out = calls()->map(calls()->context, descriptor, size);
    return *bytes_out != NULL ? CORONG_OK : error_set_errno(error, "cannot map %zu bytes", size);
}

void file_unmap(const void *bytes, size_t size)
{
    if (bytes != NULL) {
        int result = calls()->unmap(calls()->context, (void *)(uintptr_t)bytes, size);
        ASSERT(result == 0);
    }
}

enum corong_status file_close(int descriptor, const char *path, struct corong_error *error)
{
    // Linux gives the descriptor back even when close reports EINTR.
    if (calls()->close(calls()->context, descriptor) != 0 && errno != EINTR) {
        return error_set_errno(error, "cannot close '%s'", path);
    }
    return CORONG_OK;
}

void file_close_quietly(int descriptor)
{
    (void)calls()->close(calls()->context, descriptor);
}

void file_remove_quietly(const char *path)
{
    (void)calls()->unlink(calls()->context, path);
}

enum corong_status file_rename(const char *from, const char *to, struct corong_error *error)
{
    if (calls()->rename(calls()->context, from, to) != 0) {
        return error_set_errno(error, "cannot rename '%s' to '%s'", from, to);
    }
    return CORONG_OK;
}

enum corong_status file_remove(const char *path, struct corong_error *error)
{
    if (calls()->unlink(calls()->context, path) != 0 && errno != ENOENT) {
        return error_set_errno(error, "cannot remove '%s'", path);
    }
    return CORONG_OK;
}

enum corong_status file_make_directory(const char *path, struct corong_error *error)
{
    if (calls()->mkdir(calls()->context, path, DIRECTORY_MODE) != 0 && errno != EEXIST) {
        return error_set_errno(error, "cannot make the directory '%s'", path);
    }
    return CORONG_OK;
}

enum corong_status file_list(const char *path, void (*visit)(void *user, const char *name),
                             void *user, struct corong_error *error)
{
    if (calls()->list(calls()->context, path, visit, user) != 0) {
        return error_set_errno(error, "cannot list the directory '%s'", path);
    }
    return CORONG_OK;
}

enum corong_status file_free_space(const char *path, uint64_t *bytes_out,
                                   struct corong_error *error)
{
    *bytes_out = 0;
    if (calls()->free_space(calls()->context, path, bytes_out) != 0) {
        return error_set_errno(error, "cannot tell the free space of '%s'", path);
    }
    return CORONG_OK;
}

enum corong_status file_lock(int descriptor, const char *path, struct corong_error *error)
{
    if (calls()->lock(calls()->context, descriptor) == 0) {
        return CORONG_OK;
    }
    if (errno == EWOULDBLOCK) {
        return error_set(error, CORONG_BUSY, "'%s' is locked by another process", path);
    }
    return error_set_errno(error, "cannot lock '%s'", path);
}

enum corong_status file_lock_wait(int descriptor, const char *path, int64_t patience_us,
                                  struct corong_error *error)
{
    int64_t until_us = clock_monotonic_us() + patience_us;
    int64_t pause_us = LOCK_PAUSE_FIRST_US;
    enum corong_status status = file_lock(descriptor, path, error);
    while (status == CORONG_BUSY && clock_monotonic_us() < until_us) {
        clock_sleep_us(pause_us);
        pause_us = pause_us < LOCK_PAUSE_MAX_US ? pause_us * 2 : pause_us;
        status = file_lock(descriptor, path, error);
    }
    if (status == CORONG_BUSY && error != NULL) {
        error->retriable = true;
    }
    return status;
}

void file_unlock(int descriptor)
{
    int result = calls()->unlock(calls()->context, descriptor);
    ASSERT(result == 0); // the descriptor is open, and unlocking waits for nothing
}

static enum corong_status write_whole(const char *path, const void *bytes, size_t size,
                                      bool is_synced, struct corong_error *error)
{
    // O_TRUNC: an earlier crash may have left the temporary name behind.
    int descriptor = open_uninterrupted(path, O_CREAT | O_TRUNC | O_WRONLY);
    if (descriptor < 0) {
        return error_set_errno(error, "cannot create '%s'", path);
    }
    enum corong_status status = file_write_all(descriptor, bytes, size, error);
    if (status != CORONG_OK) {
        error_prepend(error, "'%s'", path);
        (void)calls()->close(calls()->context, descriptor);
        return status;
    }
    if (is_synced) {
        file_sync(descriptor, path);
    }
    return file_close(descriptor, path, error);
}

static enum corong_status replace(const char *directory, const char *name, struct text content,
                                  bool is_synced, struct corong_error *error)
{
    struct text_buffer path = {0};
    text_buffer_printf(&path, "%s/%s", directory, name);
    struct text_buffer temporary = {0};
    text_buffer_printf(&temporary, "%s.tmp", path.bytes);
    enum corong_status status =
        write_whole(temporary.bytes, content.bytes, content.size, is_synced, error);
    if (status == CORONG_OK) {
        status = file_rename(temporary.bytes, path.bytes, error);
    }
    if (status != CORONG_OK) {
        (void)calls()->unlink(calls()->context, temporary.bytes);
    } else if (is_synced) {
        file_sync_directory(directory);
    }
    text_buffer_deinit(&temporary);
    text_buffer_deinit(&path);
    return status;
}

enum corong_status file_replace(const char *directory, const char *name, const void *bytes,
                                size_t size, struct corong_error *error)
{
    return replace(directory, name, (struct text){bytes, size}, true, error);
}

enum corong_status file_replace_unsynced(const char *directory, const char *name, const void *bytes,
                                         size_t size, struct corong_error *error)
{
    return replace(directory, name, (struct text){bytes, size}, false, error);
}

static enum corong_status read_whole(int descriptor, size_t size_max, char **bytes_out,
                                     size_t *size_out, struct corong_error *error)
{
    int64_t size;
    TRY(file_size(descriptor, &size, error));
    if ((uint64_t)size > size_max) {
        return error_set(error, CORONG_INVALID, "the file has %lld bytes, %zu are allowed",
                         (long long)size, size_max);
    }
    char *bytes = memory_allocate((size_t)size);
    enum corong_status status = file_read_at(descriptor, bytes, (size_t)size, 0, error);
    if (status != CORONG_OK) {
        memory_free(bytes);
        return status;
    }
    *bytes_out = bytes;
    *size_out = (size_t)size;
    return CORONG_OK;
}

enum corong_status file_read_whole(const char *path, size_t size_max, char **bytes_out,
                                   size_t *size_out, struct corong_error *error)
{
    *bytes_out = NULL;
    *size_out = 0;
    int descriptor;
    TRY(file_open_read(path, &descriptor, error));
    enum corong_status status = read_whole(descriptor, size_max, bytes_out, size_out, error);
    if (status != CORONG_OK) {
        error_prepend(error, "'%s'", path);
    }
    // Only reading happened: a failing close loses nothing.
    (void)calls()->close(calls()->context, descriptor);
    return status;
}
