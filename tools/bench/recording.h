// SPDX-License-Identifier: Apache-2.0
/// A recorded log (or what a topic holds), read once through the product's own decoder with the
/// user's mapping. Private to tools/bench/. Thread: one at a time.
#pragma once

#include "ingest/decode/decode.h"
#include "ingest/kafka/kafka.h"
#include "ingest/replay/replay.h"
#include "tools/bench/bench.h"

struct recording {
    struct arena arena;
    struct replay_plan *plan; ///< NULL: a topic
    uint32_t file;            ///< the next one
    struct source *source;
    struct mapping *mapping;
    struct schema schema;
    struct decoder *decoder;
    uint64_t messages;
    uint64_t bytes;
    uint64_t rejected; ///< messages and events
};

/// `paths`, or else the sample's topic to its present end. CORONG_INVALID, CORONG_NOT_FOUND and
/// CORONG_IO as of what is read. recording_close() in any case.
CORONG_MUST_CHECK enum corong_status recording_open(struct recording *recording,
                                                    const struct bench_options *options,
                                                    struct corong_error *error);
/// One message: its events go to `sink`, then true. False: the end, or an error (its status is
/// set).
bool recording_next(struct recording *recording, const struct decode_sink *sink,
                    struct text *message_out, struct corong_error *error);
void recording_close(struct recording *recording);
