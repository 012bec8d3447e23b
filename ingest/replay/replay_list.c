// SPDX-License-Identifier: Apache-2.0
#include "ingest/replay/replay_list.h"

#include "storage/base/memory.h"
#include "storage/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DIRECTORY_DEPTH_MAX 64u

static void append(struct replay_list *list, const char *path)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        list->paths = memory_resize_array(list->paths, list->capacity, sizeof(*list->paths));
    }
    list->paths[list->count++] = memory_copy_string(path, strlen(path));
}

static enum corong_status add_directory(struct replay_list *list, const char *path, uint32_t depth,
                                        struct corong_error *error);

/// One name inside a directory. A link counts only where it leads to a file: links to directories
/// could go round in circles.
static enum corong_status add_entry(struct replay_list *list, const char *path, uint32_t depth,
                                    struct corong_error *error)
{
    struct stat link_status;
    struct stat status;
    if (lstat(path, &link_status) != 0 || stat(path, &status) != 0) {
        return error_set_errno(error, "cannot examine '%s'", path);
    }
    if (S_ISDIR(link_status.st_mode)) {
        return add_directory(list, path, depth + 1, error);
    }
    if (S_ISREG(status.st_mode)) {
        append(list, path);
    }
    return CORONG_OK;
}

static enum corong_status add_directory(struct replay_list *list, const char *path, uint32_t depth,
                                        struct corong_error *error)
{
    if (depth > DIRECTORY_DEPTH_MAX) {
        return error_set(error, CORONG_INVALID, "directory '%s' is nested deeper than %u", path,
                         DIRECTORY_DEPTH_MAX);
    }
    DIR *directory = opendir(path);
    if (directory == NULL) {
        return error_set_errno(error, "cannot list '%s'", path);
    }
    enum corong_status status = CORONG_OK;
    struct text_buffer child = {0};
    struct dirent *entry;
    while (status == CORONG_OK && (entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        text_buffer_reset(&child);
        size_t path_size = strlen(path);
        bool slash = path_size > 0 && path[path_size - 1] == '/';
        text_buffer_printf(&child, "%s%s%s", path, slash ? "" : "/", entry->d_name);
        status = add_entry(list, child.bytes, depth, error);
    }
    text_buffer_deinit(&child);
    closedir(directory);
    return status;
}

static enum corong_status add_existing(struct replay_list *list, const char *path,
                                       const struct stat *status, struct corong_error *error)
{
    if (S_ISDIR(status->st_mode)) {
        return add_directory(list, path, 0, error);
    }
    append(list, path);
    return CORONG_OK;
}

static enum corong_status add_glob(struct replay_list *list, const char *pattern,
                                   struct corong_error *error)
{
    glob_t matches = {0};
    int result = glob(pattern, 0, NULL, &matches);
    enum corong_status status = CORONG_OK;
    if (result == GLOB_NOMATCH) {
        status = error_set(error, CORONG_NOT_FOUND, "no file matches '%s'", pattern);
    } else if (result != 0) {
        status = error_set(error, CORONG_IO, "cannot expand '%s'", pattern);
    }
    for (size_t index = 0; status == CORONG_OK && index < matches.gl_pathc; index++) {
        struct stat found;
        if (stat(matches.gl_pathv[index], &found) == 0) {
            status = add_existing(list, matches.gl_pathv[index], &found, error);
        }
    }
    globfree(&matches);
    return status;
}

enum corong_status replay_list_add(struct replay_list *list, const char *path,
                                   struct corong_error *error)
{
    struct stat status;
    if (strcmp(path, "-") == 0) {
        append(list, path);
        return CORONG_OK;
    }
    if (stat(path, &status) == 0) {
        return add_existing(list, path, &status, error);
    }
    if (errno == ENOENT && strpbrk(path, "*?[") != NULL) {
        return add_glob(list, path, error);
    }
    return error_set_errno(error, "cannot open '%s'", path);
}

static int compare_paths(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

void replay_list_sort(struct replay_list *list)
{
    if (list->count == 0) {
        return;
    }
    qsort(list->paths, list->count, sizeof(*list->paths), compare_paths);
    uint32_t kept = 1;
    for (uint32_t index = 1; index < list->count; index++) {
        if (strcmp(list->paths[index], list->paths[kept - 1]) == 0) {
            memory_free(list->paths[index]);
        } else {
            list->paths[kept++] = list->paths[index];
        }
    }
    list->count = kept;
}

void replay_list_deinit(struct replay_list *list)
{
    for (uint32_t index = 0; index < list->count; index++) {
        memory_free(list->paths[index]);
    }
    memory_free(list->paths);
    *list = (struct replay_list){0};
}
