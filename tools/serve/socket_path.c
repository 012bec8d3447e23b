// SPDX-License-Identifier: Apache-2.0
#include "tools/serve/socket_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum corong_status socket_path_open(int *directory_out, const char *directory,
                                    struct corong_error *error)
{
    *directory_out = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*directory_out >= 0) {
        return CORONG_OK;
    }
    bool missing = errno == ENOENT || errno == ENOTDIR;
    error_set_errno(error, "cannot open '%s'", directory);
    if (missing && error != NULL) {
        error->status = CORONG_NOT_FOUND;
    }
    return missing ? CORONG_NOT_FOUND : CORONG_IO;
}

void socket_path_fill(struct sockaddr_un *address_out, int directory)
{
    memset(address_out, 0, sizeof(*address_out));
    address_out->sun_family = AF_UNIX;
    snprintf(address_out->sun_path, sizeof(address_out->sun_path), "/proc/self/fd/%d/%s", directory,
             SOCKET_PATH_NAME);
}
