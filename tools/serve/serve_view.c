// SPDX-License-Identifier: Apache-2.0
// A view for a question: what the engine shows, and the descriptors of its chunks.
#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "tools/serve/serve_state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/// What the client gets, held by nobody but us.
struct shown {
    json_t *reply;
    int *descriptors;
    uint32_t descriptor_count;
};

static json_t *position_of(const struct store_position *position)
{
    char id[33];
    snprintf(id, sizeof(id), "%016" PRIx64 "%016" PRIx64, position->id.high, position->id.low);
    json_t *name = json_stringn(position->name.bytes, position->name.size);
    return json_pack("{s:s, s:o, s:I}", "id", id, "name",
                     name == NULL ? json_string("(not UTF-8)") : name, "next_offset",
                     (json_int_t)position->next_offset);
}

static enum corong_status duplicate_chunks(const struct engine_view *view, struct shown *shown,
                                           struct corong_error *error)
{
    shown->descriptors = memory_allocate_zeroed(view->chunk_count, sizeof(int));
    for (uint32_t index = 0; index < view->chunk_count; index++) {
        int copy = fcntl(view->chunk_fds[index], F_DUPFD_CLOEXEC, 3);
        if (copy < 0) {
            return error_set_errno(error, "no descriptor is left for the view");
        }
        shown->descriptors[shown->descriptor_count++] = copy;
    }
    return CORONG_OK;
}

/// The positions are for those who want to know how far each source is seen.
static json_t *describe(const struct engine_view *view, bool with_positions)
{
    json_t *reply = json_pack(
        "{s:b, s:I, s:I, s:I, s:I}", "ok", 1, "descriptors", (json_int_t)view->chunk_count,
        "sequence", (json_int_t)view->store_sequence, "rows", (json_int_t)view->chunk_rows,
        "age_us", (json_int_t)(clock_monotonic_us() - view->sealed_us));
    if (with_positions) {
        json_t *positions = json_array();
        for (uint32_t index = 0; index < view->position_count; index++) {
            json_array_append_new(positions, position_of(&view->positions[index]));
        }
        json_object_set_new(reply, "positions", positions);
    }
    return reply;
}

static enum corong_status take_view(struct server *server, const struct protocol_request *request,
                                    struct shown *shown, struct corong_error *error)
{
    const struct engine_view *view;
    struct engine *engine = service_hold(server->service);
    if (engine == NULL) {
        enum corong_status busy =
            error_set(error, CORONG_BUSY, "the server exchanges its engine at the moment");
        error->retriable = true;
        return busy;
    }
    enum corong_status status = engine_view_acquire(engine, request->age_max_us, &view, error);
    if (status == CORONG_OK) {
        status = duplicate_chunks(view, shown, error);
        shown->reply = status == CORONG_OK ? describe(view, request->with_positions) : NULL;
        engine_view_release(engine, view);
    }
    service_release(server->service);
    return status;
}

bool serve_view(struct server *server, int connection, struct protocol_request *request)
{
    struct shown shown = {0};
    struct corong_error error = {0};
    enum corong_status status = take_view(server, request, &shown, &error);
    if (status != CORONG_OK) {
        shown.reply = protocol_failure(&error);
    }
    bool sent = protocol_send(connection, shown.reply, &error) == CORONG_OK;
    if (sent && status == CORONG_OK) {
        sent = protocol_send_descriptors(connection, shown.descriptors, shown.descriptor_count,
                                         &error) == CORONG_OK;
    }
    for (uint32_t index = 0; index < shown.descriptor_count; index++) {
        close(shown.descriptors[index]);
    }
    memory_free(shown.descriptors);
    return sent;
}
