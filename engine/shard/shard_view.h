// SPDX-License-Identifier: Apache-2.0
/// What a view sees of one shard: everything that came since the last commit, as sealed chunks. The
/// rows stay in the tail; the commit writes them again, for good, and its chunks go.
///
/// Each view adds one chunk of the rows that came since the view before. When ten small ones have
/// come together, one chunk takes their place, so that a question does not meet many; large ones
/// stay as they are, as copying them again would hold the shard up. Segments that a full tail wrote
/// before the commit are chunks too: open files.
///
/// Thread: the shard's.
#pragma once

#include "engine/shard/sealed_chunk.h"
#include "engine/shard/tail.h"
#include "storage/base/error.h"

#include <stdint.h>

struct shard_view_chunk {
    struct sealed_chunk *sealed; ///< held
    uint32_t first_row;          ///< of the tail, where it is in memory
};

struct shard_view {
    uint32_t chunk_count_max;        ///< in memory, at least 1
    struct shard_view_chunk *chunks; ///< files first, then those in memory, in order of rows
    uint32_t chunk_count;
    uint32_t chunk_capacity;
    uint32_t file_count;
    uint32_t row_count; ///< of the tail, that chunks in memory hold
};

void shard_view_deinit(struct shard_view *view);
/// Makes chunks of what came since the last call: of the files in `output` (all that were written
/// since the last commit) and of the tail's rows. CORONG_NO_MEMORY: the tail's budget has no room
/// for it, flush and call again. On failure the chunks are those of the last call, or fewer rows
/// are in them than the tail has: do not show them.
CORONG_MUST_CHECK enum corong_status shard_view_make(struct shard_view *view, struct tail *tail,
                                                     const struct tail_output *output,
                                                     struct corong_error *error);
/// The tail was flushed: its rows are in files now, which the next shard_view_make() opens.
void shard_view_flushed(struct shard_view *view);
/// Everything so far goes into a commit.
void shard_view_committed(struct shard_view *view);
