// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_state.h"

#include <stdlib.h>

// A slice of one shard, before equal values of several shards are put together.
struct partial_slice {
    struct text value;
    const struct live_counts *counts;
    uint32_t code;
};

static int compare_values(struct text left, struct text right)
{
    if (left.bytes == NULL || right.bytes == NULL) {
        return (left.bytes != NULL) - (right.bytes != NULL);
    }
    return text_compare(left, right);
}

static int compare_partials(const void *left, const void *right)
{
    return compare_values(((const struct partial_slice *)left)->value,
                          ((const struct partial_slice *)right)->value);
}

static int compare_slices(const void *left_pointer, const void *right_pointer)
{
    const struct engine_live_slice *left = left_pointer;
    const struct engine_live_slice *right = right_pointer;
    if (left->reached[0] != right->reached[0]) {
        return left->reached[0] > right->reached[0] ? -1 : 1;
    }
    return compare_values(left->value, right->value);
}

// A user at a level has reached all levels up to it.
static void add_reached(const struct partial_slice *partial, uint32_t step_count, uint64_t *reached)
{
    uint64_t sum = 0;
    for (uint32_t level = step_count; level > 0; level--) {
        sum += live_counts_at_level(partial->counts, partial->code, level);
        reached[level - 1] += sum;
    }
}

static struct partial_slice *collect(struct engine *engine, struct arena *arena, uint32_t funnel,
                                     uint32_t *count_out)
{
    uint32_t shard_count = engine->options.shard_count;
    uint32_t *counts = arena_allocate_zeroed(arena, shard_count, sizeof(uint32_t));
    uint32_t total = 0;
    for (uint32_t i = 0; i < shard_count; i++) {
        counts[i] = live_counts_slice_count(shard_live_counts(engine->shards[i], funnel));
        total += counts[i];
    }
    struct partial_slice *partials = arena_allocate(arena, total * sizeof(*partials));
    uint32_t at = 0;
    for (uint32_t i = 0; i < shard_count; i++) {
        const struct live_counts *of_shard = shard_live_counts(engine->shards[i], funnel);
        for (uint32_t code = 0; code < counts[i]; code++) {
            partials[at++] =
                (struct partial_slice){live_counts_value(of_shard, code), of_shard, code};
        }
    }
    *count_out = total;
    return partials;
}

// Puts equal values of several shards together; slices that nobody is in are left out.
static void merge_slices(struct arena *arena, struct partial_slice *partials, uint32_t count,
                         struct engine_live_funnel *funnel)
{
    qsort(partials, count, sizeof(*partials), compare_partials);
    funnel->slices = arena_allocate_zeroed(arena, count, sizeof(struct engine_live_slice));
    for (uint32_t first = 0; first < count;) {
        struct engine_live_slice *slice = &funnel->slices[funnel->slice_count];
        uint32_t end = first;
        *slice = (struct engine_live_slice){0};
        while (end < count && compare_values(partials[end].value, partials[first].value) == 0) {
            add_reached(&partials[end++], funnel->step_count, slice->reached);
        }
        if (slice->reached[0] > 0) {
            slice->value = arena_copy_text(arena, partials[first].value);
            funnel->slice_count++;
        }
        first = end;
    }
    qsort(funnel->slices, funnel->slice_count, sizeof(struct engine_live_slice), compare_slices);
}

static void read_funnel(struct engine *engine, struct arena *arena, uint32_t index,
                        struct engine_live_funnel *funnel)
{
    const struct live_followed *followed = &engine->plan.followed[index];
    *funnel = (struct engine_live_funnel){
        .name = followed->funnel->name,
        .step_count = followed->rule.step_count,
    };
    uint32_t count;
    struct partial_slice *partials = collect(engine, arena, index, &count);
    if (followed->rule.sliced) {
        merge_slices(arena, partials, count, funnel);
        for (uint32_t i = 0; i < funnel->slice_count; i++) {
            for (uint32_t level = 0; level < funnel->step_count; level++) {
                funnel->reached[level] += funnel->slices[i].reached[level];
            }
        }
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        add_reached(&partials[i], funnel->step_count, funnel->reached);
    }
}

static void read_shards(struct engine *engine, struct engine_live_view *view)
{
    for (uint32_t i = 0; i < engine->options.shard_count; i++) {
        const struct shard_counters *counters = shard_counters(engine->shards[i]);
        view->users += shard_counters_get(&counters->users);
        view->users_evicted += shard_counters_get(&counters->users_evicted);
        view->pending += shard_counters_get(&counters->pending);
        view->sessions += shard_counters_get(&counters->sessions);
        view->live_state_bytes += shard_counters_get(&counters->live_state_bytes);
        view->memory_bytes += shard_counters_get(&counters->memory_bytes);
    }
}

void engine_live_read(struct engine *engine, struct arena *arena, struct engine_live_view *view_out)
{
    uint32_t funnel_count = engine->plan.followed_count;
    *view_out = (struct engine_live_view){
        .events = route_event_count(&engine->route),
        .memory_bytes = route_memory(&engine->route.options),
        .funnel_count = funnel_count,
        .funnels = arena_allocate(arena, funnel_count * sizeof(struct engine_live_funnel)),
    };
    read_shards(engine, view_out);
    for (uint32_t i = 0; i < funnel_count; i++) {
        read_funnel(engine, arena, i, &view_out->funnels[i]);
    }
    pthread_mutex_lock(&engine->lock);
    view_out->commits = engine->commit_count;
    view_out->rows_committed = engine->rows_committed;
    pthread_mutex_unlock(&engine->lock);
}
