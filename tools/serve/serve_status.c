// SPDX-License-Identifier: Apache-2.0
// The server's state as JSON.
#include "ingest/counters.h"
#include "storage/base/clock.h"
#include "tools/serve/books_wire.h"
#include "tools/serve/serve_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY(object, key, value) json_object_set_new(object, key, value)

static json_t *count(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *text_value(struct text text)
{
    json_t *value = text.bytes == NULL ? json_null() : json_stringn(text.bytes, text.size);
    return value == NULL ? json_string("(not UTF-8)") : value;
}

/// RFC 3339, or null where there is none.
static json_t *instant(int64_t time_us)
{
    struct text_buffer words = {0};
    if (time_us == INT64_MIN) {
        return json_null();
    }
    report_time(&words, time_us);
    json_t *value = json_stringn(words.bytes, words.size);
    text_buffer_deinit(&words);
    return value;
}

static json_t *reached(const uint64_t *counts, uint32_t step_count)
{
    json_t *list = json_array();
    for (uint32_t step = 0; step < step_count; step++) {
        json_array_append_new(list, count(counts[step]));
    }
    return list;
}

static json_t *live_funnel(const struct engine_live_funnel *funnel)
{
    json_t *object = json_object();
    KEY(object, "name", text_value(funnel->name));
    json_t *steps = json_array();
    for (uint32_t step = 0; step < funnel->step_count; step++) {
        json_array_append_new(steps, text_value(funnel->steps[step]));
    }
    KEY(object, "steps", steps);
    KEY(object, "reached", reached(funnel->reached, funnel->step_count));
    json_t *slices = json_array();
    for (uint32_t index = 0; index < funnel->slice_count; index++) {
        json_t *slice = json_object();
        KEY(slice, "value", text_value(funnel->slices[index].value));
        KEY(slice, "reached", reached(funnel->slices[index].reached, funnel->step_count));
        json_array_append_new(slices, slice);
    }
    KEY(object, "slices", slices);
    return object;
}

static json_t *live(const struct engine_live_view *view)
{
    json_t *object = json_object();
    KEY(object, "users", count(view->users));
    KEY(object, "users_evicted", count(view->users_evicted));
    KEY(object, "pending", count(view->pending));
    KEY(object, "settled", count(view->settled));
    KEY(object, "sessions", count(view->sessions));
    KEY(object, "as_of", instant(view->as_of_us));
    KEY(object, "range_from", instant(view->range_from_us));
    KEY(object, "zone", text_value(view->zone));
    KEY(object, "failure", text_value(view->failure));
    json_t *funnels = json_array();
    for (uint32_t index = 0; index < view->funnel_count; index++) {
        json_array_append_new(funnels, live_funnel(&view->funnels[index]));
    }
    KEY(object, "funnels", funnels);
    return object;
}

static json_t *commits(const struct engine_live_view *view)
{
    json_t *object = json_object();
    KEY(object, "commits", count(view->commits));
    KEY(object, "rows", count(view->rows_committed));
    return object;
}

/// Of the whole process, as the system counts it.
static uint64_t resident_bytes(void)
{
    char line[256] = "";
    uint64_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file != NULL) {
        const char *second = fgets(line, sizeof(line), file) == NULL ? NULL : strchr(line, ' ');
        pages = second == NULL ? 0 : strtoull(second, NULL, 10);
        fclose(file);
    }
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/// Fetched and not yet read, estimated; false: there are no topics.
static bool queued_bytes(struct server *server, uint64_t *bytes_out)
{
    struct arena arena = {0};
    struct kafka_status status = {0};
    bool found = service_kafka(server->service, &arena, &status);
    *bytes_out = status.queued_bytes;
    arena_deinit(&arena);
    return found;
}

static void add_parts(json_t *object, const struct engine_memory *parts)
{
    KEY(object, "engine_limit_bytes", count(parts->limit));
    KEY(object, "rings_bytes", count(parts->rings));
    KEY(object, "tails_bytes", count(parts->tails));
    KEY(object, "chunks_bytes", count(parts->chunks));
    KEY(object, "live_bytes", count(parts->live));
    KEY(object, "merges_bytes_at_most", count(parts->merges));
    KEY(object, "merge_limit_bytes", count(parts->merge_limit));
}

static json_t *memory(struct server *server, struct engine *engine,
                      const struct engine_live_view *view)
{
    struct engine_memory parts = engine_memory_read(engine);
    uint64_t queued;
    json_t *object = json_object();
    KEY(object, "limit_bytes", count(server->first.memory_limit_bytes));
    KEY(object, "resident_bytes", count(resident_bytes()));
    KEY(object, "engine_bytes", count(view->memory_bytes));
    KEY(object, "live_state_bytes", count(view->live_state_bytes));
    add_parts(object, &parts);
    if (queued_bytes(server, &queued)) {
        KEY(object, "queue_bytes", count(queued));
        KEY(object, "queue_limit_bytes", count(serve_queue_limit(&server->first)));
    }
    if (server->host->read_allocator != NULL) {
        uint64_t allocated;
        uint64_t resident;
        server->host->read_allocator(&allocated, &resident);
        KEY(object, "allocated_bytes", count(allocated));
        KEY(object, "allocator_resident_bytes", count(resident));
    }
    return object;
}

static json_t *merges(const struct store_merge_figures *figures, uint32_t running)
{
    json_t *object = json_object();
    KEY(object, "running", count(running));
    KEY(object, "done", count(figures->merge_count));
    KEY(object, "failed", count(figures->failure_count));
    KEY(object, "last_failure", json_string(figures->last_failure));
    KEY(object, "rows_merged", count(figures->rows_merged));
    KEY(object, "bytes_merged", count(figures->bytes_merged));
    KEY(object, "bytes_flushed", count(figures->bytes_flushed));
    KEY(object, "runs", count(figures->run_count));
    KEY(object, "segments", count(figures->segment_count));
    return object;
}

static json_t *partition(const struct kafka_partition_status *status)
{
    json_t *object = json_object();
    KEY(object, "name", text_value(status->name));
    KEY(object, "state", json_string(kafka_state_name(status->state)));
    KEY(object, "why", text_value(status->why));
    KEY(object, "position", json_integer(status->position));
    KEY(object, "committed", json_integer(status->committed));
    KEY(object, "high", json_integer(status->high));
    KEY(object, "lag", json_integer(status->lag));
    return object;
}

static json_t *kafka(const struct kafka_status *status)
{
    json_t *object = json_object();
    json_t *partitions = json_array();
    int64_t lag = 0;
    uint32_t halted = 0;
    for (uint32_t index = 0; index < status->partition_count; index++) {
        const struct kafka_partition_status *one = &status->partitions[index];
        lag += one->state != KAFKA_AWAY && one->lag > 0 ? one->lag : 0;
        halted += one->state == KAFKA_HALTED;
        json_array_append_new(partitions, partition(one));
    }
    KEY(object, "lag", json_integer(lag));
    KEY(object, "halted", count(halted));
    KEY(object, "group", json_boolean(status->group));
    KEY(object, "rebalances", count(status->rebalances));
    KEY(object, "recreated", count(status->recreated));
    KEY(object, "alarms", count(status->alarms));
    KEY(object, "last_alarm", text_value(status->last_alarm));
    KEY(object, "foreign", count(status->foreign));
    KEY(object, "silent_seconds", json_real((double)status->silent_us / 1e6));
    KEY(object, "partitions", partitions);
    return object;
}

static void add_kafka(struct server *server, json_t *object)
{
    struct arena arena = {0};
    struct kafka_status status = {0};
    if (service_kafka(server->service, &arena, &status)) {
        KEY(object, "kafka", kafka(&status));
    }
    arena_deinit(&arena);
}

static void add_freshness(struct server *server, json_t *object)
{
    int64_t commit_age_us;
    int64_t waiting_us;
    uint64_t alarms;
    json_t *freshness = json_object();
    serve_freshness_note(server, clock_monotonic_us());
    serve_freshness_read(server, &commit_age_us, &waiting_us, &alarms);
    KEY(freshness, "last_commit_seconds",
        commit_age_us < 0 ? json_null() : json_real((double)commit_age_us / 1e6));
    KEY(freshness, "not_durable_seconds", json_real((double)waiting_us / 1e6));
    KEY(freshness, "commits_overdue", count(alarms));
    KEY(object, "freshness", freshness);
}

/// What the store holds, as committed: the books of all sources together.
static void add_books(struct server *server, json_t *object)
{
    struct store *store;
    struct corong_error ignored;
    struct store_options read_only = {.read_only = true};
    if (store_open(&store, server->directory, &read_only, &ignored) != CORONG_OK) {
        return; // being replaced this moment
    }
    uint32_t position_count;
    const struct store_position *positions = store_positions(store, &position_count);
    struct store_counters sum = {0};
    for (uint32_t index = 0; index < position_count; index++) {
        counters_add(&sum, &positions[index].counters);
    }
    struct store_totals totals = store_totals(store);
    json_t *books = books_wire_counters(&sum);
    KEY(books, "rows", count(totals.rows));
    KEY(books, "duplicates", count(totals.duplicates));
    KEY(books, "sources", count(position_count));
    KEY(books, "balance", json_boolean(ingest_books_balance(&sum)));
    KEY(object, "books", books);
    store_close(store);
}

static void add_engine(struct server *server, json_t *object)
{
    struct arena arena = {0};
    struct engine_live_view view = {0};
    struct store_merge_figures figures;
    uint32_t running = 0;
    struct engine *engine = service_hold(server->service);
    KEY(object, "reloading", json_boolean(engine == NULL));
    if (engine != NULL) {
        engine_live_read(engine, &arena, &view);
        figures = engine_merge_read(engine, &running);
        bool waits = engine_waits_for_disk(engine);
        json_t *used = memory(server, engine, &view);
        service_release(server->service);
        KEY(object, "live", live(&view));
        KEY(object, "store", commits(&view));
        KEY(object, "memory", used);
        KEY(object, "waits_for_disk", json_boolean(waits));
        KEY(object, "merges", merges(&figures, running));
    }
    arena_deinit(&arena);
}

static json_t *rates(struct server *server, const struct service_figures *figures, double seconds)
{
    json_t *object = json_object();
    double since_start = seconds > 0 ? (double)figures->events / seconds : 0;
    KEY(object, "minute", json_real(serve_rates_minute(&server->rates)));
    KEY(object, "since_start", json_real(since_start));
    return object;
}

json_t *serve_status(struct server *server)
{
    struct service_figures figures;
    service_figures(server->service, &figures);
    double seconds = (double)(clock_monotonic_us() - figures.opened_us) / MICROSECONDS_PER_SECOND;
    json_t *object = json_object();
    KEY(object, "ok", json_true());
    KEY(object, "corong", json_integer(PROTOCOL_VERSION));
    KEY(object, "version", json_string(CORONG_VERSION));
    KEY(object, "process", json_integer(getpid()));
    KEY(object, "uptime_seconds", json_real(seconds));
    KEY(object, "messages", count(figures.messages));
    KEY(object, "events", count(figures.events));
    KEY(object, "rejected", count(figures.rejected));
    KEY(object, "events_per_second", rates(server, &figures, seconds));
    KEY(object, "replays_done", count(figures.jobs_done));
    KEY(object, "replays_waiting", count(figures.jobs_waiting));
    KEY(object, "reloads", count(server->reload_count));
    KEY(object, "pause_last_us", json_integer(figures.pause_last_us));
    KEY(object, "directory", json_string(server->directory));
    add_freshness(server, object);
    add_kafka(server, object);
    add_engine(server, object);
    add_books(server, object);
    return object;
}
