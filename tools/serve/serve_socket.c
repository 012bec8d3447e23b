// SPDX-License-Identifier: Apache-2.0
// Listens on <store>/socket. One thread accepts, one thread serves each connection.
#include "tools/serve/serve_state.h"

#include "storage/base/invariant.h"
#include "tools/serve/serve_log.h"
#include "tools/serve/socket_path.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG 64
/// Between two requests, and between two pieces of one: a client that says nothing goes.
#define SILENCE_SECONDS 10
#define LAST_REPLY_SECONDS 2

static enum corong_status make_listener(struct serve_socket *socket_, struct corong_error *error)
{
    struct sockaddr_un address;
    socket_path_fill(&address, socket_->directory);
    if (unlinkat(socket_->directory, SOCKET_PATH_NAME, 0) != 0 && errno != ENOENT) {
        return error_set_errno(error, "cannot remove a dead server's socket");
    }
    socket_->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket_->listener < 0) {
        return error_set_errno(error, "cannot make a socket");
    }
    // The mode is that of the name from its first moment on; no other thread runs yet.
    mode_t before = umask(0177);
    int bound = bind(socket_->listener, (struct sockaddr *)&address, sizeof(address));
    umask(before);
    if (bound != 0 || listen(socket_->listener, BACKLOG) != 0) {
        return error_set_errno(error, "cannot listen on the store's socket");
    }
    return CORONG_OK;
}

enum corong_status serve_socket_open(struct server *server, struct corong_error *error)
{
    struct serve_socket *socket_ = &server->socket;
    pthread_mutex_init(&socket_->lock, NULL);
    pthread_cond_init(&socket_->changed, NULL);
    for (uint32_t index = 0; index < SERVE_CONNECTION_COUNT_MAX; index++) {
        socket_->connections[index] = (struct serve_connection){server, -1};
    }
    socket_->waker[0] = socket_->waker[1] = -1;
    socket_->listener = socket_->directory = -1;
    TRY(socket_path_open(&socket_->directory, server->directory, error));
    if (pipe2(socket_->waker, O_CLOEXEC) != 0) {
        return error_set_errno(error, "cannot make a pipe");
    }
    TRY_IN(make_listener(socket_, error), error, "'%s'", server->directory);
    return CORONG_OK;
}

bool serve_socket_is_stopping(struct server *server)
{
    pthread_mutex_lock(&server->socket.lock);
    bool stopping = server->socket.stopping;
    pthread_mutex_unlock(&server->socket.lock);
    return stopping;
}

/// Sends what went wrong; whether it arrives is the other side's concern.
static void refuse(int connection, const struct corong_error *error)
{
    struct corong_error ignored;
    if (protocol_send(connection, protocol_failure(error), &ignored) != CORONG_OK) {
        return;
    }
}

/// False: the connection is over.
static bool serve_request(struct serve_connection *connection)
{
    struct text_buffer bytes = {0};
    struct corong_error error = {0};
    struct protocol_request request;
    bool goes_on = false;
    enum corong_status status =
        protocol_receive(connection->descriptor, PROTOCOL_REQUEST_SIZE_MAX, &bytes, &error);
    if (status == CORONG_OK) {
        struct text text = {bytes.bytes, bytes.size};
        status = protocol_request_parse(&request, text, &error);
        if (status == CORONG_OK) {
            goes_on = serve_answer(connection->server, connection->descriptor, &request);
            protocol_request_deinit(&request);
        }
    }
    if (status != CORONG_OK && status != CORONG_NOT_FOUND && status != CORONG_CANCELLED) {
        refuse(connection->descriptor, &error);
    }
    text_buffer_deinit(&bytes);
    return goes_on;
}

static void *serve_connection_run(void *argument)
{
    struct serve_connection *connection = argument;
    struct serve_socket *socket_ = &connection->server->socket;
    while (!serve_socket_is_stopping(connection->server) && serve_request(connection)) {
    }
    pthread_mutex_lock(&socket_->lock);
    close(connection->descriptor);
    connection->descriptor = -1;
    socket_->connection_count--;
    pthread_cond_broadcast(&socket_->changed);
    pthread_mutex_unlock(&socket_->lock);
    return NULL;
}

/// The socket's mode keeps others away; who gets through anyway (root may) is looked at again.
static bool is_trusted(int connection)
{
    struct ucred peer = {0};
    socklen_t size = sizeof(peer);
    return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

static void set_limits(int connection)
{
    struct timeval silence = {.tv_sec = SILENCE_SECONDS};
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof(silence));
    setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof(silence));
}

