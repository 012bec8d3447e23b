// SPDX-License-Identifier: Apache-2.0
/// Lines out of a window: LF or CRLF ends them, a last line needs no end, an overlong one is passed
/// over in bounded memory. Thread: as the window.
#pragma once

#include "ingest/replay/replay_window.h"
#include "ingest/source.h"

#define REPLAY_EXCERPT_SIZE 4096      ///< of an overlong line this much is delivered
#define REPLAY_READY_SIZE (32u << 10) ///< bytes of lines given out at once, at most

struct replay_lines {
    uint32_t size_max;      ///< of a line without its end
    size_t scanned;         ///< bytes after window->at known to hold no LF
    int64_t skipped_offset; ///< begin of the overlong line being passed over, else -1
    size_t excerpt_size;
    int64_t ready_end; ///< offset behind whole lines that are known to be at hand
    bool delivered;    ///< a line came since the file was opened
    char excerpt[REPLAY_EXCERPT_SIZE];
};

void replay_lines_init(struct replay_lines *lines, uint32_t size_max);
/// The next line. Its bytes are valid until the next call. A stream that was cut ends with a
/// message marked `truncated`, which may be empty.
enum source_poll replay_lines_next(struct replay_lines *lines, struct replay_window *window,
                                   struct source_message *message_out, struct corong_error *error);
/// Whole lines at hand, each ended by a line feed; empty where the next one must come by
/// replay_lines_next(): it is the first of its file, may be overlong, or is not all there yet.
struct text replay_lines_ready(struct replay_lines *lines, const struct replay_window *window);
/// The first `size` bytes of them were taken, whole lines.
void replay_lines_take(struct replay_lines *lines, struct replay_window *window, size_t size);
/// The first line of `prefix`, or missing where it is longer than that.
struct text replay_lines_header(struct text prefix);
/// True where a file with this header is a log that names its columns in lines with '#' at their
/// heads.
bool replay_lines_has_directives(struct text header);
