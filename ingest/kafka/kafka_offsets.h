// SPDX-License-Identifier: Apache-2.0
/// Where each partition stands: its identity in the store, the offset to start at, and the proof
/// that the log is still the one that was read. Thread: as the source.
#pragma once

#include "storage/base/error.h"
#include "storage/base/hash.h"
#include "storage/storage.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

struct kafka_partition {
    char *topic; ///< owned
    char *name;  ///< "topic/3"; owned
    int32_t partition;
    struct hash128 id;
    int64_t next_offset;   ///< 0 before the first message ever
    int64_t anchor_offset; ///< the last message, -1: none
    uint64_t anchor_hash;  ///< of its value
    int32_t epoch;
    bool proving; ///< the next message ought to be the anchor's
    bool at_end;
};

/// Identity of a partition: the same for every cluster that has a topic of this name.
struct hash128 kafka_offsets_id(const char *topic, int32_t partition);
/// Takes over the committed position, if there is one.
void kafka_offsets_restore(struct kafka_partition *partition, const struct store *store);
/// The offset to assign. Fails with CORONG_INVALID where the log no longer holds the position:
/// retention has passed it, or the topic was truncated or made anew.
CORONG_MUST_CHECK enum corong_status kafka_offsets_start(rd_kafka_t *consumer,
                                                         struct kafka_partition *partition,
                                                         int64_t *offset_out,
                                                         struct corong_error *error);
/// The first message after a start at the anchor. True: it was the anchor, the same as ever, and is
/// not to be delivered again. False with CORONG_OK: the anchor is gone (compaction), deliver this
/// one.
CORONG_MUST_CHECK enum corong_status kafka_offsets_prove(struct kafka_partition *partition,
                                                         const rd_kafka_message_t *message,
                                                         bool *passed_out,
                                                         struct corong_error *error);
/// Moves past a delivered message.
void kafka_offsets_advance(struct kafka_partition *partition, const rd_kafka_message_t *message);
