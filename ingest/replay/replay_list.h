// SPDX-License-Identifier: Apache-2.0
/// Paths, directories and globs to a sorted list of files. Thread: main.
#pragma once

#include "storage/base/error.h"

#include <stdint.h>

struct replay_list {
    char **paths; ///< each memory_allocate()d, in byte order
    uint32_t count;
    uint32_t capacity;
};

/// Adds what `path` names: itself ("-", a file, a pipe), all files below a directory (recursively;
/// names that begin with a dot and links to directories are passed over), or the matches of a glob.
CORONG_MUST_CHECK enum corong_status replay_list_add(struct replay_list *list, const char *path,
                                                     struct corong_error *error);
/// Byte order, each path once.
void replay_list_sort(struct replay_list *list);
void replay_list_deinit(struct replay_list *list);
