// SPDX-License-Identifier: Apache-2.0
#include "tests/support/peer_events.h"

#include <criterion/criterion.h>

static struct pinot_rule rule_of(uint32_t step_count, uint32_t modes)
{
    return (struct pinot_rule){.step_count = step_count, .window_us = 10000000, .modes = modes};
}

static uint32_t level(uint32_t step_count, uint32_t modes, const char *text)
{
    struct pinot_rule rule = rule_of(step_count, modes);
    struct peer_events events = peer_events_of(text, step_count, 0);
    struct pinot_match found;
    pinot_max_step(&rule, events.pinot, events.count, &found);
    return found.level;
}

Test(pinot, test_the_window_ends_before_its_length)
{
    cr_assert_eq(level(2, 0, "A@0 B@9.9"), 2);
    cr_assert_eq(level(2, 0, "A@0 B@10"), 1);
}

Test(pinot, test_a_row_counts_for_its_first_condition)
{
    cr_assert_eq(level(2, 0, "AB@0 AB@1"), 1);
    cr_assert_eq(level(2, 0, "AB@0 B@1"), 2);
}

Test(pinot, test_modes)
{
    cr_assert_eq(level(3, 0, "A@0 A@1 B@2 C@3"), 3);
    // Bug of the original that is kept: no second start once all rows are in the window.
    cr_assert_eq(level(3, PINOT_STRICT_ORDER, "A@0 A@1 B@2 C@3"), 1);
    cr_assert_eq(level(3, PINOT_STRICT_ORDER, "A@0 A@1 B@2 C@3 A@21"), 3);
    cr_assert_eq(level(3, PINOT_STRICT_DEDUPLICATION, "A@0 B@1 B@2 C@3"), 2);
    cr_assert_eq(level(3, PINOT_STRICT_ORDER | PINOT_KEEP_ALL, "A@0 Z@1 B@2 C@3"), 1);
    cr_assert_eq(level(2, PINOT_STRICT_INCREASE, "B@0 A@0"), 1);
    cr_assert_eq(level(2, 0, "B@0 A@0"), 2);
}

Test(pinot, test_neighbours_may_not_be_further_apart)
{
    struct pinot_rule rule = rule_of(3, 0);
    rule.max_step_duration_us = 2000000;
    struct peer_events events = peer_events_of("A@0 B@2 C@4.1", 3, 0);
    struct pinot_match found;
    pinot_max_step(&rule, events.pinot, events.count, &found);
    cr_assert_eq(found.level, 2);
}

Test(pinot, test_complete_runs)
{
    struct pinot_rule rule = rule_of(2, 0);
    struct peer_events events = peer_events_of("A@0 B@1 A@2 B@3 A@20 B@21 A@22", 2, 0);
    cr_assert_eq(pinot_complete_count(&rule, events.pinot, events.count), 3);
    rule.modes = PINOT_STRICT_ORDER;
    events = peer_events_of("A@0 A@1 B@2", 2, 0);
    cr_assert_eq(pinot_complete_count(&rule, events.pinot, events.count), 1);
}

Test(pinot, test_durations)
{
    struct pinot_rule rule = rule_of(2, 0);
    struct peer_events events = peer_events_of("A@0 B@4 A@20 B@26", 2, 0);
    struct pinot_durations durations;
    pinot_durations(&rule, events.pinot, events.count, &durations);
    cr_assert(durations.matched);
    cr_assert_eq(durations.counted, 3);
    cr_assert_eq(pinot_durations_mean(&durations, 0), 5e6);
    cr_assert_eq(pinot_durations_quantile(&durations, 0, 0), 4e6);
    cr_assert_eq(pinot_durations_quantile(&durations, 0, 0.5), 6e6);
    cr_assert_eq(pinot_durations_quantile(&durations, 0, 1), 6e6);
    cr_assert_eq(pinot_durations_quantile(&durations, 1, 0.5), 0);
    pinot_durations_deinit(&durations);
}

Test(pinot, test_sets_know_neither_time_nor_order)
{
    struct pinot_rule rule = rule_of(3, 0);
    struct peer_events events = peer_events_of("C@0 B@1 A@99", 3, 0);
    struct pinot_set set;
    pinot_funnel_count(&rule, events.match, events.count, &set);
    cr_assert_eq(set.level, 3);
    cr_assert_eq(set.times_us[2], 99000000);
    events = peer_events_of("A@0 C@1", 3, 0);
    pinot_funnel_count(&rule, events.match, events.count, &set);
    cr_assert_eq(set.level, 1);
}
