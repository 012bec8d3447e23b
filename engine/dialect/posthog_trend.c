// SPDX-License-Identifier: Apache-2.0
// Trends: chains are kept per interval in which their first step lies; a unit enters an interval
// once.
#include "engine/dialect/posthog_internal.h"

#include "storage/base/memory.h"

enum posthog_taint {
    TAINT_NONE = 0,
    TAINT_PARTIAL, ///< the furthest chain is tainted and has not gone on
    TAINT_FULL     ///< it has gone on although it is tainted
};

/// What was begun in one interval.
struct posthog_interval {
    int64_t bucket_us;
    bool converted;
    bool set[FUNNEL_STEP_COUNT_MAX + 1]; ///< by step from 1
    bool excluded[FUNNEL_STEP_COUNT_MAX + 1];
    int64_t start_us[FUNNEL_STEP_COUNT_MAX + 1];
    int64_t last_start_us;
    uint32_t best_step;
    int64_t best_us;
    enum posthog_taint taint;
};

struct posthog_intervals {
    const struct posthog_rule *rule;
    struct posthog_interval *list; ///< in order of their buckets
    uint32_t count;
    uint32_t capacity;
    uint32_t live; ///< those before it cannot change any more
};

/// The interval of a bucket; events come in order of time, so it is the last one or new.
static struct posthog_interval *interval_at(struct posthog_intervals *intervals, int64_t bucket_us)
{
    if (intervals->count > 0 && intervals->list[intervals->count - 1].bucket_us == bucket_us) {
        return &intervals->list[intervals->count - 1];
    }
    if (intervals->count == intervals->capacity) {
        intervals->capacity = intervals->capacity == 0 ? 4 : intervals->capacity * 2;
        intervals->list =
            memory_resize_array(intervals->list, intervals->capacity, sizeof(*intervals->list));
    }
    struct posthog_interval *interval = &intervals->list[intervals->count++];
    *interval = (struct posthog_interval){.bucket_us = bucket_us};
    return interval;
}

static void enter(struct posthog_intervals *intervals, const struct posthog_event *event)
{
    struct posthog_interval *interval = interval_at(intervals, event->bucket_us);
    if (interval->converted) {
        return;
    }
    if (interval->best_step == 0 || (interval->best_step == 1 && interval->taint != TAINT_NONE)) {
        *interval = (struct posthog_interval){
            .bucket_us = event->bucket_us, .best_step = 1, .best_us = event->time_us};
    }
    interval->set[1] = true;
    interval->excluded[1] = false;
    interval->start_us[1] = event->time_us;
    interval->last_start_us = event->time_us;
}

/// Whether the interval's chain at `step - 1` may be followed by something at `time_us`.
static bool waits_for(const struct posthog_rule *rule, const struct posthog_interval *interval,
                      uint32_t step, int64_t time_us)
{
    return !interval->converted && interval->set[step - 1] &&
           time_us - interval->start_us[step - 1] <= rule->window_us &&
           !(interval->set[step] && interval->start_us[step] == interval->start_us[step - 1]);
}

static void taint(const struct posthog_rule *rule, struct posthog_interval *interval, uint32_t step,
                  int64_t time_us)
{
    if (interval->excluded[step - 1]) {
        return;
    }
    interval->excluded[step - 1] = true;
    if (interval->best_step == step - 1 && time_us - interval->best_us <= rule->window_us) {
        interval->taint = TAINT_PARTIAL;
    }
}

static void advance(const struct posthog_rule *rule, struct posthog_interval *interval,
                    uint32_t step, int64_t time_us)
{
    bool excluded = interval->excluded[step - 1];
    if (!excluded) {
        interval->set[step] = true;
        interval->excluded[step] = false;
        interval->start_us[step] = interval->start_us[step - 1];
    }
    if (interval->set[rule->to_step + 1]) {
        interval->converted = true;
        return;
    }
    if (step > interval->best_step ||
        (step == interval->best_step && interval->taint == TAINT_PARTIAL)) {
        interval->best_step = step;
        interval->best_us = time_us;
        interval->taint = excluded ? TAINT_FULL : TAINT_NONE;
    }
}

/// Passes over intervals whose every chain is out of its window and that no event can enter.
static void forget(struct posthog_intervals *intervals, const struct posthog_event *event)
{
    while (intervals->live < intervals->count) {
        const struct posthog_interval *interval = &intervals->list[intervals->live];
        if (interval->bucket_us >= event->bucket_us ||
            event->time_us - interval->last_start_us <= intervals->rule->window_us) {
            return;
        }
        intervals->live++;
    }
}

