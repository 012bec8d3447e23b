// SPDX-License-Identifier: Apache-2.0
// Texts that hold JSON, and elements of arrays, looked into after the document was scanned: a
// mapping that has no such path pays nothing.
#include "ingest/decode/decoder.h"

#include "storage/base/invariant.h"

#include <string.h>

/// Where the array that begins at `at` ends, behind its bracket. The document is sound.
static const char *array_end(const char *at)
{
    uint32_t depth = 0;
    for (;; at++) {
        if (*at == '"') {
            for (at++; *at != '"'; at++) {
                at += *at == '\\';
            }
        } else if (*at == '[' || *at == '{') {
            depth++;
        } else if ((*at == ']' || *at == '}') && --depth == 0) {
            return at + 1;
        }
    }
}

/// Puts one element into the fields of the array's plan. Returns the index behind its entries.
static size_t load_element(struct json_capture *capture, const struct json_node *element,
                           const char *begin, size_t index)
{
    memset(&capture->fields[element->field_begin], 0,
           (size_t)(element->field_end - element->field_begin) * sizeof(*capture->fields));
    for (size_t first = index; index < capture->tape_count; index++) {
        const struct json_tape_entry *entry = &capture->tape[index];
        if (entry->operation == JSON_TAPE_ELEMENT && index > first) {
            break;
        }
        if (entry->operation == JSON_TAPE_CLEAR) {
            memset(&capture->fields[entry->first], 0,
                   (entry->size - entry->first) * sizeof(*capture->fields));
        } else if (entry->first != FIELD_NONE) {
            capture->fields[entry->first] = (struct decode_field){
                begin + entry->offset, entry->size, entry->value & 15, entry->value >> 4};
        }
    }
    return index;
}

static bool says(const struct decode_field *field, struct text wanted)
{
    // Each byte of at most JSON_KEY_SIZE_MAX is written with at most six.
    char decoded[6 * JSON_KEY_SIZE_MAX];
    struct text text = {field->bytes, field->size};
    if (field->escape != FIELD_PLAIN) {
        if (text.size > sizeof(decoded)) {
            return false;
        }
        text = (struct text){decoded, json_string_unescape(text, decoded)};
    }
    return text.size == wanted.size && memcmp(text.bytes, wanted.bytes, wanted.size) == 0;
}

/// Of elements that say the same the last one counts, as of repeated keys.
static void take_element(struct decoder *decoder, const struct mapping_array *array,
                         const struct json_capture *capture, uint32_t number)
{
    for (uint32_t index = 0; index < array->lookup_count; index++) {
        const struct mapping_lookup *lookup = &array->lookups[index];
        bool found = number == lookup->number;
        if (lookup->wanted.bytes != NULL) {
            const struct decode_field *member = &capture->fields[lookup->member];
            if (member->kind != FIELD_STRING && member->kind != FIELD_NUMBER) {
                return; // all look-ups of an array compare the same member
            }
            found = says(member, lookup->wanted);
        }
        if (found) {
            decoder->fields[lookup->target] = capture->fields[lookup->value];
        }
    }
}

static void look_up(struct decoder *decoder, const struct mapping_array *array,
                    struct json_capture *capture)
{
    const struct decode_field *field = &decoder->fields[array->field];
    for (uint32_t index = 0; index < array->lookup_count; index++) {
        decoder->fields[array->lookups[index].target] = (struct decode_field){0};
    }
    if (field->kind != FIELD_ARRAY) {
        return;
    }
    const char *begin = field->bytes;
    struct text text = {begin, (size_t)(array_end(begin) - begin)};
    enum reject_reason reason = json_scan(&array->plan, text, capture);
    ASSERT(reason == REJECT_NONE);
    const struct json_node *element = &array->plan.nodes[array->plan.unroll_node];
    size_t index = 0;
    for (uint32_t number = 0; number < capture->element_count; number++) {
        index = load_element(capture, element, begin, index);
        take_element(decoder, array, capture, number);
    }
}

/// A text that is no JSON holds nothing of what is wanted of it.
static void enter_text(struct decoder *decoder, const struct mapping_text *text,
                       struct json_capture *capture)
{
    struct decode_field *field = &decoder->fields[text->field];
    size_t size = text->plan.field_count * sizeof(*decoder->fields);
    memset(&decoder->fields[text->first_target], 0, size);
    if (field->kind != FIELD_STRING || field->size == 0) {
        return;
    }
    if (json_scan(&text->plan, decode_field_text(decoder, field), capture) == REJECT_NONE) {
        memcpy(&decoder->fields[text->first_target], capture->fields, size);
    } else {
        decoder->notes.mistyped++;
    }
}

void decode_lookups(struct decoder *decoder, bool in_element)
{
    const struct mapping *mapping = decoder->mapping;
    for (uint32_t index = 0; index < mapping->text_count; index++) {
        if (mapping->texts[index].in_element == in_element) {
            enter_text(decoder, &mapping->texts[index], &decoder->text_captures[index]);
        }
    }
    for (uint32_t index = 0; index < mapping->array_count; index++) {
        if (mapping->arrays[index].in_element == in_element) {
            look_up(decoder, &mapping->arrays[index], &decoder->array_captures[index]);
        }
    }
}
