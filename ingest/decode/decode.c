// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/decode.h"

#include "ingest/decode/decoder.h"
#include "ingest/decode/json_lanes.h"
#include "ingest/decode/utf8_check.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <stdio.h>
#include <string.h>

#define SCRATCH_KEPT_SIZE ((size_t)1 << 20)
#define LINES_SIZE_MAX ((size_t)1 << 20) ///< of messages that are copied to go as lines

static void values_reset(struct decoder *decoder, const struct schema *schema)
{
    decoder->value_count = schema->column_count;
    decoder->values = memory_allocate_zeroed(schema->column_count, sizeof(*decoder->values));
    for (uint32_t column = 0; column < schema->column_count; column++) {
        switch (schema->columns[column].type) {
        case COLUMN_STRING:
            decoder->values[column].string = TEXT_MISSING;
            break;
        case COLUMN_NUMBER:
            decoder->values[column].integer = (int64_t)COLUMN_NUMBER_MISSING_BITS;
            break;
        default:
            decoder->values[column].integer = COLUMN_INTEGER_MISSING;
        }
    }
}

struct decoder *decoder_create(const struct mapping *mapping, const struct schema *schema)
{
    ASSERT(mapping->bound);
    struct decoder *decoder = memory_allocate_zeroed(1, sizeof(*decoder));
    decoder->mapping = mapping;
    struct json_plan plan = mapping->plan;
    plan.field_count = mapping->field_count;
    json_capture_init(&decoder->capture, &plan);
    decoder->fields = decoder->capture.fields;
    if (decoder->capture.shapes != NULL && mapping->format == MAPPING_JSON &&
        (mapping->text_count | mapping->array_count) == 0) {
        decoder->lanes = json_lanes_create(&plan);
    }
    for (uint32_t index = 0; index < mapping->metadata_count; index++) {
        if (mapping->metadata[index].kind == METADATA_TIMESTAMP) {
            decoder->timestamp_field = &decoder->fields[mapping->metadata[index].field];
        }
    }
    values_reset(decoder, schema);
    decoder->event.values = decoder->values;
    decoder->locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    ASSERT(decoder->locale != (locale_t)0);
    decoder->header_wanted = mapping_has_header(mapping);
    decoder->file_begins = true;
    decode_csv_columns(decoder);
    decoder->log = mapping->format == MAPPING_LOG ? log_reader_create(mapping) : NULL;
    decoder->array_captures =
        memory_allocate_zeroed(mapping->array_count + 1, sizeof(*decoder->array_captures));
    for (uint32_t index = 0; index < mapping->array_count; index++) {
        json_capture_init(&decoder->array_captures[index], &mapping->arrays[index].plan);
    }
    decoder->text_captures =
        memory_allocate_zeroed(mapping->text_count + 1, sizeof(*decoder->text_captures));
    for (uint32_t index = 0; index < mapping->text_count; index++) {
        json_capture_init(&decoder->text_captures[index], &mapping->texts[index].plan);
    }
    for (uint32_t index = 0; index < mapping->attribute_count; index++) {
        ASSERT(mapping->attributes[index].column < schema->column_count);
    }
    decode_simple_find(decoder);
    return decoder;
}

void decoder_destroy(struct decoder *decoder)
{
    if (decoder == NULL) {
        return;
    }
    json_capture_deinit(&decoder->capture);
    json_lanes_destroy(decoder->lanes);
    for (uint32_t index = 0; index < decoder->mapping->array_count; index++) {
        json_capture_deinit(&decoder->array_captures[index]);
    }
    memory_free(decoder->array_captures);
    for (uint32_t index = 0; index < decoder->mapping->text_count; index++) {
        json_capture_deinit(&decoder->text_captures[index]);
    }
    memory_free(decoder->text_captures);
    log_reader_destroy(decoder->log);
    memory_free(decoder->scratch);
    memory_free(decoder->values);
    memory_free(decoder->columns_plain);
    memory_free(decoder->columns);
    memory_free(decoder->column_key_ends);
    text_buffer_deinit(&decoder->column_keys);
    text_buffer_deinit(&decoder->lines);
    freelocale(decoder->locale);
    memory_free(decoder);
}

