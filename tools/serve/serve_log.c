// SPDX-License-Identifier: Apache-2.0
#include "tools/serve/serve_log.h"

#include "tools/report/report.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

static struct {
    pthread_mutex_t lock;
    enum service_severity least;
    bool terminal;
    struct text_buffer frame; ///< as last drawn
    uint32_t line_count;      ///< of it, on the terminal
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

void serve_log_init(enum service_severity least, bool terminal)
{
    state.least = least;
    state.terminal = terminal;
}

static void append_now(struct text_buffer *out)
{
    struct timespec now;
    struct tm parts;
    char text[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    text_buffer_printf(out, "%s.%03ldZ ", text, now.tv_nsec / 1000000);
}

/// Moves up over the frame and clears from there on.
static void append_erasure(struct text_buffer *out)
{
    if (state.line_count > 0) {
        text_buffer_printf(out, "\x1b[%uA\r\x1b[J", state.line_count);
        state.line_count = 0;
    }
}

static void append_frame(struct text_buffer *out)
{
    if (state.frame.size == 0) {
        return;
    }
    // No wrapping while a frame is drawn: a long line must take one row.
    text_buffer_append_string(out, "\x1b[?7l");
    text_buffer_append(out, state.frame.bytes, state.frame.size);
    text_buffer_append_string(out, "\x1b[?7h");
    for (size_t at = 0; at < state.frame.size; at++) {
        state.line_count += state.frame.bytes[at] == '\n';
    }
}

static void write_out(struct text_buffer *out)
{
    fwrite(out->bytes, 1, out->size, stderr);
    fflush(stderr);
    text_buffer_deinit(out);
}

void serve_log_sentence(void *context, enum service_severity severity, const char *sentence)
{
    static const char *const LEVELS[] = {"info  ", "warn  ", "error "};
    (void)context;
    if (severity < state.least) {
        return;
    }
    struct text_buffer out = {0};
    pthread_mutex_lock(&state.lock);
    append_erasure(&out);
    append_now(&out);
    text_buffer_append_string(&out, LEVELS[severity]);
    report_text(&out, text_from(sentence));
    text_buffer_append_string(&out, "\n");
    append_frame(&out);
    write_out(&out);
    pthread_mutex_unlock(&state.lock);
}

void serve_log_line(enum service_severity severity, const char *format, ...)
{
    struct text_buffer sentence = {0};
    va_list arguments;
    char bytes[CORONG_ERROR_MESSAGE_SIZE + 256];
    va_start(arguments, format);
    vsnprintf(bytes, sizeof(bytes), format, arguments);
    va_end(arguments);
    text_buffer_append_string(&sentence, bytes);
    serve_log_sentence(NULL, severity, sentence.bytes);
    text_buffer_deinit(&sentence);
}

/// Keeps at most `height` lines.
static void keep_lines(const struct text_buffer *lines, uint32_t height)
{
    text_buffer_reset(&state.frame);
    uint32_t count = 0;
    size_t end = 0;
    while (end < lines->size && count < height) {
        count += lines->bytes[end] == '\n';
        end++;
    }
    text_buffer_append(&state.frame, lines->bytes, end);
}

void serve_log_frame(const struct text_buffer *lines, uint32_t height)
{
    if (!state.terminal) {
        return;
    }
    struct text_buffer out = {0};
    pthread_mutex_lock(&state.lock);
    append_erasure(&out);
    keep_lines(lines, height);
    append_frame(&out);
    write_out(&out);
    pthread_mutex_unlock(&state.lock);
}
