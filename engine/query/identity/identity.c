// SPDX-License-Identifier: Apache-2.0
#include "engine/query/identity/identity.h"

#include "engine/query/identity/identity_private.h"
#include "storage/base/memory.h"

#include <pthread.h>

/// What resolving a link takes at most: two ids in the forest, and two that are kept.
#define LINK_RESOLVED_SIZE UINT64_C(320)

/// What a snapshot keeps.
struct identity_kept {
    struct identity_links links;
    struct identity_view *views;
};

/// Held while a snapshot's links are looked for or resolved: rare, and two questions of one
/// snapshot should not both do it.
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;

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
    memory_free(kept);
}

static enum corong_status kept_of(struct store_snapshot *snapshot, struct query_tasks *tasks,
                                  struct identity_kept **kept_out, struct corong_error *error)
{
    *kept_out = store_snapshot_kept(snapshot);
    if (*kept_out != NULL) {
        return CORONG_OK;
    }
    struct identity_kept *kept = memory_allocate_zeroed(1, sizeof(*kept));
    enum corong_status status = identity_links_collect(&kept->links, snapshot, tasks, error);
    if (status != CORONG_OK) {
        memory_free(kept);
        return status;
    }
    store_snapshot_keep(snapshot, kept, kept_destroy);
    *kept_out = kept;
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
    identity_resolve(kept->links.links, link_count, &view->arena, &view->resolution);
    enum corong_status status = CORONG_OK;
    if (view->resolution.member_count > 0) {
        status = identity_rows_find(view, snapshot, tasks, error);
    }
    if (status != CORONG_OK) {
        view_destroy(view);
        return status;
    }
    view->next = kept->views;
    kept->views = view;
    *view_out = view;
    return CORONG_OK;
}

static enum corong_status find_view(struct store_snapshot *snapshot, int64_t as_of_us,
                                    struct query_tasks *tasks, struct identity_view **view_out,
                                    struct corong_error *error)
{
    struct identity_kept *kept;
    TRY(kept_of(snapshot, tasks, &kept, error));
    uint32_t count = count_until(&kept->links, as_of_us);
    struct identity_view *view = kept->views;
    while (view != NULL && view->link_count != count) {
        view = view->next;
    }
    if (view == NULL) {
        TRY(view_make(kept, count, snapshot, tasks, &view, error));
    }
    *view_out = view;
    return CORONG_OK;
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
    pthread_mutex_lock(&making);
    enum corong_status status =
        find_view(snapshot, as_of_us, tasks == NULL ? own : tasks, view_out, error);
    pthread_mutex_unlock(&making);
    query_tasks_destroy(own);
    return status;
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
    struct identity_kept *kept;
    pthread_mutex_lock(&making);
    enum corong_status status = kept_of(snapshot, tasks, &kept, error);
    pthread_mutex_unlock(&making);
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
