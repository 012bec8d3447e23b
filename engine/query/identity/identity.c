// SPDX-License-Identifier: Apache-2.0
#include "engine/query/identity/identity.h"

#include "engine/query/identity/identity_private.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <pthread.h>

/// What resolving a link takes at most: two ids in the forest, and two that are kept.
#define LINK_RESOLVED_SIZE UINT64_C(320)

/// Held while a snapshot's place for all this is looked up: never while anything is read.
static pthread_mutex_t placing = PTHREAD_MUTEX_INITIALIZER;

static void view_destroy(struct identity_view *view)
{
    for (uint32_t i = 0; view->rows != NULL && i < view->segment_count; i++) {
        identity_rows_deinit(&view->rows[i]);
    }
    arena_deinit(&view->arena);
    memory_free(view);
}

static void kept_destroy(void *context)
{
    struct identity_kept *kept = context;
    while (kept->views != NULL) {
        struct identity_view *next = kept->views->next;
        view_destroy(kept->views);
        kept->views = next;
    }
    identity_links_deinit(&kept->links);
    identity_gate_deinit(&kept->gate);
    memory_free(kept);
}

static struct identity_kept *kept_of(struct store_snapshot *snapshot)
{
    pthread_mutex_lock(&placing);
    struct identity_kept *kept = store_snapshot_kept(snapshot);
    if (kept == NULL) {
        kept = memory_allocate_zeroed(1, sizeof(*kept));
        identity_gate_init(&kept->gate);
        store_snapshot_keep(snapshot, kept, kept_destroy);
    }
    pthread_mutex_unlock(&placing);
    return kept;
}

/// Collects the links unless they are there. The caller is inside the gate.
static enum corong_status collect(struct identity_kept *kept, struct store_snapshot *snapshot,
                                  struct query_tasks *tasks, struct corong_error *error)
{
    if (!kept->collected) {
        if (!identity_links_load(&kept->links, snapshot, tasks)) {
            TRY(identity_links_collect(&kept->links, snapshot, tasks, error));
        }
        kept->collected = true;
    }
    return CORONG_OK;
}

