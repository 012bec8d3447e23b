// SPDX-License-Identifier: Apache-2.0
#include "ingest/ingest_dead.h"

#include "storage/base/memory.h"

#include <string.h>
#include <sys/stat.h>

enum corong_status ingest_dead_init(struct ingest_dead *dead, const struct store *store,
                                    struct corong_error *error)
{
    const char *segments = store_segment_directory(store);
    const char *slash = strrchr(segments, '/');
    struct store_snapshot *snapshot;
    *dead = (struct ingest_dead){0};
    dead->directory = slash == NULL ? memory_copy_string(".", 1)
                                    : memory_copy_string(segments, (size_t)(slash - segments));
    TRY(store_snapshot_open(&snapshot, dead->directory, error));
    dead->letter_count = store_snapshot_dead_letters(snapshot, dead->letters);
    store_snapshot_close(snapshot);
    return CORONG_OK;
}

void ingest_dead_deinit(struct ingest_dead *dead)
{
    memory_free(dead->directory);
    *dead = (struct ingest_dead){0};
}

/// "<store>/dead/<number>.dlq" is the file at `path`.
static bool is_letter_file(const char *directory, uint64_t number, const char *path)
{
    struct text_buffer name = {0};
    struct stat of_store;
    struct stat of_path;
    text_buffer_printf(&name, "%s/dead/%llu.dlq", directory, (unsigned long long)number);
    bool same = stat(name.bytes, &of_store) == 0 && stat(path, &of_path) == 0 &&
                of_store.st_dev == of_path.st_dev && of_store.st_ino == of_path.st_ino;
    text_buffer_deinit(&name);
    return same;
}

uint64_t ingest_dead_limit(void *context, const char *path, uint64_t size_bytes)
{
    const struct ingest_dead *dead = context;
    for (uint32_t index = 0; index < dead->letter_count; index++) {
        if (dead->letters[index].size_bytes < size_bytes &&
            is_letter_file(dead->directory, dead->letters[index].number, path)) {
            return dead->letters[index].size_bytes;
        }
    }
    return size_bytes;
}
