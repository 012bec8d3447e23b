// SPDX-License-Identifier: Apache-2.0
/// The server's words on standard error: one line each, with time and level; and on a terminal a
/// frame beneath them that is drawn anew. Thread: any.
#pragma once

#include "ingest/service/service.h"
#include "storage/base/error.h"
#include "storage/base/text.h"

#include <stdbool.h>
#include <stdint.h>

/// Lines less severe than `least` are not written. Thread: main, before others.
void serve_log_init(enum service_severity least, bool terminal);
/// "2026-11-22T09:28:21.123Z info  <sentence>"; control bytes are made visible.
void serve_log_line(enum service_severity severity, const char *format, ...) CORONG_PRINTF(2, 3);
/// The same as a callback.
void serve_log_sentence(void *context, enum service_severity severity, const char *sentence);
/// Replaces the frame beneath the lines; an empty one removes it. Nothing where there is no
/// terminal.
void serve_log_frame(const struct text_buffer *lines, uint32_t height);
