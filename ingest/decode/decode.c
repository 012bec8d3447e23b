// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/decode.h"

#include "ingest/decode/decoder.h"
#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <stdio.h>
#include <string.h>

#define SCRATCH_KEPT_SIZE ((size_t)1 << 20)

static bool separated(const struct mapping *mapping)
{
    return mapping->format == MAPPING_CSV || mapping->format == MAPPING_TSV;
}

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
    values_reset(decoder, schema);
    decoder->event.values = decoder->values;
    decoder->locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    ASSERT(decoder->locale != (locale_t)0);
    decoder->header_wanted = separated(mapping);
    decoder->file_begins = true;
    for (uint32_t index = 0; index < mapping->attribute_count; index++) {
        ASSERT(mapping->attributes[index].column < schema->column_count);
    }
    return decoder;
}

void decoder_destroy(struct decoder *decoder)
{
    if (decoder == NULL) {
        return;
    }
    json_capture_deinit(&decoder->capture);
    memory_free(decoder->scratch);
    memory_free(decoder->values);
    memory_free(decoder->columns);
    memory_free(decoder->column_key_ends);
    text_buffer_deinit(&decoder->column_keys);
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
    decoder->header_wanted = separated(decoder->mapping);
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
    if (!separated(decoder->mapping) || header_line.bytes == NULL) {
        return;
    }
    decoder->file_begins = false;
    decoder->header_wanted = false;
    if (!decode_csv_header(decoder, strip_line_end(strip_mark(header_line)))) {
        // Every row will differ from a header of no columns, and say so.
        decoder->column_count = 0;
    }
}

static bool is_blank(struct text text)
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
    }
}

void decode_reject(const struct decoder *decoder, enum reject_reason reason,
                   struct decode_outcome *outcome)
{
    outcome->reason = reason;
    outcome->event_count = 0;
    memcpy(outcome->detail, decoder->detail, sizeof(outcome->detail));
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

void decode_message(struct decoder *decoder, struct text message, const struct decode_sink *sink,
                    struct decode_outcome *outcome_out)
{
    // The detail is a hundred bytes that a good message never needs.
    outcome_out->reason = REJECT_NONE;
    outcome_out->blank = false;
    outcome_out->event_count = 0;
    outcome_out->detail[0] = '\0';
    if (__builtin_expect(decoder->file_begins, 0)) {
        message = strip_mark(message);
        decoder->file_begins = false;
    }
    if (is_blank(message)) {
        outcome_out->blank = true;
        return;
    }
    if (message.size >= UINT32_MAX) {
        snprintf(decoder->detail, sizeof(decoder->detail), "%zu bytes", message.size);
        decode_reject(decoder, REJECT_MESSAGE_TOO_LONG, outcome_out);
        return;
    }
    scratch_forget(decoder, message.size);
    switch (decoder->mapping->format) {
    case MAPPING_JSON:
        decode_json(decoder, message, sink, outcome_out);
        break;
    case MAPPING_COMBINED:
        decode_combined(decoder, strip_line_end(message), sink, outcome_out);
        break;
    default:
        decode_csv(decoder, strip_line_end(message), sink, outcome_out);
    }
}
