// SPDX-License-Identifier: Apache-2.0
// The engine of a service, and how another takes its place: every pump hands its producer in
// between two messages, what is there is committed, the engine is closed, and the pumps go on with
// the next one. Sources stay open throughout.
#include "ingest/service/service_state.h"

#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#define MEMORY_LIMIT_DEFAULT (UINT64_C(1) << 30)

/// What differs in the next engine.
struct exchange {
    const struct schema *schema;           ///< has all columns of the store, and maybe more
    struct mapping *mapping;               ///< of the topics
    const struct definitions *definitions; ///< followed live
    enum engine_live_range live_range;
    const struct zone *live_zone;
};

/// The engine as it is.
static struct exchange exchange_as_is(const struct service *service)
{
    return (struct exchange){NULL, service->mapping, service->definitions, service->live_range,
                             service->live_zone};
}

static void take_over(struct service *service, const struct exchange *exchange)
{
    service->mapping = exchange->mapping;
    service->definitions = exchange->definitions;
    service->live_range = exchange->live_range;
    service->live_zone = exchange->live_zone;
}

static struct engine_options plan_engine(const struct service *service)
{
    const struct service_options *options = &service->options;
    return (struct engine_options){
        .store = options->store,
        .schema = store_schema(options->store),
        .definitions = service->definitions,
        .shard_count = options->shard_count,
        .producer_count = service->worker_count - service->ended_count,
        .memory_limit_bytes =
            options->memory_limit_bytes != 0 ? options->memory_limit_bytes : MEMORY_LIMIT_DEFAULT,
        .commit_interval_us = options->commit_interval_us,
        .session_timeout_us = options->session_timeout_us,
        .live_range = service->live_range,
        .live_zone = service->live_zone,
        .live_settles = true,
        .merge_in_background = true,
    };
}

enum corong_status service_engine_open(struct service *service, struct corong_error *error)
{
    struct engine_options options = plan_engine(service);
    struct engine *engine;
    TRY(engine_open(&engine, &options, error));
    pthread_rwlock_wrlock(&service->engine_lock);
    service->engine = engine;
    pthread_rwlock_unlock(&service->engine_lock);
    return CORONG_OK;
}

struct engine *service_hold(struct service *service)
{
    pthread_rwlock_rdlock(&service->engine_lock);
    struct engine *engine = service->engine;
    if (engine == NULL) {
        pthread_rwlock_unlock(&service->engine_lock);
    }
    return engine;
}

void service_release(struct service *service)
{
    pthread_rwlock_unlock(&service->engine_lock);
}

bool service_engine_failed(struct service *service)
{
    struct engine *engine = service_hold(service);
    bool failed = engine != NULL && engine_failed(engine);
    if (engine != NULL) {
        service_release(service);
    }
    return failed;
}

static void take_engine_away(struct service *service)
{
    pthread_rwlock_wrlock(&service->engine_lock);
    struct engine *engine = service->engine;
    service->engine = NULL;
    pthread_rwlock_unlock(&service->engine_lock);
    engine_close(engine);
}

static void ask_to_leave(struct service *service, bool asked)
{
    for (uint32_t index = 0; index < service->worker_count; index++) {
        pump_stop_set(&service->workers[index].host.asked, asked);
    }
}

/// Every thread has closed its producer, or has ended.
static void gather_workers(struct service *service)
{
    ask_to_leave(service, true);
    pthread_mutex_lock(&service->lock);
    while (service->left_count + service->ended_count < service->worker_count) {
        pthread_cond_wait(&service->changed, &service->lock);
    }
    pthread_mutex_unlock(&service->lock);
}

static void send_workers_on(struct service *service, int64_t pause_us)
{
    ask_to_leave(service, false);
    pthread_mutex_lock(&service->lock);
    service->exchange_count++;
    service->pause_last_us = pause_us;
    service->generation++;
    service->left_count = 0;
    pthread_cond_broadcast(&service->changed);
    pthread_mutex_unlock(&service->lock);
}

/// The failed engine stays until service_close(): threads may still look at it.
static void give_up(struct service *service, const struct corong_error *error)
{
    pthread_mutex_lock(&service->lock);
    service->over = true;
    if (service->failure.status == CORONG_OK) {
        service->failure = *error;
    }
    pthread_cond_broadcast(&service->changed);
    pthread_mutex_unlock(&service->lock);
}

/// Nothing runs: attributes that only the new schema has become the store's, at the same indices.
static enum corong_status add_columns(struct service *service, const struct schema *schema,
                                      struct corong_error *error)
{
    struct store *store = service->options.store;
    for (uint32_t index = store_schema(store)->column_count;
         schema != NULL && index < schema->column_count; index++) {
        uint32_t added;
        const struct schema_column *column = &schema->columns[index];
        TRY(store_add_attribute(store, column->name, column->type, &added, error));
        ASSERT(added == index);
    }
    return CORONG_OK;
}

/// Opens the next engine with the change, or else with what was.
static enum corong_status open_next(struct service *service, const struct exchange *exchange,
                                    struct corong_error *error)
{
    struct exchange before = exchange_as_is(service);
    take_over(service, exchange);
    enum corong_status status = add_columns(service, exchange->schema, error);
    if (status == CORONG_OK) {
        status = service_engine_open(service, error);
    }
    if (status == CORONG_OK) {
        return CORONG_OK;
    }
    take_over(service, &before);
    struct corong_error worse;
    if (service_engine_open(service, &worse) != CORONG_OK) {
        give_up(service, &worse);
    }
    return status;
}

