// SPDX-License-Identifier: Apache-2.0
/// The bytes of one recorded file as they were before compression: plain, gzip (any number of
/// members) or zstd (any number of frames), told apart by their first bytes and never by the name.
/// Thread: a stream belongs to one thread at a time.
#pragma once

#include "storage/base/error.h"
#include "storage/base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLAY_PREFIX_SIZE 65536u ///< decompressed bytes that a file's identity may cover

enum replay_read {
    REPLAY_READ_BYTES,  ///< at least one byte came
    REPLAY_READ_IDLE,   ///< a pipe that has nothing at the moment; ask again
    REPLAY_READ_END,    ///< nothing more; see replay_stream_is_cut()
    REPLAY_READ_FAILED, ///< `error` says why
};

struct replay_stream;

/// Opens `path`, "-" being `input` (0: standard input), and looks at the first bytes (waits for
/// them on a pipe). CORONG_UNSUPPORTED for bzip2, xz and zip, which would otherwise be read as
/// lines of rubbish.
CORONG_MUST_CHECK enum corong_status replay_stream_open(struct replay_stream **stream_out,
                                                        const char *path, int input,
                                                        struct corong_error *error);
/// NULL-safe.
void replay_stream_close(struct replay_stream *stream);

/// The first REPLAY_PREFIX_SIZE decompressed bytes, or all where there are fewer. Before the first
/// read; waits on a pipe. Does not consume: reads begin with these bytes again. Borrowed until
/// close.
CORONG_MUST_CHECK enum corong_status replay_stream_peek(struct replay_stream *stream,
                                                        struct text *prefix_out,
                                                        struct corong_error *error);
/// Reads 1 to `capacity` decompressed bytes. Waits at most a tenth of a second on a pipe.
enum replay_read replay_stream_read(struct replay_stream *stream, void *bytes, size_t capacity,
                                    size_t *size_out, struct corong_error *error);
/// After REPLAY_READ_END: the compressed data ended inside a member or frame.
bool replay_stream_is_cut(const struct replay_stream *stream);

/// A plain regular file may jump to any offset instead of reading up to it.
bool replay_stream_can_seek(const struct replay_stream *stream);
CORONG_MUST_CHECK enum corong_status replay_stream_seek(struct replay_stream *stream,
                                                        int64_t offset, struct corong_error *error);
/// A regular file, which can be opened again from its start.
bool replay_stream_is_regular(const struct replay_stream *stream);
/// Bytes taken from the file as it lies on disk, and its size there (0 for a pipe).
uint64_t replay_stream_bytes_done(const struct replay_stream *stream);
uint64_t replay_stream_bytes_total(const struct replay_stream *stream);
