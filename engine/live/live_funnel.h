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

#define LIVE_START_NONE UINT64_C(0)
/// Starts of one microsecond that differ in their sequence numbers are told apart by an ordinal.
#define LIVE_START_ORDINAL_BITS 8

/// Codes of slice values: 0 and 1 are fixed.
enum live_slice_code { LIVE_SLICE_NONE = 0, LIVE_SLICE_OTHER = 1, LIVE_SLICE_FIRST = 2 };

struct live_rule {
    uint32_t step_count;
    int64_t window_us;
    enum funnel_ties ties;
    bool first_only; ///< attempts: first
    bool sliced;
};

/// Start of an attempt as a number that orders like (time, sequence): time in microseconds << 8 |
/// ordinal, plus 1; LIVE_START_NONE where there is none. Ordinals count the starts of one
/// microsecond that the state knows, so at most one per level is in use.
struct live_state {
    uint64_t starts[FUNNEL_STEP_COUNT_MAX]; ///< by level - 1, never later with a higher level; the
                                            ///< last level needs none
    uint16_t slices[FUNNEL_STEP_COUNT_MAX]; ///< of the attempt's entry event
    uint8_t level;                          ///< of the reported attempt; 0: no entry yet
    uint16_t slice;                         ///< of the reported attempt's entry event
};

/// An event that matches some step: bit k says that it may fill step k + 1.
struct live_event {
    uint32_t steps;
    uint16_t slice;
};

/// Takes one instant, which is not before any that the state knows. `events` are in canonical
/// order; of events that fill the same steps those that live_funnel_keeps() turns down may be
/// missing.
void live_funnel_take(const struct live_rule *rule, struct live_state *state, int64_t time_us,
                      const struct live_event *events, uint32_t event_count);
/// False where one more event of an instant, canonically behind `events`, cannot matter, because as
/// many events as it has steps fill the same ones.
bool live_funnel_keeps(const struct live_event *events, uint32_t event_count, uint32_t steps);

/// Bytes of a packed state.
uint32_t live_funnel_packed_size(const struct live_rule *rule);
/// All zero bytes are the state of a user without events.
void live_funnel_load(const struct live_rule *rule, const uint8_t *packed,
                      struct live_state *state_out);
void live_funnel_store(const struct live_rule *rule, const struct live_state *state,
                       uint8_t *packed);
