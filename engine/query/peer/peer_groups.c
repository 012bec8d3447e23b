// SPDX-License-Identifier: Apache-2.0
#include "engine/query/peer/peer_groups.h"

#include "storage/base/memory.h"

#include <stdlib.h>
#include <string.h>

void peer_groups_deinit(struct peer_groups *groups)
{
    for (uint32_t i = 0; i < groups->count; i++) {
        for (uint32_t k = 0; k < FUNNEL_STEP_COUNT_MAX; k++) {
            memory_free(groups->tallies[i].times[k].list);
        }
        memory_free(groups->tallies[i].trend);
    }
    memory_free(groups->tallies);
}

struct peer_tally *peer_groups_at(struct peer_groups *groups, uint32_t value)
{
    if (value >= groups->count) {
        uint32_t count = value < 8 ? 16 : value * 2;
        groups->tallies = memory_resize_array(groups->tallies, count, sizeof(*groups->tallies));
        memset(groups->tallies + groups->count, 0,
               (count - groups->count) * sizeof(*groups->tallies));
        groups->bytes += (count - groups->count) * sizeof(*groups->tallies);
        groups->count = count;
    }
    return &groups->tallies[value];
}

void peer_times_add(struct peer_groups *groups, struct peer_times *times, int64_t time_us)
{
    if (times->count == times->capacity) {
        uint32_t capacity = times->capacity == 0 ? 8 : times->capacity * 2;
        times->list = memory_resize_array(times->list, capacity, sizeof(*times->list));
        groups->bytes += (capacity - times->capacity) * sizeof(*times->list);
        times->capacity = capacity;
    }
    times->list[times->count++] = time_us;
}

void peer_groups_match(struct peer_groups *groups, uint32_t value,
                       const struct posthog_match *match)
{
    struct peer_tally *tally = peer_groups_at(groups, value);
    uint32_t optional = groups->question->optional;
    int64_t before_us = 0;
    bool first = true;
    tally->seen = true;
    for (uint32_t k = 0; k < groups->question->query->funnel.step_count; k++) {
        if ((match->made >> k & 1) == 0) {
            continue;
        }
        tally->reached[k]++;
        if ((optional >> k & 1) != 0) {
            continue;
        }
        // PostHog leaves gaps of zero out of its means and medians.
        if (!first && match->times_us[k] > before_us) {
            peer_times_add(groups, &tally->times[k], match->times_us[k] - before_us);
        }
        before_us = match->times_us[k];
        first = false;
    }
}