const struct decode_notes *decoder_notes(const struct decoder *decoder)
{
    return &decoder->notes;
}

void decoder_begin_file(struct decoder *decoder)
{
    decoder->file_begins = true;
    decoder->header_wanted = mapping_has_header(decoder->mapping);
    if (decoder->log != NULL) {
        log_reader_begin_file(decoder->log, decoder->mapping);
    }
}

void decoder_begin_message(struct decoder *decoder)
{
    if (decoder->log != NULL) {
        log_reader_begin_file(decoder->log, decoder->mapping);
    }
}

static struct text strip_line_end(struct text text)
{
    if (text.size > 0 && text.bytes[text.size - 1] == '\r') {
        text.size--;
    }
    return text;
}

static struct text strip_mark(struct text text)
{
    if (text.size >= 3 && memcmp(text.bytes, "\xef\xbb\xbf", 3) == 0) {
        return (struct text){text.bytes + 3, text.size - 3};
    }
    return text;
}

void decoder_set_header(struct decoder *decoder, struct text header_line)
{
    if (decoder->log != NULL && header_line.bytes != NULL) {
        log_reader_directives(decoder->log, decoder->mapping, header_line);
    }
    if (!mapping_has_header(decoder->mapping) || header_line.bytes == NULL) {
        return;
    }
    const char *stop = memchr(header_line.bytes, '\n', header_line.size);
    header_line.size = stop == NULL ? header_line.size : (size_t)(stop - header_line.bytes);
    decoder->file_begins = false;
    decoder->header_wanted = false;
    if (!decode_csv_header(decoder, strip_line_end(strip_mark(header_line)))) {
        // Every row will differ from a header of no columns, and say so.
        decoder->column_count = 0;
    }
}

bool decode_is_blank(struct text text)
{
    size_t index = 0;
    while (index < text.size && (text.bytes[index] == ' ' || text.bytes[index] == '\t' ||
                                 text.bytes[index] == '\r' || text.bytes[index] == '\n')) {
        index++;
    }
    return index == text.size;
}

static void scratch_forget(struct decoder *decoder, size_t message_size)
{
    decoder->scratch_used = 0;
    decoder->message_size = message_size;
    if (decoder->scratch_capacity > SCRATCH_KEPT_SIZE && message_size < SCRATCH_KEPT_SIZE) {
        memory_free(decoder->scratch);
        decoder->scratch = NULL;
        decoder->scratch_capacity = 0;
        json_capture_shrink(&decoder->capture);
        for (uint32_t index = 0; index < decoder->mapping->array_count; index++) {
            json_capture_shrink(&decoder->array_captures[index]);
        }
    }
}

void decode_reject(const struct decoder *decoder, enum reject_reason reason,
                   struct decode_outcome *outcome)
{
    outcome->reason = reason;
    outcome->event_count = 0;
    memcpy(outcome->detail, decoder->detail, sizeof(outcome->detail));
}

bool decode_is_utf8(struct decoder *decoder, struct text text, struct decode_outcome *outcome)
{
    const char *fault = utf8_check(text);
    if (fault == NULL) {
        return true;
    }
    decode_detail(decoder, "not UTF-8",
                  (struct text){fault, (size_t)(text.bytes + text.size - fault)});
    decode_reject(decoder, REJECT_NOT_UTF8, outcome);
    return false;
}

void decode_single(struct decoder *decoder, const struct decode_sink *sink,
                   struct decode_outcome *outcome)
{
    if (decode_skipped(decoder)) {
        outcome->blank = true;
        return;
    }
    enum reject_reason reason = decode_event(decoder);
    if (reason != REJECT_NONE) {
        decode_reject(decoder, reason, outcome);
        return;
    }
    outcome->event_count = 1;
    sink->event(sink->context, &decoder->event);
}

bool decode_line_event(struct decoder *decoder, const struct decode_sink *sink,
                       struct decode_tally *tally)
{
    // A bad line is decoded again by whoever rejects it: then it counts.
    struct decode_notes notes = decoder->notes;
    if (__builtin_expect(decode_skipped(decoder), 0)) {
        tally->blank++;
    } else if (__builtin_expect(decode_event(decoder) == REJECT_NONE, 1)) {
        sink->event(sink->context, &decoder->event);
        tally->events++;
    } else {
        decoder->notes = notes;
        return false;
    }
    tally->messages++;
    return true;
}

