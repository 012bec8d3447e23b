// SPDX-License-Identifier: Apache-2.0
#include "tests/support/peer_events.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define DAY_US INT64_C(86400000000)

static void write_entry(void *context, int64_t bucket_us, bool converted)
{
    char *out = context;
    sprintf(out + strlen(out), "%lld%s ", (long long)(bucket_us / DAY_US), converted ? "+" : "-");
}

// Days that are entered, + where the unit converts.
static const char *trend(enum funnel_order order, const char *text, uint32_t from, uint32_t to)
{
    static char out[256];
    struct posthog_rule rule = {.step_count = 3,
                                .window_us = 2 * DAY_US,
                                .order = order,
                                .value_step = POSTHOG_STEP_NONE,
                                .from_step = from,
                                .to_step = to};
    struct peer_events events = peer_events_of(text, 3, posthog_forbids(1, 3));
    out[0] = '\0';
    posthog_trend(&rule, events.posthog, events.count, 0, write_entry, out);
    return out;
}

Test(posthog_trend, test_a_unit_enters_an_interval_once)
{
    cr_assert_str_eq(trend(FUNNEL_ORDER_LOOSE, "A@0 A@9 B@10 C@11 A@20", 0, 2), "0+ ");
    cr_assert_str_eq(trend(FUNNEL_ORDER_LOOSE, "A@0 A@86400 B@86500 C@90000", 0, 2), "0+ 1+ ");
    cr_assert_str_eq(trend(FUNNEL_ORDER_LOOSE, "A@0 A@86400 B@172801 C@172802", 0, 2), "0- 1+ ");
}

Test(posthog_trend, test_between_two_steps)
{
    cr_assert_str_eq(trend(FUNNEL_ORDER_LOOSE, "A@0 B@1", 0, 1), "0+ ");
    cr_assert_str_eq(trend(FUNNEL_ORDER_LOOSE, "A@0 A@86401 B@86402", 1, 2), "0- 1- ");
    cr_assert_str_eq(trend(FUNNEL_ORDER_LOOSE, "A@0", 1, 2), "");
}

Test(posthog_trend, test_exclusions)
{
    cr_assert_str_eq(trend(FUNNEL_ORDER_LOOSE, "A@0 X@1 B@2", 0, 2), "");
    cr_assert_str_eq(trend(FUNNEL_ORDER_LOOSE, "A@0 X@1", 0, 2), "");
    cr_assert_str_eq(trend(FUNNEL_ORDER_LOOSE, "A@0 X@1 A@2 B@3 C@4", 0, 2), "0+ ");
    cr_assert_str_eq(trend(FUNNEL_ORDER_ANY, "A@0 B@1 X@2 C@3", 0, 2), "0- ");
}

Test(posthog_trend, test_strict_and_unordered)
{
    cr_assert_str_eq(trend(FUNNEL_ORDER_STRICT, "A@0 B@1 Z@2 C@3", 0, 2), "0- ");
    cr_assert_str_eq(trend(FUNNEL_ORDER_ANY, "C@0 B@1 A@2", 0, 2), "0+ ");
    cr_assert_str_eq(trend(FUNNEL_ORDER_ANY, "C@86000 B@86401", 0, 2), "0- 1- ");
}
