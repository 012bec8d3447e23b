// SPDX-License-Identifier: Apache-2.0
/// A Kafka consumer as one source with many partitions, statically assigned. Where it starts is the
/// store's word, never Kafka's: committed group offsets are advisory, for lag monitors.
/// Thread: opened by main, then the ingest thread's alone.
#pragma once

#include "ingest/source.h"
#include "storage/base/error.h"
#include "storage/storage.h"

#include <stdbool.h>
#include <stdint.h>

struct kafka_options {
    const char *const *topics;     ///< "topic" or "topic:0,3,4"; NULL-terminated
    const char *const *properties; ///< "name=value", NULL-terminated, or NULL
    bool stop_at_end;              ///< end when every partition reached its end
    uint32_t message_size_max;     ///< 0: DECODE_MESSAGE_SIZE_MAX
    const struct store *store;     ///< positions to continue at; may be NULL
};

/// Connects, asks for the topics' partitions, and assigns each at its stored position, else at its
/// earliest message. CORONG_INVALID: a property that is unknown, malformed or not the user's to
/// set; CORONG_NOT_FOUND: no such topic or partition; CORONG_IO (retriable): no broker answers.
CORONG_MUST_CHECK enum corong_status kafka_open(struct source **source_out,
                                                const struct kafka_options *options,
                                                struct corong_error *error);
