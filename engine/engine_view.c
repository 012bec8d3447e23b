// SPDX-License-Identifier: Apache-2.0
// What questions see while events arrive: one manifest version and the chunks after it, replaced as
// a whole by the committer's thread.
#include "engine/engine_state.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"

#include <stdlib.h>
#include <time.h>

// How long somebody waits for a view that does not come: a commit may be waiting for a full disk.
#define PATIENCE_US (2 * MICROSECONDS_PER_SECOND)

void engine_view_shown(struct engine *engine, const struct shard_shown *shown)
{
    pthread_mutex_lock(&engine->lock);
    struct engine_views *views = &engine->views;
    uint32_t count = views->chunk_count + shown->chunk_count;
    views->chunks = memory_resize_array(views->chunks, count, sizeof(struct sealed_chunk *));
    for (uint32_t i = 0; i < shown->chunk_count; i++) {
        views->chunks[views->chunk_count++] = shown->chunks[i];
    }
    views->event_count += shown->event_count;
    views->shard_failed |= shown->failed;
    engine->sealed_count++;
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
    memory_free(shown->chunks);
}

void engine_view_forget(struct engine_views *views)
{
    for (uint32_t i = 0; i < views->chunk_count; i++) {
        sealed_chunk_release(views->chunks[i]);
    }
    memory_free(views->chunks);
    views->chunks = NULL;
    views->chunk_count = 0;
    views->event_count = 0;
    views->shard_failed = false;
}

