// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/decoder.h"

#include "ingest/decode/json_lanes.h"

#include <stdio.h>
#include <string.h>

static void reject_scan(struct decoder *decoder, enum reject_reason reason, struct text text,
                        struct decode_outcome *outcome)
{
    size_t at = decoder->capture.fault_at;
    char what[32];
    snprintf(what, sizeof(what), "byte %zu", at);
    size_t left = text.size - at;
    decode_detail(decoder, what, (struct text){text.bytes + at, left > 16 ? 16 : left});
    decode_reject(decoder, reason, outcome);
}

static void fields_clear(struct decoder *decoder, uint32_t first, uint32_t last)
{
    for (uint32_t field = first; field < last; field++) {
        decoder->fields[field] = (struct decode_field){0};
    }
}

/// Applies one element's tape entries to the fields. Returns the index behind them.
static size_t load_element(struct decoder *decoder, const char *begin, size_t index)
{
    const struct json_capture *capture = &decoder->capture;
    for (; index < capture->tape_count; index++) {
        const struct json_tape_entry *entry = &capture->tape[index];
        if (entry->operation == JSON_TAPE_ELEMENT) {
            break;
        }
        if (entry->operation == JSON_TAPE_CLEAR) {
            fields_clear(decoder, entry->first, entry->size);
        } else {
            decoder->fields[entry->first] = (struct decode_field){
                begin + entry->offset, entry->size, entry->value & 15, entry->value >> 4};
        }
    }
    return index;
}

static enum reject_reason element_event(struct decoder *decoder, uint8_t kind)
{
    if (kind != FIELD_OBJECT) {
        snprintf(decoder->detail, sizeof(decoder->detail), "the element is no object");
        return REJECT_NOT_OBJECT;
    }
    return decode_event(decoder);
}

static void decode_elements(struct decoder *decoder, struct text text,
                            const struct decode_sink *sink, struct decode_outcome *outcome)
{
    const struct json_plan *plan = &decoder->mapping->plan;
    const struct json_node *element = &plan->nodes[plan->unroll_node];
    uint32_t skipped = 0;
    size_t index = 0;
    for (uint32_t number = 0; number < decoder->capture.element_count; number++) {
        uint8_t kind = decoder->capture.tape[index].value & 15;
        fields_clear(decoder, element->field_begin, element->field_end);
        index = load_element(decoder, text.bytes, index + 1);
        decode_lookups(decoder, true);
        decoder->event_index = number;
        if (decode_skipped(decoder)) {
            skipped++;
            continue;
        }
        enum reject_reason reason = element_event(decoder, kind);
        if (reason == REJECT_NONE) {
            sink->event(sink->context, &decoder->event);
        } else {
            sink->reject_event(sink->context, number, reason, decoder->detail);
        }
    }
    outcome->event_count = decoder->capture.element_count - skipped;
}

/// Whether one of the paths to unroll has an array.
static bool has_array(const struct decoder *decoder)
{
    const struct json_plan *plan = &decoder->mapping->plan;
    for (uint32_t index = 0; index < plan->unroll_count; index++) {
        if (decoder->fields[plan->unroll_fields[index]].kind == FIELD_ARRAY) {
            return true;
        }
    }
    return false;
}

static void decode_unrolled(struct decoder *decoder, struct text text,
                            const struct decode_sink *sink, struct decode_outcome *outcome)
{
    const struct mapping *mapping = decoder->mapping;
    if (has_array(decoder)) {
        decode_elements(decoder, text, sink, outcome);
    } else if (mapping->unroll_optional) {
        for (uint32_t index = 0; index < mapping->mirror_count; index++) {
            const struct mapping_mirror *mirror = &mapping->mirrors[index];
            decoder->fields[mirror->to] = decoder->fields[mirror->from];
        }
        decode_lookups(decoder, true);
        decode_single(decoder, sink, outcome);
    } else {
        decode_detail(decoder, "no array at path", mapping->unrolls[0].text);
        decode_reject(decoder, REJECT_UNROLL_MISSING, outcome);
    }
}

/// Whether the mapping says that a message may be a list by itself: then a list may also be written
/// over many lines, an element on each.
static bool takes_lists(const struct decoder *decoder)
{
    const struct json_plan *plan = &decoder->mapping->plan;
    for (uint32_t index = 0; index < plan->unroll_count; index++) {
        if (plan->nodes[0].field == plan->unroll_fields[index]) {
            return true;
        }
    }
    return false;
}

static bool is_one_of(char byte, const char *bytes)
{
    return byte != '\0' && strchr(bytes, byte) != NULL;
}

/// The element on a line of a list: "[{...}," is "{...}". Empty where there is none, as on "]".
static struct text element_of_line(struct text line)
{
    while (line.size > 0 && is_one_of(line.bytes[0], " \t\r[,")) {
        line.bytes++;
        line.size--;
    }
    while (line.size > 0 && is_one_of(line.bytes[line.size - 1], " \t\r],")) {
        line.size--;
    }
    return line;
}

