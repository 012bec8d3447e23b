// SPDX-License-Identifier: Apache-2.0
// Batches of at most two events whose contents relacy tracks: a shard that reads one too early is a
// data race.
#pragma once

#include "storage/base/hash.h"

#define EVENT_STRING_MISSING UINT32_MAX
#define MODEL_BATCH_ROWS 2u

struct event {
    uint32_t shard;
    uint32_t producer;
    uint32_t epoch; // of the barrier that commits it
    bool oversize;
    uint32_t user_namespace;
    struct text user_id;
};
struct event_format {
    int unused;
};
struct event_batch {
    model_word capacity;
    model_word row_count;
    model_word producers[MODEL_BATCH_ROWS];
    model_word epochs[MODEL_BATCH_ROWS];
};

struct event_batch *event_batch_create(uint32_t capacity);
void event_batch_destroy(struct event_batch *batch);
void event_batch_reset(struct event_batch *batch);
uint64_t event_batch_need(const struct event_format *format, const struct event *event);
bool event_batch_append(struct event_batch *batch, const struct event_format *format,
                        const struct event *event, struct hash128 user_key);
