// SPDX-License-Identifier: Apache-2.0
/// What a message carries beside its bytes: a Kafka message's key, timestamp, place and headers. A
/// recorded line has none. Thread: values; all texts are borrowed from the message.
#pragma once

#include "storage/base/text.h"

#include <stdbool.h>
#include <stdint.h>

#define METADATA_NO_TIMESTAMP INT64_MIN
#define METADATA_NO_PARTITION (-1)

/// Names may repeat; the last of a name is the one that counts.
struct metadata_header {
    struct text name;
    struct text value; ///< missing: the header has no value
};

struct metadata {
    struct text key;      ///< missing: the message has none
    int64_t timestamp_us; ///< METADATA_NO_TIMESTAMP: none
    struct text topic;    ///< missing: none
    int32_t partition;    ///< METADATA_NO_PARTITION: none
    const struct metadata_header *headers;
    uint32_t header_count;
};

/// Bytes that a dead letter spends on metadata at most: beyond it headers are left out, then the
/// key.
#define METADATA_SIZE_MAX (1u << 20)

/// As bytes of a dead letter: u8 flags (1 key, 2 topic), i64 timestamp, i32 partition, key and
/// topic where flagged (u32 size, bytes), u32 header count, each: u8 whether it has a value, name,
/// value where it has one.
void metadata_append(struct text_buffer *out, const struct metadata *metadata);

/// Metadata read back, and the room for its headers. Start from {0}.
struct metadata_room {
    struct metadata metadata;
    struct metadata_header *headers;
    uint32_t header_capacity;
};
/// False where the bytes are not those of metadata_append(). Texts are borrowed from `bytes`.
bool metadata_read(struct text bytes, struct metadata_room *room);
void metadata_room_deinit(struct metadata_room *room);
