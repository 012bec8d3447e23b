// SPDX-License-Identifier: Apache-2.0
/// A part of a run in a process of its own: its memory is its own from the first byte, and it can
/// be killed as a machine kills. Private to tools/bench/. Thread: main, while there is no other.
#pragma once

#include "tools/bench/run.h"

/// What the child does. `size` is a copy of the caller's, given back as it leaves it; `rows_out`
/// (NULL at first) is given back too.
typedef enum corong_status child_work(struct run *run, struct run_size *size, json_t **rows_out,
                                      struct corong_error *error);

struct child_options {
    child_work *work;
    bool stays; ///< lives on after its answer, all threads of it, until child_kill()
};

struct child {
    pid_t pid; ///< 0: none
    int from;
};

/// Forks, and waits for the answer: `size` and `*rows_out` (may be NULL) are as the child left
/// them. CORONG_CANCELLED: the run was interrupted; no child is left then, nor after a failure.
/// Where it stays, child_kill() has to follow.
CORONG_MUST_CHECK enum corong_status child_run(struct child *child, struct run *run,
                                               const struct child_options *options,
                                               struct run_size *size, json_t **rows_out,
                                               struct corong_error *error);
/// kill -9, and waits until it is gone. NULL-safe fields: twice is once.
void child_kill(struct child *child);
