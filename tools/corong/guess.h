// SPDX-License-Identifier: Apache-2.0
/// Guesses the mapping of a log from its first line. Thread: main.
#pragma once

#include "storage/base/error.h"
#include "storage/base/text.h"

#define GUESS_LINE_SIZE_MAX (1u << 20)

/// The preset that fits a line, or NULL. `because_out` says what was recognised, or why nothing
/// was.
const char *guess_line(struct text line, const char **because_out);
/// Opens the first file that the paths name (a file, directory or glob; plain, gzip or zstd) and
/// looks at its first line. CORONG_INVALID where none fits; the message says how to go on.
CORONG_MUST_CHECK enum corong_status guess_preset(const char *const *paths, const char **preset_out,
                                                  const char **because_out,
                                                  struct corong_error *error);
