// SPDX-License-Identifier: Apache-2.0
/// The ingest door: runs pumps (one thread each: poll → decode → engine) over sources until they
/// end or a stop is asked for, and keeps the books.
///
/// Thread: ingest_run() is called by main and blocks; ingest_progress() and ingest_stop() may be
/// called from another thread or a signal handler's thread meanwhile.
#pragma once

#include "engine/engine.h"
#include "ingest/decode/decode.h"
#include "ingest/reject.h"
#include "ingest/source.h"
#include "storage/base/error.h"

#include <stdbool.h>
#include <stdint.h>

/// What to read. Paths are files, directories (all files in them, sorted, recursively), globs, or
/// "-".
struct ingest_options {
    struct store *store;                   ///< open for writing
    struct mapping *mapping;               ///< bound to the store
    const struct definitions *definitions; ///< followed live; may be NULL
    const char *const *paths;
    uint32_t path_count;
    /// Kafka instead of files: "topic" or "topic:partition,partition"; NULL-terminated array or
    /// NULL.
    const char *const *kafka_topics;
    const char *const *kafka_properties; ///< "name=value" pairs, NULL-terminated or NULL
    bool kafka_stop_at_end;              ///< stop when every partition reached its end
    bool dead_letters;           ///< `paths` are dead-letter files: feed their messages again
    uint32_t pump_count;         ///< files read in parallel; 0: one per two cores, at least 1
    uint32_t shard_count;        ///< 0: one per core
    uint64_t memory_limit_bytes; ///< 0: 1 GiB
    int64_t commit_interval_us;  ///< 0: 5 s
    uint32_t message_size_max;   ///< 0: DECODE_MESSAGE_SIZE_MAX
    int64_t session_timeout_us;
    bool live_unread;         ///< nobody will ask for ingest_live(): nothing is followed
    bool merge_in_background; ///< merges runs while it reads, at normal priority
};

/// The books: sums over sources of this run, and of the store.
struct ingest_books {
    struct store_counters run; ///< what this run read
    struct store_counters all; ///< since the store was made
    uint64_t duplicates_run;
    struct decode_notes bent; ///< what this run's decoders bent instead of refusing it
    uint64_t files;           ///< files named by the paths
    uint64_t files_skipped;   ///< already wholly in the store
    uint64_t files_resumed;   ///< continued from a committed position
};
/// messages = blank + rejected + decoded, and events = stored + rejected + late. True when both
/// hold.
bool ingest_books_balance(const struct store_counters *counters);

struct ingest_progress {
    uint64_t messages;
    uint64_t events;
    uint64_t rejected;
    uint64_t bytes_done;
    uint64_t bytes_total; ///< 0: unknown (standard input, a stream)
    int64_t elapsed_us;
};

struct ingest;

/// Resolves paths and checks them against the store (which files are new, resumed or done).
CORONG_MUST_CHECK enum corong_status ingest_create(struct ingest **ingest_out,
                                                   const struct ingest_options *options,
                                                   struct corong_error *error);
/// Reads everything, drains, commits. On a stop, what was read so far is committed.
CORONG_MUST_CHECK enum corong_status ingest_run(struct ingest *ingest, struct corong_error *error);
/// Asks the pumps to stop after the message in hand. Async-signal-safe.
void ingest_stop(struct ingest *ingest);
/// Thread-safe while ingest_run() runs.
void ingest_progress(struct ingest *ingest, struct ingest_progress *progress_out);
/// Live counts of the engine; valid while ingest_run() runs and after it. Thread-safe.
void ingest_live(struct ingest *ingest, struct arena *arena, struct engine_live_view *view_out);
/// After the run.
void ingest_books(const struct ingest *ingest, struct ingest_books *books_out);
/// After the run: up to `sample_max` samples, by reason. Returns how many.
uint32_t ingest_samples(const struct ingest *ingest, const struct reject_sample **samples_out,
                        uint32_t sample_max);
/// After the run: a sentence per file that was skipped, continued or failed, in the order of the
/// pumps; NULL at and beyond the last. Borrowed.
const char *ingest_note(const struct ingest *ingest, uint32_t index);
/// After the run: whether the sentence says that a file could not be read to its end.
bool ingest_note_is_failure(const struct ingest *ingest, uint32_t index);
/// NULL-safe.
void ingest_destroy(struct ingest *ingest);
