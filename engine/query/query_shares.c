// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_shares.h"

#include "storage/base/memory.h"

#include <stdlib.h>

#define TASKS_PER_THREAD 5u
/// One row in so many may be decoded twice, because a cut goes through its group.
#define SHARED_ROWS_PART 4u

/// Where a group begins, for cutting the key space into even shares.
struct group_start {
    struct hash128 key;
    uint64_t row_count;
};

static int compare_starts(const void *left, const void *right)
{
    const struct group_start *a = left;
    const struct group_start *b = right;
    return hash128_compare(a->key, b->key);
}

static uint64_t collect_starts(const struct query_plan *plan, struct group_start *starts)
{
    uint64_t rows = 0;
    uint32_t at = 0;
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct query_segment *segment = &plan->segments[i];
        for (uint32_t g = 0; g < segment->group_count; g++) {
            struct segment_group_zone zone;
            query_segment_zone(segment, segment->groups[g], &zone);
            starts[at++] = (struct group_start){zone.key_min, zone.row_count};
            rows += zone.row_count;
        }
    }
    return rows;
}

/// How many shares to aim at: enough that threads end together, but a cut goes through a group of
/// each segment, which both sides decode. A store that events come to has many segments of a group
/// or less.
static uint32_t wanted_shares(const struct query_plan *plan, uint32_t thread_count)
{
    uint64_t rows = 0;
    uint64_t cut_rows = 0;
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct query_segment *segment = &plan->segments[i];
        uint64_t rows_before = rows;
        for (uint32_t g = 0; g < segment->group_count; g++) {
            struct segment_group_zone zone;
            query_segment_zone(segment, segment->groups[g], &zone);
            rows += zone.row_count;
        }
        cut_rows += segment->group_count == 0 ? 0 : (rows - rows_before) / segment->group_count;
    }
    uint64_t most = (uint64_t)thread_count * TASKS_PER_THREAD;
    uint64_t wanted = cut_rows == 0 ? most : rows / (SHARED_ROWS_PART * cut_rows);
    wanted = wanted < thread_count ? thread_count : wanted;
    return thread_count == 1 ? 1 : (uint32_t)(wanted < most ? wanted : most);
}

void query_shares_cut(struct query_plan *plan, uint32_t thread_count)
{
    uint32_t group_count = 0;
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        group_count += plan->segments[i].group_count;
    }
    uint32_t wanted = wanted_shares(plan, thread_count);
    plan->bounds = arena_allocate_zeroed(&plan->arena, (size_t)wanted + 1, sizeof(struct hash128));
    plan->task_count = group_count == 0 ? 0 : 1;
    struct group_start *starts = memory_allocate(((size_t)group_count + 1) * sizeof(*starts));
    uint64_t share = collect_starts(plan, starts) / wanted + 1;
    qsort(starts, group_count, sizeof(*starts), compare_starts);
    uint64_t rows = 0;
    for (uint32_t i = 0; i < group_count && plan->task_count < wanted; i++) {
        struct hash128 last = plan->bounds[plan->task_count - 1];
        if (rows >= share * plan->task_count && hash128_compare(starts[i].key, last) > 0) {
            plan->bounds[plan->task_count++] = starts[i].key;
        }
        rows += starts[i].row_count;
    }
    memory_free(starts);
}
