// SPDX-License-Identifier: Apache-2.0
/// A sliding window over a stream: what is not yet consumed, and before it the last bytes that
/// were, so that the anchor of a position can be computed at any moment. Offsets count decompressed
/// bytes. Thread: a window belongs to one thread at a time.
#pragma once

#include "ingest/replay/replay_ahead.h"
#include "ingest/replay/replay_fields.h"
#include "ingest/replay/replay_stream.h"
#include "storage/base/error.h"
#include "storage/storage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLAY_PADDING 64u      ///< bytes behind `end` that can be read
#define REPLAY_ANCHOR_SIZE 4096 ///< bytes before a position that must still be the same at a resume

struct replay_window {
    struct replay_stream *stream; ///< owned
    const char *path;             ///< for messages; the caller's
    char *bytes;                  ///< in `buffer`, or in the block in hand and before it
    char *buffer;                 ///< of blocks read here, and of lines that are long
    size_t capacity;              ///< of the buffer
    struct replay_ahead *ahead;   ///< who reads the stream; NULL: this thread
    bool holds_block;             ///< of those read ahead
    bool reads_ahead;             ///< the rest of the file is long enough, or there is no thread
    uint64_t bytes_done;          ///< of the file, up to `end`
    size_t at;                    ///< first byte not consumed
    size_t end;                   ///< end of what was read
    int64_t base_offset;          ///< of bytes[0]
    int64_t delivered_offset;     ///< end of the last message delivered: the position
    int64_t anchor_offset;        ///< anchor of delivered_offset, where `anchor_known`
    uint64_t anchor_hash;
    bool anchor_known;
    bool ended;
    bool names_fields;           ///< set by who resumes: bytes passed over are read for `fields`
    struct replay_fields fields; ///< of them
};

/// Takes the stream over.
void replay_window_init(struct replay_window *window, struct replay_stream *stream,
                        const char *path);
/// Closes the stream.
void replay_window_deinit(struct replay_window *window);

/// Reads one block behind `end`; may move the bytes, and grows only when what is not consumed fills
/// the buffer. Callers bound that.
enum replay_read replay_window_fill(struct replay_window *window, struct corong_error *error);
/// Bytes of the file as it lies on disk that were read up to `end`.
uint64_t replay_window_bytes_done(const struct replay_window *window);
/// Declares everything before `at` delivered.
void replay_window_deliver(struct replay_window *window);
/// Offset of the first byte not consumed.
int64_t replay_window_offset(const struct replay_window *window);
/// The anchor of the delivered offset; -1 and 0 at the very beginning.
void replay_window_anchor(struct replay_window *window, int64_t *anchor_offset_out,
                          uint64_t *anchor_hash_out);

/// Goes to a committed position, a step per call, and proves by its anchor that the content before
/// it is what was read then. BYTES: there. IDLE: call again. END: the file ends before the
/// position. FAILED: `error`; CORONG_INVALID where the content differs.
enum replay_read replay_window_resume(struct replay_window *window,
                                      const struct store_position *position,
                                      struct corong_error *error);
