// SPDX-License-Identifier: Apache-2.0
/// Where words go: results to standard output, everything else to standard error. Thread: main, but
/// console_complain() any.
#pragma once

#include "storage/base/error.h"
#include "storage/base/text.h"
#include "tools/corong/verbs.h"
#include "tools/report/report.h"

#include <stdio.h>

/// "corong: <formatted>" on standard error.
void console_complain(const char *format, ...) CORONG_PRINTF(1, 2);
/// A remark on standard error; the same, but it says that nothing is wrong.
void console_note(const char *format, ...) CORONG_PRINTF(1, 2);
/// Complains and gives the exit code that fits: a wrong request is misuse, the rest is failure.
enum exit_code console_fail(const struct corong_error *error);
/// Writes and frees; a full disk or closed pipe is EXIT_FAILED.
enum exit_code console_write(FILE *stream, struct text_buffer *text);
/// Columns of the terminal on `stream`; 80 where it is none.
uint32_t console_width(FILE *stream);
/// Rows of the terminal on `stream`; 24 where it is none.
uint32_t console_height(FILE *stream);
bool console_is_terminal(FILE *stream);
/// From --format, --color, --timing and the terminal of `stream`.
struct report_style console_style(const struct options *options, FILE *stream);
