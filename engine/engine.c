// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.h"

#include "engine/engine_state.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define BATCH_COUNT 4u
#define BATCH_CAPACITY_MIN (16u << 10)
#define BATCH_CAPACITY_MAX (128u << 10)
#define TAIL_BUDGET_MIN (UINT64_C(2) << 20)
#define OVERSIZE_BATCH_SIZE (UINT64_C(16) << 20) // one a ring, of one event larger than a batch

// A question reads all chunks side by side, and they are descriptors: no more than this in a view,
// files aside, and no more than that of one shard.
#define VIEW_CHUNK_COUNT_MAX 128u
#define SHARD_CHUNK_COUNT_MAX 32u

static uint32_t tail_eighths(const struct engine_options *options)
{
    return ENGINE_TAIL_EIGHTHS - (options->merge_in_background ? ENGINE_MERGE_EIGHTHS : 0);
}

/// What the rings cannot take of their part, with the largest message under way in each.
static uint64_t ring_rest(const struct engine *engine)
{
    const struct route_options *route = &engine->route.options;
    uint64_t part = engine->options.memory_limit_bytes / 8 * ENGINE_RING_EIGHTHS;
    uint64_t most = route_memory(route) +
                    (uint64_t)route->producer_count * route->shard_count * OVERSIZE_BATCH_SIZE;
    return part > most ? part - most : 0;
}

/// Of the live users' part a sixth goes to reading the store, where they are settled from it. They
/// have what the rings leave, too.
static uint64_t live_bytes(const struct engine *engine)
{
    uint64_t bytes = engine->options.memory_limit_bytes / 8 * ENGINE_LIVE_EIGHTHS;
    return (engine->options.live_settles ? bytes / 6 * 5 : bytes) + ring_rest(engine);
}

/// A live view that nobody reads keeps the least; the rest of its part goes to the tails.
static uint64_t shard_live_bytes(const struct engine *engine)
{
    const struct engine_options *options = &engine->options;
    return options->live_unread ? live_budget_min(&engine->plan)
                                : live_bytes(engine) / options->shard_count;
}

static uint64_t shard_tail_bytes(const struct engine *engine)
{
    const struct engine_options *options = &engine->options;
    uint64_t eighth = options->memory_limit_bytes / 8 / options->shard_count;
    uint64_t bytes = eighth * tail_eighths(options);
    uint64_t live = eighth * ENGINE_LIVE_EIGHTHS;
    uint64_t kept = shard_live_bytes(engine);
    return options->live_unread && live > kept ? bytes + live - kept : bytes;
}

static uint32_t shard_count_of(const struct engine_options *options)
{
    if (options->shard_count != 0) {
        return options->shard_count;
    }
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (cores < 1) {
        return 1;
    }
    return cores > (long)ENGINE_SHARD_COUNT_MAX ? ENGINE_SHARD_COUNT_MAX : (uint32_t)cores;
}

static enum corong_status check_options(const struct engine_options *options,
                                        struct corong_error *error)
{
    if (options->shard_count > ENGINE_SHARD_COUNT_MAX) {
        return error_set(error, CORONG_INVALID, "%" PRIu32 " shards are too many, at most %u",
                         options->shard_count, ENGINE_SHARD_COUNT_MAX);
    }
    if (options->producer_count == 0 || options->producer_count > ENGINE_PRODUCER_COUNT_MAX) {
        return error_set(error, CORONG_INVALID,
                         "%" PRIu32 " ingest threads are not possible, 1 to %u are",
                         options->producer_count, ENGINE_PRODUCER_COUNT_MAX);
    }
    return CORONG_OK;
}

