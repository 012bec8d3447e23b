// SPDX-License-Identifier: Apache-2.0
#include "ingest/replay/replay_stream.h"

#include "storage/base/invariant.h"
#include "storage/base/memory.h"

#include <zlib.h>
#include <zstd.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#define RAW_SIZE (1u << 20) ///< bytes asked of the system at once
#define MAGIC_SIZE 6u       ///< the longest magic looked at (xz)
#define WAIT_MS 100         ///< how long a pump may be deaf to a barrier
#define GZIP_WINDOW_BITS 31 ///< 15 bits, gzip header required
/// 128 MiB: what zstd itself accepts without being told otherwise; a hostile header can ask no
/// more.
#define ZSTD_WINDOW_LOG 27

enum replay_encoding { ENCODING_PLAIN = 0, ENCODING_GZIP, ENCODING_ZSTD };

struct replay_stream {
    char *path;
    int descriptor;
    bool regular;
    bool raw_ended; ///< read() returned 0
    bool ended;     ///< the decompressed end was reached
    bool cut;       ///< ... inside a member or frame
    bool between;   ///< compressed: no member or frame is open
    enum replay_encoding encoding;
    uint64_t bytes_total;
    uint64_t bytes_read;
    uint8_t *raw; ///< bytes of the file not yet decompressed or handed out
    size_t raw_at;
    size_t raw_end;
    char *prefix; ///< NULL until peeked
    size_t prefix_at;
    size_t prefix_size;
    z_stream gzip;
    ZSTD_DStream *zstd;
    struct corong_error failure; ///< the first one; every later read repeats it
};

/// One read() into `bytes`, with the end and errors told apart; waits briefly on a pipe.
static enum replay_read raw_read(struct replay_stream *stream, void *bytes, size_t capacity,
                                 size_t *size_out, struct corong_error *error)
{
    if (stream->raw_ended) {
        return REPLAY_READ_END;
    }
    if (!stream->regular) {
        struct pollfd waiting = {.fd = stream->descriptor, .events = POLLIN};
        int ready = poll(&waiting, 1, WAIT_MS);
        if (ready == 0 || (ready < 0 && errno == EINTR)) {
            return REPLAY_READ_IDLE;
        }
    }
    ssize_t got = read(stream->descriptor, bytes, capacity);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
        return REPLAY_READ_IDLE;
    }
    if (got < 0) {
        error_set_errno(error, "cannot read '%s'", stream->path);
        return REPLAY_READ_FAILED;
    }
    stream->raw_ended = got == 0;
    stream->bytes_read += (uint64_t)got;
    *size_out = (size_t)got;
    return got == 0 ? REPLAY_READ_END : REPLAY_READ_BYTES;
}

/// Adds to the raw bytes at hand; what was used up is forgotten first.
static enum replay_read raw_fill(struct replay_stream *stream, struct corong_error *error)
{
    size_t left = stream->raw_end - stream->raw_at;
    memmove(stream->raw, stream->raw + stream->raw_at, left);
    stream->raw_at = 0;
    stream->raw_end = left;
    size_t size = 0;
    enum replay_read result = raw_read(stream, stream->raw + left, RAW_SIZE - left, &size, error);
    stream->raw_end += size;
    return result;
}

static bool magic_is(const struct replay_stream *stream, const char *magic, size_t size)
{
    return stream->raw_end - stream->raw_at >= size &&
           memcmp(stream->raw + stream->raw_at, magic, size) == 0;
}

/// A zstd frame, or a skippable frame, with which pzstd begins its files.
static bool magic_is_zstd(const struct replay_stream *stream)
{
    return magic_is(stream, "\x28\xb5\x2f\xfd", 4) ||
           (stream->raw_end - stream->raw_at >= 4 && (stream->raw[stream->raw_at] & 0xf0) == 0x50 &&
            memcmp(stream->raw + stream->raw_at + 1, "\x2a\x4d\x18", 3) == 0);
}

