// SPDX-License-Identifier: Apache-2.0
/// Marks: messages that were read and must still stand in the log. Pure; the asking is in
/// kafka_source.h. Thread: as the source.
#pragma once

#include "ingest/kafka/kafka_offsets.h"
#include "storage/storage.h"

/// Forgets all marks and begins with this one, which was just proved or is about to be; -1: none.
void kafka_proof_begin(struct kafka_partition *partition, int64_t offset, uint64_t hash);
/// The last message before a position becomes a mark. One a second is kept, and the newest.
void kafka_proof_mark(struct kafka_partition *partition, const struct store_position *position,
                      int64_t now_us);
