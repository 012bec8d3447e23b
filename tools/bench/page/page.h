// SPDX-License-Identifier: Apache-2.0
/// The HTML report of a benchmark's document (../README.md): one file that opens offline, asks
/// nothing of anybody (its Content-Security-Policy forbids it) and runs no script. Each figure has
/// its table; parts that the document lacks are said to be missing; parts that this program does
/// not know are in the list of all figures at its end. Thread: any.
#pragma once

#include "storage/base/error.h"
#include "storage/base/text.h"

/// Appends the page to `out`. `document` is the whole JSON text; CORONG_INVALID, with the place,
/// where it is no JSON or no document of a benchmark.
CORONG_MUST_CHECK enum corong_status page_write(struct text document, struct text_buffer *out,
                                                struct corong_error *error);