/// Chains in hand begin again where the store stands.
static void move_chain_back(struct service *service, struct service_worker *worker)
{
    if (worker->job == NULL || worker->files.chain == REPLAY_NONE) {
        return;
    }
    struct replay_plan *plan = worker->files.plan;
    struct replay_file *file = &plan->files[plan->chains[worker->files.chain]];
    const struct store_position *position = store_position_find(service->options.store, file->id);
    file->start = position == NULL ? (struct store_position){0} : *position;
    file->start.name = TEXT_MISSING; // the store's
}

/// For the threads, which go back to them.
static void note_positions(struct service *service)
{
    uint32_t count;
    const struct store_position *positions = store_positions(service->options.store, &count);
    arena_reset(&service->position_names);
    service->positions = memory_resize_array(service->positions, count + 1u, sizeof(*positions));
    service->position_count = count;
    for (uint32_t index = 0; index < count; index++) {
        service->positions[index] = positions[index];
        service->positions[index].name =
            arena_copy_text(&service->position_names, positions[index].name);
    }
    for (uint32_t index = 0; index < service->worker_count; index++) {
        move_chain_back(service, &service->workers[index]);
    }
}

/// Under the exchange lock.
static enum corong_status run_exchange(struct service *service, const struct exchange *exchange,
                                       struct corong_error *error)
{
    struct corong_error failure = {0};
    int64_t begun_us = clock_monotonic_us();
    gather_workers(service);
    enum corong_status drained = engine_drain(service->engine, &failure);
    service->abandoned = drained == CORONG_FENCED;
    if (drained != CORONG_OK && !service->abandoned) {
        give_up(service, &failure);
        if (error != NULL) {
            *error = failure;
        }
        return failure.status;
    }
    take_engine_away(service);
    if (service->abandoned) {
        service_log(service, SERVICE_WARNING,
                    "what was not committed is abandoned and read again: %s", failure.message);
        note_positions(service);
    }
    enum corong_status status = open_next(service, exchange, error);
    if (service->over) {
        return status;
    }
    send_workers_on(service, clock_monotonic_us() - begun_us);
    return status;
}

/// The failure that ended the service, if one did.
static enum corong_status check_over(struct service *service, struct corong_error *error)
{
    pthread_mutex_lock(&service->lock);
    enum corong_status status = service->over ? service->failure.status : CORONG_OK;
    if (status != CORONG_OK && error != NULL) {
        *error = service->failure;
    }
    pthread_mutex_unlock(&service->lock);
    return status;
}

/// Binds to a copy of the store's schema, whose columns keep their indices.
static enum corong_status bind_copy(const struct service *service, struct mapping *mapping,
                                    struct arena *arena, struct schema *copy_out,
                                    struct corong_error *error)
{
    const struct schema *schema = store_schema(service->options.store);
    copy_out->column_count = schema->column_count;
    copy_out->columns = arena_allocate(arena, schema->column_count * sizeof(struct schema_column));
    memcpy(copy_out->columns, schema->columns, schema->column_count * sizeof(struct schema_column));
    return mapping_bind_schema(mapping, copy_out, arena, error);
}

static enum corong_status adopt(struct service *service, struct mapping *mapping,
                                struct arena *arena, struct corong_error *error)
{
    struct schema schema;
    TRY(check_over(service, error));
    TRY(bind_copy(service, mapping, arena, &schema, error));
    if (schema.column_count == store_schema(service->options.store)->column_count) {
        return CORONG_OK;
    }
    struct exchange exchange = exchange_as_is(service);
    exchange.schema = &schema;
    TRY(run_exchange(service, &exchange, error));
    service_log(service, SERVICE_INFO, "the store has new attributes; ingestion paused for %lld ms",
                (long long)(service->pause_last_us / 1000));
    return CORONG_OK;
}

enum corong_status service_engine_adopt(struct service *service, struct mapping *mapping,
                                        struct corong_error *error)
{
    struct arena arena = {0};
    pthread_mutex_lock(&service->exchange_lock);
    enum corong_status status = adopt(service, mapping, &arena, error);
    pthread_mutex_unlock(&service->exchange_lock);
    arena_deinit(&arena);
    return status;
}

static enum corong_status reload(struct service *service, const struct service_change *change,
                                 struct arena *arena, struct corong_error *error)
{
    struct schema schema = {0};
    struct exchange exchange = exchange_as_is(service);
    TRY(check_over(service, error));
    if (engine_waits_for_disk(service->engine)) {
        // The exchange would wait as well, and with it whoever asked.
        return error_set(error, CORONG_BUSY, "the store's disk is full");
    }
    if (change->mapping != NULL) {
        TRY(bind_copy(service, change->mapping, arena, &schema, error));
        exchange.schema = &schema;
        exchange.mapping = change->mapping;
    }
    if (change->definitions != NULL) {
        exchange.definitions = change->definitions;
        exchange.live_range = change->live_range;
        exchange.live_zone = change->live_zone;
    }
    return run_exchange(service, &exchange, error);
}

enum corong_status service_reload(struct service *service, const struct service_change *change,
                                  int64_t *pause_us_out, struct corong_error *error)
{
    struct arena arena = {0};
    pthread_mutex_lock(&service->exchange_lock);
    enum corong_status status = reload(service, change, &arena, error);
    if (pause_us_out != NULL) {
        *pause_us_out = service->pause_last_us;
    }
    pthread_mutex_unlock(&service->exchange_lock);
    arena_deinit(&arena);
    return status;
}

enum corong_status service_engine_recover(struct service *service, struct corong_error *error)
{
    pthread_mutex_lock(&service->exchange_lock);
    enum corong_status status = check_over(service, error);
    if (status == CORONG_OK && service_engine_failed(service)) {
        struct exchange exchange = exchange_as_is(service);
        status = run_exchange(service, &exchange, error);
    }
    pthread_mutex_unlock(&service->exchange_lock);
    return status;
}
