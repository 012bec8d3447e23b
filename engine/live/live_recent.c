// SPDX-License-Identifier: Apache-2.0
#include "engine/live/live_recent.h"

#include "storage/base/memory.h"

#include <string.h>

uint64_t live_recent_record_size(uint32_t followed_count, uint32_t state_size)
{
    size_t size =
        sizeof(struct live_record) + followed_count * sizeof(struct live_event) + state_size;
    return (size + 15) & ~(size_t)15;
}

static uint32_t capacity_of(uint64_t record_size, uint64_t budget_bytes)
{
    uint32_t capacity = LIVE_RECENT_COUNT_MIN;
    while (capacity < LIVE_RECENT_COUNT_MAX && capacity * 2 * record_size <= budget_bytes) {
        capacity *= 2;
    }
    return capacity;
}

static uint64_t bytes_of(uint64_t budget_bytes)
{
    return budget_bytes < LIVE_RECENT_BYTES_MAX ? budget_bytes : LIVE_RECENT_BYTES_MAX;
}

uint64_t live_recent_share(uint32_t followed_count, uint32_t state_size, uint64_t budget_bytes)
{
    uint64_t record_size = live_recent_record_size(followed_count, state_size);
    return capacity_of(record_size, budget_bytes) * record_size + bytes_of(budget_bytes);
}

void live_recent_init(struct live_recent *recent, uint32_t followed_count, uint32_t state_size,
                      uint64_t budget_bytes)
{
    uint64_t record_size = live_recent_record_size(followed_count, state_size);
    uint32_t capacity = capacity_of(record_size, budget_bytes);
    *recent = (struct live_recent){
        .followed_count = followed_count,
        .state_size = state_size,
        .record_size = (uint32_t)record_size,
        .capacity = capacity,
        .head = 1,
        .generation = 1,
        .bytes_max = bytes_of(budget_bytes),
    };
    recent->records = memory_allocate_zeroed(capacity, record_size);
}

void live_recent_deinit(struct live_recent *recent)
{
    memory_free(recent->records);
    text_buffer_deinit(&recent->bytes);
    *recent = (struct live_recent){0};
}

uint64_t live_recent_memory(const struct live_recent *recent)
{
    return (uint64_t)recent->capacity * recent->record_size + recent->bytes.capacity;
}

void live_recent_forget(struct live_recent *recent)
{
    memset(recent->records, 0, (size_t)recent->capacity * recent->record_size);
    text_buffer_reset(&recent->bytes);
}

static struct live_record *record_at(const struct live_recent *recent, uint32_t reference)
{
    size_t index = reference & (recent->capacity - 1);
    return (struct live_record *)(void *)(recent->records + index * recent->record_size);
}

struct live_record *live_recent_add(struct live_recent *recent, uint32_t *reference_out)
{
    if (recent->head == LIVE_RECENT_NONE) {
        recent->head++; // wrapped: 0 stays "none"
    }
    *reference_out = recent->head++;
    struct live_record *record = record_at(recent, *reference_out);
    memset(record, 0, sizeof(*record));
    record->generation = recent->generation;
    return record;
}

struct live_record *live_recent_find(const struct live_recent *recent, uint32_t reference,
                                     uint32_t key_high, int64_t time_us)
{
    uint32_t age = recent->head - reference;
    if (reference == LIVE_RECENT_NONE || age == 0 || age >= recent->capacity) {
        return NULL;
    }
    struct live_record *record = record_at(recent, reference);
    return record->key_high == key_high && record->time_us == time_us ? record : NULL;
}

bool live_recent_canonical(const struct live_recent *recent, const struct live_record *record,
                           const struct live_rows *rows, struct text_buffer *out)
{
    if (record->generation == recent->generation) {
        rows->canonical(rows->context, record->row, out);
        return true;
    }
    if (record->bytes_size == 0) {
        return false;
    }
    text_buffer_append(out, recent->bytes.bytes + record->bytes_offset, record->bytes_size);
    return true;
}

void live_recent_before_flush(struct live_recent *recent, const struct live_rows *rows)
{
    struct text_buffer kept = {0};
    for (uint32_t age = 1; age < recent->capacity; age++) {
        uint32_t reference = recent->head - age;
        struct live_record *record = record_at(recent, reference);
        if (record->generation == 0) {
            break; // never used: the ring is not full yet
        }
        size_t offset = kept.size;
        bool copied =
            kept.size < recent->bytes_max && live_recent_canonical(recent, record, rows, &kept);
        record->bytes_offset = offset;
        record->bytes_size = copied ? (uint32_t)(kept.size - offset) : 0;
    }
    text_buffer_deinit(&recent->bytes);
    recent->bytes = kept;
    recent->generation = recent->generation == UINT32_MAX ? 1 : recent->generation + 1;
}
