// SPDX-License-Identifier: Apache-2.0
#include "storage/compact/compact_plan.h"

#include "storage/base/memory.h"

#include <stdlib.h>
#include <string.h>

/// By period, then where the key range begins, then uuid, so that equal stores make equal plans.
static int compare_segments(const void *left, const void *right)
{
    const struct segment_meta *a = left;
    const struct segment_meta *b = right;
    if (a->period != b->period) {
        return a->period < b->period ? -1 : 1;
    }
    int order = hash128_compare(a->key_min, b->key_min);
    return order != 0 ? order : memcmp(a->uuid, b->uuid, SEGMENT_UUID_SIZE);
}

static struct segment_meta *sorted_copy(const struct segment_meta *segments, uint32_t count)
{
    struct segment_meta *sorted = memory_allocate(count * sizeof(*sorted));
    if (count > 0) {
        memcpy(sorted, segments, count * sizeof(*sorted));
        qsort(sorted, count, sizeof(*sorted), compare_segments);
    }
    return sorted;
}

/// How many of `sorted` belong together with the first: each begins before the ones so far end.
static uint32_t overlap_count(const struct segment_meta *sorted, uint32_t count)
{
    struct hash128 reach = sorted[0].key_max;
    uint32_t index = 1;
    while (index < count && sorted[index].period == sorted[0].period &&
           hash128_compare(sorted[index].key_min, reach) <= 0) {
        if (hash128_compare(sorted[index].key_max, reach) > 0) {
            reach = sorted[index].key_max;
        }
        index++;
    }
    return index;
}

static struct compact_run *run_for(struct compact_plan *plan, const struct segment_meta *segment)
{
    for (uint32_t index = 0; index < plan->run_count; index++) {
        struct compact_run *run = &plan->runs[index];
        if (hash128_compare(run->segments[run->count - 1].key_max, segment->key_min) < 0) {
            return run;
        }
    }
    plan->runs = memory_resize_array(plan->runs, plan->run_count + (size_t)1, sizeof(*plan->runs));
    struct compact_run *run = &plan->runs[plan->run_count++];
    *run = (struct compact_run){0};
    return run;
}

static int compare_runs(const void *left, const void *right)
{
    const struct compact_run *a = left;
    const struct compact_run *b = right;
    return a->row_count < b->row_count ? -1 : a->row_count > b->row_count;
}

/// Keeps the smallest runs: merging them first moves the fewest rows in all.
static void plan_trim(struct compact_plan *plan)
{
    if (plan->run_count > COMPACT_FAN_IN_MAX) {
        qsort(plan->runs, plan->run_count, sizeof(*plan->runs), compare_runs);
    }
    while (plan->run_count > COMPACT_FAN_IN_MAX) {
        memory_free(plan->runs[--plan->run_count].segments);
    }
    for (uint32_t index = 0; index < plan->run_count; index++) {
        plan->row_count += plan->runs[index].row_count;
    }
}

static void plan_fill(struct compact_plan *plan, const struct segment_meta *sorted, uint32_t count)
{
    for (uint32_t index = 0; index < count; index++) {
        struct compact_run *run = run_for(plan, &sorted[index]);
        run->segments =
            memory_resize_array(run->segments, run->count + (size_t)1, sizeof(*run->segments));
        run->segments[run->count++] = sorted[index];
        run->row_count += sorted[index].row_count;
    }
    plan_trim(plan);
}

bool compact_plan_next(const struct segment_meta *segments, uint32_t count, int64_t first_period,
                       struct compact_plan *plan_out)
{
    *plan_out = (struct compact_plan){0};
    struct segment_meta *sorted = sorted_copy(segments, count);
    for (uint32_t index = 0; index < count;) {
        uint32_t together = overlap_count(sorted + index, count - index);
        if (together > 1 && sorted[index].period >= first_period) {
            plan_fill(plan_out, sorted + index, together);
            break;
        }
        index += together;
    }
    memory_free(sorted);
    return plan_out->run_count > 0;
}

uint32_t compact_plan_all(const struct segment_meta *segments, uint32_t count,
                          struct compact_plan **plans_out)
{
    struct compact_plan *plans = NULL;
    uint32_t plan_count = 0;
    struct segment_meta *sorted = sorted_copy(segments, count);
    for (uint32_t index = 0; index < count;) {
        uint32_t together = overlap_count(sorted + index, count - index);
        if (together > 1) {
            plans = memory_resize_array(plans, plan_count + (size_t)1, sizeof(*plans));
            plans[plan_count] = (struct compact_plan){0};
            plan_fill(&plans[plan_count++], sorted + index, together);
        }
        index += together;
    }
    memory_free(sorted);
    *plans_out = plans;
    return plan_count;
}

/// A value and its new code, per column; key, id and counts of a user.
uint64_t compact_run_bytes(const struct compact_run *run, uint32_t column_count)
{
    uint64_t rows =
        run->row_count < SEGMENT_GROUP_ROW_COUNT ? run->row_count : SEGMENT_GROUP_ROW_COUNT;
    return rows * (column_count * UINT64_C(12) + 64);
}

uint64_t compact_plan_bytes(const struct compact_plan *plan, uint32_t column_count)
{
    uint64_t bytes = 0;
    for (uint32_t run = 0; run < plan->run_count; run++) {
        bytes += compact_run_bytes(&plan->runs[run], column_count);
    }
    return bytes;
}

void compact_plan_deinit(struct compact_plan *plan)
{
    for (uint32_t index = 0; index < plan->run_count; index++) {
        memory_free(plan->runs[index].segments);
    }
    memory_free(plan->runs);
    *plan = (struct compact_plan){0};
}

struct segment_meta *compact_plan_segments(const struct compact_plan *plan, uint32_t *count_out)
{
    struct segment_meta *segments = NULL;
    uint32_t count = 0;
    for (uint32_t run = 0; run < plan->run_count; run++) {
        uint32_t members = plan->runs[run].count;
        segments = memory_resize_array(segments, count + (size_t)members, sizeof(*segments));
        memcpy(segments + count, plan->runs[run].segments, members * sizeof(*segments));
        count += members;
    }
    *count_out = count;
    return segments;
}

uint64_t compact_plan_rows(const struct segment_meta *segments, uint32_t count)
{
    uint64_t rows = 0;
    struct segment_meta *sorted = sorted_copy(segments, count);
    for (uint32_t index = 0; index < count;) {
        uint32_t together = overlap_count(sorted + index, count - index);
        for (uint32_t member = 0; together > 1 && member < together; member++) {
            rows += sorted[index + member].row_count;
        }
        index += together;
    }
    memory_free(sorted);
    return rows;
}
