// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_state.h"

#include "storage/base/clock.h"

#include <stdlib.h>
#include <string.h>

// How long a reader waits for all shards to have come to a new day.
#define ROLL_PATIENCE_US (500 * INT64_C(1000))
#define ROLL_PAUSE_US 2000

// A slice of one shard, before equal values of several shards are put together.
struct partial_slice {
    struct text value;
    uint64_t *reached;
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

// Partial slices of all shards, of one funnel.
struct partials {
    struct partial_slice *slices;
    uint32_t count;
    uint32_t capacity;
};

// A user at a level has reached all levels up to it.
static void take_reached(const struct live_counts *counts, uint32_t code, uint32_t step_count,
                         uint64_t *reached)
{
    uint64_t sum = 0;
    for (uint32_t level = step_count; level > 0; level--) {
        sum += live_counts_at_level(counts, code, level);
        reached[level - 1] = sum;
    }
}

// Copies the slices of one shard; its counts may begin anew afterwards.
static void collect(const struct live_counts *counts, uint32_t step_count, struct arena *arena,
                    struct partials *partials)
{
    uint32_t count = live_counts_slice_count(counts);
    if (partials->count + count > partials->capacity) {
        struct partial_slice *before = partials->slices;
        partials->capacity = (partials->count + count) * 2;
        partials->slices = arena_allocate(arena, partials->capacity * sizeof(*before));
        if (partials->count > 0) {
            memcpy(partials->slices, before, partials->count * sizeof(*before));
        }
    }
    uint64_t *reached = arena_allocate_zeroed(arena, (size_t)count * step_count, sizeof(uint64_t));
    for (uint32_t code = 0; code < count; code++, reached += step_count) {
        take_reached(counts, code, step_count, reached);
        if (reached[0] > 0) {
            struct text value = arena_copy_text(arena, live_counts_value(counts, code));
            partials->slices[partials->count++] = (struct partial_slice){value, reached};
        }
    }
}

static void add_reached(const struct partial_slice *partial, uint32_t step_count, uint64_t *reached)
{
    for (uint32_t level = 0; level < step_count; level++) {
        reached[level] += partial->reached[level];
    }
}

// Puts equal values of several shards together.
static void merge_slices(struct arena *arena, struct partials *partials,
                         struct engine_live_funnel *funnel)
{
    uint32_t count = partials->count;
    struct partial_slice *slices = partials->slices;
    qsort(slices, count, sizeof(*slices), compare_partials);
    funnel->slices = arena_allocate_zeroed(arena, count, sizeof(struct engine_live_slice));
    for (uint32_t first = 0; first < count;) {
        struct engine_live_slice *slice = &funnel->slices[funnel->slice_count++];
        uint32_t end = first;
        slice->value = slices[first].value;
        while (end < count && compare_values(slices[end].value, slices[first].value) == 0) {
            add_reached(&slices[end++], funnel->step_count, slice->reached);
        }
        first = end;
    }
    qsort(funnel->slices, funnel->slice_count, sizeof(struct engine_live_slice), compare_slices);
}

static void read_funnel(const struct live_followed *followed, struct arena *arena,
                        struct partials *partials, struct engine_live_funnel *funnel)
{
    *funnel = (struct engine_live_funnel){
        .name = arena_copy_text(arena, followed->funnel->name),
        .step_count = followed->rule.step_count,
        .steps = arena_allocate(arena, followed->rule.step_count * sizeof(struct text)),
    };
    for (uint32_t step = 0; step < funnel->step_count; step++) {
        funnel->steps[step] = arena_copy_text(arena, followed->funnel->steps[step].name);
    }
    for (uint32_t i = 0; i < partials->count; i++) {
        add_reached(&partials->slices[i], funnel->step_count, funnel->reached);
    }
    if (followed->rule.sliced) {
        merge_slices(arena, partials, funnel);
    }
}

// Copies the counts of all shards, whose range must begin at one moment. False: it does not.
static bool collect_shards(struct engine *engine, struct arena *arena, struct partials *partials,
                           int64_t *from_out)
{
    bool same = true;
    for (uint32_t i = 0; i < engine->options.shard_count; i++) {
        struct live *live = shard_live(engine->shards[i]);
        int64_t from_us = live_reading_begin(live);
        same &= i == 0 || from_us == *from_out;
        *from_out = i == 0 || from_us > *from_out ? from_us : *from_out;
        for (uint32_t f = 0; f < engine->plan.followed_count; f++) {
            collect(live_counts(live, f), engine->plan.followed[f].rule.step_count, arena,
                    &partials[f]);
        }
        live_reading_end(live);
    }
    return same;
}

static void read_funnels(struct engine *engine, struct arena *arena, struct engine_live_view *view)
{
    uint32_t count = engine->plan.followed_count;
    struct partials *partials = NULL;
    int64_t until_us = clock_monotonic_us() + ROLL_PATIENCE_US;
    bool same = false;
    while (!same) {
        partials = arena_allocate_zeroed(arena, count, sizeof(*partials));
        same = collect_shards(engine, arena, partials, &view->range_from_us);
        if (!same && clock_monotonic_us() >= until_us) {
            break;
        }
        if (!same) {
            clock_sleep_us(ROLL_PAUSE_US);
        }
    }
    view->range_is_split = !same;
    view->funnel_count = count;
    view->funnels = arena_allocate(arena, count * sizeof(struct engine_live_funnel));
    for (uint32_t f = 0; f < count; f++) {
        read_funnel(&engine->plan.followed[f], arena, &partials[f], &view->funnels[f]);
    }
}

static void read_shards(struct engine *engine, struct engine_live_view *view)
{
    for (uint32_t i = 0; i < engine->options.shard_count; i++) {
        const struct shard_counters *counters = shard_counters(engine->shards[i]);
        view->users += shard_counters_get(&counters->users);
        view->users_evicted += shard_counters_get(&counters->users_evicted);
        view->pending += shard_counters_pending(counters, view->as_of_us);
        view->settled += shard_counters_get(&counters->settled);
        view->sessions += shard_counters_get(&counters->sessions);
        view->live_state_bytes += shard_counters_get(&counters->live_state_bytes);
        view->memory_bytes += shard_counters_get(&counters->live_bytes) +
                              shard_counters_get(&counters->tail_bytes) +
                              shard_counters_get(&counters->chunk_bytes);
    }
}

struct engine_memory engine_memory_read(struct engine *engine)
{
    struct engine_memory memory = {
        .limit = engine->options.memory_limit_bytes,
        .rings = route_memory(&engine->route.options),
        .merge_limit = engine_merge_memory_limit(engine),
    };
    for (uint32_t i = 0; i < engine->options.shard_count; i++) {
        const struct shard_counters *counters = shard_counters(engine->shards[i]);
        memory.tails += shard_counters_get(&counters->tail_bytes);
        memory.chunks += shard_counters_get(&counters->chunk_bytes);
        memory.live += shard_counters_get(&counters->live_bytes);
    }
    pthread_mutex_lock(&engine->lock);
    memory.merges = engine->merges_running * memory.merge_limit;
    pthread_mutex_unlock(&engine->lock);
    return memory;
}

struct engine_cpu engine_cpu_read(struct engine *engine)
{
    struct engine_cpu cpu = {0};
    for (uint32_t i = 0; i < engine->options.shard_count; i++) {
        const struct shard_counters *counters = shard_counters(engine->shards[i]);
        cpu.write_ns += shard_counters_get(&counters->write_ns);
        cpu.show_ns += shard_counters_get(&counters->show_ns);
    }
    return cpu;
}

void engine_live_read(struct engine *engine, struct arena *arena, struct engine_live_view *view_out)
{
    *view_out = (struct engine_live_view){
        .events = route_event_count(&engine->route),
        .memory_bytes = route_memory(&engine->route.options),
        .as_of_us = live_range_as_of(&engine->live_range),
    };
    read_shards(engine, view_out);
    read_funnels(engine, arena, view_out);
    if (engine->live_range.day) {
        const struct zone *zone = engine->live_range.zone;
        view_out->zone = zone == NULL ? TEXT_LITERAL("UTC") : arena_copy_text(arena, zone->name);
    }
    pthread_mutex_lock(&engine->lock);
    view_out->commits = engine->commit_count;
    view_out->rows_committed = engine->rows_committed;
    if (engine->settle.error.status != CORONG_OK) {
        view_out->failure = text_from(arena_copy_string(arena, engine->settle.error.message));
    }
    pthread_mutex_unlock(&engine->lock);
}
