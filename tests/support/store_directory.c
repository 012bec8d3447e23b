// SPDX-License-Identifier: Apache-2.0
#include "tests/support/store_directory.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *store_directory_create(void)
{
    const char *root = getenv("TMPDIR");
    char *path = calloc(1, 4096);
    if (path == NULL) {
        abort();
    }
    snprintf(path, 4000, "%s/corong-XXXXXX", root == NULL ? "/tmp" : root);
    if (mkdtemp(path) == NULL) {
        perror("mkdtemp");
        abort();
    }
    strcat(path, "/store");
    return path;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

void store_directory_remove(char *directory)
{
    *strrchr(directory, '/') = '\0';
    if (nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0) {
        perror(directory);
    }
    free(directory);
}
