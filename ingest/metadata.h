// SPDX-License-Identifier: Apache-2.0
/// What a message carries beside its bytes: a Kafka message's key, timestamp, place and headers. A
/// recorded line has none. Thread: values; all texts are borrowed from the message.
#pragma once

#include "storage/base/text.h"

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
