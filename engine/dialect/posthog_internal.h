// SPDX-License-Identifier: Apache-2.0
/// What the matchers of PostHog's funnels share. Thread: values.
#pragma once

#include "engine/dialect/posthog.h"

/// Unordered funnels: one queue of events per step, oldest first, linked through `next`.
struct posthog_queues {
    const struct posthog_rule *rule;
    const struct posthog_event *events;
    uint32_t value;
    uint32_t head[FUNNEL_STEP_COUNT_MAX]; ///< event index, or POSTHOG_VALUE_NONE
    uint32_t tail[FUNNEL_STEP_COUNT_MAX];
    uint32_t *next; ///< by event
    uint32_t filled;
};

void posthog_queues_init(struct posthog_queues *queues, const struct posthog_rule *rule,
                         const struct posthog_event *events, uint32_t event_count, uint32_t value);
void posthog_queues_deinit(struct posthog_queues *queues);
/// The step of the oldest head, POSTHOG_STEP_NONE while all queues are empty.
uint32_t posthog_queues_oldest(const struct posthog_queues *queues);
/// Drops the head of a queue that has one.
void posthog_queues_drop(struct posthog_queues *queues, uint32_t step);
/// Takes an event: an exclusion empties all queues, a step goes to the queue whose newest event is
/// oldest.
void posthog_queues_take(struct posthog_queues *queues, uint32_t event);

void posthog_match_unordered(const struct posthog_rule *rule, const struct posthog_event *events,
                             uint32_t event_count, uint32_t value, struct posthog_match *match_out);
void posthog_trend_unordered(const struct posthog_rule *rule, const struct posthog_event *events,
                             uint32_t event_count, uint32_t value, posthog_entry_function *entry,
                             void *context);
