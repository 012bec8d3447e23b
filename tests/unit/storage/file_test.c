// SPDX-License-Identifier: Apache-2.0
#include "storage/base/memory.h"
#include "storage/file/file.h"
#include "tests/support/store_directory.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *make_directory(void)
{
    char *directory = store_directory_create();
    cr_assert_eq(file_make_directory(directory, NULL), CORONG_OK);
    cr_assert_eq(file_make_directory(directory, NULL), CORONG_OK, "one that exists is no error");
    return directory;
}

static void path_in(const char *directory, const char *name, char *path_out)
{
    snprintf(path_out, 512, "%s/%s", directory, name);
}

/// At most three bytes a call, every other call interrupted.
static int64_t stuttering_write(void *context, int descriptor, const void *bytes, size_t size)
{
    if (++*(int *)context % 2 == 0) {
        errno = EINTR;
        return -1;
    }
    return write(descriptor, bytes, size < 3 ? size : 3);
}

static int64_t stuttering_pread(void *context, int descriptor, void *bytes, size_t size,
                                int64_t offset)
{
    if (++*(int *)context % 2 == 0) {
        errno = EINTR;
        return -1;
    }
    return pread(descriptor, bytes, size < 3 ? size : 3, offset);
}

Test(file, test_short_and_interrupted_transfers_are_completed)
{
    char *directory = make_directory();
    int count = 0;
    struct file_calls calls = *file_calls_system();
    calls.context = &count;
    calls.write = stuttering_write;
    calls.pread = stuttering_pread;
    file_calls_replace(&calls);
    cr_assert_eq(file_replace(directory, "name", "twelve bytes", 12, NULL), CORONG_OK);
    char path[512];
    path_in(directory, "name", path);
    char *bytes;
    size_t size;
    cr_assert_eq(file_read_whole(path, 100, &bytes, &size, NULL), CORONG_OK);
    file_calls_replace(NULL);
    cr_expect_eq(size, 12);
    cr_expect_arr_eq(bytes, "twelve bytes", 12);
    memory_free(bytes);
    store_directory_remove(directory);
}

static int64_t full_disk(void *context, int descriptor, const void *bytes, size_t size)
{
    (void)context;
    (void)descriptor;
    (void)bytes;
    (void)size;
    errno = ENOSPC;
    return -1;
}

Test(file, test_failed_replacement_keeps_the_old_content)
{
    char *directory = make_directory();
    cr_assert_eq(file_replace(directory, "name", "old", 3, NULL), CORONG_OK);
    struct file_calls calls = *file_calls_system();
    calls.write = full_disk;
    file_calls_replace(&calls);
    struct corong_error error = {0};
    cr_expect_eq(file_replace(directory, "name", "new", 3, &error), CORONG_IO);
    cr_expect(error.retriable);
    cr_expect_eq(error.saved_errno, ENOSPC);
    file_calls_replace(NULL);
    char path[512];
    path_in(directory, "name", path);
    char *bytes;
    size_t size;
    cr_assert_eq(file_read_whole(path, 3, &bytes, &size, NULL), CORONG_OK);
    cr_expect_arr_eq(bytes, "old", 3);
    memory_free(bytes);
    path_in(directory, "name.tmp", path);
    cr_expect_neq(access(path, F_OK), 0);
    store_directory_remove(directory);
}

Test(file, test_reading_past_the_end_is_corrupt_and_too_large_is_invalid)
{
    char *directory = make_directory();
    cr_assert_eq(file_replace(directory, "name", "12345", 5, NULL), CORONG_OK);
    char path[512];
    path_in(directory, "name", path);
    int descriptor;
    cr_assert_eq(file_open_read(path, &descriptor, NULL), CORONG_OK);
    char bytes[8];
    cr_expect_eq(file_read_at(descriptor, bytes, 5, 0, NULL), CORONG_OK);
    cr_expect_eq(file_read_at(descriptor, bytes, 5, 1, NULL), CORONG_CORRUPT);
    cr_expect_eq(file_close(descriptor, path, NULL), CORONG_OK);
    char *whole;
    size_t size;
    cr_expect_eq(file_read_whole(path, 4, &whole, &size, NULL), CORONG_INVALID);
    store_directory_remove(directory);
}

Test(file, test_missing_file_is_not_found_and_removing_it_is_no_error)
{
    char *directory = make_directory();
    char path[512];
    path_in(directory, "nothing", path);
    int descriptor;
    struct corong_error error = {0};
    cr_expect_eq(file_open_read(path, &descriptor, &error), CORONG_NOT_FOUND);
    cr_expect_eq(error.saved_errno, ENOENT);
    cr_expect_eq(file_remove(path, NULL), CORONG_OK);
    store_directory_remove(directory);
}

Test(file, test_created_file_must_not_exist_and_reads_back)
{
    char *directory = make_directory();
    char path[512];
    path_in(directory, "name", path);
    int descriptor;
    cr_assert_eq(file_create(path, &descriptor, NULL), CORONG_OK);
    cr_assert_eq(file_write_all(descriptor, "abc", 3, NULL), CORONG_OK);
    char bytes[3];
    cr_assert_eq(file_read_at(descriptor, bytes, 3, 0, NULL), CORONG_OK);
    const void *map;
    cr_assert_eq(file_map(descriptor, 3, &map, NULL), CORONG_OK);
    cr_expect_arr_eq(map, "abc", 3);
    file_unmap(map, 3);
    cr_assert_eq(file_map(descriptor, 0, &map, NULL), CORONG_OK);
    cr_expect_null(map);
    file_close_quietly(descriptor);
    cr_expect_eq(file_create(path, &descriptor, NULL), CORONG_IO);
    store_directory_remove(directory);
}

Test(file, test_lock_is_exclusive)
{
    char *directory = make_directory();
    char path[512];
    path_in(directory, "LOCK", path);
    int first;
    int second;
    cr_assert_eq(file_open_append(path, &first, NULL), CORONG_OK);
    cr_assert_eq(file_open_append(path, &second, NULL), CORONG_OK);
    cr_expect_eq(file_lock(first, path, NULL), CORONG_OK);
    cr_expect_eq(file_lock(second, path, NULL), CORONG_BUSY);
    file_close_quietly(first);
    cr_expect_eq(file_lock(second, path, NULL), CORONG_OK);
    file_close_quietly(second);
    store_directory_remove(directory);
}
