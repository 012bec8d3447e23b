// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/first_file.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <fcntl.h>
#include <fts.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

static int compare_entries(const FTSENT **left, const FTSENT **right)
{
    return strcmp((*left)->fts_name, (*right)->fts_name);
}

/// The first file of a directory in the order of names.
static bool find_in_directory(char *directory, struct text_buffer *path_out)
{
    char *roots[] = {directory, NULL};
    FTS *walk = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, compare_entries);
    bool found = false;
    for (FTSENT *entry; walk != NULL && !found && (entry = fts_read(walk)) != NULL;) {
        bool hidden = entry->fts_level > 0 && entry->fts_name[0] == '.';
        if (entry->fts_info == FTS_D && hidden) {
            fts_set(walk, entry, FTS_SKIP);
        } else if (entry->fts_info == FTS_F && !hidden && entry->fts_statp->st_size > 0) {
            text_buffer_append_string(path_out, entry->fts_path);
            found = true;
        }
    }
    if (walk != NULL) {
        fts_close(walk);
    }
    return found;
}

static bool find_in_path(char *path, struct text_buffer *path_out)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        return false;
    }
    if (S_ISDIR(status.st_mode)) {
        return find_in_directory(path, path_out);
    }
    text_buffer_append_string(path_out, path);
    return true;
}

/// A pipe gives its bytes once: looked at here, they would be missing from the replay.
static enum corong_status check_rereadable(const char *path, struct corong_error *error)
{
    struct stat status;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        return error_set(error, CORONG_INVALID,
                         "'%s' is no regular file: its mapping cannot be guessed; give --mapping",
                         path);
    }
    return CORONG_OK;
}

enum corong_status first_file_find(const char *const *paths, struct text_buffer *path_out,
                                   struct corong_error *error)
{
    for (uint32_t index = 0; paths[index] != NULL; index++) {
        if (strcmp(paths[index], "-") == 0) {
            return error_set(error, CORONG_INVALID,
                             "standard input: its mapping cannot be guessed; give --mapping");
        }
        glob_t found = {0};
        bool done = false;
        if (glob(paths[index], GLOB_NOMAGIC | GLOB_BRACE | GLOB_TILDE, NULL, &found) == 0) {
            for (size_t at = 0; at < found.gl_pathc && !done; at++) {
                done = find_in_path(found.gl_pathv[at], path_out);
            }
        }
        globfree(&found);
        if (done) {
            return check_rereadable(path_out->bytes, error);
        }
        return error_set(error, CORONG_NOT_FOUND, "cannot read '%s': there is no such file",
                         paths[index]);
    }
    return error_set(error, CORONG_INVALID, "no path is given");
}

static void inflate_head(struct text_buffer *raw, size_t size_max, struct text_buffer *head_out)
{
    z_stream stream = {0};
    ASSERT(inflateInit2(&stream, 15 + 32) == Z_OK);
    stream.next_in = (unsigned char *)raw->bytes;
    stream.avail_in = (uInt)raw->size;
    stream.next_out = (unsigned char *)text_buffer_reserve(head_out, size_max);
    stream.avail_out = (uInt)size_max;
    inflate(&stream, Z_SYNC_FLUSH); // a cut end is no error here: only the head is looked at
    head_out->size = size_max - stream.avail_out;
    inflateEnd(&stream);
}

static void unzstd_head(struct text_buffer *raw, size_t size_max, struct text_buffer *head_out)
{
    ZSTD_DStream *stream = ZSTD_createDStream();
    ASSERT(stream != NULL);
    ZSTD_inBuffer in = {raw->bytes, raw->size, 0};
    ZSTD_outBuffer out = {text_buffer_reserve(head_out, size_max), size_max, 0};
    size_t left = 1;
    size_t moved = 1;
    while (left != 0 && !ZSTD_isError(left) && out.pos < out.size && moved > 0) {
        size_t before = in.pos + out.pos;
        left = ZSTD_decompressStream(stream, &out, &in);
        moved = in.pos + out.pos - before;
    }
    head_out->size = out.pos;
    ZSTD_freeDStream(stream);
}

static enum corong_status read_raw(const char *path, size_t size_max, struct text_buffer *raw,
                                   struct corong_error *error)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return error_set_errno(error, "cannot open '%s'", path);
    }
    enum corong_status status = CORONG_OK;
    while (raw->size < size_max) {
        ssize_t size =
            read(descriptor, text_buffer_reserve(raw, size_max - raw->size), size_max - raw->size);
        if (size < 0) {
            status = error_set_errno(error, "cannot read '%s'", path);
        }
        if (size <= 0) {
            break;
        }
        raw->size += (size_t)size;
    }
    close(descriptor);
    return status;
}

enum corong_status first_file_head(const char *path, size_t size_max, struct text_buffer *head_out,
                                   struct corong_error *error)
{
    struct text_buffer raw = {0};
    enum corong_status status = read_raw(path, size_max, &raw, error);
    if (status == CORONG_OK && raw.size >= 4 && memcmp(raw.bytes, "\x1f\x8b", 2) == 0) {
        inflate_head(&raw, size_max, head_out);
    } else if (status == CORONG_OK && raw.size >= 4 &&
               memcmp(raw.bytes, "\x28\xb5\x2f\xfd", 4) == 0) {
        unzstd_head(&raw, size_max, head_out);
    } else if (status == CORONG_OK && raw.size > 0) {
        text_buffer_append(head_out, raw.bytes, raw.size);
    }
    text_buffer_deinit(&raw);
    return status;
}
