// SPDX-License-Identifier: Apache-2.0
#include "ingest/metadata.h"

#include "storage/base/bytes.h"
#include "storage/base/memory.h"

#define FLAG_KEY 1u
#define FLAG_TOPIC 2u
#define FIXED_SIZE (1u + 8u + 4u + 4u)
#define HEADER_SIZE_MIN (1u + 4u)

static uint64_t header_size(const struct metadata_header *header)
{
    return HEADER_SIZE_MIN + header->name.size +
           (header->value.bytes == NULL ? 0 : sizeof(uint32_t) + header->value.size);
}

/// What fits: all headers or none, so that none of them seems to be the last of its name.
static uint32_t fitting_headers(const struct metadata *metadata, uint64_t used)
{
    for (uint32_t index = 0; index < metadata->header_count; index++) {
        used += header_size(&metadata->headers[index]);
    }
    return used > METADATA_SIZE_MAX ? 0 : metadata->header_count;
}

void metadata_append(struct text_buffer *out, const struct metadata *metadata)
{
    struct text topic = metadata->topic.size > UINT16_MAX ? TEXT_MISSING : metadata->topic;
    uint64_t used = FIXED_SIZE + sizeof(uint32_t) + topic.size;
    struct text key = metadata->key;
    if (used + sizeof(uint32_t) + key.size > METADATA_SIZE_MAX) {
        key = TEXT_MISSING;
    }
    used += key.bytes == NULL ? 0 : sizeof(uint32_t) + key.size;
    text_buffer_append_u8(out, (uint8_t)((key.bytes == NULL ? 0 : FLAG_KEY) |
                                         (topic.bytes == NULL ? 0 : FLAG_TOPIC)));
    text_buffer_append_i64(out, metadata->timestamp_us);
    text_buffer_append_u32(out, (uint32_t)metadata->partition);
    if (key.bytes != NULL) {
        text_buffer_append_sized(out, key);
    }
    if (topic.bytes != NULL) {
        text_buffer_append_sized(out, topic);
    }
    uint32_t count = fitting_headers(metadata, used);
    text_buffer_append_u32(out, count);
    for (uint32_t index = 0; index < count; index++) {
        const struct metadata_header *header = &metadata->headers[index];
        text_buffer_append_u8(out, header->value.bytes != NULL);
        text_buffer_append_sized(out, header->name);
        if (header->value.bytes != NULL) {
            text_buffer_append_sized(out, header->value);
        }
    }
}

static bool read_headers(struct byte_cursor *cursor, struct metadata_room *room)
{
    uint32_t count = byte_cursor_u32(cursor);
    if (cursor->failed || count > byte_cursor_left(cursor) / HEADER_SIZE_MIN) {
        return false;
    }
    if (count > room->header_capacity) {
        room->headers = memory_resize_array(room->headers, count, sizeof(room->headers[0]));
        room->header_capacity = count;
    }
    for (uint32_t index = 0; index < count; index++) {
        struct metadata_header *header = &room->headers[index];
        bool valued = byte_cursor_u8(cursor) != 0;
        header->name = byte_cursor_text(cursor);
        header->value = valued ? byte_cursor_text(cursor) : TEXT_MISSING;
    }
    room->metadata.headers = room->headers;
    room->metadata.header_count = count;
    return true;
}

bool metadata_read(struct text bytes, struct metadata_room *room)
{
    struct byte_cursor cursor = byte_cursor_over(bytes.bytes, bytes.size);
    struct metadata *metadata = &room->metadata;
    uint8_t flags = byte_cursor_u8(&cursor);
    metadata->timestamp_us = byte_cursor_i64(&cursor);
    metadata->partition = (int32_t)byte_cursor_u32(&cursor);
    metadata->key = (flags & FLAG_KEY) != 0 ? byte_cursor_text(&cursor) : TEXT_MISSING;
    metadata->topic = (flags & FLAG_TOPIC) != 0 ? byte_cursor_text(&cursor) : TEXT_MISSING;
    return (flags & ~(FLAG_KEY | FLAG_TOPIC)) == 0 && read_headers(&cursor, room) &&
           !cursor.failed && byte_cursor_left(&cursor) == 0;
}

void metadata_room_deinit(struct metadata_room *room)
{
    memory_free(room->headers);
    *room = (struct metadata_room){0};
}
