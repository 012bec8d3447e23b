// SPDX-License-Identifier: Apache-2.0
// `corong status`: asked, and drawn for people.
#include "tools/serve/client.h"

#include "storage/base/clock.h"
#include "storage/base/memory.h"

#include <string.h>

/// A question that is asked every few seconds lies between two answers.
#define SILENCE_USUAL_SECONDS 10.0

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
    const char *directory = json_string_value(json_object_get(status, "directory"));
    report_text(out, text_from(directory == NULL ? "?" : directory));
    text_buffer_printf(out, ": corong %s, process %llu, up ",
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

/// Nothing where an older server does not know it.
static void part(struct text_buffer *out, const json_t *memory, const char *key, const char *words)
{
    if (json_object_get(memory, key) != NULL) {
        text_buffer_append_string(out, words);
        report_size(out, protocol_count(memory, key));
    }
}

static void draw_memory(const json_t *status, struct text_buffer *out)
{
    const json_t *memory = json_object_get(status, "memory");
    row(out, "memory");
    report_size(out, protocol_count(memory, "engine_bytes"));
    text_buffer_append_string(out, " in the engine, ");
    report_size(out, protocol_count(memory, "resident_bytes"));
    text_buffer_append_string(out, " resident, of ");
    report_size(out, protocol_count(memory, "limit_bytes"));
    text_buffer_append_string(out, "\n");
    row(out, "");
    part(out, memory, "rings_bytes", "rings ");
    part(out, memory, "tails_bytes", ", tails ");
    part(out, memory, "chunks_bytes", ", chunks of views ");
    part(out, memory, "live_bytes", ", live users ");
    part(out, memory, "merges_bytes_at_most", ", merges at most ");
    part(out, memory, "queue_bytes", ", topics fetched ahead about ");
    part(out, memory, "queue_limit_bytes", " of ");
    text_buffer_append_string(out, "\n");
    if (protocol_count(memory, "allocated_bytes") > 0) {
        row(out, "");
        part(out, memory, "allocated_bytes", "allocated ");
        part(out, memory, "allocator_resident_bytes", ", resident for it ");
        text_buffer_append_string(out, "\n");
    }
}

static void draw_merges(const json_t *status, struct text_buffer *out)
{
    const json_t *merges = json_object_get(status, "merges");
    const char *failure = json_string_value(json_object_get(merges, "last_failure"));
    row(out, "merges");
    row_count(out, merges, "done");
    text_buffer_append_string(out, " done, ");
    row_count(out, merges, "running");
    text_buffer_append_string(out, " running; ");
    row_count(out, merges, "segments");
    text_buffer_append_string(out, " segments in at most ");
    row_count(out, merges, "runs");
    text_buffer_append_string(out, " runs a period\n");
    if (failure != NULL && failure[0] != '\0') {
        row(out, "");
        text_buffer_append_string(out, "the last failure: ");
        report_text(out, text_from(failure));
        text_buffer_append_string(out, "\n");
    }
}

static void draw_freshness(const json_t *status, struct text_buffer *out)
{
    const json_t *freshness = json_object_get(status, "freshness");
    double waiting = json_number_value(json_object_get(freshness, "not_durable_seconds"));
    const json_t *commit = json_object_get(freshness, "last_commit_seconds");
    row(out, "durable");
    if (waiting > 0) {
        text_buffer_append_string(out, "the oldest event that is not has waited for ");
        report_duration(out, waiting * (double)MICROSECONDS_PER_SECOND);
    } else {
        text_buffer_append_string(out, "all that was read");
    }
    if (json_is_null(commit)) {
        text_buffer_append_string(out, "; no commit yet\n");
    } else {
        text_buffer_append_string(out, "; last commit ");
        report_duration(out, json_number_value(commit) * (double)MICROSECONDS_PER_SECOND);
        text_buffer_append_string(out, " ago\n");
    }
    if (json_is_true(json_object_get(status, "waits_for_disk"))) {
        row(out, "");
        text_buffer_append_string(out, "THE DISK IS FULL: nothing is read until there is room\n");
    }
}

static void draw_books(const json_t *status, struct text_buffer *out)
{
    const json_t *books = json_object_get(status, "books");
    const char *reason;
    json_t *value;
    row(out, "the books");
    row_count(out, books, "messages");
    text_buffer_append_string(out, " messages, ");
    row_count(out, books, "stored");
    text_buffer_append_string(out, " events stored, ");
    row_count(out, books, "duplicates");
    text_buffer_append_string(out, json_is_true(json_object_get(books, "balance"))
                                       ? " duplicates; they balance\n"
                                       : " duplicates; THEY DO NOT BALANCE\n");
    json_object_foreach(json_object_get(books, "rejected"), reason, value)
    {
        row(out, "");
        report_count(out, (uint64_t)json_integer_value(value));
        text_buffer_printf(out, " rejected: %s\n", reason);
    }
}

static void draw_offset(const json_t *partition, const char *key, struct text_buffer *out)
{
    json_int_t offset = json_integer_value(json_object_get(partition, key));
    text_buffer_append_string(out, "  ");
    text_buffer_append_string(out, key);
    text_buffer_append_string(out, " ");
    if (offset < 0) {
        text_buffer_append_string(out, "–");
    } else {
        report_count(out, (uint64_t)offset);
    }
}

static void draw_partition(const json_t *partition, struct text_buffer *out)
{
    const char *name = json_string_value(json_object_get(partition, "name"));
    const char *state = json_string_value(json_object_get(partition, "state"));
    const char *why = json_string_value(json_object_get(partition, "why"));
    text_buffer_append_string(out, "    ");
    report_text(out, text_from(name == NULL ? "?" : name));
    text_buffer_printf(out, ": %s", state == NULL ? "?" : state);
    draw_offset(partition, "lag", out);
    draw_offset(partition, "position", out);
    draw_offset(partition, "committed", out);
    if (why != NULL) {
        text_buffer_append_string(out, "  because ");
        report_text(out, text_from(why));
    }
    text_buffer_append_string(out, "\n");
}

/// Why no message may be coming, though none is said to be behind.
static void draw_silence(const json_t *kafka, struct text_buffer *out)
{
    double silent = json_number_value(json_object_get(kafka, "silent_seconds"));
    bool read = false;
    size_t index;
    const json_t *partition;
    json_array_foreach(json_object_get(kafka, "partitions"), index, partition)
    {
        const char *state = json_string_value(json_object_get(partition, "state"));
        read = read || (state != NULL && strcmp(state, "away") != 0);
    }
    if (silent > SILENCE_USUAL_SECONDS) {
        row(out, "");
        text_buffer_append_string(out, "NO BROKER HAS ANSWERED for ");
        report_duration(out, silent * (double)MICROSECONDS_PER_SECOND);
        text_buffer_append_string(out, "; it is tried on and on\n");
    } else if (!read && json_is_true(json_object_get(kafka, "group"))) {
        row(out, "");
        text_buffer_append_string(out, "the consumer group has given this server no partition\n");
    }
}

static void draw_last_alarm(const json_t *kafka, struct text_buffer *out)
{
    const char *sentence = json_string_value(json_object_get(kafka, "last_alarm"));
    if (sentence != NULL) {
        row(out, "");
        text_buffer_append_string(out, "last alarm: ");
        report_text(out, text_from(sentence));
        text_buffer_append_string(out, "\n");
    }
}

static void draw_kafka(const json_t *status, struct text_buffer *out)
{
    const json_t *kafka = json_object_get(status, "kafka");
    size_t index;
    const json_t *partition;
    if (kafka == NULL) {
        return;
    }
    row(out, "topics");
    row_count(out, kafka, "lag");
    text_buffer_append_string(out, " messages behind, ");
    row_count(out, kafka, "halted");
    text_buffer_append_string(out, " partitions halted, ");
    row_count(out, kafka, "rebalances");
    text_buffer_append_string(out, " rebalances, ");
    row_count(out, kafka, "alarms");
    text_buffer_append_string(out, " alarms\n");
    draw_last_alarm(kafka, out);
    draw_silence(kafka, out);
    json_array_foreach(json_object_get(kafka, "partitions"), index, partition)
    {
        draw_partition(partition, out);
    }
}

static void draw_step_name(const json_t *name, struct text_buffer *out)
{
    if (json_is_string(name)) {
        text_buffer_append_string(out, " ");
        report_text(out, (struct text){json_string_value(name), json_string_length(name)});
    }
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
        draw_step_name(json_array_get(json_object_get(funnel, "steps"), index), out);
    }
    text_buffer_append_string(out, "\n");
}

