// SPDX-License-Identifier: Apache-2.0
/// Private to tools/serve: what a server is made of.
#pragma once

#include "ingest/service/service.h"
#include "tools/serve/protocol.h"
#include "tools/serve/serve.h"

#include <pthread.h>

#define SERVE_CONNECTION_COUNT_MAX 64u
#define SERVE_RATE_COUNT 64u

/// Events per second: the sums of the last minute, one a second. Written by main.
struct serve_rates {
    pthread_mutex_t lock;
    uint64_t events[SERVE_RATE_COUNT];
    int64_t times_us[SERVE_RATE_COUNT];
    uint32_t count; ///< taken so far; the last SERVE_RATE_COUNT are there
};

/// How far durability is behind. Written by main a few times a second.
struct serve_freshness {
    pthread_mutex_t lock;
    bool noted;               ///< what follows was set
    uint64_t commits;         ///< seen
    uint64_t events;          ///< taken by the engine when the last commit was seen
    int64_t committed_us;     ///< when that was; 0: none was seen
    int64_t waiting_since_us; ///< the oldest event that is not durable; 0: there is none
    uint64_t alarm_count;     ///< times that a commit was overdue
    int64_t alarmed_us;       ///< when that was last said
};

struct serve_connection {
    struct server *server;
    int descriptor; ///< -1: the slot is free
};

/// The listening socket and its connections.
struct serve_socket {
    int directory;  ///< of the store; -1: closed
    int listener;   ///< -1: closed
    int waker[2];   ///< a byte ends the accepting thread
    bool accepting; ///< its thread runs
    pthread_t thread;
    pthread_mutex_t lock; ///< of all below
    pthread_cond_t changed;
    struct serve_connection connections[SERVE_CONNECTION_COUNT_MAX];
    uint32_t connection_count;
    bool stopping;
};

struct server {
    const struct serve_host *host;
    struct arena arena; ///< of the first settings: topics and limits hold for life
    struct serve_settings first;
    struct arena *current_arena; ///< of the settings in use
    const struct serve_settings *current;
    struct store_group *group; ///< NULL: the store is alone
    const char *directory;     ///< of the store
    struct store *store;
    struct service *service;
    struct serve_socket socket;
    struct serve_rates rates;
    struct serve_freshness freshness;
    uint64_t reload_count;
};

/// serve_socket.c. Binds <store>/socket, mode 0600; the caller holds the store's lock, so that a
/// socket that lies there is a dead server's. Main, before other threads.
CORONG_MUST_CHECK enum corong_status serve_socket_open(struct server *server,
                                                       struct corong_error *error);
/// Starts to accept.
void serve_socket_start(struct server *server);
/// No further connection, no further request; replays under way are stopped in order.
void serve_socket_stop(struct server *server);
/// Waits for the connections to end and removes the socket.
void serve_socket_close(struct server *server);
bool serve_socket_is_stopping(struct server *server);

/// serve_answer.c: one request. False: the connection is to be closed.
bool serve_answer(struct server *server, int connection, struct protocol_request *request);
/// serve_view.c.
bool serve_view(struct server *server, int connection, struct protocol_request *request);
/// serve_replay.c.
bool serve_replay(struct server *server, int connection, struct protocol_request *request);
/// serve.c. Of the memory limit, for messages fetched and not yet read.
uint64_t serve_queue_limit(const struct serve_settings *settings);
/// serve_status.c. Never NULL.
json_t *serve_status(struct server *server);

/// serve_rates.c. Main, once a second.
void serve_rates_note(struct serve_rates *rates, int64_t now_us, uint64_t events);
/// Events per second over the last minute, or since the start where that is shorter.
double serve_rates_minute(struct serve_rates *rates);

/// serve_freshness.c. At every tick and before it is read; says where a commit is long overdue. Any
/// thread.
void serve_freshness_note(struct server *server, int64_t now_us);
/// Microseconds; any thread. `commit_age_us_out` -1: no commit yet; `waiting_us_out` 0: everything
/// is durable.
void serve_freshness_read(struct server *server, int64_t *commit_age_us_out,
                          int64_t *waiting_us_out, uint64_t *alarms_out);

/// serve_changes.c: says in the log what is new, gone or different, and what needs a restart.
/// Returns how many changes there were.
uint32_t serve_changes_log(const struct serve_settings *before, const struct serve_settings *after);

/// serve_screen.c: the frame on a terminal, or a line a minute. Main.
void serve_screen_draw(struct server *server);
void serve_screen_line(struct server *server);
