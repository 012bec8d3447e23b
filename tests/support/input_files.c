// SPDX-License-Identifier: Apache-2.0
#include "tests/support/input_files.h"

#include "storage/base/invariant.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define PATH_SIZE 4096

char *input_files_create(void)
{
    const char *root = getenv("TMPDIR");
    char *path = calloc(1, PATH_SIZE);
    ASSERT(path != NULL);
    snprintf(path, PATH_SIZE, "%s/corong-input-XXXXXX", root == NULL ? "/tmp" : root);
    ASSERT(mkdtemp(path) != NULL);
    return path;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

void input_files_remove(char *directory)
{
    ASSERT(nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0);
    free(directory);
}

static void put(const char *path, const char *mode, const void *bytes, size_t size)
{
    FILE *file = fopen(path, mode);
    ASSERT(file != NULL);
    ASSERT(fwrite(bytes, 1, size, file) == size);
    ASSERT(fclose(file) == 0);
}

char *input_files_write(const char *directory, const char *name, const void *bytes, size_t size)
{
    char *path = calloc(1, PATH_SIZE);
    ASSERT(path != NULL);
    snprintf(path, PATH_SIZE, "%s/%s", directory, name);
    put(path, "w", bytes, size);
    return path;
}

void input_files_append(const char *path, const void *bytes, size_t size)
{
    put(path, "a", bytes, size);
}

void *input_files_gzip(const void *bytes, size_t size, size_t *size_out)
{
    z_stream stream = {0};
    ASSERT(deflateInit2(&stream, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    size_t bound = deflateBound(&stream, size);
    void *out = malloc(bound);
    ASSERT(out != NULL);
    stream.next_in = (Bytef *)bytes;
    stream.avail_in = (uInt)size;
    stream.next_out = out;
    stream.avail_out = (uInt)bound;
    ASSERT(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    *size_out = stream.total_out;
    deflateEnd(&stream);
    return out;
}

void *input_files_zstd(const void *bytes, size_t size, size_t *size_out)
{
    size_t bound = ZSTD_compressBound(size);
    void *out = malloc(bound);
    ASSERT(out != NULL);
    *size_out = ZSTD_compress(out, bound, bytes, size, 1);
    ASSERT(!ZSTD_isError(*size_out));
    return out;
}
