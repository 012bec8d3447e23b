// SPDX-License-Identifier: Apache-2.0
#include "tools/serve/serve_state.h"

/// False: the connection is to be closed.
static bool send_reply(int connection, json_t *reply)
{
    struct corong_error ignored;
    return protocol_send(connection, reply, &ignored) == CORONG_OK;
}

static bool refuse(int connection, enum corong_status status, const char *words)
{
    struct corong_error error = {0};
    error_set(&error, status, "%s", words);
    return send_reply(connection, protocol_failure(&error));
}

/// Merging goes on in the background; `status` shows how far it is.
static bool compact(struct server *server, int connection)
{
    struct engine *engine = service_hold(server->service);
    if (engine == NULL) {
        return refuse(connection, CORONG_BUSY, "the server exchanges its engine at the moment");
    }
    engine_request_compact(engine);
    service_release(server->service);
    return send_reply(connection, json_pack("{s:b}", "ok", 1));
}

bool serve_answer(struct server *server, int connection, struct protocol_request *request)
{
    switch (request->verb) {
    case PROTOCOL_STATUS:
        return send_reply(connection, serve_status(server));
    case PROTOCOL_REPLAY:
        return serve_replay(server, connection, request);
    case PROTOCOL_VIEW:
        return serve_view(server, connection, request);
    case PROTOCOL_COMPACT:
        return compact(server, connection);
    case PROTOCOL_STOP:
        break;
    }
    return refuse(connection, CORONG_INVALID, "no replay of this connection is under way");
}
