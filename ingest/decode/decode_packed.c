// SPDX-License-Identifier: Apache-2.0
// Messages that hold several documents, one a line (NDJSON, access logs).
#include "ingest/decode/decoder.h"

#include <string.h>

/// Takes the next line that is not blank off the front; false where there is none.
static bool next_line(struct text *rest, struct text *line_out)
{
    while (rest->size > 0) {
        const char *stop = memchr(rest->bytes, '\n', rest->size);
        size_t size = stop == NULL ? rest->size : (size_t)(stop - rest->bytes);
        size_t taken = size + (stop != NULL);
        *line_out = (struct text){rest->bytes, size};
        *rest = (struct text){rest->bytes + taken, rest->size - taken};
        if (!decode_is_blank(*line_out)) {
            return true;
        }
    }
    return false;
}

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

/// Of a line that is not blank.
static struct text trim(struct text line)
{
    while (is_space(line.bytes[0])) {
        line.bytes++;
        line.size--;
    }
    while (is_space(line.bytes[line.size - 1])) {
        line.size--;
    }
    return line;
}

/// Two lines of which one ends and the next begins an object: between them a comma would have to
/// stand, and strings hold no line breaks, so the message is no single document.
static bool certainly_lines(struct text message)
{
    struct text first;
    struct text second;
    if (!next_line(&message, &first) || !next_line(&message, &second)) {
        return false;
    }
    first = trim(first);
    second = trim(second);
    return first.bytes[0] == '{' && first.bytes[first.size - 1] == '}' && second.bytes[0] == '{';
}

static bool some_line_is_object(struct decoder *decoder, struct text message)
{
    struct text line;
    while (next_line(&message, &line)) {
        if (json_scan(&decoder->mapping->plan, line, &decoder->capture) == REJECT_NONE &&
            (decoder->capture.document_kind == FIELD_OBJECT ||
             (decoder->capture.document_kind == FIELD_ARRAY &&
              decoder->mapping->unroll_count > 0))) {
            return true;
        }
    }
    return false;
}

/// The whole lines at the front of a message behind which enough of it follows.
static struct text padded_lines(struct text message)
{
    if (message.size <= DECODE_LINES_PADDING) {
        return TEXT_LITERAL("");
    }
    const char *end = memrchr(message.bytes, '\n', message.size - DECODE_LINES_PADDING);
    return (struct text){message.bytes, end == NULL ? 0 : (size_t)(end + 1 - message.bytes)};
}

/// Takes lines that are like those before them off the front. Returns how many events were found.
static uint32_t take_known_lines(struct decoder *decoder, struct text *rest, bool *blank,
                                 const struct decode_sink *sink)
{
    struct text lines = padded_lines(*rest);
    if (lines.size == 0) {
        return 0;
    }
    struct decode_tally tally;
    size_t size = decode_known_lines(decoder, lines, sink, &tally);
    *rest = (struct text){rest->bytes + size, rest->size - size};
    *blank = *blank && tally.messages == tally.blank;
    return (uint32_t)tally.events;
}

static void decode_lines(struct decoder *decoder, struct text message,
                         const struct decode_sink *sink, struct decode_outcome *outcome)
{
    struct decode_outcome one;
    struct text line;
    bool blank = true;
    bool known = decoder->mapping->format == MAPPING_JSON && decoder->capture.shapes != NULL;
    uint32_t event_count = known ? take_known_lines(decoder, &message, &blank, sink) : 0;
    const char *refused = message.bytes;
    while (next_line(&message, &line)) {
        decoder->unlike = decoder->unlike && line.bytes == refused;
        decode_document(decoder, line, sink, &one);
        blank = blank && one.blank;
        if (one.reason != REJECT_NONE) {
            sink->reject_event(sink->context, UINT32_MAX, one.reason, one.detail);
            event_count++;
        } else {
            event_count += one.event_count;
        }
        event_count += known ? take_known_lines(decoder, &message, &blank, sink) : 0;
        refused = message.bytes;
    }
    outcome->reason = REJECT_NONE;
    outcome->blank = blank;
    outcome->event_count = event_count;
    outcome->detail[0] = '\0';
}

/// Whether a message that is no document may be lines: its fault is one of JSON, not of the
/// mapping.
static bool is_scan_fault(enum reject_reason reason)
{
    return reason == REJECT_NOT_JSON || reason == REJECT_NOT_UTF8 || reason == REJECT_TOO_DEEP ||
           reason == REJECT_TRUNCATED;
}

void decode_packed(struct decoder *decoder, struct text message, const struct decode_sink *sink,
                   struct decode_outcome *outcome)
{
    const struct mapping *mapping = decoder->mapping;
    // Rows of files without a header are lines by nature; where the first line is a header, a
    // message that is no file would be without one.
    bool told = mapping->packed == PACKED_LINES || mapping->format != MAPPING_JSON;
    if (mapping_has_header(mapping)) {
        decode_document(decoder, message, sink, outcome);
        return;
    }
    if (told || certainly_lines(message)) {
        decode_lines(decoder, message, sink, outcome);
        return;
    }
    decode_document(decoder, message, sink, outcome);
    if (is_scan_fault(outcome->reason) && some_line_is_object(decoder, message)) {
        decode_lines(decoder, message, sink, outcome);
    }
}