static enum corong_status plan_rings(struct engine *engine, struct corong_error *error)
{
    const struct engine_options *options = &engine->options;
    uint64_t channel_count = (uint64_t)options->producer_count * options->shard_count;
    uint64_t needed = channel_count * BATCH_COUNT * BATCH_CAPACITY_MIN * 8 / ENGINE_RING_EIGHTHS;
    uint64_t for_tails = options->shard_count * TAIL_BUDGET_MIN * 8 / tail_eighths(options);
    uint64_t for_live =
        options->shard_count * live_budget_min(&engine->plan) * 8 / ENGINE_LIVE_EIGHTHS;
    for_live += options->live_settles ? for_live / 5 + 64 * options->shard_count : 0;
    needed = needed > for_tails ? needed : for_tails;
    needed = needed > for_live ? needed : for_live;
    if (options->memory_limit_bytes < needed) {
        return error_set(
            error, CORONG_NO_MEMORY,
            "a memory limit of %" PRIu64 " bytes is too small for %" PRIu32
            " ingest threads and %" PRIu32 " shards, at least %" PRIu64 " bytes are needed",
            options->memory_limit_bytes, options->producer_count, options->shard_count, needed);
    }
    uint64_t capacity =
        options->memory_limit_bytes / 8 * ENGINE_RING_EIGHTHS / (channel_count * BATCH_COUNT);
    capacity = capacity > BATCH_CAPACITY_MAX ? BATCH_CAPACITY_MAX : capacity & ~UINT64_C(15);
    struct route_options route = {
        .producer_count = options->producer_count,
        .shard_count = options->shard_count,
        .batch_capacity = (uint32_t)capacity,
        .batch_count = BATCH_COUNT,
        .secret = store_secret(options->store),
        .format = &engine->format,
    };
    route_init(&engine->route, &route);
    return CORONG_OK;
}

static enum corong_status plan_memory(struct engine *engine, struct corong_error *error)
{
    const struct engine_options *options = &engine->options;
    const struct definitions *followed = options->live_unread ? NULL : options->definitions;
    TRY(live_plan_init(&engine->plan, followed, options->schema, error));
    enum corong_status status = plan_rings(engine, error);
    if (status != CORONG_OK) {
        live_plan_deinit(&engine->plan);
    }
    return status;
}

static uint32_t chunk_count_max(uint32_t shard_count)
{
    uint32_t share = VIEW_CHUNK_COUNT_MAX / shard_count;
    return share > SHARD_CHUNK_COUNT_MAX ? SHARD_CHUNK_COUNT_MAX : share;
}

static struct shard_options plan_shard(struct engine *engine, uint32_t index)
{
    const struct engine_options *options = &engine->options;
    const struct hash_secret *secret = store_secret(options->store);
    return (struct shard_options){
        .index = index,
        .route = &engine->route,
        .tail = {.format = &engine->format,
                 .secret = secret,
                 .directory = store_segment_directory(options->store),
                 .period_us = store_period_us(options->store),
                 .zstd_level = options->zstd_level == 0 ? 1 : options->zstd_level,
                 .budget_bytes = shard_tail_bytes(engine)},
        .live = {.plan = &engine->plan,
                 .range = &engine->live_range,
                 .format = &engine->format,
                 .secret = secret,
                 .budget_bytes = shard_live_bytes(engine),
                 .session_timeout_us = options->session_timeout_us,
                 .first_key = route_first_key(index, options->shard_count),
                 .settles = options->live_settles,
                 .primes = engine_settle_primes(engine)},
        .live_unread = options->live_unread,
        .load = engine->settle.load,
        .owner = engine_commit_owner(engine),
        .chunk_count_max = chunk_count_max(options->shard_count),
    };
}

static void create_shards(struct engine *engine)
{
    uint32_t count = engine->options.shard_count;
    engine->shards = memory_allocate_zeroed(count, sizeof(struct shard *));
    for (uint32_t i = 0; i < count; i++) {
        struct shard_options options = plan_shard(engine, i);
        engine->shards[i] = shard_create(&options);
    }
}

