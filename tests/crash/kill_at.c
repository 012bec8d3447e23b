// SPDX-License-Identifier: Apache-2.0
// Preloaded into a process: counts its calls that concern files under CORONG_KILL_UNDER, over all
// threads, and kills the process at the one numbered CORONG_KILL_AT (from 1) as kill -9 does:
// before the call, or with CORONG_KILL_TORN=1 in the middle of a write. With CORONG_KILL_LOG the
// calls are written there instead, one per line, in the order of their numbers.
//
// It counts what strace would have to stop for, needs no right to trace, and slows nothing down.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int flock(int descriptor, int operation);
int mkdir(const char *path, mode_t mode);

#define LINE_SIZE 4096

static atomic_ulong call_count;

static const char *word(const char *name)
{
    const char *value = getenv(name);
    return value == NULL ? "" : value;
}

static bool path_counts(const char *path)
{
    const char *under = word("CORONG_KILL_UNDER");
    return *under != '\0' && strncmp(path, under, strlen(under)) == 0;
}

static bool descriptor_path(int descriptor, char path_out[LINE_SIZE])
{
    char link[64];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
    ssize_t size = readlink(link, path_out, LINE_SIZE - 1);
    path_out[size > 0 ? size : 0] = '\0';
    return size > 0 && path_counts(path_out);
}

static void log_call(const char *name, const char *path)
{
    const char *log = word("CORONG_KILL_LOG");
    if (*log == '\0') {
        return;
    }
    char line[LINE_SIZE];
    int size = snprintf(line, sizeof(line), "%s %s\n", name, path);
    long descriptor =
        syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    (void)!syscall(SYS_write, descriptor, line, (size_t)size);
    syscall(SYS_close, descriptor);
}

static void die(void)
{
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) {
        pause();
    }
}

/// Counts the call. True where the process is to die in it.
static bool is_last(const char *name, const char *path)
{
    int kept = errno;
    unsigned long number = atomic_fetch_add(&call_count, 1) + 1; // also the order of the log
    log_call(name, path);
    errno = kept;
    return number == strtoul(word("CORONG_KILL_AT"), NULL, 10);
}

static void count(const char *name, const char *path)
{
    if (path_counts(path) && is_last(name, path)) {
        die();
    }
}

static void count_descriptor(const char *name, int descriptor)
{
    char path[LINE_SIZE];
    int kept = errno;
    if (descriptor_path(descriptor, path) && is_last(name, path)) {
        die();
    }
    errno = kept;
}

int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    unsigned mode = (flags & O_CREAT) != 0 ? va_arg(arguments, unsigned) : 0;
    va_end(arguments);
    count("open", path);
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int close(int descriptor)
{
    count_descriptor("close", descriptor);
    return (int)syscall(SYS_close, descriptor);
}

ssize_t write(int descriptor, const void *bytes, size_t size)
{
    char path[LINE_SIZE];
    int kept = errno;
    if (descriptor_path(descriptor, path) && is_last("write", path)) {
        if (*word("CORONG_KILL_TORN") != '\0') {
            syscall(SYS_write, descriptor, bytes, size / 2);
        }
        die();
    }
    errno = kept;
    return syscall(SYS_write, descriptor, bytes, size);
}

int fsync(int descriptor)
{
    count_descriptor("fsync", descriptor);
    return (int)syscall(SYS_fsync, descriptor);
}

int fdatasync(int descriptor)
{
    count_descriptor("fdatasync", descriptor);
    return (int)syscall(SYS_fdatasync, descriptor);
}

int ftruncate(int descriptor, off_t size)
{
    count_descriptor("ftruncate", descriptor);
    return (int)syscall(SYS_ftruncate, descriptor, size);
}

int flock(int descriptor, int operation)
{
    count_descriptor("flock", descriptor);
    return (int)syscall(SYS_flock, descriptor, operation);
}

int rename(const char *from, const char *to)
{
    count("rename", to);
    return (int)syscall(SYS_rename, from, to);
}

int unlink(const char *path)
{
    count("unlink", path);
    return (int)syscall(SYS_unlink, path);
}

int mkdir(const char *path, mode_t mode)
{
    count("mkdir", path);
    return (int)syscall(SYS_mkdir, path, mode);
}
