// SPDX-License-Identifier: Apache-2.0
/// One user's way through all followed funnels, given event by event in canonical order. Events of
/// one time and sequence number are put together.
///
/// Thread: one. Buffers are kept from user to user.
#pragma once

#include "engine/live/live_plan.h"

#include <stdbool.h>
#include <stdint.h>

/// Events of one instant that fill steps of one funnel; those that cannot matter are left out.
struct live_way_events {
    struct live_event *events;
    uint32_t count;
    uint32_t capacity;
};

struct live_way {
    const struct live_plan *plan;
    struct live_state *states; ///< per followed funnel; as of live_way_end()
    struct live_way_events *instant;
    bool has_instant;
    int64_t time_us;
    int64_t sequence;
};

void live_way_init(struct live_way *way, const struct live_plan *plan);
void live_way_deinit(struct live_way *way);
/// A user without events.
void live_way_begin(struct live_way *way);
/// The next event has this time and sequence number.
void live_way_at(struct live_way *way, int64_t time_us, int64_t sequence);
/// It may fill these steps of a funnel.
void live_way_take(struct live_way *way, uint32_t funnel, uint32_t steps, uint16_t slice);
/// There is no further event.
void live_way_end(struct live_way *way);
