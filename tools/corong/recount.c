// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/recount.h"

static void copy_reached(const struct query_slice *slice, uint32_t step_count, uint64_t *reached)
{
    for (uint32_t step = 0; step < step_count; step++) {
        reached[step] = slice->steps[step].reached;
    }
}

static void take_answer(const struct query_funnel_result *result, struct arena *arena,
                        struct engine_live_funnel *funnel)
{
    copy_reached(&result->total, funnel->step_count, funnel->reached);
    funnel->slice_count = result->slice_count;
    funnel->slices =
        arena_allocate_zeroed(arena, result->slice_count + 1, sizeof(struct engine_live_slice));
    for (uint32_t index = 0; index < result->slice_count; index++) {
        funnel->slices[index].value = result->slices[index].values[0];
        copy_reached(&result->slices[index], funnel->step_count, funnel->slices[index].reached);
    }
}

static enum corong_status recount_funnel(struct store_snapshot *snapshot,
                                         const struct query_funnel *defaults, struct arena *arena,
                                         struct engine_live_funnel *funnel,
                                         struct corong_error *error)
{
    struct query_funnel query = *defaults;
    struct query_funnel_result result;
    query.by[0] = query.funnel.live_slice;
    query.by_count = query.funnel.live_slice.bytes == NULL ? 0 : 1;
    query.top = UINT32_MAX;
    TRY(query_funnel_run(snapshot, &query, arena, &result, error));
    take_answer(&result, arena, funnel);
    return CORONG_OK;
}

void recount_list(const struct definitions *definitions, struct arena *arena,
                  struct engine_live_view *view)
{
    view->funnel_count = 0;
    view->funnels = arena_allocate_zeroed(arena, (size_t)definitions->funnel_count + 1,
                                          sizeof(struct engine_live_funnel));
    for (uint32_t index = 0; index < definitions->funnel_count; index++) {
        const struct funnel *funnel = &definitions->funnels[index];
        if (funnel_live_obstacle(funnel) != NULL) {
            continue;
        }
        struct engine_live_funnel *live = &view->funnels[view->funnel_count++];
        *live = (struct engine_live_funnel){.name = funnel->name, .step_count = funnel->step_count};
        live->steps = arena_allocate(arena, funnel->step_count * sizeof(struct text));
        for (uint32_t step = 0; step < funnel->step_count; step++) {
            live->steps[step] = funnel->steps[step].name;
        }
    }
}

enum corong_status recount_live(const char *directory, const struct definitions *definitions,
                                const struct query_funnel *defaults, struct arena *arena,
                                struct engine_live_view *view, struct corong_error *error)
{
    struct store_snapshot *snapshot;
    size_t size = view->funnel_count * sizeof(struct engine_live_funnel);
    struct engine_live_funnel *funnels = arena_allocate(arena, size + 1);
    memcpy(funnels, view->funnels, size);
    TRY(store_snapshot_open(&snapshot, directory, error));
    enum corong_status status = CORONG_OK;
    for (uint32_t index = 0; status == CORONG_OK && index < view->funnel_count; index++) {
        struct query_funnel query = *defaults;
        query.funnel = *definitions_funnel(definitions, funnels[index].name);
        status = recount_funnel(snapshot, &query, arena, &funnels[index], error);
    }
    store_snapshot_close(snapshot);
    if (status == CORONG_OK) {
        view->funnels = funnels;
    }
    return status;
}