static void view_release(struct engine_shown *shown)
{
    // Release: what this holder did comes before the view goes. Acquire, pairs with it.
    if (shown == NULL || atomic_fetch_sub_explicit(&shown->holders, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (uint32_t i = 0; i < shown->door.chunk_count; i++) {
        sealed_chunk_release(shown->chunks[i]);
    }
    memory_free(shown->chunks);
    arena_deinit(&shown->arena);
    memory_free(shown);
}

// A position and where it came from: later ones replace earlier ones of the same source.
struct ranked_position {
    const struct store_position *position;
    uint32_t rank;
};

static int compare_ranked(const void *left, const void *right)
{
    const struct ranked_position *a = left;
    const struct ranked_position *b = right;
    int order = hash128_compare(a->position->id, b->position->id);
    return order != 0 ? order : (a->rank > b->rank) - (a->rank < b->rank);
}

static void copy_positions(struct engine_shown *shown, const struct ranked_position *ranked,
                           uint32_t count)
{
    struct store_position *copies =
        arena_allocate(&shown->arena, ((size_t)count + 1) * sizeof(*copies));
    uint32_t copied = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct store_position *position = ranked[i].position;
        if (i + 1 < count && hash128_equal(position->id, ranked[i + 1].position->id)) {
            continue;
        }
        copies[copied] = *position;
        copies[copied++].name = arena_copy_text(&shown->arena, position->name);
    }
    shown->door.positions = copies;
    shown->door.position_count = copied;
}

// The committed positions, moved on by the cuts of views since.
static void fill_positions(struct engine *engine, struct engine_shown *shown)
{
    uint32_t committed_count;
    const struct store_position *committed =
        store_positions(engine->options.store, &committed_count);
    size_t room = committed_count;
    for (uint32_t i = 0; i < engine->options.producer_count; i++) {
        room += engine->producers[i].taken.position_count;
    }
    struct ranked_position *ranked = memory_allocate_zeroed(room, sizeof(*ranked));
    uint32_t count = 0;
    for (uint32_t i = 0; i < committed_count; i++) {
        ranked[count++] = (struct ranked_position){&committed[i], 0};
    }
    for (uint32_t i = 0; i < engine->options.producer_count; i++) {
        const struct engine_saved_cut *cut = &engine->producers[i].taken;
        for (uint32_t at = 0; at < cut->position_count; at++) {
            ranked[count++] = (struct ranked_position){&cut->positions[at], i + 1};
        }
    }
    qsort(ranked, count, sizeof(*ranked), compare_ranked);
    copy_positions(shown, ranked, count);
    memory_free(ranked);
}

static void fill_chunks(struct engine_shown *shown, struct sealed_chunk **chunks, uint32_t count)
{
    int *descriptors = arena_allocate(&shown->arena, ((size_t)count + 1) * sizeof(int));
    for (uint32_t i = 0; i < count; i++) {
        descriptors[i] = chunks[i]->descriptor;
        shown->door.chunk_rows += chunks[i]->row_count;
    }
    shown->chunks = chunks;
    shown->door.chunk_fds = descriptors;
    shown->door.chunk_count = count;
}

// Puts a view in the place of the current one. Without the lock.
static void show(struct engine *engine, struct engine_shown *shown)
{
    shown->door.store_sequence = store_sequence(engine->options.store);
    atomic_init(&shown->holders, 1);
    pthread_mutex_lock(&engine->lock);
    struct engine_shown *before = engine->views.current;
    engine->views.current = shown;
    engine->views.requested = false;
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
    view_release(before);
}

void engine_view_publish(struct engine *engine, const struct engine_view_instant *instant)
{
    struct engine_views *views = &engine->views;
    struct engine_shown *shown = memory_allocate_zeroed(1, sizeof(*shown));
    shown->door.sealed_us = instant->begun_us;
    shown->event_count = instant->event_count;
    fill_chunks(shown, views->chunks, views->chunk_count);
    fill_positions(engine, shown);
    views->chunks = NULL;
    views->chunk_count = 0;
    engine_view_forget(views);
    show(engine, shown);
}

void engine_view_refresh(struct engine *engine)
{
    // Only this thread replaces the current view, so it may look at it without the lock.
    const struct engine_shown *before = engine->views.current;
    struct engine_shown *shown = memory_allocate_zeroed(1, sizeof(*shown));
    shown->door.sealed_us = before->door.sealed_us;
    shown->event_count = before->event_count;
    uint32_t count = before->door.chunk_count;
    struct sealed_chunk **chunks = memory_allocate_zeroed(count, sizeof(struct sealed_chunk *));
    for (uint32_t i = 0; i < count; i++) {
        chunks[i] = sealed_chunk_hold(before->chunks[i]);
    }
    fill_chunks(shown, chunks, count);
    // Not those of the taken cuts: a view that failed has left its own there.
    struct ranked_position *ranked =
        memory_allocate_zeroed(before->door.position_count, sizeof(*ranked));
    for (uint32_t i = 0; i < before->door.position_count; i++) {
        ranked[i].position = &before->door.positions[i];
    }
    copy_positions(shown, ranked, before->door.position_count);
    memory_free(ranked);
    show(engine, shown);
}

void engine_view_deinit(struct engine *engine)
{
    engine_view_forget(&engine->views);
    view_release(engine->views.current);
    engine->views.current = NULL;
}

// Under the lock.
static bool is_fresh(struct engine *engine, int64_t since_us)
{
    const struct engine_shown *shown = engine->views.current;
    return shown->door.sealed_us >= since_us ||
           shown->event_count == route_event_count(&engine->route);
}

static void wait_until(struct engine *engine, int64_t until_us)
{
    struct timespec until = {until_us / MICROSECONDS_PER_SECOND,
                             until_us % MICROSECONDS_PER_SECOND * 1000};
    pthread_cond_timedwait(&engine->changed, &engine->lock, &until);
}

enum corong_status engine_view_acquire(struct engine *engine, int64_t age_max_us,
                                       const struct engine_view **view_out,
                                       struct corong_error *error)
{
    int64_t asked_us = clock_monotonic_us();
    int64_t since_us = asked_us - (age_max_us < 0 ? 0 : age_max_us);
    *view_out = NULL;
    pthread_mutex_lock(&engine->lock);
    while (!engine_failed(engine) && !engine->finished && !engine->stopping &&
           !is_fresh(engine, since_us) && clock_monotonic_us() < asked_us + PATIENCE_US) {
        if (!engine->views.requested) {
            engine->views.requested = true;
            pthread_cond_broadcast(&engine->changed);
        }
        wait_until(engine, asked_us + PATIENCE_US);
    }
    enum corong_status status = engine->error.status;
    if (status == CORONG_OK) {
        struct engine_shown *shown = engine->views.current;
        // Relaxed: the engine holds it, so it cannot go meanwhile.
        atomic_fetch_add_explicit(&shown->holders, 1, memory_order_relaxed);
        *view_out = &shown->door;
    } else if (error != NULL) {
        *error = engine->error;
    }
    pthread_mutex_unlock(&engine->lock);
    return status;
}

void engine_view_release(struct engine *engine, const struct engine_view *view)
{
    (void)engine;
    // The door is the first member of what it belongs to.
    view_release((struct engine_shown *)(uintptr_t)view);
}