static void start_threads(struct engine *engine)
{
    uint32_t count = engine->options.shard_count;
    engine->shard_threads = memory_allocate_zeroed(count, sizeof(pthread_t));
    for (uint32_t i = 0; i < count; i++) {
        int failed = pthread_create(&engine->shard_threads[i], NULL, shard_run, engine->shards[i]);
        ASSERT(failed == 0);
        (void)pthread_setname_np(engine->shard_threads[i], "corong-shard");
    }
    int failed = pthread_create(&engine->committer_thread, NULL, engine_commit_run, engine);
    ASSERT(failed == 0);
    (void)pthread_setname_np(engine->committer_thread, "corong-commit");
}

static void init_lock(struct engine *engine)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&engine->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&engine->lock, NULL);
}

enum corong_status engine_open(struct engine **engine_out, const struct engine_options *options,
                               struct corong_error *error)
{
    TRY(check_options(options, error));
    struct engine *engine = memory_allocate_aligned(128, sizeof(*engine));
    memset(engine, 0, sizeof(*engine));
    engine->options = *options;
    engine->options.shard_count = shard_count_of(options);
    if (options->session_timeout_us <= 0) {
        engine->options.session_timeout_us = SESSION_TIMEOUT_DEFAULT_US;
    }
    event_format_init(&engine->format, options->schema);
    enum corong_status status = plan_memory(engine, error);
    if (status != CORONG_OK) {
        memory_free(engine);
        return status;
    }
    init_lock(engine);
    atomic_init(&engine->failed, false);
    atomic_init(&engine->committed_epoch, 0);
    engine->producers =
        memory_allocate_zeroed(options->producer_count, sizeof(struct engine_producer));
    struct engine_view_instant now = {clock_monotonic_us(), 0};
    engine_view_publish(engine, &now);
    engine_settle_open(engine);
    create_shards(engine);
    engine_merge_open(engine);
    start_threads(engine);
    engine_settle_start(engine);
    *engine_out = engine;
    return CORONG_OK;
}

struct engine_producer *engine_producer_open(struct engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    ASSERT(engine->opened_count < engine->options.producer_count);
    struct engine_producer *producer = &engine->producers[engine->opened_count];
    producer->engine = engine;
    producer->index = engine->opened_count++;
    producer->state = PRODUCER_OPEN;
    producer->done_epoch = engine->begun_epoch;
    bool barrier_is_open = engine->begun_epoch != engine->completed_epoch;
    pthread_mutex_unlock(&engine->lock);
    if (barrier_is_open) {
        // Its events belong to the next barrier: no shard may take one before it has sealed this
        // one.
        route_mark(&engine->route, producer->index, producer->done_epoch);
    }
    return producer;
}

void engine_push(struct engine_producer *producer, const struct event *event)
{
    route_push(&producer->engine->route, producer->index, event);
}

void engine_producer_on_wait(struct engine_producer *producer, void (*waiting)(void *context),
                             void *context)
{
    struct route_producer *self = &producer->engine->route.producers[producer->index];
    self->waiting = waiting;
    self->waiting_context = context;
}

bool engine_barrier_wanted(struct engine_producer *producer)
{
    struct route *route = &producer->engine->route;
    if (__builtin_expect(route_called(route, producer->index), 0)) {
        if (route_epoch(route) > producer->done_epoch) {
            producer->barrier_wanted = true;
        } else {
            route_flush(route, producer->index);
        }
    }
    return producer->barrier_wanted;
}

uint64_t engine_barrier(struct engine_producer *producer, const struct engine_cut *cut)
{
    struct engine *engine = producer->engine;
    pthread_mutex_lock(&engine->lock);
    ASSERT(producer->state == PRODUCER_OPEN);
    uint64_t epoch = engine->begun_epoch;
    bool wanted = epoch > producer->done_epoch;
    if (wanted) {
        engine_cut_save(producer, epoch, cut);
        producer->done_epoch = epoch;
    } else {
        engine_cut_keep(producer, cut);
    }
    pthread_mutex_unlock(&engine->lock);
    producer->barrier_wanted = false;
    if (wanted) {
        route_mark(&engine->route, producer->index, epoch);
    } else {
        route_flush(&engine->route, producer->index);
    }
    return wanted ? epoch : epoch + 1;
}

