// SPDX-License-Identifier: Apache-2.0
#include "tests/support/peer_events.h"

#include <criterion/criterion.h>

static struct posthog_rule rule_of(uint32_t step_count, enum funnel_order order)
{
    return (struct posthog_rule){.step_count = step_count,
                                 .window_us = 10000000,
                                 .order = order,
                                 .tie_window_us = POSTHOG_TIE_WINDOW_US,
                                 .value_step = POSTHOG_STEP_NONE};
}

static struct posthog_match match(const struct posthog_rule *rule, const char *text,
                                  uint32_t forbids)
{
    struct peer_events events = peer_events_of(text, rule->step_count, forbids);
    struct posthog_match found;
    posthog_match(rule, events.posthog, events.count, 0, &found);
    return found;
}

static uint32_t level(uint32_t step_count, enum funnel_order order, const char *text)
{
    struct posthog_rule rule = rule_of(step_count, order);
    return match(&rule, text, 0).level;
}

Test(posthog_steps, test_window_is_inclusive_from_the_first_step)
{
    cr_assert_eq(level(3, FUNNEL_ORDER_LOOSE, "A@0 B@5 C@10"), 3);
    cr_assert_eq(level(3, FUNNEL_ORDER_LOOSE, "A@0 B@5 C@10.1"), 2);
    cr_assert_eq(level(3, FUNNEL_ORDER_LOOSE, "A@0 A@4 B@5 C@12"), 3);
}

Test(posthog_steps, test_one_event_fills_one_step)
{
    struct posthog_rule rule = rule_of(2, FUNNEL_ORDER_LOOSE);
    struct peer_events events = peer_events_of("AB@0", 2, 0);
    struct posthog_match found;
    posthog_match(&rule, events.posthog, events.count, 0, &found);
    cr_assert_eq(found.level, 1);
    cr_assert_eq(level(2, FUNNEL_ORDER_LOOSE, "AB@0 AB@0"), 2);
    cr_assert_eq(level(2, FUNNEL_ORDER_LOOSE, "AB@0 AB@1"), 2);
}

Test(posthog_steps, test_events_within_50_ms_convert_in_any_order_without_a_gap)
{
    struct posthog_rule rule = rule_of(2, FUNNEL_ORDER_LOOSE);
    struct posthog_match found = match(&rule, "B@1 A@1.05", 0);
    cr_assert_eq(found.level, 2);
    cr_assert_eq(found.times_us[1], found.times_us[0]);
    cr_assert_eq(match(&rule, "B@1 A@1.06", 0).level, 1);
    // An exclusion anywhere, or a strict order, leaves ties to single instants.
    cr_assert_eq(match(&rule, "X@0 B@1 A@1.05", 2).level, 1);
    cr_assert_eq(level(2, FUNNEL_ORDER_STRICT, "B@1 A@1.05"), 1);
    rule.tie_window_us = 0;
    cr_assert_eq(match(&rule, "B@1 A@1.01", 0).level, 1);
    cr_assert_eq(match(&rule, "B@1 A@1", 0).level, 2);
}

Test(posthog_steps, test_an_exclusion_removes_whose_furthest_attempt_it_taints)
{
    struct posthog_rule rule = rule_of(2, FUNNEL_ORDER_LOOSE);
    uint32_t forbids = posthog_forbids(1, 2);
    cr_assert_eq(forbids, 2);
    struct posthog_match found = match(&rule, "A@0 X@1 B@2", forbids);
    cr_assert_eq(found.level, 0);
    cr_assert(found.removed);
    cr_assert_eq(match(&rule, "A@0 X@1 B@2 A@3 B@4", forbids).level, 2);
    cr_assert_eq(match(&rule, "A@0 X@11", forbids).level, 1);
    cr_assert_eq(match(&rule, "A@0 X@0 B@0", forbids).level, 2);
    cr_assert_eq(match(&rule, "X@0 A@1 B@2", forbids).level, 2);
}

Test(posthog_steps, test_exclusions_between_any_two_steps)
{
    cr_assert_eq(posthog_forbids(1, 4), 2 | 4 | 8);
    cr_assert_eq(posthog_forbids(2, 3), 4);
    cr_assert_eq(posthog_forbids(31, 32), UINT32_C(1) << 31);
}

Test(posthog_steps, test_strict_forgets_what_the_event_does_not_match)
{
    cr_assert_eq(level(3, FUNNEL_ORDER_STRICT, "A@0 B@1 C@2"), 3);
    cr_assert_eq(level(3, FUNNEL_ORDER_STRICT, "A@0 B@1 B@2 C@3"), 3);
    cr_assert_eq(level(3, FUNNEL_ORDER_STRICT, "A@0 B@1 A@2 C@3"), 2);
    cr_assert_eq(level(3, FUNNEL_ORDER_STRICT, "A@0 Z@1 B@2 C@3"), 1);
    cr_assert_eq(level(3, FUNNEL_ORDER_STRICT, "A@0 Z@1 A@2 B@3 C@4"), 3);
}

Test(posthog_steps, test_an_optional_step_may_be_skipped)
{
    struct posthog_rule rule = rule_of(3, FUNNEL_ORDER_LOOSE);
    cr_assert_eq(match(&rule, "A@0 C@2", 0).level, 1);
    rule.optional = 2;
    struct posthog_match found = match(&rule, "A@0 C@2", 0);
    cr_assert_eq(found.level, 3);
    cr_assert_eq(found.made, 1 | 4);
    cr_assert_eq(match(&rule, "A@0 B@1 C@2", 0).made, 7);
}

Test(posthog_steps, test_a_step_may_ask_for_a_value)
{
    struct posthog_rule rule = rule_of(2, FUNNEL_ORDER_LOOSE);
    rule.value_step = 1;
    struct peer_events events = peer_events_of("A@0 B@1 B@2", 2, 0);
    events.posthog[2].value = 5;
    struct posthog_match found;
    posthog_match(&rule, events.posthog, events.count, 5, &found);
    cr_assert_eq(found.level, 2);
    cr_assert_eq(found.events[1], 2);
    posthog_match(&rule, events.posthog, events.count, 6, &found);
    cr_assert_eq(found.level, 1);
}

Test(posthog_steps, test_no_event_is_nothing)
{
    cr_assert_eq(level(1, FUNNEL_ORDER_LOOSE, ""), 0);
    cr_assert_eq(level(1, FUNNEL_ORDER_ANY, ""), 0);
    cr_assert_eq(level(32, FUNNEL_ORDER_LOOSE, "A@0 B@1"), 2);
}