static uint32_t trend_place(const struct peer_tally *tally, int64_t bucket_us)
{
    uint32_t low = 0;
    uint32_t high = tally->trend_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (tally->trend[middle].bucket_us < bucket_us) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void peer_groups_entry(struct peer_groups *groups, uint32_t value, int64_t bucket_us,
                       bool converted)
{
    struct peer_tally *tally = peer_groups_at(groups, value);
    uint32_t at = trend_place(tally, bucket_us);
    tally->seen = true;
    if (at == tally->trend_count || tally->trend[at].bucket_us != bucket_us) {
        if (tally->trend_count == tally->trend_capacity) {
            uint32_t capacity = tally->trend_capacity == 0 ? 8 : tally->trend_capacity * 2;
            tally->trend = memory_resize_array(tally->trend, capacity, sizeof(*tally->trend));
            groups->bytes += (capacity - tally->trend_capacity) * sizeof(*tally->trend);
            tally->trend_capacity = capacity;
        }
        memmove(tally->trend + at + 1, tally->trend + at,
                (tally->trend_count - at) * sizeof(*tally->trend));
        tally->trend[at] = (struct peer_trend_row){.bucket_us = bucket_us};
        tally->trend_count++;
    }
    tally->trend[at].entered++;
    tally->trend[at].converted += converted;
}

/// A group to be shown: which values are in it.
struct ranked {
    const struct peer_groups *groups;
    const struct peer_tally *tally;
    struct text *values;
    uint64_t entered;
};

/// The last step's count, then the one before, ..., then the value, so that the order is whole.
static int compare_ranked(const void *left, const void *right)
{
    const struct ranked *a = left;
    const struct ranked *b = right;
    const struct query_funnel *query = a->groups->question->query;
    for (uint32_t k = query->funnel.step_count; k > 0; k--) {
        uint64_t one = a->tally->reached[k - 1];
        uint64_t other = b->tally->reached[k - 1];
        if (one != other) {
            return one > other ? -1 : 1;
        }
    }
    if (a->entered != b->entered) {
        return a->entered > b->entered ? -1 : 1;
    }
    for (uint32_t i = 0; i < query->by_count; i++) {
        int order = text_compare(a->values[i], b->values[i]);
        if (order != 0) {
            return order;
        }
    }
    return 0;
}

static void add_times(struct peer_groups *groups, struct peer_tally *to,
                      const struct peer_tally *from)
{
    for (uint32_t k = 0; k < FUNNEL_STEP_COUNT_MAX; k++) {
        to->reached[k] += from->reached[k];
        for (uint32_t i = 0; i < from->times[k].count; i++) {
            peer_times_add(groups, &to->times[k], from->times[k].list[i]);
        }
    }
}

static uint32_t interval_count(enum posthog_interval interval, int64_t first_us, int64_t last_us)
{
    uint32_t count = 1;
    for (int64_t at = first_us; at < last_us; at = posthog_interval_next(interval, at)) {
        count++;
    }
    return count;
}

/// Every interval of the range, or between the first and the last one with somebody.
static void fill_trend(const struct peer_groups *groups, const struct peer_tally *tally,
                       int64_t first_us, int64_t last_us, struct arena *arena,
                       struct peer_group *group)
{
    enum posthog_interval interval = groups->question->interval;
    group->trend_count = interval_count(interval, first_us, last_us);
    group->trend = arena_allocate_zeroed(arena, group->trend_count, sizeof(*group->trend));
    int64_t at_us = first_us;
    for (uint32_t i = 0; i < group->trend_count; i++) {
        uint32_t place = trend_place(tally, at_us);
        group->trend[i].bucket_us = at_us;
        if (place < tally->trend_count && tally->trend[place].bucket_us == at_us) {
            group->trend[i] = tally->trend[place];
        }
        at_us = posthog_interval_next(interval, at_us);
    }
}

static void fill_group(const struct peer_groups *groups, const struct peer_tally *tally,
                       struct text *values, struct peer_group *group)
{
    group->values = values;
    for (uint32_t k = 0; k < groups->question->query->funnel.step_count; k++) {
        const struct peer_times *times = &tally->times[k];
        group->reached[k] = tally->reached[k];
        group->timed[k] = times->count > 0;
        if (times->count > 0) {
            posthog_times(times->list, times->count, &group->average_us[k], &group->median_us[k]);
        }
    }
}

static uint32_t rank(struct peer_groups *groups,
                     struct text *(*texts)(const void *context, uint32_t value,
                                           struct arena *arena),
                     const void *context, struct arena *arena, struct ranked *ranked)
{
    uint32_t count = 0;
    bool alone = groups->question->query->by_count == 0;
    for (uint32_t i = 0; i < groups->count; i++) {
        const struct peer_tally *tally = &groups->tallies[i];
        if (!tally->seen) {
            continue;
        }
        ranked[count] = (struct ranked){.groups = groups, .tally = tally};
        ranked[count].values = alone ? NULL : texts(context, i, arena);
        for (uint32_t r = 0; r < tally->trend_count; r++) {
            ranked[count].entered += tally->trend[r].entered;
        }
        count++;
    }
    qsort(ranked, count, sizeof(*ranked), compare_ranked);
    return count;
}

static void trend_range(const struct peer_groups *groups, const struct ranked *ranked,
                        uint32_t count, int64_t *first_us, int64_t *last_us)
{
    const struct query_range *range = &groups->question->query->range;
    enum posthog_interval interval = groups->question->interval;
    *first_us = INT64_MAX;
    *last_us = INT64_MIN;
    for (uint32_t i = 0; i < count; i++) {
        const struct peer_tally *tally = ranked[i].tally;
        int64_t low_us = tally->trend_count == 0 ? INT64_MAX : tally->trend[0].bucket_us;
        int64_t high_us =
            tally->trend_count == 0 ? INT64_MIN : tally->trend[tally->trend_count - 1].bucket_us;
        *first_us = low_us < *first_us ? low_us : *first_us;
        *last_us = high_us > *last_us ? high_us : *last_us;
    }
    if (range->from_us != QUERY_TIME_NONE) {
        *first_us = posthog_interval_start(interval, range->from_us);
    }
    if (range->to_us != QUERY_TIME_NONE) {
        *last_us = posthog_interval_start(interval, range->to_us - 1);
    }
}

void peer_groups_fill(struct peer_groups *groups,
                      struct text *(*texts)(const void *context, uint32_t value,
                                            struct arena *arena),
                      const void *context, struct arena *arena,
                      struct peer_posthog_result *result_out)
{
    const struct peer_posthog *question = groups->question;
    if (question->query->by_count == 0) {
        peer_groups_at(groups, 0)->seen = true;
    }
    struct ranked *ranked = arena_allocate_zeroed(arena, groups->count + 1, sizeof(*ranked));
    uint32_t count = rank(groups, texts, context, arena, ranked);
    bool cut = question->limit > 0 && count > question->limit && question->view != PEER_TRENDS;
    uint32_t kept = cut ? question->limit : count;
    result_out->group_count = kept + (kept < count);
    result_out->groups =
        arena_allocate_zeroed(arena, result_out->group_count + 1, sizeof(struct peer_group));
    struct peer_groups rest = {.question = question};
    struct peer_tally *other = peer_groups_at(&rest, 0);
    int64_t first_us;
    int64_t last_us;
    trend_range(groups, ranked, count, &first_us, &last_us);
    for (uint32_t i = 0; i < count; i++) {
        if (i >= kept) {
            add_times(&rest, other, ranked[i].tally);
            continue;
        }
        struct peer_group *group = &result_out->groups[i];
        fill_group(groups, ranked[i].tally, ranked[i].values, group);
        if (question->view == PEER_TRENDS && first_us <= last_us) {
            fill_trend(groups, ranked[i].tally, first_us, last_us, arena, group);
        }
    }
    if (kept < count) {
        result_out->groups[kept].other = true;
        fill_group(&rest, other, NULL, &result_out->groups[kept]);
    }
    peer_groups_deinit(&rest);
}