static void outcome_clear(struct decode_outcome *outcome)
{
    // The detail is a hundred bytes that a good message never needs.
    outcome->reason = REJECT_NONE;
    outcome->blank = false;
    outcome->event_count = 0;
    outcome->detail[0] = '\0';
}

void decode_begin(struct decoder *decoder, struct text document, struct decode_outcome *outcome)
{
    outcome_clear(outcome);
    decode_begin_line(decoder, document);
}

void decode_begin_line(struct decoder *decoder, struct text document)
{
    decoder->document = document;
    decoder->event_index = 0;
    scratch_forget(decoder, document.size);
}

void decode_document(struct decoder *decoder, struct text text, const struct decode_sink *sink,
                     struct decode_outcome *outcome)
{
    decode_begin(decoder, text, outcome);
    if (decode_is_blank(text)) {
        outcome->blank = true;
        return;
    }
    switch (decoder->mapping->format) {
    case MAPPING_JSON:
        decode_json(decoder, text, sink, outcome);
        break;
    case MAPPING_COMBINED:
        decode_combined(decoder, strip_line_end(text), sink, outcome);
        break;
    case MAPPING_LOG:
        decode_log(decoder, strip_line_end(text), sink, outcome);
        break;
    default:
        decode_csv(decoder, strip_line_end(text), sink, outcome);
    }
}

/// What is done before either kind of message. False: it is rejected.
static bool message_begin(struct decoder *decoder, struct text *message,
                          const struct metadata *metadata, struct decode_outcome *outcome)
{
    if (__builtin_expect(decoder->file_begins, 0)) {
        *message = strip_mark(*message);
        decoder->file_begins = false;
    }
    if (message->size >= UINT32_MAX) {
        outcome_clear(outcome);
        snprintf(decoder->detail, sizeof(decoder->detail), "%zu bytes", message->size);
        decode_reject(decoder, REJECT_MESSAGE_TOO_LONG, outcome);
        return false;
    }
    if (decoder->mapping->metadata_count > 0) {
        decode_metadata(decoder, metadata);
    }
    return true;
}

void decode_message_with(struct decoder *decoder, struct text message,
                         const struct metadata *metadata, const struct decode_sink *sink,
                         struct decode_outcome *outcome_out)
{
    if (!message_begin(decoder, &message, metadata, outcome_out) ||
        decode_json_known(decoder, message, sink, outcome_out)) {
        return;
    }
    decoder->unlike = false;
    // A message of no bytes may have no address.
    if (message.size > 0 && decoder->mapping->packed != PACKED_NO &&
        memchr(message.bytes, '\n', message.size) != NULL) {
        decode_packed(decoder, message, sink, outcome_out);
    } else {
        decode_document(decoder, message, sink, outcome_out);
    }
}

void decode_line(struct decoder *decoder, struct text line, const struct metadata *metadata,
                 const struct decode_sink *sink, struct decode_outcome *outcome_out)
{
    if (message_begin(decoder, &line, metadata, outcome_out) &&
        !decode_json_known(decoder, line, sink, outcome_out)) {
        decoder->unlike = true;
        decode_document(decoder, line, sink, outcome_out);
    }
}

void decode_unknown_line(struct decoder *decoder, struct text line, const struct metadata *metadata,
                         const struct decode_sink *sink, struct decode_outcome *outcome_out)
{
    if (message_begin(decoder, &line, metadata, outcome_out)) {
        decode_document(decoder, line, sink, outcome_out);
    }
}

