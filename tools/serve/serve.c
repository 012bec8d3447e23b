// SPDX-License-Identifier: Apache-2.0
// A server's life: open, run, reload, drain.
#include "tools/serve/serve.h"

#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "tools/serve/serve_log.h"
#include "tools/serve/serve_state.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#define TICK_US (MICROSECONDS_PER_SECOND / 5)
#define RETRY_TICKS 5u
#define LINE_INTERVAL_TRIES 10u
#define QUEUE_SHARE 8u           ///< of the memory limit, for messages not yet read
#define LINE_INTERVAL_TICKS 300u ///< a minute

static sigset_t serve_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    return signals;
}

/// From here on a second SIGTERM or SIGINT ends the process at once.
static void let_signals_kill(void)
{
    sigset_t signals = serve_signals();
    sigdelset(&signals, SIGHUP);
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
}

/// 0: none came within a tick.
static int wait_for_signal(void)
{
    sigset_t signals = serve_signals();
    struct timespec tick = {.tv_nsec = TICK_US * 1000};
    int number = sigtimedwait(&signals, NULL, &tick);
    return number > 0 ? number : 0;
}

/// A store of many segments, and the views of it, need many descriptors.
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

uint64_t serve_queue_limit(const struct serve_settings *settings)
{
    return settings->kafka_topics == NULL ? 0 : settings->memory_limit_bytes / QUEUE_SHARE;
}

static enum corong_status open_service(struct server *server, struct corong_error *error)
{
    const struct serve_settings *settings = &server->first;
    // What librdkafka has fetched counts too.
    uint64_t queue_bytes = serve_queue_limit(settings);
    struct service_options options = {
        .store = server->store,
        .directory = server->directory,
        .group = server->group,
        .mapping = settings->mapping,
        .definitions = &server->current->definitions,
        .kafka_topics = settings->kafka_topics,
        .kafka_properties = settings->kafka_properties,
        .backfill_count = settings->backfill_count,
        .shard_count = settings->shard_count,
        .memory_limit_bytes = settings->memory_limit_bytes - queue_bytes,
        .queue_limit_bytes = queue_bytes,
        .commit_interval_us = settings->commit_interval_us,
        .session_timeout_us = settings->session_timeout_us,
        .live_range = settings->live_range,
        .live_zone = settings->live_zone,
        .log = serve_log_sentence,
    };
    return service_open(&server->service, &options, error);
}

/// A broker that is not there yet is waited for, until a signal comes.
static enum corong_status open_service_patiently(struct server *server, struct corong_error *error)
{
    enum corong_status status;
    for (uint32_t tries = 0; (status = open_service(server, error)) == CORONG_IO; tries++) {
        if (!error->retriable) {
            break;
        }
        if (tries % LINE_INTERVAL_TRIES == 0) {
            serve_log_line(SERVICE_WARNING, "trying again until it works: %s", error->message);
        }
        for (uint32_t tick = 0; tick < RETRY_TICKS; tick++) {
            int number = wait_for_signal();
            if (number == SIGTERM || number == SIGINT) {
                return error_set(error, CORONG_CANCELLED, "stopped before the topics were reached");
            }
        }
    }
    return status;
}

/// The store itself, or one of the group's that nobody uses.
static enum corong_status open_store(struct server *server, struct corong_error *error)
{
    struct store_options create = {.create = true};
    server->directory = server->first.directory;
    if (!server->first.is_group) {
        return store_open(&server->store, server->directory, &create, error);
    }
    TRY(store_group_open(&server->group, server->first.directory, true, error));
    TRY(store_group_take_store(server->group, &server->directory, error));
    create.secret = store_group_secret(server->group);
    TRY(store_open(&server->store, server->directory, &create, error));
    store_set_commit_guard(server->store, store_group_guard(server->group));
    return CORONG_OK;
}

static enum corong_status open_all(struct server *server, struct corong_error *error)
{
    TRY(server->host->load(server->host->context, &server->arena, &server->first, error));
    server->current = &server->first;
    TRY(open_store(server, error));
    TRY(serve_socket_open(server, error));
    TRY(open_service_patiently(server, error));
    serve_socket_start(server);
    return CORONG_OK;
}

static uint32_t live_funnel_count(const struct server *server)
{
    const struct definitions *definitions = &server->current->definitions;
    bool none = schema_has_links(store_schema(server->store));
    uint32_t count = 0;
    for (uint32_t index = 0; index < definitions->funnel_count && !none; index++) {
        count += funnel_live_obstacle(&definitions->funnels[index]) == NULL;
    }
    return count;
}

static void say_start(const struct server *server)
{
    uint32_t topics = 0;
    while (server->first.kafka_topics != NULL && server->first.kafka_topics[topics] != NULL) {
        topics++;
    }
    uint32_t funnels = live_funnel_count(server);
    serve_log_line(SERVICE_INFO, "serving '%s': %u topic%s, %u stages, %u funnel%s followed live",
                   server->directory, topics, topics == 1 ? "" : "s",
                   server->current->definitions.stage_count, funnels, funnels == 1 ? "" : "s");
}

static void drop_arena(struct arena *arena)
{
    if (arena != NULL) {
        arena_deinit(arena);
        memory_free(arena);
    }
}

