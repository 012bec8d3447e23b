// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/screen.h"

#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "tools/corong/console.h"

#include <errno.h>
#include <time.h>

#define FRAME_INTERVAL_US (MICROSECONDS_PER_SECOND / 10)
#define LINE_INTERVAL_US (5 * MICROSECONDS_PER_SECOND)

/// Copies at most `line_max` lines, each cleared to its right end; returns how many.
static uint32_t copy_lines(const struct text_buffer *lines, uint32_t line_max,
                           struct text_buffer *frame)
{
    uint32_t count = 0;
    for (size_t at = 0; at < lines->size && count < line_max; count++) {
        const char *end = memchr(lines->bytes + at, '\n', lines->size - at);
        size_t size = end == NULL ? lines->size - at : (size_t)(end - lines->bytes) - at;
        text_buffer_append(frame, lines->bytes + at, size);
        text_buffer_append_string(frame, "\x1b[K\n");
        at += size + 1;
    }
    return count;
}

/// One write a frame: the terminal never shows half of one.
static void draw_frame(struct screen *screen)
{
    struct arena arena = {0};
    struct text_buffer lines = {0};
    struct text_buffer frame = {0};
    struct ingest_progress progress;
    struct engine_live_view view;
    ingest_progress(screen->ingest, &progress);
    ingest_live(screen->ingest, &arena, &view);
    report_progress(&progress, &screen->style, &lines);
    text_buffer_append_string(&lines, "\n");
    report_live(&view, &screen->style, &lines);
    if (screen->line_count > 0) {
        text_buffer_printf(&frame, "\x1b[%uA", screen->line_count);
    }
    // No wrapping while a frame is drawn: a long line must take one row, or the next frame would
    // start too low.
    text_buffer_append_string(&frame, "\r\x1b[?7l");
    screen->line_count = copy_lines(&lines, console_height(stderr) - 1, &frame);
    text_buffer_append_string(&frame, "\x1b[J\x1b[?7h");
    fwrite(frame.bytes, 1, frame.size, stderr);
    fflush(stderr);
    text_buffer_deinit(&frame);
    text_buffer_deinit(&lines);
    arena_deinit(&arena);
}

static void draw_line(struct screen *screen)
{
    struct text_buffer line = {0};
    struct ingest_progress progress;
    ingest_progress(screen->ingest, &progress);
    text_buffer_append_string(&line, "corong: ");
    report_progress(&progress, &screen->style, &line);
    text_buffer_append_string(&line, "\n");
    fwrite(line.bytes, 1, line.size, stderr);
    text_buffer_deinit(&line);
}

/// True once screen_stop() was called; false when the interval is over.
static bool wait_interval(struct screen *screen, int64_t interval_us)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t nanoseconds = until.tv_nsec + interval_us * 1000;
    until.tv_sec += nanoseconds / 1000000000;
    until.tv_nsec = nanoseconds % 1000000000;
    pthread_mutex_lock(&screen->mutex);
    while (!screen->stopping &&
           pthread_cond_timedwait(&screen->stop_changed, &screen->mutex, &until) != ETIMEDOUT) {
    }
    bool stopping = screen->stopping;
    pthread_mutex_unlock(&screen->mutex);
    return stopping;
}

static void *draw_until_stopped(void *context)
{
    struct screen *screen = context;
    int64_t interval_us = screen->terminal ? FRAME_INTERVAL_US : LINE_INTERVAL_US;
    while (!wait_interval(screen, interval_us)) {
        if (screen->terminal) {
            draw_frame(screen);
        } else {
            draw_line(screen);
        }
    }
    return NULL;
}

void screen_start(struct screen *screen, struct ingest *ingest, const struct report_style *style,
                  bool terminal)
{
    pthread_condattr_t attributes;
    *screen = (struct screen){.ingest = ingest, .style = *style, .terminal = terminal};
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&screen->mutex, NULL);
    pthread_cond_init(&screen->stop_changed, &attributes);
    pthread_condattr_destroy(&attributes);
    ASSERT(pthread_create(&screen->thread, NULL, draw_until_stopped, screen) == 0);
}

void screen_stop(struct screen *screen)
{
    pthread_mutex_lock(&screen->mutex);
    screen->stopping = true;
    pthread_cond_signal(&screen->stop_changed);
    pthread_mutex_unlock(&screen->mutex);
    pthread_join(screen->thread, NULL);
    pthread_cond_destroy(&screen->stop_changed);
    pthread_mutex_destroy(&screen->mutex);
    if (screen->terminal) {
        draw_frame(screen); // the funnels as they ended stay on the terminal
    }
}