/// A text that is no document: perhaps a line of a list. REJECT_NONE and an empty `text` where it
/// holds no element.
static enum reject_reason scan_line_of_list(struct decoder *decoder, enum reject_reason reason,
                                            struct text *text)
{
    struct text line = element_of_line(*text);
    bool object = line.size > 1 && line.bytes[0] == '{' && line.bytes[line.size - 1] == '}';
    if (line.size == text->size || (line.size > 0 && !object)) {
        return reason;
    }
    if (line.size > 0 &&
        json_scan(&decoder->mapping->plan, line, &decoder->capture) != REJECT_NONE) {
        // What is told of the fault is told of the line as it stands.
        return json_scan(&decoder->mapping->plan, *text, &decoder->capture);
    }
    *text = line;
    return REJECT_NONE;
}

/// The same as decode_document() does of it: what steps take is an object, holds no line end, and
/// no array of theirs is unrolled.
bool decode_json_known(struct decoder *decoder, struct text text, const struct decode_sink *sink,
                       struct decode_outcome *outcome)
{
    const struct mapping *mapping = decoder->mapping;
    if (mapping->format != MAPPING_JSON || decoder->capture.shapes == NULL ||
        !json_shape_scan(&mapping->plan, text, &decoder->capture)) {
        return false;
    }
    decode_begin(decoder, text, outcome);
    if (__builtin_expect((mapping->text_count | mapping->array_count) != 0, 0)) {
        decode_lookups(decoder, false);
    }
    decode_single(decoder, sink, outcome);
    return true;
}

/// The first of the lines: what follows it, or NULL where it is not taken.
static const char *take_line(struct decoder *decoder, struct text lines,
                             const struct decode_sink *sink, struct decode_tally *tally)
{
    const struct mapping *mapping = decoder->mapping;
    const char *end = json_shape_line(&mapping->plan, lines, &decoder->capture);
    // Of a line that the shapes took and the mapping refuses, there is nothing to learn.
    decoder->unlike = end == NULL;
    if (__builtin_expect(end == NULL, 0)) {
        return NULL;
    }
    decode_begin_line(decoder, (struct text){lines.bytes, (size_t)(end - lines.bytes)});
    if (__builtin_expect((mapping->text_count | mapping->array_count) != 0, 0)) {
        decode_lookups(decoder, false);
    }
    return decode_line_event(decoder, sink, tally) ? end + 1 + (*end == '\r') : NULL;
}

/// The lines that the lanes took. False: the mapping refuses the one at `*at`.
static bool take_lanes(struct decoder *decoder, const struct json_lines *index, struct text lines,
                       const char **at, const struct decode_sink *sink, struct decode_tally *tally)
{
    bool taken = true;
    decoder->unlike = false;
    for (uint32_t lane = 0; lane < JSON_LANE_COUNT && taken; lane++) {
        const char *end = lines.bytes + index->ends[index->next + lane];
        decoder->fields = decoder->lanes->fields[lane];
        taken = decode_known_event(decoder, (struct text){*at, (size_t)(end - *at)}, sink, tally);
        *at = taken ? end + 1 : *at;
    }
    decoder->fields = decoder->capture.fields;
    return taken;
}

size_t decode_json_lines(struct decoder *decoder, struct text lines, const struct decode_sink *sink,
                         struct decode_tally *tally)
{
    struct json_lines index;
    index.next = index.count = index.sought = 0;
    const char *at = lines.bytes;
    const char *end = lines.bytes + lines.size;
    while (at < end) {
        if (decoder->lanes != NULL &&
            json_lanes_seek(decoder->capture.shapes, decoder->lanes, &index, lines, at) &&
            json_lanes_take(&decoder->mapping->plan, &decoder->capture, decoder->lanes, &index,
                            lines, at)) {
            if (__builtin_expect(!take_lanes(decoder, &index, lines, &at, sink, tally), 0)) {
                break;
            }
            continue;
        }
        const char *next = take_line(decoder, (struct text){at, (size_t)(end - at)}, sink, tally);
        if (next == NULL) {
            break;
        }
        at = next;
    }
    return (size_t)(at - lines.bytes);
}

void decode_json(struct decoder *decoder, struct text text, const struct decode_sink *sink,
                 struct decode_outcome *outcome)
{
    const struct mapping *mapping = decoder->mapping;
    enum reject_reason reason = decoder->unlike
                                    ? json_scan_unlike(&mapping->plan, text, &decoder->capture)
                                    : json_scan(&mapping->plan, text, &decoder->capture);
    decoder->unlike = false;
    if (reason != REJECT_NONE && mapping->unroll_optional && takes_lists(decoder)) {
        reason = scan_line_of_list(decoder, reason, &text);
        outcome->blank = text.size == 0;
    }
    if (outcome->blank) {
        return;
    }
    if (reason != REJECT_NONE) {
        reject_scan(decoder, reason, text, outcome);
        return;
    }
    bool list = decoder->capture.document_kind == FIELD_ARRAY && has_array(decoder);
    if (decoder->capture.document_kind != FIELD_OBJECT && !list) {
        decode_detail(decoder, "found", (struct text){text.bytes, text.size > 16 ? 16 : text.size});
        decode_reject(decoder, REJECT_NOT_OBJECT, outcome);
        return;
    }
    decode_lookups(decoder, false);
    if (mapping->unroll_count == 0) {
        decode_single(decoder, sink, outcome);
    } else {
        decode_unrolled(decoder, text, sink, outcome);
    }
}
