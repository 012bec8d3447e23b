// SPDX-License-Identifier: Apache-2.0
#include "engine/live/live_pending.h"

#include "storage/base/memory.h"

#include <stdlib.h>
#include <string.h>

#define COUNT_MIN 64u
#define COUNT_MAX 65536u

static uint32_t count_within(uint64_t budget_bytes, uint64_t size)
{
    uint64_t count = budget_bytes / size;
    count = count > COUNT_MAX ? COUNT_MAX : count;
    return count < COUNT_MIN ? COUNT_MIN : (uint32_t)count;
}

void live_pending_init(struct live_pending *pending, uint64_t budget_bytes)
{
    *pending =
        (struct live_pending){.count_max = count_within(budget_bytes, sizeof(struct hash128))};
}

void live_pending_deinit(struct live_pending *pending)
{
    memory_free(pending->keys);
    *pending = (struct live_pending){0};
}

bool live_pending_add(struct live_pending *pending, struct hash128 key)
{
    if (pending->count == pending->count_max) {
        return false;
    }
    if (pending->count == pending->capacity) {
        pending->capacity = pending->capacity == 0 ? COUNT_MIN : pending->capacity * 2;
        pending->keys =
            memory_resize_array(pending->keys, pending->capacity, sizeof(struct hash128));
    }
    pending->keys[pending->count++] = key;
    return true;
}

static int compare_keys(const void *left, const void *right)
{
    return hash128_compare(*(const struct hash128 *)left, *(const struct hash128 *)right);
}

uint32_t live_pending_take(struct live_pending *pending, struct hash128 *keys_out, uint32_t key_max)
{
    uint32_t taken = pending->ready_count < key_max ? pending->ready_count : key_max;
    if (taken == 0) {
        return 0;
    }
    memcpy(keys_out, pending->keys, taken * sizeof(struct hash128));
    pending->count -= taken;
    pending->ready_count -= taken;
    memmove(pending->keys, pending->keys + taken, pending->count * sizeof(struct hash128));
    qsort(keys_out, taken, sizeof(struct hash128), compare_keys);
    uint32_t distinct = 1;
    for (uint32_t i = 1; i < taken; i++) {
        if (!hash128_equal(keys_out[i], keys_out[distinct - 1])) {
            keys_out[distinct++] = keys_out[i];
        }
    }
    return distinct;
}

void live_held_init(struct live_held *held, uint64_t budget_bytes)
{
    *held = (struct live_held){
        .count_max = count_within(budget_bytes, sizeof(struct live_held_event)),
        .lost_us = INT64_MAX,
    };
}

void live_held_deinit(struct live_held *held)
{
    memory_free(held->events);
    *held = (struct live_held){0};
}

static int compare_held(const void *left_pointer, const void *right_pointer)
{
    const struct live_held_event *left = left_pointer;
    const struct live_held_event *right = right_pointer;
    return left->time_us < right->time_us ? -1 : left->time_us > right->time_us;
}

// A sorted list is a heap.
static void give_up_half(struct live_held *held)
{
    qsort(held->events, held->count, sizeof(*held->events), compare_held);
    held->count /= 2;
    int64_t lost_us = held->events[held->count].time_us;
    held->lost_us = lost_us < held->lost_us ? lost_us : held->lost_us;
}

void live_held_add(struct live_held *held, int64_t time_us, struct hash128 key)
{
    if (time_us >= held->lost_us) {
        return;
    }
    if (held->count == held->count_max) {
        give_up_half(held);
    }
    if (held->count == held->capacity) {
        held->capacity = held->capacity == 0 ? COUNT_MIN : held->capacity * 2;
        held->events = memory_resize_array(held->events, held->capacity, sizeof(*held->events));
    }
    uint32_t at = held->count++;
    while (at > 0 && held->events[(at - 1) / 2].time_us > time_us) {
        held->events[at] = held->events[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    held->events[at] = (struct live_held_event){time_us, key};
}

int64_t live_held_first(const struct live_held *held)
{
    int64_t first_us = held->count == 0 ? INT64_MAX : held->events[0].time_us;
    return held->lost_us < first_us ? held->lost_us : first_us;
}

bool live_held_take(struct live_held *held, int64_t as_of_us, struct hash128 *key_out)
{
    if (held->count == 0 || held->events[0].time_us > as_of_us) {
        return false;
    }
    *key_out = held->events[0].key;
    struct live_held_event moved = held->events[--held->count];
    uint32_t at = 0;
    for (uint32_t child = 1; child < held->count; child = at * 2 + 1) {
        if (child + 1 < held->count &&
            held->events[child + 1].time_us < held->events[child].time_us) {
            child++;
        }
        if (held->events[child].time_us >= moved.time_us) {
            break;
        }
        held->events[at] = held->events[child];
        at = child;
    }
    held->events[at] = moved;
    return true;
}
