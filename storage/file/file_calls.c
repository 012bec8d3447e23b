// SPDX-License-Identifier: Apache-2.0
#include "storage/file/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int call_open(void *context, const char *path, int flags, unsigned mode)
{
    (void)context;
    return open(path, flags, (mode_t)mode);
}

static int call_close(void *context, int descriptor)
{
    (void)context;
    return close(descriptor);
}

static int64_t call_write(void *context, int descriptor, const void *bytes, size_t size)
{
    (void)context;
    return write(descriptor, bytes, size);
}

static int64_t call_pread(void *context, int descriptor, void *bytes, size_t size, int64_t offset)
{
    (void)context;
    return pread(descriptor, bytes, size, offset);
}

static int call_fsync(void *context, int descriptor)
{
    (void)context;
    return fsync(descriptor);
}

static int call_fdatasync(void *context, int descriptor)
{
    (void)context;
    return fdatasync(descriptor);
}

static int call_ftruncate(void *context, int descriptor, int64_t size)
{
    (void)context;
    return ftruncate(descriptor, size);
}

static int call_rename(void *context, const char *from, const char *to)
{
    (void)context;
    return rename(from, to);
}

static int call_unlink(void *context, const char *path)
{
    (void)context;
    return unlink(path);
}

static int call_mkdir(void *context, const char *path, unsigned mode)
{
    (void)context;
    return mkdir(path, (mode_t)mode);
}

static int call_file_size(void *context, int descriptor, int64_t *size_out)
{
    (void)context;
    struct stat status;
    if (fstat(descriptor, &status) != 0) {
        return -1;
    }
    *size_out = status.st_size;
    return 0;
}

static int call_list(void *context, const char *path, void (*visit)(void *user, const char *name),
                     void *user)
{
    (void)context;
    DIR *directory = opendir(path);
    if (directory == NULL) {
        return -1;
    }
    errno = 0;
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            visit(user, entry->d_name);
        }
        errno = 0;
    }
    int saved_errno = errno;
    closedir(directory);
    errno = saved_errno;
    return saved_errno == 0 ? 0 : -1;
}

static int call_free_space(void *context, const char *path, uint64_t *bytes_out)
{
    (void)context;
    struct statvfs status;
    if (statvfs(path, &status) != 0) {
        return -1;
    }
    *bytes_out = (uint64_t)status.f_bavail * status.f_frsize;
    return 0;
}

static int call_lock(void *context, int descriptor)
{
    (void)context;
    return flock(descriptor, LOCK_EX | LOCK_NB);
}

static int call_unlock(void *context, int descriptor)
{
    (void)context;
    return flock(descriptor, LOCK_UN);
}

static void *call_map(void *context, int descriptor, size_t size)
{
    (void)context;
    // Private, though nobody writes: before Linux 6.7 a sealed memory file cannot be mapped shared.
    void *address = mmap(NULL, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    return address == MAP_FAILED ? NULL : address;
}

static int call_unmap(void *context, void *address, size_t size)
{
    (void)context;
    return munmap(address, size);
}

static int call_memory_file(void *context, const char *label)
{
    (void)context;
    return memfd_create(label, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

static int call_seal(void *context, int descriptor)
{
    (void)context;
    return fcntl(descriptor, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
}

const struct file_calls *file_calls_system(void)
{
    static const struct file_calls calls = {
        .open = call_open,
        .close = call_close,
        .write = call_write,
        .pread = call_pread,
        .fsync = call_fsync,
        .fdatasync = call_fdatasync,
        .ftruncate = call_ftruncate,
        .rename = call_rename,
        .unlink = call_unlink,
        .mkdir = call_mkdir,
        .file_size = call_file_size,
        .list = call_list,
        .free_space = call_free_space,
        .lock = call_lock,
        .unlock = call_unlock,
        .map = call_map,
        .unmap = call_unmap,
        .memory_file = call_memory_file,
        .seal = call_seal,
    };
    return &calls;
}
