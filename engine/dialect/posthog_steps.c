// SPDX-License-Identifier: Apache-2.0
// Ordered and strict funnels. One chain is remembered per step: the one whose start is the latest.
#include "engine/dialect/posthog_internal.h"

/// A chain that has reached a step.
struct posthog_chain {
    bool set;
    bool excluded;
    int64_t start_us;
    uint32_t made;
    uint32_t events[FUNNEL_STEP_COUNT_MAX];
    int64_t times_us[FUNNEL_STEP_COUNT_MAX];
};

struct posthog_walk {
    const struct posthog_rule *rule;
    const struct posthog_event *events;
    uint32_t value;
    struct posthog_chain chains[FUNNEL_STEP_COUNT_MAX + 1]; ///< by step from 1; 0: before the first
    struct posthog_chain best;
    uint32_t best_step;
};

static bool is_optional(const struct posthog_rule *rule, uint32_t step)
{
    return step > 0 && (rule->optional >> (step - 1) & 1) != 0;
}

static bool is_in_window(const struct posthog_walk *walk, uint32_t step, int64_t time_us)
{
    const struct posthog_chain *chain = &walk->chains[step];
    return chain->set && time_us - chain->start_us <= walk->rule->window_us;
}

/// The step that a step may follow: the one before it, or one before optional ones.
/// POSTHOG_STEP_NONE where none of them is reached within the window.
static uint32_t previous_step(const struct posthog_walk *walk, uint32_t step, int64_t time_us)
{
    uint32_t before = step - 1;
    while (!is_in_window(walk, before, time_us)) {
        if (before == 0 || !is_optional(walk->rule, before)) {
            return POSTHOG_STEP_NONE;
        }
        before--;
    }
    bool reached =
        walk->chains[step].set && walk->chains[step].start_us == walk->chains[before].start_us;
    return reached ? POSTHOG_STEP_NONE : before;
}

/// An exclusion while `step` is waited for taints the chain that waits, and the furthest one with
/// it.
static void taint(struct posthog_walk *walk, uint32_t step, int64_t time_us)
{
    uint32_t before = previous_step(walk, step, time_us);
    if (before == POSTHOG_STEP_NONE || walk->chains[before].excluded) {
        return;
    }
    walk->chains[before].excluded = true;
    if (walk->best_step == before && time_us - walk->best.start_us <= walk->rule->window_us) {
        walk->best.excluded = true;
    }
}

/// An event fills one step of a chain; optional steps are not looked at, as in the original.
static bool is_used(const struct posthog_walk *walk, const struct posthog_chain *chain,
                    uint32_t event)
{
    for (uint32_t k = 0; k < walk->rule->step_count; k++) {
        if ((chain->made >> k & 1) != 0 && !is_optional(walk->rule, k + 1) &&
            chain->events[k] == event) {
            return true;
        }
    }
    return false;
}

static void advance(struct posthog_walk *walk, uint32_t step, uint32_t event, int64_t time_us,
                    bool tied)
{
    uint32_t before = previous_step(walk, step, time_us);
    if (before == POSTHOG_STEP_NONE) {
        return;
    }
    const struct posthog_chain *from = &walk->chains[before];
    bool other_value = before == walk->rule->value_step && walk->events[event].value != walk->value;
    if (other_value || (tied && is_used(walk, from, event))) {
        return;
    }
    struct posthog_chain chain = *from;
    chain.made |= UINT32_C(1) << (step - 1);
    chain.events[step - 1] = event;
    chain.times_us[step - 1] = time_us;
    if (!from->excluded) {
        walk->chains[step] = chain;
    }
    if (step > walk->best_step || (step == walk->best_step && walk->best.excluded)) {
        walk->best_step = step;
        walk->best = chain;
    }
}

/// One event by itself: its exclusions, then its steps, the last first, so that no step follows
/// another one of the same event.
static void take_event(struct posthog_walk *walk, uint32_t event)
{
    const struct posthog_event *taken = &walk->events[event];
    uint32_t step_count = walk->rule->step_count;
    for (uint32_t step = step_count; step > 0; step--) {
        if ((taken->forbids >> (step - 1) & 1) != 0) {
            taint(walk, step, taken->time_us);
        }
    }
    for (uint32_t step = step_count; step > 0; step--) {
        if ((taken->steps >> (step - 1) & 1) != 0) {
            advance(walk, step, event, taken->time_us, false);
        }
    }
    if (walk->rule->order == FUNNEL_ORDER_STRICT) {
        for (uint32_t step = 1; step <= step_count; step++) {
            walk->chains[step].set &= (taken->steps >> (step - 1) & 1) != 0;
        }
    }
}

/// Different events of one instant: in the order of the steps, exclusions and strictness ignored.
static void take_tied(struct posthog_walk *walk, uint32_t begin, uint32_t end)
{
    for (uint32_t step = 1; step <= walk->rule->step_count; step++) {
        for (uint32_t event = begin; event < end; event++) {
            if ((walk->events[event].steps >> (step - 1) & 1) != 0) {
                advance(walk, step, event, walk->events[begin].time_us, true);
            }
        }
    }
}

static bool are_alike(const struct posthog_event *events, uint32_t begin, uint32_t end)
{
    for (uint32_t event = begin + 1; event < end; event++) {
        if (events[event].steps != events[begin].steps ||
            events[event].forbids != events[begin].forbids) {
            return false;
        }
    }
    return true;
}

static void take_group(struct posthog_walk *walk, uint32_t begin, uint32_t end)
{
    walk->chains[0] = (struct posthog_chain){.set = true, .start_us = walk->events[begin].time_us};
    if (!are_alike(walk->events, begin, end)) {
        take_tied(walk, begin, end);
        return;
    }
    for (uint32_t event = begin; event < end; event++) {
        take_event(walk, event);
    }
}

/// How far apart events may be and still count as tied: exclusions and strictness would be lost.
static int64_t tie_window(const struct posthog_rule *rule, const struct posthog_event *events,
                          uint32_t event_count)
{
    bool exact = rule->order == FUNNEL_ORDER_STRICT;
    for (uint32_t event = 0; event < event_count && !exact; event++) {
        exact = events[event].forbids != 0;
    }
    return exact ? 0 : rule->tie_window_us;
}

static void finish(const struct posthog_walk *walk, struct posthog_match *match_out)
{
    const struct posthog_chain *best = &walk->best;
    match_out->removed = best->excluded;
    match_out->level = best->excluded ? 0 : walk->best_step;
    match_out->made = best->excluded ? 0 : best->made;
    for (uint32_t k = 0; k < walk->rule->step_count; k++) {
        match_out->events[k] = best->events[k];
        match_out->times_us[k] = best->times_us[k];
        match_out->steps[k] = (uint8_t)k;
    }
}

void posthog_match(const struct posthog_rule *rule, const struct posthog_event *events,
                   uint32_t event_count, uint32_t value, struct posthog_match *match_out)
{
    *match_out = (struct posthog_match){.level = 0};
    if (rule->order == FUNNEL_ORDER_ANY) {
        posthog_match_unordered(rule, events, event_count, value, match_out);
        return;
    }
    struct posthog_walk walk = {.rule = rule, .events = events, .value = value};
    int64_t tied_us = tie_window(rule, events, event_count);
    uint32_t begin = 0;
    while (begin < event_count && !walk.chains[rule->step_count].set) {
        uint32_t end = begin + 1;
        while (end < event_count && events[end].time_us - events[begin].time_us <= tied_us) {
            end++;
        }
        take_group(&walk, begin, end);
        begin = end;
    }
    finish(&walk, match_out);
}
