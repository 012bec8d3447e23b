// SPDX-License-Identifier: Apache-2.0
/// Recorded files as sources: which files there are, where the store stands in each, and their
/// messages.
///
/// A plan is made once, by main, before anything is read. It names the files in chains: the files
/// of one chain have one identity (copies of each other, or one the continuation of another) and
/// are read one after the other by one pump, each from where the one before it ended; chains are
/// independent. Thread: a plan is read-only after its creation, but a file of it belongs to the
/// pump that reads it.
#pragma once

#include "ingest/source.h"
#include "storage/base/error.h"
#include "storage/storage.h"

#include <stdbool.h>
#include <stdint.h>

#define REPLAY_NONE UINT32_MAX

struct replay_options {
    const char *const *paths; ///< files, directories, globs, "-"
    uint32_t path_count;
    uint32_t message_size_max;
    bool dead_letters; ///< the files hold dead-letter frames, not lines
    int input;         ///< a descriptor that "-" means; 0: standard input
    /// May shorten a file to the bytes of it that count; NULL: all do.
    uint64_t (*limit)(void *context, const char *path, uint64_t size_bytes);
    void *limit_context;
};

struct replay_stream;

/// One file of a plan.
struct replay_file {
    const char *path;
    struct replay_stream *stream; ///< kept open where it cannot be opened twice (a pipe), else NULL
    struct hash128 id;            ///< under which its position is committed
    struct store_position start;  ///< where the store stands; next_offset 0: nowhere. Counters too.
    uint64_t size_bytes;          ///< as it lies on disk; 0 for a pipe
    uint32_t prefix_size;         ///< decompressed bytes its own identity covers
    uint32_t next;                ///< the next file of the chain, or REPLAY_NONE
    bool stored; ///< an older, shorter copy of what the store holds: nothing to read
};

struct replay_plan {
    struct replay_file *files; ///< sorted by path
    uint32_t file_count;
    uint32_t *chains; ///< indices of the first files
    uint32_t chain_count;
    uint64_t bytes_total; ///< 0 where a file's size is unknown
    uint32_t message_size_max;
    bool dead_letters;
};

/// Finds the files and looks at the first 64 KiB of each. CORONG_NOT_FOUND: a path names nothing;
/// CORONG_INVALID: a file changed since the store read it. `store` may be NULL. Thread: main.
CORONG_MUST_CHECK enum corong_status replay_plan_create(struct replay_plan **plan_out,
                                                        const struct replay_options *options,
                                                        const struct store *store,
                                                        struct corong_error *error);
/// NULL-safe. Closes kept streams; sources opened from the plan must be closed before.
void replay_plan_destroy(struct replay_plan *plan);

/// Opens a file of a plan at `start` (a position of the same identity; NULL or next_offset 0: the
/// beginning). The content before the position is checked during the first polls. Close the source
/// with its `close` operation.
CORONG_MUST_CHECK enum corong_status
replay_open(struct source **source_out, const struct replay_plan *plan, struct replay_file *file,
            const struct store_position *start, struct corong_error *error);
