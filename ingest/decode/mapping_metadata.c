// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/mapping.h"

#include <string.h>

#define PREFIX TEXT_LITERAL("kafka.")
#define HEADER_PREFIX TEXT_LITERAL("kafka.headers.")

struct metadata_word {
    const char *path;
    enum mapping_metadata_kind kind;
};
static const struct metadata_word words[] = {
    {"kafka.key", METADATA_KEY},
    {"kafka.timestamp", METADATA_TIMESTAMP},
    {"kafka.topic", METADATA_TOPIC},
    {"kafka.partition", METADATA_PARTITION},
    {"kafka.headers.NAME", METADATA_HEADER},
};
#define WORD_COUNT (sizeof(words) / sizeof(words[0]))

static bool begins_with(struct text text, struct text prefix)
{
    return text.size >= prefix.size && memcmp(text.bytes, prefix.bytes, prefix.size) == 0;
}

/// The one that it begins, else the one with the fewest letters changed.
static const char *nearest_word(struct text text)
{
    size_t best = 0;
    for (size_t index = 0; index < WORD_COUNT && text.size > PREFIX.size; index++) {
        if (begins_with(text_from(words[index].path), text)) {
            return words[index].path;
        }
    }
    for (size_t index = 1; index < WORD_COUNT; index++) {
        if (text_distance(text, text_from(words[index].path)) <
            text_distance(text, text_from(words[best].path))) {
            best = index;
        }
    }
    return words[best].path;
}

enum corong_status mapping_metadata_path(struct mapping_path *path, struct corong_error *error)
{
    struct text text = path->text;
    path->metadata = METADATA_NONE;
    if (!begins_with(text, PREFIX)) {
        return CORONG_OK;
    }
    for (size_t index = 0; index + 1 < WORD_COUNT; index++) {
        if (text_equal(text, text_from(words[index].path))) {
            path->metadata = words[index].kind;
            return CORONG_OK;
        }
    }
    if (begins_with(text, HEADER_PREFIX) && text.size > HEADER_PREFIX.size) {
        path->metadata = METADATA_HEADER;
        path->header =
            (struct text){text.bytes + HEADER_PREFIX.size, text.size - HEADER_PREFIX.size};
        return CORONG_OK;
    }
    return error_set(error, CORONG_INVALID,
                     "%s:%zu:%zu: path '%.*s': a Kafka message has kafka.key, kafka.timestamp, "
                     "kafka.topic, kafka.partition and kafka.headers.NAME; did you mean '%s'? (a "
                     "field 'kafka' of the message itself is written '\\kafka')",
                     path->file, path->line, path->column, (int)text.size, text.bytes,
                     nearest_word(text));
}

uint16_t mapping_metadata_field(struct mapping *mapping, const struct mapping_path *path)
{
    for (uint32_t index = 0; index < mapping->metadata_count; index++) {
        const struct mapping_metadata *known = &mapping->metadata[index];
        if (known->kind == path->metadata && text_equal(known->header, path->header)) {
            return known->field;
        }
    }
    mapping->wants_headers = mapping->wants_headers || path->metadata == METADATA_HEADER;
    mapping->metadata[mapping->metadata_count++] = (struct mapping_metadata){
        .kind = path->metadata, .header = path->header, .field = mapping->field_count};
    return mapping->field_count++;
}
