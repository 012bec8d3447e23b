// SPDX-License-Identifier: Apache-2.0
#include "engine/query/memo/memo_cut.h"

#include "engine/query/memo/memo.h"

/// Segments that may have users with half keys of `from` or more, below `end`.
static uint32_t width_of(const struct query_plan *plan, uint64_t from, uint64_t end)
{
    uint32_t width = 0;
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct segment_meta *meta = segment_reader_meta(plan->segments[i].reader);
        width += meta->key_max.high >= from && meta->key_min.high < end;
    }
    return width;
}

/// The half key at which a task of too many segments is best cut in two; `end`: nowhere.
static uint64_t cut_of(const struct query_plan *plan, uint64_t from, uint64_t end)
{
    uint64_t best = end;
    uint32_t least = width_of(plan, from, end);
    for (uint32_t i = 0; least > QUERY_MEMO_SEGMENT_COUNT_MAX && i < plan->segment_count; i++) {
        uint64_t cut = segment_reader_meta(plan->segments[i].reader)->key_min.high;
        if (cut <= from || cut >= end) {
            continue;
        }
        uint32_t left = width_of(plan, from, cut);
        uint32_t right = width_of(plan, cut, end);
        uint32_t width = left > right ? left : right;
        if (width < least) {
            least = width;
            best = cut;
        }
    }
    return best;
}

/// Adds tasks for a range of half keys. False: one has users of too many segments.
static bool cut_range(const struct query_plan *plan, uint64_t from, uint64_t end,
                      struct hash128 *bounds, uint32_t *count)
{
    uint64_t cut = cut_of(plan, from, end);
    if (cut == end) {
        bounds[(*count)++].high = from;
        return width_of(plan, from, end) <= QUERY_MEMO_SEGMENT_COUNT_MAX;
    }
    bool left = cut_range(plan, from, cut, bounds, count);
    return cut_range(plan, cut, end, bounds, count) && left;
}

bool memo_cut_tasks(struct query_plan *plan)
{
    struct hash128 *bounds = arena_allocate_zeroed(
        &plan->arena, (size_t)plan->task_count + plan->segment_count + 1, sizeof(*bounds));
    uint32_t count = 0;
    bool narrow = true;
    for (uint32_t task = 0; narrow && task < plan->task_count; task++) {
        uint64_t end = task + 1 < plan->task_count ? plan->bounds[task + 1].high : UINT64_MAX;
        narrow = cut_range(plan, plan->bounds[task].high, end, bounds, &count);
    }
    if (narrow) {
        plan->bounds = bounds;
        plan->task_count = count;
    }
    return narrow;
}
