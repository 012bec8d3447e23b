// SPDX-License-Identifier: Apache-2.0
#include "tools/serve/client.h"

#include "storage/base/memory.h"
#include "tools/serve/socket_path.h"

#include <errno.h>
#include <sys/time.h>
#include <unistd.h>

/// A server that says nothing for so long is stuck; a replay sends its progress far more often.
#define SILENCE_SECONDS 60

static enum corong_status connect_to(int directory, const char *name, int *connection_out,
                                     struct corong_error *error)
{
    struct sockaddr_un address;
    struct timeval silence = {.tv_sec = SILENCE_SECONDS};
    socket_path_fill(&address, directory);
    int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0) {
        return error_set_errno(error, "cannot make a socket");
    }
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof(silence));
    setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof(silence));
    if (connect(connection, (struct sockaddr *)&address, sizeof(address)) == 0) {
        *connection_out = connection;
        return CORONG_OK;
    }
    bool nobody = errno == ENOENT || errno == ECONNREFUSED;
    error_set_errno(error, "cannot reach the server of '%s'", name);
    close(connection);
    return nobody
               ? error_set(error, CORONG_NOT_FOUND,
                           "no server holds '%s'; 'corong serve --store %s' starts one", name, name)
               : CORONG_IO;
}

enum corong_status client_open(struct client **client_out, const char *directory,
                               struct corong_error *error)
{
    int folder;
    int connection = -1;
    TRY(socket_path_open(&folder, directory, error));
    enum corong_status status = connect_to(folder, directory, &connection, error);
    close(folder);
    TRY(status);
    *client_out = memory_allocate_zeroed(1, sizeof(**client_out));
    (*client_out)->connection = connection;
    return CORONG_OK;
}

void client_close(struct client *client)
{
    if (client != NULL) {
        close(client->connection);
        memory_free(client);
    }
}

enum corong_status client_compact(struct client *client, struct corong_error *error)
{
    json_t *reply;
    TRY(client_send(client, client_request("compact"), error));
    TRY(client_receive(client, &reply, error));
    json_decref(reply);
    return CORONG_OK;
}

json_t *client_request(const char *verb)
{
    return json_pack("{s:i, s:s}", "corong", PROTOCOL_VERSION, "request", verb);
}

enum corong_status client_send(struct client *client, json_t *request, struct corong_error *error)
{
    return protocol_send(client->connection, request, error);
}

enum corong_status client_receive(struct client *client, json_t **reply_out,
                                  struct corong_error *error)
{
    struct text_buffer bytes = {0};
    enum corong_status status =
        protocol_receive(client->connection, PROTOCOL_REPLY_SIZE_MAX, &bytes, error);
    if (status == CORONG_OK) {
        status = protocol_reply_parse(reply_out, (struct text){bytes.bytes, bytes.size}, error);
    } else if (status == CORONG_NOT_FOUND) {
        status = error_set(error, CORONG_IO, "the server ended before it answered");
    }
    text_buffer_deinit(&bytes);
    return status;
}
