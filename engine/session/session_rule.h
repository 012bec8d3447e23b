// SPDX-License-Identifier: Apache-2.0
/// Where a person's events are cut into sessions (SEMANTICS 2): before an event that comes more
/// than the timeout after the one before, and at a UTC midnight M where the unbroken run began at M
/// - 24 h or earlier. So a session is shorter than 48 h.
///
/// Of the run only one bit is kept: a session that a midnight began belongs to a run older than a
/// day, so every later midnight cuts it too; any other session is where its run began. Thread:
/// values.
#pragma once

#include "storage/base/clock.h"

#include <stdbool.h>
#include <stdint.h>

struct session_state {
    int64_t start_us;
    int64_t last_us;
    bool continued; ///< began at a midnight inside an unbroken run
};

static inline struct session_state session_begin(int64_t time_us)
{
    return (struct session_state){time_us, time_us, false};
}

/// session_step() of an event within the timeout, where a midnight may have to cut.
static inline bool session_cut_at_midnight(struct session_state *state, int64_t time_us)
{
    int64_t midnight_us = time_us - time_us % MICROSECONDS_PER_DAY;
    bool crosses = state->last_us < midnight_us;
    bool run_is_old = state->continued || midnight_us - state->start_us >= MICROSECONDS_PER_DAY;
    state->last_us = time_us;
    if (!crosses || !run_is_old) {
        return false;
    }
    state->start_us = time_us;
    state->continued = true;
    return true;
}

/// Takes an event that is not before the last one; true where it starts a new session.
static inline bool session_step(struct session_state *state, int64_t time_us, int64_t timeout_us)
{
    bool gap = time_us - state->last_us > timeout_us;
    // Seldom, so that neither a division nor a jump that is hard to guess stands in the way.
    bool may_be_old = state->continued || time_us - state->start_us >= MICROSECONDS_PER_DAY;
    if (__builtin_expect(may_be_old && !gap, false)) {
        return session_cut_at_midnight(state, time_us);
    }
    *state = (struct session_state){gap ? time_us : state->start_us, time_us, false};
    return gap;
}