/// The first of some lines of any format but JSON: what follows it, or NULL where it is not taken.
static const char *take_row(struct decoder *decoder, struct text lines,
                            const struct decode_sink *sink, struct decode_tally *tally)
{
    const char *end = memchr(lines.bytes, '\n', lines.size);
    struct decode_notes notes = decoder->notes;
    struct decode_outcome outcome;
    decode_document(decoder,
                    strip_line_end((struct text){lines.bytes, (size_t)(end - lines.bytes)}), sink,
                    &outcome);
    if (__builtin_expect(outcome.reason != REJECT_NONE, 0)) {
        decoder->notes = notes; // it is decoded again, and counts then
        return NULL;
    }
    tally->messages++;
    tally->blank += outcome.blank;
    tally->events += outcome.event_count;
    return end + 1;
}

/// The same of a row that needs no closer look; NULL: take_row() has one.
static inline const char *take_plain_row(struct decoder *decoder, const char *line,
                                         const struct decode_sink *sink, struct decode_tally *tally)
{
    size_t size;
    bool plain = decoder->mapping->format == MAPPING_COMBINED
                     ? decode_combined_plain(decoder, line, &size)
                     : decode_csv_plain(decoder, line, &size);
    if (!plain || !decode_known_event(decoder, (struct text){line, size}, sink, tally)) {
        return NULL;
    }
    return line + size + 1;
}

bool decoder_takes_lines(const struct decoder *decoder)
{
    const struct mapping *mapping = decoder->mapping;
    return !decoder->file_begins && !decoder->header_wanted && mapping->metadata_count == 0 &&
           (mapping->format != MAPPING_JSON || decoder->capture.shapes != NULL);
}

size_t decode_known_lines(struct decoder *decoder, struct text lines,
                          const struct decode_sink *sink, struct decode_tally *tally_out)
{
    const struct mapping *mapping = decoder->mapping;
    const char *at = lines.bytes;
    const char *end = lines.bytes + lines.size;
    *tally_out = (struct decode_tally){0};
    if (mapping->format == MAPPING_JSON) {
        return decode_json_lines(decoder, lines, sink, tally_out);
    }
    while (at < end) {
        struct text rest = {at, (size_t)(end - at)};
        const char *next =
            decoder->plain_rows ? take_plain_row(decoder, at, sink, tally_out) : NULL;
        next = next != NULL ? next : take_row(decoder, rest, sink, tally_out);
        if (next == NULL) {
            break;
        }
        at = next;
    }
    return (size_t)(at - lines.bytes);
}

bool decoder_takes_messages(const struct decoder *decoder)
{
    return decoder->mapping->format == MAPPING_JSON && decoder_takes_lines(decoder);
}

/// Messages that hold one line each, as lines. Returns how many there are of them at the front.
static uint32_t lay_out(struct text_buffer *lines, const struct text *messages, uint32_t count)
{
    uint32_t at = 0;
    text_buffer_reset(lines);
    for (; at < count; at++) {
        struct text message = messages[at];
        if (message.size == 0 || message.size > LINES_SIZE_MAX - lines->size ||
            memchr(message.bytes, '\n', message.size) != NULL) {
            break;
        }
        char *out = text_buffer_reserve(lines, message.size + 1 + DECODE_LINES_PADDING);
        memcpy(out, message.bytes, message.size);
        out[message.size] = '\n';
        lines->size += message.size + 1;
    }
    return at;
}

uint32_t decode_known_messages(struct decoder *decoder, const struct text *messages, uint32_t count,
                               const struct decode_sink *sink, struct decode_tally *tally_out)
{
    struct text_buffer *lines = &decoder->lines;
    *tally_out = (struct decode_tally){0};
    if (lay_out(lines, messages, count) == 0) {
        return 0;
    }
    memset(lines->bytes + lines->size, 0, DECODE_LINES_PADDING);
    (void)decode_known_lines(decoder, (struct text){lines->bytes, lines->size}, sink, tally_out);
    return (uint32_t)tally_out->messages;
}

void decode_message(struct decoder *decoder, struct text message, const struct decode_sink *sink,
                    struct decode_outcome *outcome_out)
{
    decode_message_with(decoder, message, NULL, sink, outcome_out);
}

bool decoder_wants_headers(const struct decoder *decoder)
{
    return decoder->mapping->wants_headers;
}

struct text decoder_document(const struct decoder *decoder)
{
    return decoder->document;
}

uint32_t decoder_event_index(const struct decoder *decoder)
{
    return decoder->event_index;
}
