// SPDX-License-Identifier: Apache-2.0
/// A thread that reads a stream some blocks ahead of the window: copying a file out of the system's
/// cache, decompressing it or waiting for a disk goes on beside the decoding. Blocks are handed
/// over, not copied: before each there is room for what is carried over from the one before.
/// Thread: who started it; the stream is the reader's from start to stop.
#pragma once

#include "ingest/replay/replay_stream.h"
#include "storage/base/error.h"

#include <stddef.h>
#include <stdint.h>

#define REPLAY_BLOCK_HEAD 65536u ///< bytes before a block that may be written

struct replay_block {
    char *bytes; ///< REPLAY_BLOCK_HEAD bytes before and the padding behind them are its owner's too
    size_t size;
    enum replay_read result;   ///< BYTES, or how the stream ended behind the block before
    uint64_t bytes_done;       ///< replay_stream_bytes_done() behind it
    struct corong_error error; ///< of REPLAY_READ_FAILED
};

struct replay_ahead;

/// A regular file's stream. `padding` bytes can be read behind each block. NULL: there is no thread
/// to be had.
struct replay_ahead *replay_ahead_start(struct replay_stream *stream, size_t padding);
/// The next block, which is the caller's until replay_ahead_return(). BYTES: `*block_out` is it.
/// IDLE: none came within a tenth of a second. END or FAILED, again and again: `*block_out` says
/// more, and is not to be returned; the thread does not touch the stream any more.
enum replay_read replay_ahead_next(struct replay_ahead *ahead, struct replay_block **block_out);
/// Gives a block back. In the order in which they came.
void replay_ahead_return(struct replay_ahead *ahead);
/// Ends the thread and frees the blocks. NULL-safe.
void replay_ahead_stop(struct replay_ahead *ahead);
