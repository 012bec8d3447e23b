// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_trail.h"

#include "engine/query/query_gather.h"
#include "storage/base/memory.h"

#define CAPACITY_MIN 256u

void query_trail_deinit(struct query_trail *trail)
{
    memory_free(trail->rows);
}

static enum corong_status reserve(struct query_trail *trail, uint32_t added,
                                  struct corong_error *error)
{
    uint64_t capacity = trail->capacity == 0 ? CAPACITY_MIN : trail->capacity;
    while (capacity < (uint64_t)trail->count + added) {
        capacity *= 2;
    }
    if (capacity == trail->capacity) {
        return CORONG_OK;
    }
    TRY(query_tasks_charge(trail->tasks, (capacity - trail->capacity) * sizeof(*trail->rows),
                           "the events of one user", error));
    trail->rows = memory_resize_array(trail->rows, capacity, sizeof(*trail->rows));
    trail->capacity = (uint32_t)capacity;
    return CORONG_OK;
}

enum corong_status query_trail_add(struct query_trail *trail, const struct query_source *source,
                                   uint32_t begin, uint32_t end, uint32_t session,
                                   struct corong_error *error)
{
    TRY(reserve(trail, end - begin, error));
    uint64_t place = query_gather_pack(source, begin);
    for (uint32_t row = begin; row < end; row++) {
        trail->rows[trail->count++] =
            (struct query_trail_row){query_source_time(source, row), place++, session};
    }
    return CORONG_OK;
}

uint32_t query_trail_find(const struct query_trail *trail, int64_t from_us, uint64_t place)
{
    uint32_t low = 0;
    for (uint32_t high = trail->count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (trail->rows[middle].time_us < from_us) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    while (low < trail->count && trail->rows[low].place != place) {
        low++;
    }
    return low;
}
