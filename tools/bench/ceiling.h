// SPDX-License-Identifier: Apache-2.0
/// What the load can do without the system, and what one stage of the system costs without the
/// others. Private to tools/bench/. Thread: main.
#pragma once

#include "tools/bench/run.h"

/// A pipe whose other end is read and thrown away by a thread of its own.
struct ceiling_pipe;
CORONG_MUST_CHECK enum corong_status ceiling_pipe_open(struct ceiling_pipe **pipe_out,
                                                       struct corong_error *error);
CORONG_MUST_CHECK enum corong_status ceiling_pipe_write(struct ceiling_pipe *pipe,
                                                        const char *bytes, size_t size,
                                                        struct corong_error *error);
void ceiling_pipe_close(struct ceiling_pipe *pipe);

/// Decodes lines of the crowd that are in memory, and fills run->decode_ns: the rest of what the
/// reading thread spends is fetching messages and handing events to shards.
CORONG_MUST_CHECK enum corong_status run_decode_alone(struct run *run, struct corong_error *error);
