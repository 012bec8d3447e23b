// SPDX-License-Identifier: Apache-2.0
// Unordered funnels: a queue of events per step; an attempt is the heads of all queues while they
// lie within the window of the oldest of them.
#include "engine/dialect/posthog_internal.h"

#include "storage/base/memory.h"

void posthog_queues_init(struct posthog_queues *queues, const struct posthog_rule *rule,
                         const struct posthog_event *events, uint32_t event_count, uint32_t value)
{
    *queues = (struct posthog_queues){.rule = rule, .events = events, .value = value};
    queues->next = memory_allocate_zeroed(event_count + 1, sizeof(*queues->next));
    for (uint32_t k = 0; k < rule->step_count; k++) {
        queues->head[k] = POSTHOG_VALUE_NONE;
    }
}

void posthog_queues_deinit(struct posthog_queues *queues)
{
    memory_free(queues->next);
}

uint32_t posthog_queues_oldest(const struct posthog_queues *queues)
{
    uint32_t oldest = POSTHOG_STEP_NONE;
    for (uint32_t k = 0; k < queues->rule->step_count; k++) {
        bool older =
            queues->head[k] != POSTHOG_VALUE_NONE &&
            (oldest == POSTHOG_STEP_NONE || queues->events[queues->head[k]].time_us <
                                                queues->events[queues->head[oldest]].time_us);
        oldest = older ? k : oldest;
    }
    return oldest;
}

void posthog_queues_drop(struct posthog_queues *queues, uint32_t step)
{
    uint32_t event = queues->head[step];
    queues->head[step] = event == queues->tail[step] ? POSTHOG_VALUE_NONE : queues->next[event];
    queues->filled -= queues->head[step] == POSTHOG_VALUE_NONE;
}

static void empty(struct posthog_queues *queues)
{
    for (uint32_t k = 0; k < queues->rule->step_count; k++) {
        queues->head[k] = POSTHOG_VALUE_NONE;
    }
    queues->filled = 0;
}

/// Of the event's steps the one whose newest event is oldest, an empty queue being oldest of all.
static uint32_t choose_step(const struct posthog_queues *queues, uint32_t steps)
{
    uint32_t chosen = POSTHOG_STEP_NONE;
    for (uint32_t k = 0; k < queues->rule->step_count; k++) {
        if ((steps >> k & 1) == 0) {
            continue;
        }
        if (queues->head[k] == POSTHOG_VALUE_NONE) {
            return k;
        }
        bool older =
            chosen == POSTHOG_STEP_NONE ||
            queues->events[queues->tail[k]].time_us < queues->events[queues->tail[chosen]].time_us;
        chosen = older ? k : chosen;
    }
    return chosen;
}

void posthog_queues_take(struct posthog_queues *queues, uint32_t event)
{
    const struct posthog_event *taken = &queues->events[event];
    if (taken->steps == 0) {
        if (taken->forbids != 0) {
            empty(queues);
        }
        return;
    }
    if (queues->filled == queues->rule->value_step && taken->value != queues->value) {
        return;
    }
    uint32_t step = choose_step(queues, taken->steps);
    if (queues->head[step] == POSTHOG_VALUE_NONE) {
        queues->head[step] = event;
        queues->filled++;
    } else {
        queues->next[queues->tail[step]] = event;
    }
    queues->tail[step] = event;
}

/// The heads of all queues by time, ties by step: the attempt, if it has more steps than before.
static void keep_best(const struct posthog_queues *queues, struct posthog_match *match)
{
    if (queues->filled <= match->level) {
        return;
    }
    uint32_t rank = 0;
    for (uint32_t k = 0; k < queues->rule->step_count; k++) {
        if (queues->head[k] == POSTHOG_VALUE_NONE) {
            continue;
        }
        int64_t time_us = queues->events[queues->head[k]].time_us;
        uint32_t at = rank++;
        for (; at > 0 && match->times_us[at - 1] > time_us; at--) {
            match->times_us[at] = match->times_us[at - 1];
            match->events[at] = match->events[at - 1];
            match->steps[at] = match->steps[at - 1];
        }
        match->times_us[at] = time_us;
        match->events[at] = queues->head[k];
        match->steps[at] = (uint8_t)k;
    }
    match->level = queues->filled;
    match->made = queues->filled >= 32 ? UINT32_MAX : (UINT32_C(1) << queues->filled) - 1;
}

/// Before a later event: what is complete, or out of its window, is judged and its oldest event
/// dropped.
static void pass_time(struct posthog_queues *queues, int64_t time_us, struct posthog_match *match)
{
    uint32_t oldest;
    while ((oldest = posthog_queues_oldest(queues)) != POSTHOG_STEP_NONE) {
        int64_t age_us = time_us - queues->events[queues->head[oldest]].time_us;
        if (queues->filled < queues->rule->step_count && age_us <= queues->rule->window_us) {
            return;
        }
        keep_best(queues, match);
        posthog_queues_drop(queues, oldest);
    }
}

void posthog_match_unordered(const struct posthog_rule *rule, const struct posthog_event *events,
                             uint32_t event_count, uint32_t value, struct posthog_match *match_out)
{
    struct posthog_queues queues;
    posthog_queues_init(&queues, rule, events, event_count, value);
    for (uint32_t event = 0; event < event_count && match_out->level < rule->step_count; event++) {
        if ((events[event].steps | events[event].forbids) == 0) {
            continue;
        }
        pass_time(&queues, events[event].time_us, match_out);
        posthog_queues_take(&queues, event);
    }
    keep_best(&queues, match_out);
    posthog_queues_deinit(&queues);
}