static void draw_live(const json_t *status, struct text_buffer *out)
{
    const json_t *live = json_object_get(status, "live");
    size_t index;
    const json_t *funnel;
    row(out, "live");
    row_count(out, live, "users");
    text_buffer_append_string(out, " users, ");
    row_count(out, live, "sessions");
    text_buffer_append_string(out, " sessions, ");
    row_count(out, live, "pending");
    text_buffer_append_string(out, " pending");
    if (json_is_string(json_object_get(live, "range_from"))) {
        text_buffer_append_string(out, "; entries since ");
        text_buffer_append_string(out, json_string_value(json_object_get(live, "range_from")));
        text_buffer_append_string(out, ", midnight of ");
        report_text(out, text_from(json_string_value(json_object_get(live, "zone"))));
    }
    text_buffer_append_string(out, "\n");
    if (json_is_string(json_object_get(live, "failure"))) {
        row(out, "");
        text_buffer_append_string(out, "the counts cannot be settled: ");
        report_text(out, text_from(json_string_value(json_object_get(live, "failure"))));
        text_buffer_append_string(out, "\n");
    }
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
    draw_kafka(status, out);
    draw_freshness(status, out);
    draw_books(status, out);
    draw_memory(status, out);
    draw_merges(status, out);
    draw_live(status, out);
    json_decref(status);
    return CORONG_OK;
}
