// SPDX-License-Identifier: Apache-2.0
/// One user's present instant, put together from the records: its events in canonical order, copies
/// of one event dropped, and the user's state before it.
///
/// Thread: the shard's. Buffers are kept from use to use.
#pragma once

#include "engine/live/live_funnel.h"
#include "engine/live/live_recent.h"
#include "storage/base/text.h"

#include <stdint.h>

/// More events of one user at one time than this are not taken again.
#define LIVE_INSTANT_RECORD_COUNT_MAX 128u

struct live_instant_row;

struct live_instant {
    struct live_instant_row *rows;
    uint32_t row_count;
    struct text_buffer bytes;                                ///< canonical bytes of the rows
    const uint8_t *before;                                   ///< packed states, in the first record
    struct live_event events[LIVE_INSTANT_RECORD_COUNT_MAX]; ///< see live_instant_events()
    struct live_state *states;                               ///< room for one per followed funnel
    uint8_t *packed;                                         ///< room for the packed states of all
};

void live_instant_init(struct live_instant *instant, uint32_t followed_count, uint32_t state_size);
void live_instant_deinit(struct live_instant *instant);
/// Gathers the events of the instant that `reference` belongs to. False where that is not possible:
/// a record is gone, there are too many, or a copy of one event has another sequence number.
bool live_instant_gather(struct live_instant *instant, const struct live_recent *recent,
                         const struct live_rows *rows, uint32_t reference, uint32_t key_high,
                         int64_t time_us);
/// Fills instant->events with what the gathered rows are for one funnel; returns how many.
uint32_t live_instant_events(struct live_instant *instant, uint32_t funnel);
