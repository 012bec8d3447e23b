// SPDX-License-Identifier: Apache-2.0
// The server's state as JSON.
#include "storage/base/clock.h"
#include "tools/serve/serve_state.h"

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
    KEY(object, "sessions", count(view->sessions));
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

static json_t *memory(const struct server *server, const struct engine_live_view *view)
{
    json_t *object = json_object();
    KEY(object, "limit_bytes", count(server->first.memory_limit_bytes));
    KEY(object, "engine_bytes", count(view->memory_bytes));
    KEY(object, "live_state_bytes", count(view->live_state_bytes));
    return object;
}

static void add_engine(struct server *server, json_t *object)
{
    struct arena arena = {0};
    struct engine_live_view view = {0};
    struct engine *engine = service_hold(server->service);
    KEY(object, "reloading", json_boolean(engine == NULL));
    if (engine != NULL) {
        engine_live_read(engine, &arena, &view);
        service_release(server->service);
        KEY(object, "live", live(&view));
        KEY(object, "store", commits(&view));
        KEY(object, "memory", memory(server, &view));
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
    add_engine(server, object);
    return object;
}
