// SPDX-License-Identifier: Apache-2.0
// A pump goes back to what the store holds, when an engine failed or was given up.
#include "ingest/pump.h"
#include "storage/base/invariant.h"

#define COUNTER_COUNT (sizeof(struct store_counters) / sizeof(uint64_t))

/// Takes what was read behind `to` out of the books of this run.
static void uncount(struct store_counters *run, const struct store_counters *from,
                    const struct store_counters *to)
{
    for (size_t index = 0; index < COUNTER_COUNT; index++) {
        ((uint64_t *)run)[index] -= ((const uint64_t *)from)[index] - ((const uint64_t *)to)[index];
    }
}

void pump_rewind(struct pump *pump, const struct store_position *positions, uint32_t position_count)
{
    struct source *source = pump->source;
    if (source == NULL) {
        return;
    }
    ASSERT(source->operations->rewind != NULL);
    source->operations->rewind(source, positions, position_count);
    for (uint32_t index = 0; index < pump->track_count; index++) {
        struct pump_track *track = &pump->tracks[index];
        struct store_position position = {0};
        source->operations->position(source, index, &position);
        uncount(&pump->run, &track->counters, &position.counters);
        track->counters = position.counters;
        track->next_offset = position.next_offset > 0 ? position.next_offset : -1;
        track->moved = false;
    }
    pump->decoded = pump->run.messages - pump->run.blank - pump->run.messages_rejected;
}
