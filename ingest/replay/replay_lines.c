// SPDX-License-Identifier: Apache-2.0
#include "ingest/replay/replay_lines.h"

#include <string.h>

static const struct text byte_order_mark = {"\xef\xbb\xbf", 3};

void replay_lines_init(struct replay_lines *lines, uint32_t size_max)
{
    lines->size_max = size_max;
    lines->scanned = 0;
    lines->skipped_offset = -1;
    lines->excerpt_size = 0;
    lines->ready_end = 0;
    lines->delivered = false;
}

/// Some editors begin a file with a byte order mark; it belongs to no line.
static struct text without_mark(struct text line)
{
    bool marked = line.size >= byte_order_mark.size &&
                  memcmp(line.bytes, byte_order_mark.bytes, byte_order_mark.size) == 0;
    return marked
               ? (struct text){line.bytes + byte_order_mark.size, line.size - byte_order_mark.size}
               : line;
}

static struct text without_return(struct text line)
{
    if (line.size > 0 && line.bytes[line.size - 1] == '\r') {
        line.size--;
    }
    return line;
}

struct text replay_lines_header(struct text prefix)
{
    bool whole = prefix.size < REPLAY_PREFIX_SIZE;
    prefix = without_mark(prefix);
    const char *end = prefix.size == 0 ? NULL : memchr(prefix.bytes, '\n', prefix.size);
    if (end == NULL && !whole) {
        return TEXT_MISSING;
    }
    // A log says what its columns are in one of the lines with '#' at its head.
    while (end != NULL && prefix.bytes[0] == '#' &&
           (size_t)(end + 1 - prefix.bytes) < prefix.size && end[1] == '#') {
        const char *begin = end + 1;
        const char *next = memchr(begin, '\n', prefix.size - (size_t)(begin - prefix.bytes));
        if (next == NULL && !whole) {
            break; // a line that is cut says less than none
        }
        end = next;
    }
    size_t size = end == NULL ? prefix.size : (size_t)(end - prefix.bytes);
    return without_return((struct text){prefix.bytes, size});
}

bool replay_lines_has_directives(struct text header)
{
    return header.size > 0 && header.bytes[0] == '#';
}

/// Delivers the `size` bytes at hand as a line; `end_size` bytes of line end follow them.
static void deliver(struct replay_lines *lines, struct replay_window *window, size_t size,
                    size_t end_size, struct source_message *message)
{
    int64_t offset = replay_window_offset(window);
    struct text line = {window->bytes + window->at, size};
    line = without_return(line);
    if (offset == 0) {
        line = without_mark(line);
    }
    window->at += size + end_size;
    lines->scanned = 0;
    lines->delivered = true;
    replay_window_deliver(window);
    *message = (struct source_message){.bytes = line,
                                       .offset = offset,
                                       .next_offset = window->delivered_offset,
                                       .only_event = SOURCE_EVERY_EVENT,
                                       .starts_file = offset == 0,
                                       .one_line = true};
    if (line.size > lines->size_max) {
        message->too_long = true;
        message->bytes.size = REPLAY_EXCERPT_SIZE < line.size ? REPLAY_EXCERPT_SIZE : line.size;
    }
}

static void deliver_skipped(struct replay_lines *lines, struct replay_window *window,
                            struct source_message *message)
{
    replay_window_deliver(window);
    *message = (struct source_message){.bytes = {lines->excerpt, lines->excerpt_size},
                                       .offset = lines->skipped_offset,
                                       .next_offset = window->delivered_offset,
                                       .only_event = SOURCE_EVERY_EVENT,
                                       .starts_file = lines->skipped_offset == 0,
                                       .too_long = true};
    lines->skipped_offset = -1;
    lines->delivered = true;
}

/// Begins to pass over a line whose end is not even in sight.
static void skip_begin(struct replay_lines *lines, struct replay_window *window)
{
    size_t size = window->end - window->at;
    lines->skipped_offset = replay_window_offset(window);
    lines->excerpt_size = size < REPLAY_EXCERPT_SIZE ? size : REPLAY_EXCERPT_SIZE;
    memcpy(lines->excerpt, window->bytes + window->at, lines->excerpt_size);
}

/// What is left when the input is over: a last line without an end, or nothing.
static enum source_poll finish(struct replay_lines *lines, struct replay_window *window,
                               struct source_message *message)
{
    bool cut = replay_stream_is_cut(window->stream);
    if (lines->skipped_offset >= 0) {
        deliver_skipped(lines, window, message);
        return SOURCE_MESSAGE;
    }
    size_t size = window->end - window->at;
    if (size == 0 && !(cut && lines->delivered)) {
        return SOURCE_END;
    }
    deliver(lines, window, size, 0, message);
    message->truncated = cut;
    lines->delivered = false; // the end of a cut stream is told once
    return SOURCE_MESSAGE;
}

/// Looks for a line end in the bytes at hand. False: more are needed.
static bool take_line(struct replay_lines *lines, struct replay_window *window,
                      struct source_message *message)
{
    const char *from = window->bytes + window->at + lines->scanned;
    size_t size = window->end - window->at - lines->scanned;
    const char *found = size == 0 ? NULL : memchr(from, '\n', size);
    if (lines->skipped_offset >= 0) {
        window->at = found == NULL ? window->end : (size_t)(found + 1 - window->bytes);
        if (found != NULL) {
            deliver_skipped(lines, window, message);
        }
        return found != NULL;
    }
    if (found != NULL) {
        deliver(lines, window, (size_t)(found - (window->bytes + window->at)), 1, message);
        return true;
    }
    lines->scanned += size;
    // One more than the limit may be the carriage return of the line end.
    if (lines->scanned > (size_t)lines->size_max + 1) {
        skip_begin(lines, window);
        lines->scanned = 0;
        window->at = window->end;
    }
    return false;
}

enum source_poll replay_lines_next(struct replay_lines *lines, struct replay_window *window,
                                   struct source_message *message_out, struct corong_error *error)
{
    while (!take_line(lines, window, message_out)) {
        bool skipping = lines->skipped_offset >= 0;
        switch (replay_window_fill(window, error)) {
        case REPLAY_READ_BYTES:
            if (skipping) {
                return SOURCE_IDLE; // gigabytes may follow: let the pump serve a barrier
            }
            break;
        case REPLAY_READ_IDLE:
            return SOURCE_IDLE;
        case REPLAY_READ_END:
            return finish(lines, window, message_out);
        case REPLAY_READ_FAILED:
            return SOURCE_FAILED;
        }
    }
    return SOURCE_MESSAGE;
}

struct text replay_lines_ready(struct replay_lines *lines, const struct replay_window *window)
{
    const char *from = window->bytes + window->at;
    int64_t offset = replay_window_offset(window);
    if (offset == 0 || lines->skipped_offset >= 0 || lines->size_max < REPLAY_READY_SIZE) {
        return TEXT_LITERAL("");
    }
    if (lines->ready_end <= offset) {
        size_t size = window->end - window->at;
        size = size < REPLAY_READY_SIZE ? size : REPLAY_READY_SIZE;
        const char *last = size == 0 ? NULL : memrchr(from, '\n', size);
        lines->ready_end = last == NULL ? offset : offset + (last + 1 - from);
    }
    return (struct text){from, (size_t)(lines->ready_end - offset)};
}

void replay_lines_take(struct replay_lines *lines, struct replay_window *window, size_t size)
{
    window->at += size;
    lines->scanned = 0;
    lines->delivered = true;
    replay_window_deliver(window);
}
