// SPDX-License-Identifier: Apache-2.0
// Batches of one event whose contents relacy tracks: a shard that reads one too early is a data
// race.
#pragma once

#include "storage/base/hash.h"

struct event {
    uint8_t user_namespace; // chooses the shard
    struct text user_id;
    uint32_t epoch; // of the barrier that commits it
    bool large;     // for a batch of its own
};
struct event_format {
    int unused;
};
struct event_batch {
    model_word capacity;
    model_word row_count;
    model_word epoch;
};

inline struct event_batch *event_batch_create(uint32_t capacity)
{
    struct event_batch *batch = memory_allocate_zeroed(1, sizeof(struct event_batch));
    batch->capacity = (unsigned long)capacity;
    return batch;
}
inline void event_batch_destroy(struct event_batch *batch)
{
    memory_free(batch);
}
inline void event_batch_reset(struct event_batch *batch)
{
    batch->row_count = 0ul;
}
inline uint64_t event_batch_need(const struct event_format *, const struct event *event)
{
    return event->large ? 2 : 1;
}
inline bool event_batch_append(struct event_batch *batch, const struct event_format *format,
                               const struct event *event, struct hash128)
{
    if (batch->row_count > 0 || event_batch_need(format, event) > batch->capacity) {
        return false;
    }
    batch->epoch = (unsigned long)event->epoch;
    batch->row_count = 1ul;
    return true;
}
