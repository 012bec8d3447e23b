// SPDX-License-Identifier: Apache-2.0
/// The other side of a server's socket. Private to tools/serve; serve.h has its functions.
/// Thread: a client belongs to one thread at a time.
#pragma once

#include "tools/serve/protocol.h"
#include "tools/serve/serve.h"

struct client {
    int connection;
};

/// A request with the verb filled in.
json_t *client_request(const char *verb);
/// Sends and gives the document back.
CORONG_MUST_CHECK enum corong_status client_send(struct client *client, json_t *request,
                                                 struct corong_error *error);
/// The next reply; caller gives it back. `bytes_out` (may be NULL) gets its text.
CORONG_MUST_CHECK enum corong_status client_receive(struct client *client, json_t **reply_out,
                                                    struct corong_error *error);
