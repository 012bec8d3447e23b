// SPDX-License-Identifier: Apache-2.0
// `corong status`: asked, and drawn for people.
#include "tools/serve/client.h"

#include "storage/base/clock.h"
#include "storage/base/memory.h"

enum corong_status client_status(struct client *client, struct text_buffer *json_out,
                                 struct corong_error *error)
{
    json_t *reply;
    TRY(client_send(client, client_request("status"), error));
    TRY(client_receive(client, &reply, error));
    json_object_del(reply, "ok");
    char *bytes = json_dumps(reply, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    json_decref(reply);
    text_buffer_append_string(json_out, bytes == NULL ? "{}" : bytes);
    text_buffer_append_string(json_out, "\n");
    memory_free(bytes);
    return CORONG_OK;
}

static void row(struct text_buffer *out, const char *label)
{
    text_buffer_printf(out, "  %-12s ", label);
}

static void row_count(struct text_buffer *out, const json_t *object, const char *key)
{
    report_count(out, protocol_count(object, key));
}

static void draw_head(const json_t *status, struct text_buffer *out)
{
    double seconds = json_number_value(json_object_get(status, "uptime_seconds"));
    text_buffer_printf(out, "corong %s, process %llu, up ",
                       json_string_value(json_object_get(status, "version")),
                       (unsigned long long)protocol_count(status, "process"));
    report_duration(out, seconds * (double)MICROSECONDS_PER_SECOND);
    text_buffer_append_string(
        out, json_is_true(json_object_get(status, "reloading")) ? ", reloading\n" : "\n");
}

static void draw_events(const json_t *status, struct text_buffer *out)
{
    const json_t *rates = json_object_get(status, "events_per_second");
    row(out, "events");
    row_count(out, status, "events");
    text_buffer_append_string(out, " read, ");
    report_count(out, (uint64_t)json_number_value(json_object_get(rates, "minute")));
    text_buffer_append_string(out, "/s over the last minute, ");
    report_count(out, (uint64_t)json_number_value(json_object_get(rates, "since_start")));
    text_buffer_append_string(out, "/s since the start\n");
    row(out, "rejected");
    row_count(out, status, "rejected");
    text_buffer_append_string(out, "\n");
    row(out, "replays");
    row_count(out, status, "replays_done");
    text_buffer_append_string(out, " done, ");
    row_count(out, status, "replays_waiting");
    text_buffer_append_string(out, " under way or waiting\n");
}

static void draw_memory(const json_t *status, struct text_buffer *out)
{
    const json_t *memory = json_object_get(status, "memory");
    row(out, "memory");
    report_size(out, protocol_count(memory, "engine_bytes"));
    text_buffer_append_string(out, " in the engine, of ");
    report_size(out, protocol_count(memory, "limit_bytes"));
    text_buffer_append_string(out, "\n");
}

static void draw_funnel(const json_t *funnel, struct text_buffer *out)
{
    const json_t *reached = json_object_get(funnel, "reached");
    const char *name = json_string_value(json_object_get(funnel, "name"));
    size_t index;
    const json_t *value;
    text_buffer_append_string(out, "    ");
    report_text(out, text_from(name == NULL ? "?" : name));
    text_buffer_append_string(out, ": ");
    json_array_foreach(reached, index, value)
    {
        text_buffer_append_string(out, index == 0 ? "" : " → ");
        report_count(out, (uint64_t)json_integer_value(value));
    }
    text_buffer_append_string(out, "\n");
}

static void draw_live(const json_t *status, struct text_buffer *out)
{
    const json_t *live = json_object_get(status, "live");
    const json_t *store = json_object_get(status, "store");
    size_t index;
    const json_t *funnel;
    row(out, "commits");
    row_count(out, store, "commits");
    text_buffer_append_string(out, ", ");
    row_count(out, store, "rows");
    text_buffer_append_string(out, " events durable\n");
    row(out, "live");
    row_count(out, live, "users");
    text_buffer_append_string(out, " users, ");
    row_count(out, live, "sessions");
    text_buffer_append_string(out, " sessions, ");
    row_count(out, live, "pending");
    text_buffer_append_string(out, " pending\n");
    json_array_foreach(json_object_get(live, "funnels"), index, funnel)
    {
        draw_funnel(funnel, out);
    }
}

enum corong_status client_status_table(struct text json, const struct report_style *style,
                                       struct text_buffer *out, struct corong_error *error)
{
    (void)style;
    json_t *status = json_loadb(json.bytes, json.size, 0, NULL);
    if (!json_is_object(status)) {
        json_decref(status);
        return error_set(error, CORONG_INVALID, "the server's status is not a JSON object");
    }
    draw_head(status, out);
    draw_events(status, out);
    draw_memory(status, out);
    draw_live(status, out);
    json_decref(status);
    return CORONG_OK;
}
