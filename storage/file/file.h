// SPDX-License-Identifier: Apache-2.0
/// Every system call that touches the store, through one table that tests can replace: a test makes
/// the n-th call fail, tear, or be the last before a power cut.
///
/// Thread: the table is set before any thread starts; the calls are as thread-safe as the system's.
#pragma once

#include "storage/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// The replaceable calls. They behave like the system calls they are named after: -1 and errno.
/// `context` is the table's own.
struct file_calls {
    void *context;
    int (*open)(void *context, const char *path, int flags, unsigned mode);
    int (*close)(void *context, int descriptor);
    int64_t (*write)(void *context, int descriptor, const void *bytes, size_t size);
    int64_t (*pread)(void *context, int descriptor, void *bytes, size_t size, int64_t offset);
    int (*fsync)(void *context, int descriptor);
    int (*fdatasync)(void *context, int descriptor);
    int (*ftruncate)(void *context, int descriptor, int64_t size);
    int (*rename)(void *context, const char *from, const char *to);
    int (*unlink)(void *context, const char *path);
    int (*mkdir)(void *context, const char *path, unsigned mode);
    int (*file_size)(void *context, int descriptor, int64_t *size_out);
    /// Calls `visit` with each name but "." and "..".
    int (*list)(void *context, const char *path, void (*visit)(void *user, const char *name),
                void *user);
    /// flock(LOCK_EX | LOCK_NB).
    int (*lock)(void *context, int descriptor);
    int (*unlock)(void *context, int descriptor);
    /// Bytes that may still be written where `path` lies.
    int (*free_space)(void *context, const char *path, uint64_t *bytes_out);
    /// A read-only view of the first `size` bytes (mmap), or NULL and errno.
    void *(*map)(void *context, int descriptor, size_t size);
    int (*unmap)(void *context, void *address, size_t size);
    /// A new file without a name that lives in memory (memfd_create).
    int (*memory_file)(void *context, const char *label);
    /// From now on nobody can change a memory file (F_ADD_SEALS: write, shrink, grow, seal).
    int (*seal)(void *context, int descriptor);
};

/// The table of real system calls.
const struct file_calls *file_calls_system(void);
/// Replaces the table (NULL: back to the system's). Tests only, before any file is open.
void file_calls_replace(const struct file_calls *calls);

/// Opens an existing file for reading. A missing file is CORONG_NOT_FOUND with saved_errno ENOENT.
CORONG_MUST_CHECK enum corong_status file_open_read(const char *path, int *descriptor_out,
                                                    struct corong_error *error);
/// Creates a file that must not exist (O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC), so that what was
/// written can be read back through the same descriptor.
CORONG_MUST_CHECK enum corong_status file_create(const char *path, int *descriptor_out,
                                                 struct corong_error *error);
/// Creates a file without a name that lives in memory, for reading and writing; it goes with its
/// last descriptor. `label` shows in /proc.
CORONG_MUST_CHECK enum corong_status file_create_memory(const char *label, int *descriptor_out,
                                                        struct corong_error *error);
/// Makes a memory file immutable for everybody, whoever gets its descriptor.
CORONG_MUST_CHECK enum corong_status file_seal(int descriptor, struct corong_error *error);
/// Opens or creates for appending.
CORONG_MUST_CHECK enum corong_status file_open_append(const char *path, int *descriptor_out,
                                                      struct corong_error *error);
/// Writes all bytes; loops on short writes and EINTR.
CORONG_MUST_CHECK enum corong_status file_write_all(int descriptor, const void *bytes, size_t size,
                                                    struct corong_error *error);
/// Reads exactly `size` bytes at `offset`; fewer is CORONG_CORRUPT ("file is shorter").
CORONG_MUST_CHECK enum corong_status file_read_at(int descriptor, void *bytes, size_t size,
                                                  int64_t offset, struct corong_error *error);
CORONG_MUST_CHECK enum corong_status file_size(int descriptor, int64_t *size_out,
                                               struct corong_error *error);
CORONG_MUST_CHECK enum corong_status file_truncate(int descriptor, int64_t size,
                                                   struct corong_error *error);
/// fsync. A failure ABORTS the process: after a failed fsync the page cache may show what the disk
/// does not hold, and a second fsync would lie.
void file_sync(int descriptor, const char *path);
/// fdatasync, with the same rule.
void file_sync_data(int descriptor, const char *path);
/// fsync of a directory, so that the names in it survive a power cut; same rule.
void file_sync_directory(const char *path);
/// Maps the first `size` bytes for reading; `size` 0 gives NULL and is no error. The descriptor may
/// be closed afterwards. Give it back with file_unmap(). The file must not shrink while it is
/// mapped.
CORONG_MUST_CHECK enum corong_status file_map(int descriptor, size_t size, const void **bytes_out,
                                              struct corong_error *error);
/// NULL-safe.
void file_unmap(const void *bytes, size_t size);
CORONG_MUST_CHECK enum corong_status file_close(int descriptor, const char *path,
                                                struct corong_error *error);
/// For a descriptor whose content was only read, is synced already, or is given up.
void file_close_quietly(int descriptor);
/// For a file that is of no more use; where it stays, the next open of the store removes it.
void file_remove_quietly(const char *path);
CORONG_MUST_CHECK enum corong_status file_rename(const char *from, const char *to,
                                                 struct corong_error *error);
/// A file that is already gone is no error.
CORONG_MUST_CHECK enum corong_status file_remove(const char *path, struct corong_error *error);
/// An existing directory is no error.
CORONG_MUST_CHECK enum corong_status file_make_directory(const char *path,
                                                         struct corong_error *error);
CORONG_MUST_CHECK enum corong_status file_list(const char *path,
                                               void (*visit)(void *user, const char *name),
                                               void *user, struct corong_error *error);
/// Bytes that this process may still write on the disk that holds `path`.
CORONG_MUST_CHECK enum corong_status file_free_space(const char *path, uint64_t *bytes_out,
                                                     struct corong_error *error);
/// Takes an exclusive lock or fails with CORONG_BUSY.
CORONG_MUST_CHECK enum corong_status file_lock(int descriptor, const char *path,
                                               struct corong_error *error);
/// As file_lock(), but tries again for `patience_us` before it says CORONG_BUSY (retriable).
CORONG_MUST_CHECK enum corong_status
file_lock_wait(int descriptor, const char *path, int64_t patience_us, struct corong_error *error);
/// Gives the lock back; closing the descriptor does too.
void file_unlock(int descriptor);
/// Writes a small file whole: tmp, fsync, rename, fsync(directory).
CORONG_MUST_CHECK enum corong_status file_replace(const char *directory, const char *name,
                                                  const void *bytes, size_t size,
                                                  struct corong_error *error);
/// As file_replace() for a file that can be made again, and whose readers notice a damaged one:
/// nothing is synced, so a disk that fails is an error to the caller and ends no process.
CORONG_MUST_CHECK enum corong_status file_replace_unsynced(const char *directory, const char *name,
                                                           const void *bytes, size_t size,
                                                           struct corong_error *error);
/// Reads a whole file into memory_allocate()d bytes; larger than `size_max` is CORONG_INVALID.
CORONG_MUST_CHECK enum corong_status file_read_whole(const char *path, size_t size_max,
                                                     char **bytes_out, size_t *size_out,
                                                     struct corong_error *error);