static struct serve_connection *take_slot(struct serve_socket *socket_, int descriptor)
{
    struct serve_connection *slot = NULL;
    pthread_mutex_lock(&socket_->lock);
    for (uint32_t index = 0; index < SERVE_CONNECTION_COUNT_MAX && !socket_->stopping; index++) {
        if (socket_->connections[index].descriptor < 0) {
            slot = &socket_->connections[index];
            slot->descriptor = descriptor;
            socket_->connection_count++;
            break;
        }
    }
    pthread_mutex_unlock(&socket_->lock);
    return slot;
}

static void give_slot_back(struct serve_socket *socket_, struct serve_connection *slot)
{
    pthread_mutex_lock(&socket_->lock);
    slot->descriptor = -1;
    socket_->connection_count--;
    pthread_mutex_unlock(&socket_->lock);
}

static void start_connection(struct server *server, int descriptor)
{
    struct corong_error error = {0};
    pthread_t thread;
    set_limits(descriptor);
    struct serve_connection *slot =
        is_trusted(descriptor) ? take_slot(&server->socket, descriptor) : NULL;
    if (slot != NULL && pthread_create(&thread, NULL, serve_connection_run, slot) == 0) {
        pthread_detach(thread);
        return;
    }
    if (slot != NULL) {
        give_slot_back(&server->socket, slot);
    }
    error_set(&error, CORONG_BUSY, "the server has %u connections and takes no more",
              SERVE_CONNECTION_COUNT_MAX);
    error.retriable = true;
    refuse(descriptor, &error);
    close(descriptor);
}

static void *accept_all(void *argument)
{
    struct server *server = argument;
    struct pollfd waiting[2] = {{.fd = server->socket.listener, .events = POLLIN},
                                {.fd = server->socket.waker[0], .events = POLLIN}};
    while (waiting[1].revents == 0) {
        if (poll(waiting, 2, -1) < 0 || (waiting[0].revents & POLLIN) == 0) {
            continue;
        }
        int descriptor = accept4(server->socket.listener, NULL, NULL, SOCK_CLOEXEC);
        if (descriptor >= 0) {
            start_connection(server, descriptor);
        } else if (errno == EMFILE || errno == ENFILE) {
            // Those who wait are served when somebody has gone.
            serve_log_line(SERVICE_WARNING, "no descriptor is left for a connection");
            poll(&waiting[1], 1, 1000);
        }
    }
    return NULL;
}

void serve_socket_start(struct server *server)
{
    ASSERT(pthread_create(&server->socket.thread, NULL, accept_all, server) == 0);
    server->socket.accepting = true;
}

/// Under the lock.
static void shut_down_all(const struct serve_socket *socket_, int how)
{
    for (uint32_t index = 0; index < SERVE_CONNECTION_COUNT_MAX; index++) {
        if (socket_->connections[index].descriptor >= 0) {
            shutdown(socket_->connections[index].descriptor, how);
        }
    }
}

void serve_socket_stop(struct server *server)
{
    struct serve_socket *socket_ = &server->socket;
    if (socket_->accepting) {
        ASSERT(write(socket_->waker[1], "x", 1) == 1);
        pthread_join(socket_->thread, NULL);
        socket_->accepting = false;
    }
    pthread_mutex_lock(&socket_->lock);
    socket_->stopping = true;
    shut_down_all(socket_, SHUT_RD);
    pthread_mutex_unlock(&socket_->lock);
}

/// A client that does not take its reply is not waited for.
static void wait_for_connections(struct serve_socket *socket_)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += LAST_REPLY_SECONDS;
    pthread_mutex_lock(&socket_->lock);
    while (socket_->connection_count > 0 &&
           pthread_cond_timedwait(&socket_->changed, &socket_->lock, &until) == 0) {
    }
    shut_down_all(socket_, SHUT_RDWR);
    while (socket_->connection_count > 0) {
        pthread_cond_wait(&socket_->changed, &socket_->lock);
    }
    pthread_mutex_unlock(&socket_->lock);
}

static void close_one(int *descriptor)
{
    if (*descriptor >= 0) {
        close(*descriptor);
        *descriptor = -1;
    }
}

void serve_socket_close(struct server *server)
{
    struct serve_socket *socket_ = &server->socket;
    wait_for_connections(socket_);
    if (socket_->listener >= 0) {
        unlinkat(socket_->directory, SOCKET_PATH_NAME, 0);
    }
    close_one(&socket_->listener);
    close_one(&socket_->directory);
    close_one(&socket_->waker[0]);
    close_one(&socket_->waker[1]);
    pthread_cond_destroy(&socket_->changed);
    pthread_mutex_destroy(&socket_->lock);
}
