// SPDX-License-Identifier: Apache-2.0
#include "engine/live/live_way.h"

#include "storage/base/memory.h"

#include <string.h>

#define CAPACITY_MIN 4u

void live_way_init(struct live_way *way, const struct live_plan *plan)
{
    uint32_t count = plan->followed_count;
    *way = (struct live_way){.plan = plan};
    way->states = memory_allocate_zeroed((size_t)count + 1, sizeof(struct live_state));
    way->instant = memory_allocate_zeroed((size_t)count + 1, sizeof(struct live_way_events));
}

void live_way_deinit(struct live_way *way)
{
    for (uint32_t i = 0; i < way->plan->followed_count; i++) {
        memory_free(way->instant[i].events);
    }
    memory_free(way->instant);
    memory_free(way->states);
}

void live_way_begin(struct live_way *way)
{
    memset(way->states, 0, way->plan->followed_count * sizeof(struct live_state));
    for (uint32_t i = 0; i < way->plan->followed_count; i++) {
        way->instant[i].count = 0;
    }
    way->has_instant = false;
}

void live_way_end(struct live_way *way)
{
    if (!way->has_instant) {
        return;
    }
    way->has_instant = false;
    for (uint32_t i = 0; i < way->plan->followed_count; i++) {
        struct live_way_events *instant = &way->instant[i];
        if (instant->count > 0) {
            live_funnel_take(&way->plan->followed[i].rule, &way->states[i], way->time_us,
                             instant->events, instant->count);
            instant->count = 0;
        }
    }
}

void live_way_at(struct live_way *way, int64_t time_us, int64_t sequence)
{
    if (way->has_instant && (way->time_us != time_us || way->sequence != sequence)) {
        live_way_end(way);
    }
    way->has_instant = true;
    way->time_us = time_us;
    way->sequence = sequence;
}

void live_way_take(struct live_way *way, uint32_t funnel, uint32_t steps, uint16_t slice)
{
    struct live_way_events *instant = &way->instant[funnel];
    if (!live_funnel_keeps(instant->events, instant->count, steps)) {
        return;
    }
    if (instant->count == instant->capacity) {
        instant->capacity = instant->capacity == 0 ? CAPACITY_MIN : instant->capacity * 2;
        instant->events =
            memory_resize_array(instant->events, instant->capacity, sizeof(struct live_event));
    }
    instant->events[instant->count++] = (struct live_event){steps, slice};
}
