// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/mapping.h"

#include <string.h>

/// Characters of a line break in YAML beyond ASCII (U+0085, U+2028, U+2029), which a quoted word
/// would fold; 0 where there is none at `bytes`.
static size_t break_size(struct text rest)
{
    static const char *const breaks[] = {"\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"};
    for (size_t index = 0; index < 3; index++) {
        size_t size = strlen(breaks[index]);
        if (rest.size >= size && memcmp(rest.bytes, breaks[index], size) == 0) {
            return size;
        }
    }
    return 0;
}

static bool folds(struct text text)
{
    for (size_t index = 0; index < text.size; index++) {
        unsigned char byte = (unsigned char)text.bytes[index];
        if (byte < 0x20 || byte == 0x7f ||
            break_size((struct text){text.bytes + index, text.size - index}) > 0) {
            return true;
        }
    }
    return false;
}

/// In double quotes, with everything escaped that has a meaning there.
static void append_escaped(struct text_buffer *out, struct text text)
{
    static const char *const names[] = {"", "", "\\N", "\\L", "\\P"};
    text_buffer_append_string(out, "\"");
    for (size_t index = 0; index < text.size; index++) {
        unsigned char byte = (unsigned char)text.bytes[index];
        size_t size = break_size((struct text){text.bytes + index, text.size - index});
        if (size > 0) {
            bool second = size == 3 && (unsigned char)text.bytes[index + 2] == 0xa9;
            text_buffer_append_string(out, names[size + second]);
            index += size - 1;
        } else if (byte < 0x20 || byte == 0x7f || byte == '"' || byte == '\\') {
            text_buffer_printf(out, "\\x%02x", byte);
        } else {
            text_buffer_append(out, text.bytes + index, 1);
        }
    }
    text_buffer_append_string(out, "\"");
}

/// A YAML word: in single quotes, where there is one escape, unless a line break would be folded.
static void append_quoted(struct text_buffer *out, struct text text)
{
    if (folds(text)) {
        append_escaped(out, text);
        return;
    }
    text_buffer_append_string(out, "'");
    for (size_t index = 0; index < text.size; index++) {
        if (text.bytes[index] == '\'') {
            text_buffer_append_string(out, "'");
        }
        text_buffer_append(out, text.bytes + index, 1);
    }
    text_buffer_append_string(out, "'");
}

static void append_paths(struct text_buffer *out, const struct mapping_source *source)
{
    if (source->path_count == 1 && source->kind == FROM_PATHS) {
        append_quoted(out, source->paths[0].text);
        return;
    }
    for (uint32_t index = 0; index < source->path_count; index++) {
        text_buffer_append_string(out, index == 0 ? "[" : ", ");
        append_quoted(out, source->paths[index].text);
    }
    text_buffer_append_string(out, "]");
}

static void append_texts(struct text_buffer *out, const char *key, const struct text *texts,
                         uint32_t count)
{
    text_buffer_printf(out, count == 0 ? "%s: ~" : "%s: [", key);
    for (uint32_t index = 0; index < count; index++) {
        text_buffer_append_string(out, index == 0 ? "" : ", ");
        append_quoted(out, texts[index]);
    }
    text_buffer_append_string(out, count == 0 ? "" : "]");
}

static void append_source(struct text_buffer *out, const struct mapping_source *source)
{
    switch (source->kind) {
    case FROM_NOWHERE:
        text_buffer_append_string(out, "~");
        break;
    case FROM_PATHS:
        text_buffer_append_string(
            out, source->constant.bytes == NULL && source->absent_count == 0 ? "" : "{ path: ");
        append_paths(out, source);
        if (source->absent_count > 0) {
            append_texts(out, ", missing", source->absent, source->absent_count);
            text_buffer_append_string(out, " }");
        }
        if (source->constant.bytes != NULL) {
            text_buffer_append_string(out, ", const: ");
            append_quoted(out, source->constant);
            text_buffer_append_string(out, " }");
        }
        break;
    case FROM_CONSTANT:
        text_buffer_append_string(out, "{ const: ");
        append_quoted(out, source->constant);
        text_buffer_append_string(out, " }");
        break;
    case FROM_JOIN:
        text_buffer_append_string(out, "{ join: ");
        append_paths(out, source);
        text_buffer_append_string(out, " }");
        break;
    }
}

static void append_key(struct text_buffer *out, const char *key,
                       const struct mapping_source *source)
{
    text_buffer_printf(out, "%s: ", key);
    append_source(out, source);
    text_buffer_append_string(out, "\n");
}

static void append_time(struct text_buffer *out, const char *key,
                        const struct mapping_source *source, const struct timestamp_rule *rule)
{
    static const char *const units[] = {"auto", "s", "ms", "us", "ns", "iso"};
    if (source->kind == FROM_NOWHERE) {
        append_key(out, key, source);
        return;
    }
    text_buffer_printf(out, "%s: { %s: ", key, source->kind == FROM_JOIN ? "join" : "path");
    if (source->kind == FROM_JOIN) {
        append_paths(out, source);
    } else {
        append_source(out, source);
    }
    text_buffer_printf(out, ", unit: %s, zone: ", units[rule->unit]);
    append_quoted(out, rule->zone.name);
    text_buffer_append_string(out, " }\n");
}

