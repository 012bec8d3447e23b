// SPDX-License-Identifier: Apache-2.0
/// The name of a store's socket. A socket's address holds 107 bytes and a store's path may be
/// longer, so the address goes through the store's open directory. Private to tools/serve.
/// Thread: any.
#pragma once

#include "storage/base/error.h"

#include <sys/socket.h>
#include <sys/un.h>

#define SOCKET_PATH_NAME "socket"

/// Opens the directory; the caller closes it. CORONG_NOT_FOUND: there is none.
CORONG_MUST_CHECK enum corong_status socket_path_open(int *directory_out, const char *directory,
                                                      struct corong_error *error);
/// The address of the socket in an open directory; good while that is open.
void socket_path_fill(struct sockaddr_un *address_out, int directory);