void engine_producer_close(struct engine_producer *producer, const struct engine_cut *cut)
{
    struct engine *engine = producer->engine;
    pthread_mutex_lock(&engine->lock);
    ASSERT(producer->state == PRODUCER_OPEN);
    bool answers = engine->begun_epoch > producer->done_epoch;
    engine_cut_save(producer, engine->begun_epoch + (answers ? 0 : 1), cut);
    pthread_mutex_unlock(&engine->lock);
    // Before the state: a barrier that begins in between still waits for this producer's last word.
    route_close(&engine->route, producer->index);
    pthread_mutex_lock(&engine->lock);
    producer->state = PRODUCER_CLOSED;
    engine->closed_count++;
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
}

void engine_request_commit(struct engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    engine->commit_requested = true;
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
}

bool engine_failed(const struct engine *engine)
{
    // Acquire, pairs with the release in engine_commit_fail().
    return atomic_load_explicit(&engine->failed, memory_order_acquire);
}

uint64_t engine_committed_epoch(const struct engine *engine)
{
    // Acquire, pairs with the release in commit_once(): the commit is durable before.
    return atomic_load_explicit(&engine->committed_epoch, memory_order_acquire);
}

static void join_threads(struct engine *engine)
{
    if (engine->joined) {
        return;
    }
    pthread_join(engine->committer_thread, NULL);
    engine_settle_cancel(engine);
    route_stop(&engine->route);
    for (uint32_t i = 0; i < engine->options.shard_count; i++) {
        pthread_join(engine->shard_threads[i], NULL);
    }
    engine_settle_stop(engine);
    engine->joined = true;
}

// Under the lock.
static void expect_drain(struct engine *engine)
{
    if (!engine->draining) {
        engine->draining = true;
        engine->draining_since_us = clock_monotonic_us();
    }
}

void engine_expect_drain(struct engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    expect_drain(engine);
    pthread_mutex_unlock(&engine->lock);
}

enum corong_status engine_drain(struct engine *engine, struct corong_error *error)
{
    pthread_mutex_lock(&engine->lock);
    expect_drain(engine);
    while (!engine->finished) {
        pthread_cond_wait(&engine->changed, &engine->lock);
    }
    pthread_mutex_unlock(&engine->lock);
    join_threads(engine);
    if (engine->error.status != CORONG_OK && error != NULL) {
        *error = engine->error;
    }
    return engine->error.status;
}

void engine_close(struct engine *engine)
{
    if (engine == NULL) {
        return;
    }
    pthread_mutex_lock(&engine->lock);
    engine->stopping = true;
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
    engine_settle_cancel(engine);
    join_threads(engine);
    engine_settle_close(engine);
    for (uint32_t i = 0; i < engine->options.shard_count; i++) {
        shard_destroy(engine->shards[i]);
    }
    route_deinit(&engine->route);
    live_plan_deinit(&engine->plan);
    for (uint32_t i = 0; i < engine->options.producer_count; i++) {
        engine_cut_release(&engine->producers[i].cuts[0]);
        engine_cut_release(&engine->producers[i].cuts[1]);
        engine_cut_release(&engine->producers[i].kept);
        engine_cut_release(&engine->producers[i].taken);
    }
    engine_merge_close(engine);
    engine_view_deinit(engine);
    memory_free(engine->sealed.metas);
    memory_free(engine->shards);
    memory_free(engine->shard_threads);
    memory_free(engine->producers);
    pthread_cond_destroy(&engine->changed);
    pthread_mutex_destroy(&engine->lock);
    memory_free(engine);
}
