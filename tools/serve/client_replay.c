// SPDX-License-Identifier: Apache-2.0
// A replay into a store that a server holds, seen from the client.
#include "tools/serve/books_wire.h"
#include "tools/serve/client.h"

#include "storage/base/clock.h"
#include "storage/base/memory.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RELAY_SIZE 65536

/// Standard input on its way to the server.
struct relay {
    int descriptor; ///< -1: nothing is relayed any more
    char bytes[RELAY_SIZE];
    size_t at;
    size_t size;
};

static enum corong_status add_path(json_t *paths, const char *path, const char *folder,
                                   bool *input_out, struct corong_error *error)
{
    struct text_buffer whole = {0};
    bool input = strcmp(path, "-") == 0;
    if (!input && path[0] != '/') {
        text_buffer_printf(&whole, "%s/", folder);
    }
    text_buffer_append_string(&whole, path);
    json_t *text = json_stringn(whole.bytes, whole.size);
    text_buffer_deinit(&whole);
    *input_out = *input_out || input;
    if (text == NULL) {
        return error_set(error, CORONG_UNSUPPORTED,
                         "a path that is not UTF-8 cannot be sent to the server");
    }
    json_array_append_new(paths, text);
    return CORONG_OK;
}

static enum corong_status make_request(const struct client_replay *replay, json_t **request_out,
                                       bool *input_out, struct corong_error *error)
{
    char folder[4096];
    if (getcwd(folder, sizeof(folder)) == NULL) {
        return error_set_errno(error, "cannot tell the current folder");
    }
    json_t *request = client_request("replay");
    json_t *paths = json_array();
    json_object_set_new(request, "paths", paths);
    enum corong_status status = CORONG_OK;
    for (uint32_t index = 0; index < replay->path_count && status == CORONG_OK; index++) {
        status = add_path(paths, replay->paths[index], folder, input_out, error);
    }
    json_object_set_new(request, "mapping",
                        json_stringn(replay->mapping.bytes, replay->mapping.size));
    json_object_set_new(request, "dead_letters", json_boolean(replay->dead_letters));
    json_object_set_new(request, "descriptors", json_integer(*input_out ? 1 : 0));
    if (status != CORONG_OK) {
        json_decref(request);
        return status;
    }
    *request_out = request;
    return CORONG_OK;
}

static enum corong_status begin(struct client *client, const struct client_replay *replay,
                                struct relay *relay, struct corong_error *error)
{
    json_t *request;
    bool input = false;
    int pair[2];
    TRY(make_request(replay, &request, &input, error));
    TRY(client_send(client, request, error));
    if (!input) {
        return CORONG_OK;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return error_set_errno(error, "cannot make a pair of sockets");
    }
    relay->descriptor = pair[0];
    enum corong_status status = protocol_send_descriptors(client->connection, &pair[1], 1, error);
    close(pair[1]);
    return status;
}

static void end_relay(struct relay *relay)
{
    if (relay->descriptor >= 0) {
        close(relay->descriptor);
        relay->descriptor = -1;
    }
}

/// Reads when the buffer is empty, else writes; never waits.
static void move_on(struct relay *relay, short input, short output)
{
    if (relay->at == relay->size && input != 0) {
        ssize_t got = read(STDIN_FILENO, relay->bytes, sizeof(relay->bytes));
        if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) {
            end_relay(relay);
            return;
        }
        relay->at = 0;
        relay->size = got > 0 ? (size_t)got : 0;
    } else if (relay->at < relay->size && output != 0) {
        ssize_t sent = send(relay->descriptor, relay->bytes + relay->at, relay->size - relay->at,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EINTR && errno != EAGAIN) {
            end_relay(relay);
            return;
        }
        relay->at += sent > 0 ? (size_t)sent : 0;
    }
}

/// Waits until the server says something, relaying meanwhile. False: a signal came.
static bool wait_for_server(struct client *client, struct relay *relay)
{
    for (;;) {
        bool full = relay->at < relay->size;
        bool relays = relay->descriptor >= 0;
        struct pollfd waiting[3] = {
            {.fd = client->connection, .events = POLLIN},
            {.fd = relays && !full ? STDIN_FILENO : -1, .events = POLLIN},
            {.fd = relays && full ? relay->descriptor : -1, .events = POLLOUT},
        };
        if (poll(waiting, 3, -1) < 0) {
            return false;
        }
        if (waiting[0].revents != 0) {
            return true;
        }
        if (relays) {
            move_on(relay, waiting[1].revents, waiting[2].revents);
        }
    }
}

static void read_progress(const json_t *reply, int64_t begun_us, struct ingest_progress *progress)
{
    *progress = (struct ingest_progress){
        .messages = protocol_count(reply, "messages"),
        .events = protocol_count(reply, "events"),
        .rejected = protocol_count(reply, "rejected"),
        .bytes_done = protocol_count(reply, "bytes_done"),
        .bytes_total = protocol_count(reply, "bytes_total"),
        .elapsed_us = clock_monotonic_us() - begun_us,
    };
}

/// The failure that ended the server's replay.
static enum corong_status take_failure(const json_t *reply, struct corong_error *error)
{
    json_t *failure = json_object_get(reply, "failure");
    if (failure == NULL) {
        return CORONG_OK;
    }
    json_t *ignored = NULL;
    char *bytes = json_dumps(failure, JSON_COMPACT);
    enum corong_status status = protocol_reply_parse(&ignored, text_from(bytes), error);
    json_decref(ignored);
    memory_free(bytes);
    return status;
}

static enum corong_status follow(struct client *client, const struct client_replay *replay,
                                 struct relay *relay, json_t **end_out, struct corong_error *error)
{
    int64_t begun_us = clock_monotonic_us();
    bool told_to_stop = false;
    for (;;) {
        bool heard = wait_for_server(client, relay);
        if (replay->stop != NULL && *replay->stop && !told_to_stop) {
            told_to_stop = true;
            end_relay(relay);
            TRY(client_send(client, client_request("stop"), error));
        }
        if (!heard) {
            continue;
        }
        json_t *reply;
        TRY(client_receive(client, &reply, error));
        const char *event = json_string_value(json_object_get(reply, "event"));
        if (event != NULL && strcmp(event, "end") == 0) {
            *end_out = reply;
            return CORONG_OK;
        }
        struct ingest_progress progress;
        read_progress(reply, begun_us, &progress);
        if (replay->progress != NULL) {
            replay->progress(replay->context, &progress,
                             json_is_true(json_object_get(reply, "waiting")));
        }
        json_decref(reply);
    }
}

enum corong_status client_replay_run(struct client *client, const struct client_replay *replay,
                                     struct arena *arena, struct client_replay_end *end_out,
                                     struct corong_error *error)
{
    struct relay *relay = arena_allocate_zeroed(arena, 1, sizeof(*relay));
    json_t *end = NULL;
    relay->descriptor = -1;
    *end_out = (struct client_replay_end){0};
    enum corong_status status = begin(client, replay, relay, error);
    if (status == CORONG_OK) {
        status = follow(client, replay, relay, &end, error);
    }
    end_relay(relay);
    TRY(status);
    end_out->stopped = json_is_true(json_object_get(end, "stopped"));
    books_wire_decode(json_object_get(end, "books"), arena, end_out);
    status = take_failure(end, error);
    json_decref(end);
    return status;
}