/// How many links, the first ones, are known as of a moment.
static uint32_t count_until(const struct identity_links *links, int64_t as_of_us)
{
    uint32_t low = 0;
    for (uint32_t high = links->count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (links->links[middle].time_us <= as_of_us) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static enum corong_status view_make(struct identity_kept *kept, uint32_t link_count,
                                    struct store_snapshot *snapshot, struct query_tasks *tasks,
                                    struct identity_view **view_out, struct corong_error *error)
{
    TRY(query_tasks_charge(tasks, link_count * LINK_RESOLVED_SIZE, "identity links", error));
    struct identity_view *view = memory_allocate_zeroed(1, sizeof(*view));
    view->link_count = link_count;
    view->kept = kept;
    identity_resolve(kept->links.links, link_count, &view->arena, &view->resolution);
    enum corong_status status = CORONG_OK;
    if (view->resolution.member_count > 0) {
        status = identity_rows_find(view, snapshot, tasks, error);
    }
    if (status != CORONG_OK) {
        view_destroy(view);
        return status;
    }
    *view_out = view;
    return CORONG_OK;
}

/// Frees the views that were not asked for the longest. The caller holds the mutex.
static void drop_idle(struct identity_kept *kept)
{
    uint32_t idle = 0;
    for (struct identity_view **at = &kept->views; *at != NULL;) {
        struct identity_view *view = *at;
        idle += view->user_count == 0;
        if (view->user_count == 0 && idle > IDENTITY_VIEW_COUNT_IDLE_MAX) {
            *at = view->next;
            view_destroy(view);
        } else {
            at = &view->next;
        }
    }
}

/// The view of so many links, in front of the others and with one user more; NULL: there is none.
static struct identity_view *take_view(struct identity_kept *kept, uint32_t link_count)
{
    pthread_mutex_lock(&kept->gate.mutex);
    struct identity_view **at = &kept->views;
    while (*at != NULL && (*at)->link_count != link_count) {
        at = &(*at)->next;
    }
    struct identity_view *view = *at;
    if (view != NULL) {
        *at = view->next;
        view->next = kept->views;
        kept->views = view;
        view->user_count++;
    }
    pthread_mutex_unlock(&kept->gate.mutex);
    return view;
}

static void add_view(struct identity_kept *kept, struct identity_view *view)
{
    pthread_mutex_lock(&kept->gate.mutex);
    view->user_count = 1;
    view->next = kept->views;
    kept->views = view;
    drop_idle(kept);
    pthread_mutex_unlock(&kept->gate.mutex);
}

static enum corong_status add_new_view(struct identity_kept *kept, uint32_t link_count,
                                       struct store_snapshot *snapshot, struct query_tasks *tasks,
                                       struct identity_view **view_out, struct corong_error *error)
{
    TRY(view_make(kept, link_count, snapshot, tasks, view_out, error));
    add_view(kept, *view_out);
    return CORONG_OK;
}

static enum corong_status find_view(struct identity_kept *kept, struct store_snapshot *snapshot,
                                    int64_t as_of_us, struct query_tasks *tasks,
                                    struct identity_view **view_out, struct corong_error *error)
{
    TRY(collect(kept, snapshot, tasks, error));
    uint32_t count = count_until(&kept->links, as_of_us);
    *view_out = take_view(kept, count);
    return *view_out != NULL ? CORONG_OK
                             : add_new_view(kept, count, snapshot, tasks, view_out, error);
}

enum corong_status identity_view_of(struct store_snapshot *snapshot, int64_t as_of_us,
                                    struct query_tasks *tasks, struct identity_view **view_out,
                                    struct corong_error *error)
{
    *view_out = NULL;
    if (!identity_links_exist(snapshot)) {
        return CORONG_OK;
    }
    struct query_limits limits = {0};
    struct query_tasks *own = tasks == NULL ? query_tasks_create(&limits) : NULL;
    tasks = tasks == NULL ? own : tasks;
    struct identity_kept *kept = kept_of(snapshot);
    enum corong_status status = identity_gate_enter(&kept->gate, tasks, error);
    if (status == CORONG_OK) {
        status = find_view(kept, snapshot, as_of_us, tasks, view_out, error);
        identity_gate_leave(&kept->gate);
    }
    if (status == CORONG_OK && (*view_out)->resolution.member_count == 0) {
        identity_view_release(*view_out);
        *view_out = NULL;
    }
    query_tasks_destroy(own);
    return status;
}

void identity_view_release(struct identity_view *view)
{
    if (view == NULL) {
        return;
    }
    struct identity_kept *kept = view->kept;
    pthread_mutex_lock(&kept->gate.mutex);
    ASSERT(view->user_count > 0);
    view->user_count--;
    drop_idle(kept);
    pthread_mutex_unlock(&kept->gate.mutex);
}

enum corong_status identity_count(struct store_snapshot *snapshot,
                                  struct identity_counts *counts_out, struct corong_error *error)
{
    *counts_out = (struct identity_counts){0};
    if (!identity_links_exist(snapshot)) {
        return CORONG_OK;
    }
    struct query_limits limits = {0};
    struct query_tasks *tasks = query_tasks_create(&limits);
    struct identity_kept *kept = kept_of(snapshot);
    enum corong_status status = identity_gate_enter(&kept->gate, tasks, error);
    if (status == CORONG_OK) {
        status = collect(kept, snapshot, tasks, error);
        identity_gate_leave(&kept->gate);
    }
    if (status == CORONG_OK) {
        struct arena arena = {0};
        struct identity_resolution resolution;
        identity_resolve(kept->links.links, kept->links.count, &arena, &resolution);
        *counts_out = resolution.counts;
        arena_deinit(&arena);
    }
    query_tasks_destroy(tasks);
    return status;
}

enum corong_status identity_leave(struct store_snapshot *snapshot,
                                  const struct query_limits *limits, struct corong_error *error)
{
    if (!identity_links_exist(snapshot)) {
        return CORONG_OK;
    }
    struct query_tasks *tasks = query_tasks_create(limits);
    struct identity_kept *kept = kept_of(snapshot);
    enum corong_status status = identity_gate_enter(&kept->gate, tasks, error);
    if (status == CORONG_OK) {
        status = collect(kept, snapshot, tasks, error);
        if (status == CORONG_OK) {
            status = identity_links_leave(&kept->links, snapshot, error);
        }
        identity_gate_leave(&kept->gate);
    }
    query_tasks_destroy(tasks);
    return status;
}

struct hash128 identity_key(const struct identity_view *view, struct hash128 key)
{
    const struct identity_member *member =
        view == NULL ? NULL : identity_find(&view->resolution, key);
    return member == NULL ? key : view->resolution.persons[member->person].key;
}

const struct identity_person *identity_person_at(const struct identity_view *view,
                                                 struct hash128 key)
{
    for (uint32_t i = 0; view != NULL && i < view->resolution.person_count; i++) {
        if (hash128_equal(view->resolution.persons[i].key, key)) {
            return &view->resolution.persons[i];
        }
    }
    return NULL;
}
