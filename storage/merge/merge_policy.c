// SPDX-License-Identifier: Apache-2.0
#include "storage/merge/merge_policy.h"

#include "storage/base/memory.h"

#include <stdlib.h>
#include <string.h>

#define TIER_BITS 3u
#define LONG_TIER_BITS 2u
_Static_assert(1u << TIER_BITS == MERGE_TIER_RUN_COUNT, "a full tier makes a run of the next");
_Static_assert(1u << LONG_TIER_BITS == MERGE_LONG_TIER_RUN_COUNT, "of long runs as well");
/// The first tier of long runs, and the bits of its least number of rows.
#define LONG_TIER 7u
#define LONG_ROW_BITS (LONG_TIER * TIER_BITS)
_Static_assert(MERGE_LONG_ROW_COUNT == (uint64_t)1 << LONG_ROW_BITS, "tiers meet there");
/// A run of so many small segments counts as another run: files cost too.
#define SEGMENTS_PER_RUN 16u
#define SMALL_SEGMENT_ROW_COUNT ((uint64_t)1 << 20)
/// A quiet period is merged where its small runs together have this part of the largest.
#define QUIET_SHARE 8u

/// A period's runs, ascending by rows.
struct run_list {
    struct compact_run *runs;
    uint32_t count;
    uint32_t capacity;
};

/// A merge that could be done.
struct candidate {
    struct compact_plan plan;
    bool is_urgent;
};

static uint32_t tier_of(uint64_t rows)
{
    uint32_t bits = rows == 0 ? 0 : 63u - (uint32_t)__builtin_clzll(rows);
    return bits < LONG_ROW_BITS ? bits / TIER_BITS
                                : LONG_TIER + (bits - LONG_ROW_BITS) / LONG_TIER_BITS;
}

static uint32_t runs_of_full_tier(uint32_t tier)
{
    return tier < LONG_TIER ? MERGE_TIER_RUN_COUNT : MERGE_LONG_TIER_RUN_COUNT;
}

/// By period, then large segments first, then where the key range begins: segments that one merge
/// wrote stand together.
static int compare_segments(const void *left, const void *right)
{
    const struct segment_meta *a = left;
    const struct segment_meta *b = right;
    if (a->period != b->period) {
        return a->period < b->period ? -1 : 1;
    }
    uint32_t tier_a = tier_of(a->row_count);
    uint32_t tier_b = tier_of(b->row_count);
    if (tier_a != tier_b) {
        return tier_a > tier_b ? -1 : 1;
    }
    int order = hash128_compare(a->key_min, b->key_min);
    return order != 0 ? order : memcmp(a->uuid, b->uuid, SEGMENT_UUID_SIZE);
}

static void run_add(struct compact_run *run, const struct segment_meta *segment)
{
    run->segments =
        memory_resize_array(run->segments, run->count + (size_t)1, sizeof(*run->segments));
    run->segments[run->count++] = *segment;
    run->row_count += segment->row_count;
}

/// Puts a segment behind a run of `list` from `first` on, or begins one.
static void list_add(struct run_list *list, uint32_t first, const struct segment_meta *segment)
{
    for (uint32_t index = first; index < list->count; index++) {
        struct compact_run *run = &list->runs[index];
        if (hash128_compare(run->segments[run->count - 1].key_max, segment->key_min) < 0) {
            run_add(run, segment);
            return;
        }
    }
    if (list->count == list->capacity) {
        list->capacity = list->capacity * 2 + 16;
        list->runs = memory_resize_array(list->runs, list->capacity, sizeof(*list->runs));
    }
    list->runs[list->count] = (struct compact_run){0};
    run_add(&list->runs[list->count++], segment);
}

static void list_deinit(struct run_list *list)
{
    for (uint32_t index = 0; index < list->count; index++) {
        memory_free(list->runs[index].segments);
    }
    memory_free(list->runs);
}

static int compare_runs(const void *left, const void *right)
{
    const struct compact_run *a = left;
    const struct compact_run *b = right;
    return a->row_count < b->row_count ? -1 : a->row_count > b->row_count;
}

/// Runs of `count` sorted segments of one period. Only segments of one tier share a run: a small
/// one must not hide behind large ones.
static void list_fill(struct run_list *list, const struct segment_meta *sorted, uint32_t count)
{
    uint32_t first = 0;
    for (uint32_t index = 0; index < count; index++) {
        if (index > 0 && tier_of(sorted[index].row_count) != tier_of(sorted[index - 1].row_count)) {
            first = list->count;
        }
        list_add(list, first, &sorted[index]);
    }
    qsort(list->runs, list->count, sizeof(*list->runs), compare_runs);
}

/// How many runs this one counts for.
static uint32_t weight_of(const struct compact_run *run)
{
    bool is_small = run->row_count / run->count < SMALL_SEGMENT_ROW_COUNT;
    return is_small ? 1 + (run->count - 1) / SEGMENTS_PER_RUN : 1;
}

static uint32_t list_weight(const struct run_list *list)
{
    uint32_t weight = 0;
    for (uint32_t index = 0; index < list->count; index++) {
        weight += weight_of(&list->runs[index]);
    }
    return weight;
}

/// Behind the runs [0, end) that the lowest full tier would have merged; 0: none is full.
static uint32_t end_of_full_tier(const struct run_list *list)
{
    for (uint32_t first = 0; first < list->count;) {
        uint32_t tier = tier_of(list->runs[first].row_count);
        uint32_t end = first;
        uint32_t weight = 0;
        while (end < list->count && tier_of(list->runs[end].row_count) == tier) {
            weight += weight_of(&list->runs[end++]);
        }
        if (weight >= runs_of_full_tier(tier)) {
            return end - first <= COMPACT_FAN_IN_MAX ? end : first + COMPACT_FAN_IN_MAX;
        }
        first = end;
    }
    return 0;
}

