// SPDX-License-Identifier: Apache-2.0
/// PostHog's funnels among the dialects: its own matchers (engine/dialect/posthog.h) over one
/// unit's events. Events outside the range do not exist; an exclusion removes the unit whose
/// furthest attempt it taints, and wipes the progress of an unordered one.
#include "engine/dialect/dialect_spec.h"

#include "storage/base/memory.h"

enum posthog_mode { POSTHOG_EXACT_TIES = 0 };
static const char *const POSTHOG_MODES[] = {"exact_ties", NULL};
static const char *const POSTHOG_MODE_RULES[] = {
    "only events of one instant are simultaneous, not those within 50 ms"};

/// Bits of steps and exclusions as the matcher wants them.
static void split_bits(const struct funnel *funnel, const struct match_event *from,
                       struct posthog_event *to)
{
    to->time_us = from->time_us;
    to->steps = from->steps & dialect_step_mask(funnel);
    to->forbids = 0;
    for (uint32_t i = 0; i < funnel->exclusion_count; i++) {
        const struct funnel_exclusion *exclusion = &funnel->exclusions[i];
        bool held = (from->steps >> (funnel->step_count + i) & 1) != 0;
        to->forbids |= held ? posthog_forbids(exclusion->after, exclusion->before) : 0;
    }
}

static void report(const struct funnel *funnel, const struct posthog_match *found,
                   struct match_result *result)
{
    bool any = funnel->order == FUNNEL_ORDER_ANY;
    result->level = found->level;
    result->best_level = found->level;
    result->made = found->made;
    result->entered = found->level > 0;
    result->won = found->level == funnel->step_count;
    for (uint32_t k = 0; k < found->level; k++) {
        bool required = any || (funnel->optional >> k & 1) == 0;
        result->ended = (found->made >> k & 1) != 0 && required ? k + 1 : result->ended;
        result->events[k] = found->events[k];
        result->times_us[k] = found->times_us[k];
        result->steps[k] = found->steps[k];
    }
}

static void match(const struct funnel *funnel, const struct match_rule *rule,
                  const struct match_event *events, uint32_t event_count,
                  struct match_result *result)
{
    (void)rule;
    struct posthog_rule posthog = {
        .step_count = funnel->step_count,
        .window_us = funnel->window_us,
        .order = funnel->order,
        .optional = funnel->optional,
        .tie_window_us = dialect_has(funnel, POSTHOG_EXACT_TIES) ? 0 : POSTHOG_TIE_WINDOW_US,
        .value_step = POSTHOG_STEP_NONE,
    };
    struct posthog_event *copies = memory_allocate_zeroed((size_t)event_count + 1, sizeof(*copies));
    struct posthog_match found;
    for (uint32_t i = 0; i < event_count; i++) {
        split_bits(funnel, &events[i], &copies[i]);
    }
    posthog_match(&posthog, copies, event_count, 0, &found);
    memory_free(copies);
    report(funnel, &found, result);
}

static uint64_t bytes(const struct funnel *funnel, uint32_t event_count)
{
    (void)funnel;
    return ((uint64_t)event_count + 1) * (sizeof(struct posthog_event) + sizeof(uint32_t));
}

static enum corong_status set(struct funnel *funnel, struct corong_error *error)
{
    struct funnel plain = dialect_plain(funnel);
    plain.order = funnel->order;
    plain.exclusions = funnel->exclusions;
    plain.exclusion_count = funnel->exclusion_count;
    plain.optional = funnel->optional;
    struct funnel target = plain;
    target.range_inside = true;
    if (dialect_seen_step(funnel) > FUNNEL_STEP_COUNT_MAX) {
        return error_set(error, CORONG_UNSUPPORTED,
                         "dialect 'posthog' has at most %u steps and exclusions together",
                         FUNNEL_STEP_COUNT_MAX);
    }
    for (uint32_t i = 0; funnel->order == FUNNEL_ORDER_ANY && i < funnel->exclusion_count; i++) {
        const struct funnel_exclusion *exclusion = &funnel->exclusions[i];
        if (exclusion->after != 1 || exclusion->before != funnel->step_count) {
            return error_set(error, CORONG_INVALID,
                             "dialect 'posthog' excludes in an unordered funnel only between its "
                             "first and its last step (after: 1, before: %u)",
                             funnel->step_count);
        }
    }
    return dialect_set_like(funnel, &plain, &target,
                            "steps (some optional), a window, an order and exclusions", error);
}

static struct dialect_needs needs(const struct funnel *funnel)
{
    return (struct dialect_needs){.matcher = true,
                                  .every_event = funnel->order == FUNNEL_ORDER_STRICT,
                                  .any_entry = funnel->order == FUNNEL_ORDER_ANY,
                                  .time_only = true};
}

const struct dialect_spec posthog_spec = {
    .name = "posthog",
    .summary = "PostHog's funnels: ordered, strict and unordered",
    .modes = POSTHOG_MODES,
    .rule = "events outside the range do not exist, those within 50 ms are simultaneous, and an "
            "exclusion that hits a user's furthest attempt removes the user",
    .mode_rules = POSTHOG_MODE_RULES,
    .set = set,
    .needs = needs,
    .match = match,
    .bytes = bytes,
};
