// SPDX-License-Identifier: Apache-2.0
#include "storage/store_collect.h"

#include "storage/base/memory.h"
#include "storage/file/file.h"
#include "storage/store_dead.h"
#include "storage/store_load.h"

#include <errno.h>
#include <stdlib.h>

/// Names found in one directory, ending with one suffix.
struct name_list {
    const char *suffix;
    char **names;
    uint32_t count;
    uint32_t capacity;
};

static void visit_name(void *user, const char *name)
{
    struct name_list *list = user;
    size_t size = strlen(name);
    size_t suffix_size = strlen(list->suffix);
    if (size < suffix_size || strcmp(name + size - suffix_size, list->suffix) != 0) {
        return;
    }
    if (list->count == list->capacity) {
        list->capacity = list->capacity * 2 + 16;
        list->names = memory_resize_array(list->names, list->capacity, sizeof(*list->names));
    }
    list->names[list->count++] = memory_copy_string(name, size);
}

/// Full paths of the files of `directory`/`folder` with this suffix. A folder that is not there
/// holds none.
static enum corong_status list_paths(const char *directory, const char *folder,
                                     struct name_list *list, struct corong_error *error)
{
    struct corong_error local = {0};
    char *path = store_load_path(directory, folder);
    enum corong_status status = file_list(path, visit_name, list, &local);
    if (status != CORONG_OK && local.saved_errno == ENOENT) {
        status = CORONG_OK;
    }
    for (uint32_t index = 0; index < list->count; index++) {
        char *name = list->names[index];
        list->names[index] = store_load_path(path, name);
        memory_free(name);
    }
    memory_free(path);
    if (status != CORONG_OK && error != NULL) {
        *error = local;
    }
    return status;
}

static void list_deinit(struct name_list *list)
{
    for (uint32_t index = 0; index < list->count; index++) {
        memory_free(list->names[index]);
    }
    memory_free(list->names);
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/// Removes the files of `found` that are not among `kept`.
static void remove_rest(const struct name_list *found, struct name_list *kept)
{
    if (kept->count > 0) {
        qsort(kept->names, kept->count, sizeof(*kept->names), compare_names);
    }
    for (uint32_t index = 0; index < found->count; index++) {
        const char *path = found->names[index];
        if (kept->count == 0 ||
            bsearch(&path, kept->names, kept->count, sizeof(*kept->names), compare_names) == NULL) {
            file_remove_quietly(path);
        }
    }
}

static void keep_path(struct name_list *kept, char *path)
{
    kept->suffix = "";
    visit_name(kept, path);
    memory_free(path);
}

static void collect_segments(const char *directory, const struct manifest_state *state)
{
    struct name_list found = {.suffix = ".fseg"};
    struct name_list kept = {0};
    // Listing is for tidiness: where it fails, the next open tries again.
    (void)!list_paths(directory, "seg", &found, NULL);
    for (uint32_t index = 0; index < state->segment_count; index++) {
        keep_path(&kept, store_load_segment_path(directory, state->segments[index].uuid));
    }
    remove_rest(&found, &kept);
    list_deinit(&kept);
    list_deinit(&found);
}

static void collect_dead(const char *directory, const struct manifest_state *state)
{
    struct name_list found = {.suffix = ".dlq"};
    struct name_list kept = {0};
    (void)!list_paths(directory, "dead", &found, NULL);
    for (uint32_t index = 0; index < state->dead_file_count; index++) {
        keep_path(&kept, store_dead_path(directory, state->dead_files[index].number));
    }
    remove_rest(&found, &kept);
    list_deinit(&kept);
    list_deinit(&found);
}

static void collect_temporary(const char *directory)
{
    static const char *const names[] = {"CURRENT.tmp", "FORMAT.tmp"};
    for (size_t index = 0; index < sizeof(names) / sizeof(names[0]); index++) {
        char *path = store_load_path(directory, names[index]);
        file_remove_quietly(path);
        memory_free(path);
    }
}

void store_collect(const char *directory, const struct manifest_state *state)
{
    collect_segments(directory, state);
    collect_dead(directory, state);
    collect_temporary(directory);
}

enum corong_status store_collect_refuse_orphans(const char *directory, struct corong_error *error)
{
    struct name_list segments = {.suffix = ".fseg"};
    struct name_list manifests = {.suffix = ""};
    enum corong_status status = list_paths(directory, "seg", &segments, error);
    if (status == CORONG_OK) {
        status = list_paths(directory, "manifest", &manifests, error);
    }
    uint32_t count = segments.count + manifests.count;
    list_deinit(&segments);
    list_deinit(&manifests);
    TRY(status);
    return count == 0 ? CORONG_OK
                      : error_set(error, CORONG_CORRUPT,
                                  "'%s' holds segments or manifests, but its FORMAT file is "
                                  "missing, empty or short; restore it from a backup",
                                  directory);
}