static enum corong_status refuse_archives(const struct replay_stream *stream,
                                          struct corong_error *error)
{
    const char *kind = magic_is(stream, "BZh", 3) ? "bzip2"
                       : magic_is(stream,
                                  "\xfd"
                                  "7zXZ\0",
                                  6)
                           ? "xz"
                       : magic_is(stream, "PK\x03\x04", 4) ? "zip"
                                                           : NULL;
    if (kind == NULL) {
        return CORONG_OK;
    }
    return error_set(
        error, CORONG_UNSUPPORTED,
        "cannot read '%s': it is %s data; plain, gzip and zstd are read: decompress it "
        "and pipe it into standard input ('-')",
        stream->path, kind);
}

static enum corong_status detect_encoding(struct replay_stream *stream, struct corong_error *error)
{
    while (stream->raw_end < MAGIC_SIZE && !stream->raw_ended) {
        if (raw_fill(stream, error) == REPLAY_READ_FAILED) {
            return CORONG_IO;
        }
    }
    TRY(refuse_archives(stream, error));
    stream->between = true;
    if (magic_is(stream, "\x1f\x8b", 2)) {
        stream->encoding = ENCODING_GZIP;
        ASSERT(inflateInit2(&stream->gzip, GZIP_WINDOW_BITS) == Z_OK);
    } else if (magic_is_zstd(stream)) {
        stream->encoding = ENCODING_ZSTD;
        stream->zstd = ZSTD_createDStream();
        ASSERT(stream->zstd != NULL);
        ZSTD_DCtx_setParameter(stream->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
    }
    return CORONG_OK;
}

static enum corong_status open_descriptor(struct replay_stream *stream, int input,
                                          struct corong_error *error)
{
    bool standard_input = strcmp(stream->path, "-") == 0;
    stream->descriptor = standard_input ? fcntl(input, F_DUPFD_CLOEXEC, 3)
                                        : open(stream->path, O_RDONLY | O_CLOEXEC);
    if (stream->descriptor < 0) {
        return error_set_errno(error, "cannot open '%s'", stream->path);
    }
    struct stat status;
    if (fstat(stream->descriptor, &status) != 0) {
        return error_set_errno(error, "cannot examine '%s'", stream->path);
    }
    if (S_ISDIR(status.st_mode)) {
        return error_set(error, CORONG_INVALID, "cannot read '%s': it is a directory",
                         stream->path);
    }
    // Standard input stays a pipe even where the shell redirected a file into it: its descriptor
    // is shared with whoever started us, so it cannot be rewound.
    stream->regular = S_ISREG(status.st_mode) && !standard_input;
    stream->bytes_total = stream->regular ? (uint64_t)status.st_size : 0;
#ifdef POSIX_FADV_SEQUENTIAL
    if (stream->regular) {
        (void)posix_fadvise(stream->descriptor, 0, 0, POSIX_FADV_SEQUENTIAL);
    }
#endif
    return CORONG_OK;
}

enum corong_status replay_stream_open(struct replay_stream **stream_out, const char *path,
                                      int input, struct corong_error *error)
{
    struct replay_stream *stream = memory_allocate_zeroed(1, sizeof(*stream));
    stream->path = memory_copy_string(path, strlen(path));
    stream->descriptor = -1;
    stream->raw = memory_allocate(RAW_SIZE);
    enum corong_status status = open_descriptor(stream, input, error);
    if (status == CORONG_OK) {
        status = detect_encoding(stream, error);
    }
    if (status != CORONG_OK) {
        replay_stream_close(stream);
        return status;
    }
    *stream_out = stream;
    return CORONG_OK;
}

void replay_stream_close(struct replay_stream *stream)
{
    if (stream == NULL) {
        return;
    }
    if (stream->encoding == ENCODING_GZIP) {
        inflateEnd(&stream->gzip);
    }
    ZSTD_freeDStream(stream->zstd);
    if (stream->descriptor >= 0) {
        close(stream->descriptor);
    }
    memory_free(stream->prefix);
    memory_free(stream->raw);
    memory_free(stream->path);
    memory_free(stream);
}

static enum replay_read read_plain(struct replay_stream *stream, void *bytes, size_t capacity,
                                   size_t *size_out, struct corong_error *error)
{
    size_t left = stream->raw_end - stream->raw_at;
    if (left == 0) {
        return raw_read(stream, bytes, capacity, size_out, error);
    }
    *size_out = left < capacity ? left : capacity;
    memcpy(bytes, stream->raw + stream->raw_at, *size_out);
    stream->raw_at += *size_out;
    return REPLAY_READ_BYTES;
}

static enum replay_read damaged(struct replay_stream *stream, const char *what, const char *reason,
                                struct corong_error *error)
{
    error_set(error, CORONG_CORRUPT, "cannot decompress '%s': %s at byte %llu of the file: %s",
              stream->path, what, (unsigned long long)replay_stream_bytes_done(stream), reason);
    return REPLAY_READ_FAILED;
}

/// Between two gzip members: zero padding (tapes, block devices) is passed over, anything else must
/// be another member.
static enum replay_read gzip_next_member(struct replay_stream *stream, struct corong_error *error)
{
    while (stream->raw_at < stream->raw_end && stream->raw[stream->raw_at] == 0) {
        stream->raw_at++;
    }
    if (stream->raw_at == stream->raw_end) {
        return REPLAY_READ_IDLE;
    }
    if (stream->raw_end - stream->raw_at < 2 && !stream->raw_ended) {
        return REPLAY_READ_IDLE;
    }
    if (!magic_is(stream, "\x1f\x8b", 2)) {
        return damaged(stream, "gzip", "bytes after the end that are no further member", error);
    }
    ASSERT(inflateReset(&stream->gzip) == Z_OK);
    stream->between = false;
    return REPLAY_READ_BYTES;
}

static enum replay_read decompress_gzip(struct replay_stream *stream, void *bytes, size_t capacity,
                                        size_t *size_out, struct corong_error *error)
{
    if (stream->between) {
        enum replay_read result = gzip_next_member(stream, error);
        if (result != REPLAY_READ_BYTES) {
            return result;
        }
    }
    stream->gzip.next_in = stream->raw + stream->raw_at;
    stream->gzip.avail_in = (uInt)(stream->raw_end - stream->raw_at);
    stream->gzip.next_out = bytes;
    stream->gzip.avail_out = (uInt)(capacity < (1u << 30) ? capacity : (1u << 30));
    uInt room = stream->gzip.avail_out;
    int result = inflate(&stream->gzip, Z_NO_FLUSH);
    stream->raw_at = stream->raw_end - stream->gzip.avail_in;
    *size_out = room - stream->gzip.avail_out;
    stream->between = result == Z_STREAM_END;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR && *size_out == 0) {
        const char *reason = stream->gzip.msg != NULL ? stream->gzip.msg : "invalid data";
        return damaged(stream, "gzip", reason, error);
    }
    return *size_out > 0 ? REPLAY_READ_BYTES : REPLAY_READ_IDLE;
}

