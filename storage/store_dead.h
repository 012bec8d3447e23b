// SPDX-License-Identifier: Apache-2.0
/// The dead-letter files dead/<n>.dlq: bytes appended at a commit, whose record holds how many of
/// them count. Private to storage/. Thread: the committer.
#pragma once

#include "storage/base/error.h"
#include "storage/manifest/manifest.h"

/// A file that has reached this size is followed by the next.
#define STORE_DEAD_FILE_SIZE_MAX ((uint64_t)64 << 20)

/// The list as it will be after the commit.
struct store_dead_list {
    struct store_dead_letter_file files[MANIFEST_DEAD_FILE_COUNT_MAX];
    uint32_t count;
};

/// Appends `letters` behind the committed bytes of the newest file (what an earlier failure left
/// there is cut off) or begins the next one, and syncs. `list` becomes the new list; the files that
/// fell out of it are for store_dead_remove() after the commit.
CORONG_MUST_CHECK enum corong_status store_dead_append(const char *directory, struct text letters,
                                                       struct store_dead_list *list,
                                                       struct corong_error *error);
/// Removes the files of `before` that `after` does not list. Best effort.
void store_dead_remove(const char *directory, const struct store_dead_list *before,
                       const struct store_dead_list *after);
/// "<directory>/dead/<number>.dlq"; memory_free() it.
char *store_dead_path(const char *directory, uint64_t number);