/// The most runs of which the smaller ones together have a good part of the largest.
static uint32_t end_of_quiet_merge(const struct run_list *list)
{
    uint64_t rows = 0;
    uint32_t best = 0;
    for (uint32_t index = 0; index < list->count; index++) {
        if (index > 0 && rows >= list->runs[index].row_count / QUIET_SHARE) {
            best = index + 1;
        }
        rows += list->runs[index].row_count;
    }
    return best <= COMPACT_FAN_IN_MAX ? best : COMPACT_FAN_IN_MAX;
}

static uint32_t choose_end(const struct run_list *list, bool is_quiet)
{
    uint32_t end = end_of_full_tier(list);
    if (end == 0 && list->count > MERGE_RUN_COUNT_AIM) {
        end = COMPACT_FAN_IN_MAX;
    }
    if (end == 0 && is_quiet) {
        end = end_of_quiet_merge(list);
    }
    return end;
}

/// The largest of the runs before `end`, as many as fit.
static void plan_fill(struct compact_plan *plan, const struct run_list *list, uint32_t end,
                      const struct merge_policy *policy)
{
    uint64_t bytes = 0;
    uint32_t segments = 0;
    *plan = (struct compact_plan){
        .runs = memory_allocate(COMPACT_FAN_IN_MAX * sizeof(struct compact_run))};
    while (end > 0 && plan->run_count < COMPACT_FAN_IN_MAX) {
        const struct compact_run *run = &list->runs[--end];
        segments += run->count;
        bytes += compact_run_bytes(run, policy->column_count);
        bool is_much = policy->cursor_bytes_max > 0 && bytes > policy->cursor_bytes_max;
        if ((segments > MERGE_SEGMENT_COUNT_MAX || is_much) && plan->run_count > 1) {
            break;
        }
        struct compact_run *copy = &plan->runs[plan->run_count++];
        *copy = *run;
        copy->segments = memory_allocate(run->count * sizeof(*run->segments));
        memcpy(copy->segments, run->segments, run->count * sizeof(*run->segments));
        plan->row_count += run->row_count;
    }
}

static bool is_better(const struct candidate *candidate, const struct candidate *best)
{
    if (best->plan.run_count == 0) {
        return true;
    }
    return candidate->is_urgent != best->is_urgent
               ? candidate->is_urgent
               : candidate->plan.row_count < best->plan.row_count;
}

/// Looks at one period; keeps the better of its merge and `best`.
static void consider_period(const struct segment_meta *sorted, uint32_t count,
                            const struct merge_policy *policy, struct candidate *best)
{
    struct run_list list = {0};
    list_fill(&list, sorted, count);
    int64_t period = sorted[0].period;
    bool is_quiet = policy->is_quiet(policy->context, period);
    uint32_t end = choose_end(&list, is_quiet);
    if (end > 0) {
        struct candidate candidate = {.is_urgent = list_weight(&list) > MERGE_RUN_COUNT_AIM};
        plan_fill(&candidate.plan, &list, end, policy);
        uint64_t rows = candidate.plan.row_count;
        bool allowed = rows >= policy->row_count_min &&
                       (policy->row_count_max == 0 || rows <= policy->row_count_max) &&
                       rows < policy->refused_rows(policy->context, period);
        if (allowed && is_better(&candidate, best)) {
            compact_plan_deinit(&best->plan);
            *best = candidate;
        } else {
            compact_plan_deinit(&candidate.plan);
        }
    }
    list_deinit(&list);
}

static uint32_t period_end(const struct segment_meta *sorted, uint32_t count, uint32_t first)
{
    uint32_t end = first;
    while (end < count && sorted[end].period == sorted[first].period) {
        end++;
    }
    return end;
}

/// A sorted copy of the segments that are free.
static struct segment_meta *sort_free(const struct segment_meta *segments, uint32_t count,
                                      const struct merge_policy *policy, uint32_t *count_out)
{
    struct segment_meta *sorted = memory_allocate((count + (size_t)1) * sizeof(*sorted));
    *count_out = 0;
    for (uint32_t index = 0; index < count; index++) {
        if (policy == NULL || !policy->is_busy(policy->context, &segments[index])) {
            sorted[(*count_out)++] = segments[index];
        }
    }
    qsort(sorted, *count_out, sizeof(*sorted), compare_segments);
    return sorted;
}

bool merge_policy_choose(const struct segment_meta *segments, uint32_t count,
                         const struct merge_policy *policy, struct compact_plan *plan_out,
                         bool *is_urgent_out)
{
    uint32_t free_count;
    struct segment_meta *sorted = sort_free(segments, count, policy, &free_count);
    struct candidate best = {0};
    for (uint32_t first = 0; first < free_count;) {
        uint32_t end = period_end(sorted, free_count, first);
        consider_period(sorted + first, end - first, policy, &best);
        first = end;
    }
    memory_free(sorted);
    *plan_out = best.plan;
    *is_urgent_out = best.is_urgent;
    return best.plan.run_count > 0;
}

uint32_t merge_policy_run_count(const struct segment_meta *segments, uint32_t count)
{
    uint32_t sorted_count;
    struct segment_meta *sorted = sort_free(segments, count, NULL, &sorted_count);
    uint32_t most = 0;
    for (uint32_t first = 0; first < count;) {
        struct run_list list = {0};
        uint32_t end = period_end(sorted, count, first);
        list_fill(&list, sorted + first, end - first);
        most = list.count > most ? list.count : most;
        list_deinit(&list);
        first = end;
    }
    memory_free(sorted);
    return most;
}
