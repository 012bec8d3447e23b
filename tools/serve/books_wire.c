// SPDX-License-Identifier: Apache-2.0
#include "tools/serve/books_wire.h"

#include "tools/serve/protocol.h"

#include <stddef.h>
#include <string.h>

/// A counter's name on the wire.
struct field {
    const char *key;
    size_t offset;
};

#define COUNTER(name)                                                                              \
    {                                                                                              \
#name, offsetof(struct store_counters, name)                                               \
    }
static const struct field COUNTERS[] = {
    COUNTER(messages), COUNTER(blank),           COUNTER(messages_rejected),
    COUNTER(events),   COUNTER(events_rejected), COUNTER(stored),
    COUNTER(late),     COUNTER(future),          COUNTER(gaps),
    COUNTER(control),
};
#define BOOK(name)                                                                                 \
    {                                                                                              \
#name, offsetof(struct ingest_books, name)                                                 \
    }
static const struct field BOOKS[] = {
    BOOK(duplicates_run),
    BOOK(files),
    BOOK(files_skipped),
    BOOK(files_resumed),
    {"mistyped", offsetof(struct ingest_books, bent.mistyped)},
    {"time_floored", offsetof(struct ingest_books, bent.time_floored)},
    {"amount_rounded", offsetof(struct ingest_books, bent.amount_rounded)},
};
#define FIELD_COUNT(fields) (sizeof(fields) / sizeof((fields)[0]))

static void put_fields(json_t *object, const struct field *fields, size_t field_count,
                       const void *from)
{
    for (size_t index = 0; index < field_count; index++) {
        uint64_t value;
        memcpy(&value, (const char *)from + fields[index].offset, sizeof(value));
        json_object_set_new(object, fields[index].key, json_integer((json_int_t)value));
    }
}

static void get_fields(const json_t *object, const struct field *fields, size_t field_count,
                       void *to)
{
    for (size_t index = 0; index < field_count; index++) {
        uint64_t value = protocol_count(object, fields[index].key);
        memcpy((char *)to + fields[index].offset, &value, sizeof(value));
    }
}

json_t *books_wire_counters(const struct store_counters *counters)
{
    json_t *object = json_object();
    json_t *rejected = json_object();
    put_fields(object, COUNTERS, FIELD_COUNT(COUNTERS), counters);
    for (uint32_t reason = 1; reason < REJECT_REASON_COUNT; reason++) {
        if (counters->rejected[reason] > 0) {
            json_object_set_new(rejected, reject_reason_name((enum reject_reason)reason),
                                json_integer((json_int_t)counters->rejected[reason]));
        }
    }
    json_object_set_new(object, "rejected", rejected);
    return object;
}

static void decode_counters(const json_t *object, struct store_counters *counters)
{
    const json_t *rejected = json_object_get(object, "rejected");
    get_fields(object, COUNTERS, FIELD_COUNT(COUNTERS), counters);
    for (uint32_t reason = 1; reason < REJECT_REASON_COUNT; reason++) {
        counters->rejected[reason] =
            protocol_count(rejected, reject_reason_name((enum reject_reason)reason));
    }
}

/// Paths and excerpts may hold any bytes.
static json_t *encode_text(const char *string)
{
    json_t *value = json_string(string);
    if (value != NULL) {
        return value;
    }
    struct text_buffer visible = {0};
    report_text(&visible, text_from(string));
    value = json_stringn(visible.bytes, visible.size);
    text_buffer_deinit(&visible);
    return value != NULL ? value : json_string("?");
}

static json_t *encode_sample(const struct reject_sample *sample)
{
    json_t *object = json_object();
    json_object_set_new(object, "reason", json_integer(sample->reason));
    json_object_set_new(object, "source", encode_text(sample->source));
    json_object_set_new(object, "offset", json_integer(sample->offset));
    json_object_set_new(object, "event_index", json_integer(sample->event_index));
    json_object_set_new(object, "detail", encode_text(sample->detail));
    json_object_set_new(object, "excerpt", encode_text(sample->excerpt));
    return object;
}

static void copy_text(char *to, size_t size, const json_t *from)
{
    const char *string = json_string_value(from);
    string = string == NULL ? "" : string;
    size_t used = strnlen(string, size - 1);
    memcpy(to, string, used);
    to[used] = '\0';
}

static void decode_sample(const json_t *object, struct reject_sample *sample)
{
    uint64_t reason = protocol_count(object, "reason");
    *sample = (struct reject_sample){
        .reason = reason < REJECT_REASON_COUNT ? (enum reject_reason)reason : REJECT_NONE,
        .offset = json_integer_value(json_object_get(object, "offset")),
        .event_index = (uint32_t)protocol_count(object, "event_index"),
    };
    copy_text(sample->source, sizeof(sample->source), json_object_get(object, "source"));
    copy_text(sample->detail, sizeof(sample->detail), json_object_get(object, "detail"));
    copy_text(sample->excerpt, sizeof(sample->excerpt), json_object_get(object, "excerpt"));
}

static json_t *encode_notes(const struct service_job_end *end)
{
    json_t *list = json_array();
    for (uint32_t index = 0; index < end->note_count; index++) {
        json_t *note = json_object();
        json_object_set_new(note, "words", encode_text(end->notes[index]));
        json_object_set_new(note, "failure", json_boolean(end->note_is_failure[index]));
        json_array_append_new(list, note);
    }
    return list;
}

json_t *books_wire_encode(const struct service_job_end *end)
{
    json_t *object = json_object();
    json_t *samples = json_array();
    put_fields(object, BOOKS, FIELD_COUNT(BOOKS), &end->books);
    json_object_set_new(object, "run", books_wire_counters(&end->books.run));
    json_object_set_new(object, "all", books_wire_counters(&end->books.all));
    for (uint32_t index = 0; index < end->sample_count; index++) {
        json_array_append_new(samples, encode_sample(&end->samples[index]));
    }
    json_object_set_new(object, "samples", samples);
    json_object_set_new(object, "notes", encode_notes(end));
    return object;
}

static void decode_notes(const json_t *list, struct arena *arena, struct client_replay_end *end)
{
    end->note_count = (uint32_t)json_array_size(list);
    end->notes = arena_allocate_zeroed(arena, end->note_count + 1u, sizeof(*end->notes));
    end->note_is_failure =
        arena_allocate_zeroed(arena, end->note_count + 1u, sizeof(*end->note_is_failure));
    for (uint32_t index = 0; index < end->note_count; index++) {
        const json_t *note = json_array_get(list, index);
        const char *words = json_string_value(json_object_get(note, "words"));
        end->notes[index] = arena_copy_string(arena, words == NULL ? "" : words);
        end->note_is_failure[index] = json_is_true(json_object_get(note, "failure"));
    }
}

void books_wire_decode(const json_t *document, struct arena *arena,
                       struct client_replay_end *end_out)
{
    const json_t *samples = json_object_get(document, "samples");
    get_fields(document, BOOKS, FIELD_COUNT(BOOKS), &end_out->books);
    decode_counters(json_object_get(document, "run"), &end_out->books.run);
    decode_counters(json_object_get(document, "all"), &end_out->books.all);
    end_out->sample_count = (uint32_t)json_array_size(samples);
    end_out->samples =
        arena_allocate_zeroed(arena, end_out->sample_count + 1u, sizeof(*end_out->samples));
    for (uint32_t index = 0; index < end_out->sample_count; index++) {
        decode_sample(json_array_get(samples, index), &end_out->samples[index]);
    }
    decode_notes(json_object_get(document, "notes"), arena, end_out);
}