static void take_event(struct posthog_intervals *intervals, const struct posthog_event *event,
                       uint32_t value)
{
    const struct posthog_rule *rule = intervals->rule;
    bool other_value = rule->value_step != POSTHOG_STEP_NONE && event->value != value;
    forget(intervals, event);
    for (uint32_t i = intervals->live; i < intervals->count; i++) {
        struct posthog_interval *interval = &intervals->list[i];
        for (uint32_t step = rule->step_count; step > 1; step--) {
            if ((event->forbids >> (step - 1) & 1) != 0 &&
                waits_for(rule, interval, step, event->time_us)) {
                taint(rule, interval, step, event->time_us);
            }
        }
        for (uint32_t step = rule->step_count; step > 1; step--) {
            if ((event->steps >> (step - 1) & 1) != 0 &&
                !(other_value && step - 1 == rule->value_step) &&
                waits_for(rule, interval, step, event->time_us)) {
                advance(rule, interval, step, event->time_us);
            }
        }
    }
    if ((event->steps & 1) != 0 && !(other_value && rule->value_step == 0)) {
        enter(intervals, event);
    }
    for (uint32_t i = intervals->live; rule->order == FUNNEL_ORDER_STRICT && i < intervals->count;
         i++) {
        for (uint32_t step = 1; step <= rule->step_count; step++) {
            intervals->list[i].set[step] &= (event->steps >> (step - 1) & 1) != 0;
        }
    }
}

/// A unit that went on although it was tainted has no failed entry in any interval.
static void report(const struct posthog_intervals *intervals, posthog_entry_function *entry,
                   void *context)
{
    bool full = false;
    for (uint32_t i = 0; i < intervals->count; i++) {
        full |= !intervals->list[i].converted && intervals->list[i].taint == TAINT_FULL;
    }
    for (uint32_t i = 0; i < intervals->count; i++) {
        const struct posthog_interval *interval = &intervals->list[i];
        bool failed = !full && interval->best_step > intervals->rule->from_step &&
                      interval->taint != TAINT_PARTIAL;
        if (interval->converted || failed) {
            entry(context, interval->bucket_us, interval->converted);
        }
    }
}

void posthog_trend(const struct posthog_rule *rule, const struct posthog_event *events,
                   uint32_t event_count, uint32_t value, posthog_entry_function *entry,
                   void *context)
{
    if (rule->order == FUNNEL_ORDER_ANY) {
        posthog_trend_unordered(rule, events, event_count, value, entry, context);
        return;
    }
    struct posthog_intervals intervals = {.rule = rule};
    for (uint32_t event = 0; event < event_count; event++) {
        take_event(&intervals, &events[event], value);
    }
    report(&intervals, entry, context);
    memory_free(intervals.list);
}

/// Unordered: the most steps of an attempt whose oldest event lies in the interval.
struct posthog_filled {
    int64_t bucket_us;
    uint32_t filled;
};

struct posthog_filled_list {
    struct posthog_filled *list;
    uint32_t count;
    uint32_t capacity;
};

static void keep_filled(struct posthog_filled_list *filled, int64_t bucket_us, uint32_t count)
{
    // Oldest events are dropped in order of time, so their buckets ascend.
    if (filled->count > 0 && filled->list[filled->count - 1].bucket_us == bucket_us) {
        struct posthog_filled *last = &filled->list[filled->count - 1];
        last->filled = count > last->filled ? count : last->filled;
        return;
    }
    if (filled->count == filled->capacity) {
        filled->capacity = filled->capacity == 0 ? 8 : filled->capacity * 2;
        filled->list = memory_resize_array(filled->list, filled->capacity, sizeof(*filled->list));
    }
    filled->list[filled->count++] = (struct posthog_filled){bucket_us, count};
}

static void pass_time(struct posthog_queues *queues, int64_t time_us, bool last,
                      struct posthog_filled_list *filled)
{
    uint32_t oldest;
    while ((oldest = posthog_queues_oldest(queues)) != POSTHOG_STEP_NONE) {
        const struct posthog_event *event = &queues->events[queues->head[oldest]];
        bool alive = queues->filled < queues->rule->step_count &&
                     time_us - event->time_us <= queues->rule->window_us;
        if (alive && !last) {
            return;
        }
        keep_filled(filled, event->bucket_us, queues->filled);
        posthog_queues_drop(queues, oldest);
    }
}

void posthog_trend_unordered(const struct posthog_rule *rule, const struct posthog_event *events,
                             uint32_t event_count, uint32_t value, posthog_entry_function *entry,
                             void *context)
{
    struct posthog_queues queues;
    struct posthog_filled_list filled = {0};
    posthog_queues_init(&queues, rule, events, event_count, value);
    for (uint32_t event = 0; event < event_count; event++) {
        if ((events[event].steps | events[event].forbids) == 0) {
            continue;
        }
        pass_time(&queues, events[event].time_us, false, &filled);
        posthog_queues_take(&queues, event);
    }
    pass_time(&queues, 0, true, &filled);
    for (uint32_t i = 0; i < filled.count; i++) {
        if (filled.list[i].filled > rule->from_step) {
            entry(context, filled.list[i].bucket_us, filled.list[i].filled > rule->to_step);
        }
    }
    memory_free(filled.list);
    posthog_queues_deinit(&queues);
}