static enum replay_read decompress_zstd(struct replay_stream *stream, void *bytes, size_t capacity,
                                        size_t *size_out, struct corong_error *error)
{
    ZSTD_inBuffer in = {stream->raw + stream->raw_at, stream->raw_end - stream->raw_at, 0};
    ZSTD_outBuffer out = {bytes, capacity, 0};
    if (stream->between && in.size == 0) {
        return REPLAY_READ_IDLE;
    }
    size_t result = ZSTD_decompressStream(stream->zstd, &out, &in);
    stream->raw_at += in.pos;
    *size_out = out.pos;
    if (ZSTD_isError(result)) {
        return damaged(stream, "zstd", ZSTD_getErrorName(result), error);
    }
    stream->between = result == 0;
    return out.pos > 0 ? REPLAY_READ_BYTES : REPLAY_READ_IDLE;
}

static enum replay_read read_compressed(struct replay_stream *stream, void *bytes, size_t capacity,
                                        size_t *size_out, struct corong_error *error)
{
    for (;;) {
        size_t raw_left = stream->raw_end - stream->raw_at;
        enum replay_read result = stream->encoding == ENCODING_GZIP
                                      ? decompress_gzip(stream, bytes, capacity, size_out, error)
                                      : decompress_zstd(stream, bytes, capacity, size_out, error);
        if (result != REPLAY_READ_IDLE) {
            return result;
        }
        // Progress without output (a header, a skippable frame): go on before asking for more.
        if (stream->raw_end - stream->raw_at != raw_left && stream->raw_at != stream->raw_end) {
            continue;
        }
        result = raw_fill(stream, error);
        if (result == REPLAY_READ_END) {
            stream->cut = !stream->between || stream->raw_at != stream->raw_end;
            return REPLAY_READ_END;
        }
        if (result != REPLAY_READ_BYTES) {
            return result;
        }
    }
}

