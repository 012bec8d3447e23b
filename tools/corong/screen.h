// SPDX-License-Identifier: Apache-2.0
/// What a replay shows while it runs: on a terminal a progress bar with the live funnels beneath
/// it, redrawn in place about ten times a second; elsewhere a plain line every five seconds.
/// Standard error only.
///
/// Thread: screen_start() and screen_stop() by main; the drawing has a thread of its own.
#pragma once

#include "ingest/ingest.h"
#include "tools/report/report.h"

#include <pthread.h>

struct screen {
    struct ingest *ingest;
    struct report_style style;
    bool terminal;
    uint32_t line_count; ///< lines of the frame now on the terminal
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t stop_changed;
    bool stopping; ///< under mutex
};

/// `ingest` must outlive screen_stop(). The style is that of standard error.
void screen_start(struct screen *screen, struct ingest *ingest, const struct report_style *style,
                  bool terminal);
/// Joins the thread; on a terminal the last frame is replaced by what follows.
void screen_stop(struct screen *screen);