static void append_attributes(struct text_buffer *out, const struct mapping *mapping)
{
    text_buffer_append_string(out,
                              mapping->attribute_count == 0 ? "attributes: {}\n" : "attributes:\n");
    for (uint32_t index = 0; index < mapping->attribute_count; index++) {
        const struct mapping_attribute *attribute = &mapping->attributes[index];
        text_buffer_append_string(out, "  ");
        append_quoted(out, attribute->name);
        text_buffer_append_string(out, ": { path: ");
        append_source(out, &attribute->source);
        text_buffer_printf(out, ", type: %s }\n", column_type_name(attribute->type));
    }
}

static void append_names(struct text_buffer *out, const struct mapping *mapping)
{
    text_buffer_append_string(out, mapping->rename_count == 0 ? "names: {}\n" : "names:\n");
    for (uint32_t index = 0; index < mapping->rename_count; index++) {
        text_buffer_append_string(out, "  ");
        append_quoted(out, mapping->renames[index].from);
        text_buffer_append_string(out, ": ");
        append_quoted(out, mapping->renames[index].to);
        text_buffer_append_string(out, "\n");
    }
}

static void append_links(struct text_buffer *out, const struct mapping *mapping)
{
    static const char *const words[COLUMN_LINK_COUNT] = {"anonymous", "previous", "alias"};
    text_buffer_append_string(out, mapping->link_count == 0 ? "links: ~\n" : "links:\n");
    for (uint32_t index = 0; index < mapping->link_count; index++) {
        const struct mapping_link *link = &mapping->links[index];
        text_buffer_append_string(out, "  - { event: ");
        for (uint32_t event = 0; event < link->event_count; event++) {
            text_buffer_append_string(out, event == 0 ? "[" : ", ");
            append_quoted(out, link->events[event]);
        }
        text_buffer_append_string(out, link->event_count == 0 ? "~, known: " : "], known: ");
        append_source(out, &link->known);
        for (uint32_t kind = 0; kind < COLUMN_LINK_COUNT; kind++) {
            text_buffer_printf(out, ", %s: ", words[kind]);
            append_source(out, &link->ids[kind]);
        }
        text_buffer_append_string(out, " }\n");
    }
}

static void append_unroll(struct text_buffer *out, const struct mapping *mapping)
{
    const struct mapping_source source = {.kind = mapping->unroll_count == 0 ? FROM_NOWHERE
                                                                             : FROM_PATHS,
                                          .path_count = mapping->unroll_count,
                                          .paths = mapping->unrolls};
    if (!mapping->unroll_optional || mapping->unroll_count == 0) {
        append_key(out, "unroll", &source);
        return;
    }
    text_buffer_append_string(out, "unroll: { path: ");
    append_source(out, &source);
    text_buffer_append_string(out, ", optional: true }\n");
}

void mapping_describe(const struct mapping *mapping, struct text_buffer *out)
{
    static const char *const formats[] = {"json", "csv", "tsv", "combined", "log"};
    static const char *const packed[] = {"auto", "lines", "no"};
    text_buffer_printf(out, "format: %s\n", formats[mapping->format]);
    text_buffer_printf(out, "packed: %s\n", packed[mapping->packed]);
    append_unroll(out, mapping);
    append_texts(out, "columns", mapping->columns, mapping->column_count);
    text_buffer_append_string(out, "\n");
    append_key(out, "user", &mapping->user);
    append_key(out, "anonymous", &mapping->anonymous);
    if (mapping->anonymous_prefix.size > 0) {
        text_buffer_append_string(out, "anonymous_prefix: ");
        append_quoted(out, mapping->anonymous_prefix);
        text_buffer_append_string(out, "\n");
    }
    append_time(out, "time", &mapping->time, &mapping->time_rule);
    append_time(out, "received", &mapping->received, &mapping->received_rule);
    if (mapping->max_time_us == MAPPING_NO_MAX_TIME) {
        text_buffer_append_string(out, "max_time: ~\n");
    } else {
        text_buffer_append_string(out, "max_time: ");
        text_buffer_append_string(out, "'");
        // A decimal number of seconds is read back exactly.
        text_buffer_printf(out, "%lld.%06lld'\n", (long long)(mapping->max_time_us / 1000000),
                           (long long)(mapping->max_time_us % 1000000));
    }
    append_key(out, "sequence", &mapping->sequence);
    append_key(out, "name", &mapping->name);
    append_names(out, mapping);
    append_key(out, "event_id", &mapping->event_id);
    text_buffer_append_string(out, "revenue: { amount: ");
    append_source(out, &mapping->amount);
    text_buffer_append_string(out, ", currency: ");
    append_source(out, &mapping->currency);
    append_texts(out, ", events", mapping->amount_names, mapping->amount_name_count);
    text_buffer_append_string(out, " }\n");
    append_attributes(out, mapping);
    append_key(out, "skip_where_missing", &mapping->skip_where_missing);
    append_links(out, mapping);
}
