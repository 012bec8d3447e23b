// SPDX-License-Identifier: Apache-2.0
// A view of a served store, and a snapshot over it.
#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "storage/group/group.h"
#include "tools/serve/client.h"

#include <sys/resource.h>
#include <unistd.h>

/// The store may move on between the view and its opening; that takes a commit, so few tries do.
/// A reload takes its time.
#define PATIENCE_US (20 * MICROSECONDS_PER_SECOND)
#define PAUSE_US 20000

/// What the server of one store showed.
struct client_view {
    uint64_t sequence;
    int *descriptors;
    uint32_t descriptor_count;
};

static void view_deinit(struct client_view *view)
{
    for (uint32_t index = 0; index < view->descriptor_count; index++) {
        close(view->descriptors[index]);
    }
    memory_free(view->descriptors);
    *view = (struct client_view){0};
}

static enum corong_status receive_view(struct client *client, struct client_view *view,
                                       struct corong_error *error)
{
    json_t *reply;
    TRY(client_send(client, client_request("view"), error));
    TRY(client_receive(client, &reply, error));
    uint64_t count = protocol_count(reply, "descriptors");
    view->sequence = protocol_count(reply, "sequence");
    json_decref(reply);
    if (count > PROTOCOL_DESCRIPTOR_COUNT_MAX) {
        return error_set(error, CORONG_INVALID, "the server announces too many descriptors");
    }
    view->descriptors = memory_allocate_zeroed(count, sizeof(int));
    TRY(protocol_receive_descriptors(client->connection, view->descriptors, (uint32_t)count,
                                     error));
    view->descriptor_count = (uint32_t)count;
    return CORONG_OK;
}

/// `view` stays {0} where no server holds the store: then its manifest is all there is.
static enum corong_status ask_server(const char *directory, struct client_view *view,
                                     struct corong_error *error)
{
    struct client *client;
    struct corong_error inner = {0};
    enum corong_status status = client_open(&client, directory, &inner);
    if (status == CORONG_NOT_FOUND) {
        return CORONG_OK;
    }
    if (status == CORONG_OK) {
        status = receive_view(client, view, &inner);
        client_close(client);
    }
    if (status != CORONG_OK && error != NULL) {
        *error = inner;
        error_prepend(error,
                      "'%s' is served, but its server does not answer; --durable asks "
                      "without it",
                      directory);
        error->retriable = inner.retriable;
    }
    return status;
}

static enum corong_status open_once(struct store_snapshot **snapshot_out,
                                    const char *const *directories, uint32_t count, bool durable,
                                    struct corong_error *error)
{
    struct client_view *views = memory_allocate_zeroed(count, sizeof(*views));
    struct store_snapshot_part *parts = memory_allocate_zeroed(count, sizeof(*parts));
    enum corong_status status = CORONG_OK;
    for (uint32_t index = 0; index < count && status == CORONG_OK; index++) {
        if (!durable) {
            status = ask_server(directories[index], &views[index], error);
        }
        parts[index] = (struct store_snapshot_part){
            .directory = directories[index],
            .sequence = views[index].sequence,
            .chunk_fds = views[index].descriptors,
            .chunk_count = views[index].descriptor_count,
        };
    }
    if (status == CORONG_OK) {
        status = store_snapshot_open_parts(snapshot_out, parts, count, error);
    }
    for (uint32_t index = 0; index < count; index++) {
        view_deinit(&views[index]);
    }
    memory_free(parts);
    memory_free(views);
    return status;
}

static enum corong_status open_stores(struct store_snapshot **snapshot_out,
                                      const char *const *directories, uint32_t count, bool durable,
                                      struct corong_error *error)
{
    struct corong_error inner = {0};
    int64_t until_us = clock_monotonic_us() + PATIENCE_US;
    enum corong_status status;
    while ((status = open_once(snapshot_out, directories, count, durable, &inner)) == CORONG_BUSY &&
           inner.retriable && clock_monotonic_us() < until_us) {
        clock_sleep_us(PAUSE_US);
    }
    if (status != CORONG_OK && error != NULL) {
        *error = inner;
    }
    return status;
}

static enum corong_status open_group(struct store_snapshot **snapshot_out, const char *directory,
                                     bool durable, struct corong_error *error)
{
    struct store_group_stores stores;
    TRY(store_group_stores(directory, &stores, error));
    enum corong_status status =
        stores.count == 0
            ? error_set(error, CORONG_NOT_FOUND, "the group '%s' has no store yet", directory)
            : open_stores(snapshot_out, (const char *const *)stores.directories, stores.count,
                          durable, error);
    store_group_stores_deinit(&stores);
    return status;
}

/// Every chunk is a descriptor until it is mapped.
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

enum corong_status client_snapshot(struct store_snapshot **snapshot_out, const char *directory,
                                   bool durable, struct corong_error *error)
{
    *snapshot_out = NULL;
    raise_descriptor_limit();
    return store_group_is(directory) ? open_group(snapshot_out, directory, durable, error)
                                     : open_stores(snapshot_out, &directory, 1, durable, error);
}
