// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/decoder.h"

#include "ingest/decode/utf8_check.h"

#include <inttypes.h>
#include <stdio.h>

/// Keys and headers are bytes; what is no UTF-8 is no text, and counts as missing.
static struct decode_field text_field(struct decoder *decoder, struct text text)
{
    if (text.bytes == NULL) {
        return (struct decode_field){0};
    }
    if (text.size >= UINT32_MAX || utf8_check(text) != NULL) {
        decoder->notes.mistyped++;
        return (struct decode_field){0};
    }
    return (struct decode_field){
        .bytes = text.bytes, .size = (uint32_t)text.size, .kind = FIELD_STRING};
}

static struct decode_field number_field(char *to, size_t size, int64_t number)
{
    int written = snprintf(to, size, "%" PRId64, number);
    return (struct decode_field){.bytes = to, .size = (uint32_t)written, .kind = FIELD_NUMBER};
}

/// Of repeated headers the last counts, as of repeated keys.
static struct text find_header(const struct metadata *metadata, struct text name)
{
    for (uint32_t index = metadata->header_count; index-- > 0;) {
        if (text_equal(metadata->headers[index].name, name)) {
            return metadata->headers[index].value;
        }
    }
    return TEXT_MISSING;
}

static struct decode_field field_of(struct decoder *decoder, const struct metadata *metadata,
                                    const struct mapping_metadata *wanted)
{
    switch (wanted->kind) {
    case METADATA_KEY:
        return text_field(decoder, metadata->key);
    case METADATA_TOPIC:
        return text_field(decoder, metadata->topic);
    case METADATA_HEADER:
        return text_field(decoder, find_header(metadata, wanted->header));
    case METADATA_TIMESTAMP:
        // As a text it has Kafka's unit; as a time it is taken as it is.
        return metadata->timestamp_us == METADATA_NO_TIMESTAMP
                   ? (struct decode_field){0}
                   : number_field(decoder->timestamp_text, sizeof(decoder->timestamp_text),
                                  metadata->timestamp_us / 1000);
    case METADATA_PARTITION:
        return metadata->partition == METADATA_NO_PARTITION
                   ? (struct decode_field){0}
                   : number_field(decoder->partition_text, sizeof(decoder->partition_text),
                                  metadata->partition);
    case METADATA_NONE:
        break;
    }
    return (struct decode_field){0};
}

void decode_metadata(struct decoder *decoder, const struct metadata *metadata)
{
    const struct mapping *mapping = decoder->mapping;
    decoder->metadata = metadata;
    for (uint32_t index = 0; index < mapping->metadata_count; index++) {
        const struct mapping_metadata *wanted = &mapping->metadata[index];
        decoder->fields[wanted->field] =
            metadata == NULL ? (struct decode_field){0} : field_of(decoder, metadata, wanted);
    }
}
