// SPDX-License-Identifier: Apache-2.0
/// One user's way through one funnel, advanced instant by instant (SEMANTICS 4: order loose,
/// attempts best or first, unit user), and its packed form in a live user's entry.
///
/// Per level it keeps the latest-starting attempt that has completed it. An instant (all events of
/// one time and sequence number) is taken as a whole, because its events may fill several steps in
/// any order.
///
/// Thread: values.
#pragma once

#include "engine/funnel/funnel.h"

#include <stdbool.h>
#include <stdint.h>

#define LIVE_INSTANT_EVENT_COUNT_MAX 256u
#define LIVE_START_NONE UINT64_C(0)

/// Codes of slice values: 0 and 1 are fixed.
enum live_slice_code { LIVE_SLICE_NONE = 0, LIVE_SLICE_OTHER = 1, LIVE_SLICE_FIRST = 2 };

struct live_rule {
    uint32_t step_count;
    int64_t window_us;
    enum funnel_ties ties;
    bool first_only; ///< attempts: first
    bool sliced;
};

/// Start of an attempt as a number that orders like (time, sequence): time in microseconds << 3 |
/// ordinal, plus 1; LIVE_START_NONE where there is none.
struct live_state {
    uint64_t starts[FUNNEL_STEP_COUNT_MAX]; ///< by level - 1; the last level needs none
    uint16_t slices[FUNNEL_STEP_COUNT_MAX]; ///< of the attempt's entry event
    uint8_t level;                          ///< of the reported attempt; 0: no entry yet
    uint16_t slice;                         ///< of the reported attempt's entry event
};

/// An event that matches some step: bit k says that it may fill step k + 1.
struct live_event {
    uint32_t steps;
    uint16_t slice;
};

static inline uint64_t live_start(int64_t time_us, uint32_t ordinal)
{
    return ((uint64_t)time_us << 3 | ordinal) + 1;
}

/// Takes one instant. `events` are in canonical order. False where the instant is too large to be
/// matched; the state is unchanged then.
bool live_funnel_take(const struct live_rule *rule, struct live_state *state, uint64_t now,
                      const struct live_event *events, uint32_t event_count);

/// Bytes of a packed state.
uint32_t live_funnel_packed_size(const struct live_rule *rule);
/// All zero bytes are the state of a user without events.
void live_funnel_load(const struct live_rule *rule, const uint8_t *packed,
                      struct live_state *state_out);
void live_funnel_store(const struct live_rule *rule, const struct live_state *state,
                       uint8_t *packed);