static enum replay_read read_decompressed(struct replay_stream *stream, void *bytes,
                                          size_t capacity, size_t *size_out,
                                          struct corong_error *error)
{
    *size_out = 0;
    if (stream->failure.status != CORONG_OK) {
        if (error != NULL) {
            *error = stream->failure;
        }
        return REPLAY_READ_FAILED;
    }
    if (stream->ended) {
        return REPLAY_READ_END;
    }
    enum replay_read result =
        stream->encoding == ENCODING_PLAIN
            ? read_plain(stream, bytes, capacity, size_out, &stream->failure)
            : read_compressed(stream, bytes, capacity, size_out, &stream->failure);
    stream->ended = result == REPLAY_READ_END;
    if (result == REPLAY_READ_FAILED && error != NULL) {
        *error = stream->failure;
    }
    return result;
}

enum corong_status replay_stream_peek(struct replay_stream *stream, struct text *prefix_out,
                                      struct corong_error *error)
{
    if (stream->prefix == NULL) {
        stream->prefix = memory_allocate(REPLAY_PREFIX_SIZE);
        enum replay_read result = REPLAY_READ_BYTES;
        while (stream->prefix_size < REPLAY_PREFIX_SIZE && result != REPLAY_READ_END) {
            size_t size;
            result = read_decompressed(stream, stream->prefix + stream->prefix_size,
                                       REPLAY_PREFIX_SIZE - stream->prefix_size, &size, error);
            if (result == REPLAY_READ_FAILED) {
                break; // what came before the damage is delivered; the damage is met again by a
                       // read
            }
            stream->prefix_size += size;
        }
        if (result == REPLAY_READ_FAILED && stream->prefix_size == 0) {
            return stream->failure.status;
        }
    }
    *prefix_out = (struct text){stream->prefix, stream->prefix_size};
    return CORONG_OK;
}

enum replay_read replay_stream_read(struct replay_stream *stream, void *bytes, size_t capacity,
                                    size_t *size_out, struct corong_error *error)
{
    ASSERT(capacity > 0);
    size_t left = stream->prefix_size - stream->prefix_at;
    if (left == 0) {
        return read_decompressed(stream, bytes, capacity, size_out, error);
    }
    *size_out = left < capacity ? left : capacity;
    memcpy(bytes, stream->prefix + stream->prefix_at, *size_out);
    stream->prefix_at += *size_out;
    return REPLAY_READ_BYTES;
}

bool replay_stream_is_cut(const struct replay_stream *stream)
{
    return stream->cut;
}

bool replay_stream_can_seek(const struct replay_stream *stream)
{
    return stream->regular && stream->encoding == ENCODING_PLAIN;
}

enum corong_status replay_stream_seek(struct replay_stream *stream, int64_t offset,
                                      struct corong_error *error)
{
    ASSERT(replay_stream_can_seek(stream) && offset >= 0);
    if (lseek(stream->descriptor, offset, SEEK_SET) < 0) {
        return error_set_errno(error, "cannot seek in '%s' to byte %lld", stream->path,
                               (long long)offset);
    }
    stream->raw_at = stream->raw_end = 0;
    stream->prefix_at = stream->prefix_size;
    stream->bytes_read = (uint64_t)offset;
    stream->raw_ended = stream->ended = false;
    return CORONG_OK;
}

bool replay_stream_is_regular(const struct replay_stream *stream)
{
    return stream->regular;
}

uint64_t replay_stream_bytes_done(const struct replay_stream *stream)
{
    return stream->bytes_read - (stream->raw_end - stream->raw_at);
}

uint64_t replay_stream_bytes_total(const struct replay_stream *stream)
{
    return stream->bytes_total;
}
