// SPDX-License-Identifier: Apache-2.0
#include "tests/support/peer_events.h"

#include <criterion/criterion.h>

static struct posthog_match match(uint32_t step_count, const char *text)
{
    struct posthog_rule rule = {.step_count = step_count,
                                .window_us = 10000000,
                                .order = FUNNEL_ORDER_ANY,
                                .value_step = POSTHOG_STEP_NONE};
    struct peer_events events = peer_events_of(text, step_count, UINT32_MAX);
    struct posthog_match found;
    posthog_match(&rule, events.posthog, events.count, 0, &found);
    return found;
}

Test(posthog_unordered, test_steps_in_any_order_within_the_window_of_the_oldest)
{
    struct posthog_match found = match(3, "C@0 A@5 B@10");
    cr_assert_eq(found.level, 3);
    cr_assert_eq(found.made, 7);
    cr_assert_eq(found.steps[0], 2);
    cr_assert_eq(found.times_us[2], 10000000);
    cr_assert_eq(match(3, "C@0 A@5 B@10.1").level, 2);
    cr_assert_eq(match(3, "A@0 A@1 A@2").level, 1);
}

Test(posthog_unordered, test_an_event_goes_to_the_step_that_waited_longest)
{
    cr_assert_eq(match(2, "AB@0 AB@1").level, 2);
    cr_assert_eq(match(3, "A@0 AB@1 C@2").level, 3);
}

Test(posthog_unordered, test_an_exclusion_wipes_what_is_not_complete)
{
    cr_assert_eq(match(3, "A@0 B@1 X@2 C@3").level, 1);
    cr_assert_eq(match(2, "A@0 B@1 X@2").level, 2);
    cr_assert_eq(match(2, "A@0 X@1").level, 0);
}
