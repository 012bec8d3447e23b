// SPDX-License-Identifier: Apache-2.0
// A replay that a client asked for: its job in the service, and what the client is told meanwhile.
#include "tools/config/config.h"
#include "tools/serve/books_wire.h"
#include "tools/serve/serve_log.h"
#include "tools/serve/serve_state.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTEN_INTERVAL_US 20000
#define TELL_ROUNDS 5u ///< of listening, for one message of progress

/// One replay while its connection lasts.
struct backfill {
    struct server *server;
    int connection;
    bool connected;
    int input; ///< what the client relays, or -1
    struct arena arena;
    struct service_job *job;
    bool stopping;
};

static void tell(struct backfill *backfill, json_t *message)
{
    struct corong_error ignored;
    if (!backfill->connected) {
        json_decref(message);
    } else {
        backfill->connected = protocol_send(backfill->connection, message, &ignored) == CORONG_OK;
    }
}

static void stop(struct backfill *backfill)
{
    if (!backfill->stopping) {
        backfill->stopping = true;
        service_job_stop(backfill->job);
        if (backfill->input >= 0) {
            shutdown(backfill->input, SHUT_RDWR); // a silent one must not hold the planner up
        }
    }
}

/// The client's wish to stop, or its end, which means the same.
static void listen_to_client(struct backfill *backfill)
{
    struct pollfd waiting = {.fd = backfill->connection, .events = POLLIN};
    struct text_buffer bytes = {0};
    struct protocol_request request;
    struct corong_error error;
    if (backfill->stopping || poll(&waiting, 1, 0) <= 0) {
        return;
    }
    enum corong_status status =
        protocol_receive(backfill->connection, PROTOCOL_REQUEST_SIZE_MAX, &bytes, &error);
    if (status == CORONG_OK) {
        status = protocol_request_parse(&request, (struct text){bytes.bytes, bytes.size}, &error);
    }
    if (status == CORONG_OK) {
        protocol_request_deinit(&request);
    }
    text_buffer_deinit(&bytes);
    stop(backfill); // whatever else a client says in the middle of a replay is a mistake
}

static json_t *progress_message(enum service_job_state state,
                                const struct ingest_progress *progress)
{
    return json_pack(
        "{s:b, s:s, s:b, s:I, s:I, s:I, s:I, s:I}", "ok", 1, "event", "progress", "waiting",
        state == SERVICE_JOB_WAITING, "messages", (json_int_t)progress->messages, "events",
        (json_int_t)progress->events, "rejected", (json_int_t)progress->rejected, "bytes_done",
        (json_int_t)progress->bytes_done, "bytes_total", (json_int_t)progress->bytes_total);
}

static void follow(struct backfill *backfill)
{
    struct ingest_progress progress;
    enum service_job_state state;
    uint32_t round = 0;
    while ((state = service_job_wait(backfill->job, LISTEN_INTERVAL_US, &progress)) !=
           SERVICE_JOB_DONE) {
        listen_to_client(backfill);
        if (++round % TELL_ROUNDS == 0) {
            tell(backfill, progress_message(state, &progress));
        }
    }
}

static void tell_end(struct backfill *backfill)
{
    const struct service_job_end *end = service_job_end(backfill->job);
    json_t *message = json_object();
    json_object_set_new(message, "ok", json_true());
    json_object_set_new(message, "event", json_string("end"));
    json_object_set_new(message, "stopped", json_boolean(end->stopped));
    json_object_set_new(message, "books", books_wire_encode(end));
    if (end->error.status != CORONG_OK) {
        json_object_set_new(message, "failure", protocol_failure(&end->error));
    }
    tell(backfill, message);
}

static void log_end(const struct service_job_end *end)
{
    const struct store_counters *run = &end->books.run;
    if (end->error.status != CORONG_OK) {
        serve_log_line(SERVICE_WARNING, "replay failed: %s", end->error.message);
    }
    serve_log_line(SERVICE_INFO,
                   "replay %s: %llu files, %llu messages, %llu events stored, %llu rejected",
                   end->stopped ? "stopped" : "done", (unsigned long long)end->books.files,
                   (unsigned long long)run->messages, (unsigned long long)run->stored,
                   (unsigned long long)(run->messages_rejected + run->events_rejected));
}

static enum corong_status submit(struct backfill *backfill, const struct protocol_request *request,
                                 struct corong_error *error)
{
    struct service_job_options options = {
        .paths = request->paths,
        .path_count = request->path_count,
        .dead_letters = request->dead_letters,
        .input = -1,
    };
    TRY(config_parse_mapping(&options.mapping, &backfill->arena, "mapping",
                             text_from(request->mapping), error));
    if (request->descriptor_count > 0) {
        TRY(protocol_receive_descriptors(backfill->connection, &backfill->input, 1, error));
        options.input = backfill->input;
    }
    return service_job_submit(&backfill->job, backfill->server->service, &options, error);
}

bool serve_replay(struct server *server, int connection, struct protocol_request *request)
{
    struct corong_error error = {0};
    struct backfill backfill = {
        .server = server, .connection = connection, .connected = true, .input = -1};
    if (submit(&backfill, request, &error) != CORONG_OK) {
        tell(&backfill, protocol_failure(&error));
    } else {
        serve_log_line(SERVICE_INFO, "replay of %u path%s ('%s'%s)", request->path_count,
                       request->path_count == 1 ? "" : "s", request->paths[0],
                       request->path_count > 1 ? ", ..." : "");
        follow(&backfill);
        log_end(service_job_end(backfill.job));
        tell_end(&backfill);
        service_job_destroy(backfill.job);
    }
    if (backfill.input >= 0) {
        close(backfill.input);
    }
    arena_deinit(&backfill.arena);
    return false; // one replay a connection
}
