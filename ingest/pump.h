// SPDX-License-Identifier: Apache-2.0
/// One ingest thread's work: poll a source, decode its messages, push the events, keep the books,
/// and answer the engine's barriers with the positions that moved.
///
/// Thread: a pump belongs to the thread that opened it; only its progress is read by others.
#pragma once

#include "engine/engine.h"
#include "ingest/decode/decode.h"
#include "ingest/pump_shared.h"
#include "ingest/reject.h"
#include "ingest/source.h"
#include "storage/base/error.h"

#include <stdbool.h>
#include <stdint.h>

/// Where one partition of the source in hand stands.
struct pump_track {
    struct text name;
    struct store_counters counters; ///< cumulative, as they are committed
    int64_t next_offset;            ///< of the last message, or -1 before the first
    bool moved;                     ///< since the last barrier
};

/// A cut that its source has not been told of yet.
struct pump_cut {
    uint64_t epoch; ///< that commits it
    struct store_position *positions;
    uint32_t position_count;
};
#define PUMP_CUT_COUNT_MAX 4u

struct pump;
/// Whoever runs pumps that outlive an engine. When `asked` is set or the engine has failed, a pump
/// calls `leave` between two messages; the callback closes the pump, waits, rewinds it if need be,
/// and enters it into another engine (or none: then the pump's stop must be set).
struct pump_host {
    struct pump_stop asked;
    void (*leave)(void *context, struct pump *pump);
    void *context;
};

struct pump {
    struct engine *engine;
    struct engine_producer *producer;
    struct decoder *decoder; ///< NULL without a mapping: then only sources without messages
    struct reject_log rejects;
    struct store_counters run; ///< what this pump read
    uint64_t decoded;          ///< messages that were neither blank nor rejected
    struct pump_progress *progress;
    const struct pump_stop *stop;
    const struct pump_host *host; ///< NULL: one engine for life
    uint64_t bytes_before;        ///< of the sources that ended
    struct decode_notes bent;     ///< of decoders before the one in use

    struct source *source;     ///< in hand
    struct pump_track *tracks; ///< its partitions
    uint32_t track_count;
    int64_t resume_offset; ///< of a file that goes on behind its header; -1: another source

    struct pump_track *track; ///< of the message in hand
    const struct source_message *message;
    bool headers_loaded;  ///< of the message in hand
    uint32_t event_index; ///< events found in it so far
    uint32_t event_taken; ///< of those, how many counted
    bool line_tried;      ///< take_lines() left it

    struct store_position *moved; ///< for the next barrier
    uint32_t moved_count;
    uint32_t moved_capacity;

    struct pump_cut cuts[PUMP_CUT_COUNT_MAX]; ///< oldest first
    uint32_t cut_count;
    int64_t asked_us; ///< when a commit was last asked for by a flush
};

/// Opens the thread's producer and its decoder. `progress` and `stop` outlive the pump. `mapping`
/// may be NULL where pump_set_mapping() follows.
void pump_open(struct pump *pump, struct engine *engine, const struct mapping *mapping,
               const struct schema *schema, struct pump_progress *progress,
               const struct pump_stop *stop);

/// Reads a source until it ends, fails or a stop is asked for. `starts` are the committed positions
/// of its partitions, in their order (only the counters are used); NULL: the source knows. On a
/// failure what came before it counts. `last_out` (may be NULL) gets the position of partition 0 at
/// the end.
CORONG_MUST_CHECK enum corong_status pump_read(struct pump *pump, struct source *source,
                                               const struct store_position *starts,
                                               struct store_position *last_out,
                                               struct corong_error *error);
/// Counts bytes of a file that need not be read as done.
void pump_pass(struct pump *pump, uint64_t size_bytes);

/// Another mapping (NULL: none) for the next sources, or for the rest of the one in hand.
void pump_set_mapping(struct pump *pump, const struct mapping *mapping,
                      const struct schema *schema);
/// Forgets what was counted, sampled and bent, for the next job's books. Between two sources.
void pump_reset_books(struct pump *pump);
/// What its decoders bent since the books were reset.
struct decode_notes pump_notes(const struct pump *pump);

/// The final barrier; nothing may be read afterwards unless pump_enter() follows. Books and rejects
/// stay until pump_deinit().
void pump_close(struct pump *pump);
/// Between pump_close() and pump_enter(), where the engine was closed without a drain: the source
/// in hand goes back to the store's positions, and so do its counters and the books.
void pump_rewind(struct pump *pump, const struct store_position *positions,
                 uint32_t position_count);
/// After pump_close(): opens a producer of another engine; a source in hand goes on. What the pump
/// delivered must be durable by now, or rewound.
/// pump_set_mapping must follow where the schema grew.
void pump_enter(struct pump *pump, struct engine *engine);
void pump_deinit(struct pump *pump);
