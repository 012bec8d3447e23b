// SPDX-License-Identifier: Apache-2.0
/// Proposes a configuration from a sample of a log: what each field probably is, why, and what
/// becomes of the sample when it is read that way. Thread: main.
#pragma once

#include "storage/base/arena.h"
#include "storage/base/error.h"
#include "storage/base/text.h"

#include <stdint.h>

#define INIT_SAMPLE_SIZE_MAX (4u << 20) ///< bytes of a log that are looked at
#define INIT_LINE_COUNT_MAX 20000u

/// What became of the sample under the proposal.
struct init_outcome {
    uint64_t messages;
    uint64_t events;   ///< stored
    uint64_t rejected; ///< messages and events that are not
    char reason[128];  ///< of the first one that was rejected; empty where there is none
};

/// Which preset a line looks like, or NULL; `because_out` says why.
typedef const char *init_guess(struct text line, const char **because_out);

/// Writes a corong.yaml for logs like `sample`, a whole number of lines of `path`. CORONG_INVALID
/// where no user or time can be told, or the format is none that is read; the message says which.
/// `error` may not be NULL.
CORONG_MUST_CHECK enum corong_status
init_propose(const char *path, struct text sample, init_guess *guess, struct arena *arena,
             struct text_buffer *out, struct init_outcome *outcome_out, struct corong_error *error);