/// The new settings, or what is wrong with them; then everything stays as it is.
static void apply(struct server *server, struct arena *arena)
{
    struct serve_settings *next = arena_allocate_zeroed(arena, 1, sizeof(*next));
    struct corong_error error = {0};
    int64_t pause_us = 0;
    if (server->host->load(server->host->context, arena, next, &error) != CORONG_OK) {
        serve_log_line(SERVICE_ERROR, "reload refused, nothing changed: %s", error.message);
        drop_arena(arena);
        return;
    }
    if (serve_changes_log(server->current, next) == 0) {
        serve_log_line(SERVICE_INFO, "reload: nothing changed");
        drop_arena(arena);
        return;
    }
    struct service_change change = {
        .mapping = server->first.mapping == NULL ? NULL : next->mapping,
        .definitions = &next->definitions,
        .live_range = next->live_range,
        .live_zone = next->live_zone,
    };
    if (service_reload(server->service, &change, &pause_us, &error) != CORONG_OK) {
        serve_log_line(SERVICE_ERROR, "reload refused, nothing changed: %s", error.message);
        drop_arena(arena);
        return;
    }
    drop_arena(server->current_arena);
    server->current = next;
    server->current_arena = arena;
    server->reload_count++;
    serve_log_line(SERVICE_INFO, "reloaded; ingestion paused for %lld ms",
                   (long long)(pause_us / 1000));
}

static void reload(struct server *server)
{
    apply(server, memory_allocate_zeroed(1, sizeof(struct arena)));
}

static void show(struct server *server, uint32_t tick)
{
    struct service_figures figures;
    serve_freshness_note(server, clock_monotonic_us());
    if (tick % 5 == 0) {
        service_figures(server->service, &figures);
        serve_rates_note(&server->rates, clock_monotonic_us(), figures.events);
    }
    if (server->host->terminal && !server->host->quiet) {
        serve_screen_draw(server);
    } else if (tick % LINE_INTERVAL_TICKS == LINE_INTERVAL_TICKS - 1) {
        serve_screen_line(server);
    }
}

/// Until a signal or a failure ends it.
static enum corong_status run(struct server *server, struct corong_error *error)
{
    for (uint32_t tick = 0;; tick++) {
        TRY(service_tick(server->service, error));
        show(server, tick);
        int number = wait_for_signal();
        if (number == SIGHUP) {
            reload(server);
        } else if (number != 0) {
            serve_log_line(SERVICE_INFO, "%s: no more is read; what was read is being committed",
                           number == SIGTERM ? "SIGTERM" : "SIGINT");
            return CORONG_OK;
        }
    }
}

static void say_end(struct server *server)
{
    struct service_figures figures;
    struct store_totals totals = store_totals(server->store);
    struct store_counters sum = {0};
    uint32_t count;
    const struct store_position *positions = store_positions(server->store, &count);
    bool balance = true;
    for (uint32_t index = 0; index < count; index++) {
        const struct store_counters *one = &positions[index].counters;
        balance = balance && ingest_books_balance(one);
        sum.messages += one->messages;
        sum.stored += one->stored;
        sum.messages_rejected += one->messages_rejected + one->events_rejected;
    }
    service_figures(server->service, &figures);
    serve_log_line(SERVICE_INFO,
                   "stopped; %llu events read since the start; the store: %llu messages, %llu "
                   "events stored, %llu rejected, %llu duplicates, %llu rows; the books %s",
                   (unsigned long long)figures.events, (unsigned long long)sum.messages,
                   (unsigned long long)sum.stored, (unsigned long long)sum.messages_rejected,
                   (unsigned long long)totals.duplicates, (unsigned long long)totals.rows,
                   balance ? "balance" : "DO NOT BALANCE; please report this");
}

/// The first error stays.
static enum corong_status drain(struct server *server, enum corong_status status,
                                struct corong_error *error)
{
    struct corong_error failure = {0};
    struct text_buffer nothing = {0};
    serve_log_frame(&nothing, 0);
    serve_socket_stop(server);
    if (service_stop(server->service, &failure) != CORONG_OK && status == CORONG_OK) {
        *error = failure;
        status = failure.status;
    }
    say_end(server);
    return status;
}

static void close_all(struct server *server, bool socket_opened)
{
    if (socket_opened) {
        serve_socket_stop(server);
        serve_socket_close(server);
    }
    service_close(server->service);
    store_close(server->store);
    store_group_close(server->group);
    drop_arena(server->current_arena);
    arena_deinit(&server->arena);
    pthread_mutex_destroy(&server->freshness.lock);
    pthread_mutex_destroy(&server->rates.lock);
    memory_free(server);
}

enum corong_status serve_run(const struct serve_host *host, struct corong_error *error)
{
    struct corong_error failure = {0};
    struct server *server = memory_allocate_zeroed(1, sizeof(*server));
    sigset_t signals = serve_signals();
    server->host = host;
    pthread_mutex_init(&server->rates.lock, NULL);
    pthread_mutex_init(&server->freshness.lock, NULL);
    serve_log_init(host->quiet ? SERVICE_WARNING : SERVICE_INFO, host->terminal && !host->quiet);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    raise_descriptor_limit();
    enum corong_status status = open_all(server, &failure);
    if (status == CORONG_OK) {
        say_start(server);
        status = run(server, &failure);
        let_signals_kill();
        status = drain(server, status, &failure);
    }
    close_all(server, server->store != NULL);
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
    if (status != CORONG_OK && error != NULL) {
        *error = failure;
    }
    return status;
}
