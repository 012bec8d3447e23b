// SPDX-License-Identifier: Apache-2.0
// The short way of order any says, field by field, what the way over blocks says, and refuses what
// it cannot judge.
#include "engine/funnel/match_any.h"
#include "tests/support/test_random.h"

#include <criterion/criterion.h>
#include <string.h>

#define EVENT_COUNT_MAX 24u

static struct match_rule random_rule(struct test_random *random)
{
    static const int64_t windows[] = {0, 3, 10, 40, FUNNEL_WINDOW_NONE};
    return (struct match_rule){
        .order = FUNNEL_ORDER_ANY,
        .step_count = 1 + test_random_below(random, 6),
        .window_us = windows[test_random_below(random, 5)],
        .as_of_us = INT64_MAX / 8,
        .until_us = test_random_below(random, 4) == 0 ? 60 : INT64_MAX,
        .score_floor = test_random_below(random, 4),
    };
}

static uint32_t random_events(struct test_random *random, struct match_rule *rule,
                              struct match_event *events)
{
    uint32_t count = 1 + test_random_below(random, EVENT_COUNT_MAX);
    int64_t time_us = -20;
    for (uint32_t i = 0; i < count; i++) {
        time_us += 1 + test_random_below(random, 6);
        events[i] = (struct match_event){.time_us = time_us,
                                         .steps = UINT32_C(1)
                                                  << test_random_below(random, rule->step_count),
                                         .entry_allowed = true};
    }
    rule->as_of_us = time_us + test_random_below(random, 20);
    return count;
}

static void check_equal(const struct match_result *quick, const struct match_result *exact,
                        uint64_t seed)
{
    cr_assert_eq(quick->level, exact->level, "seed %llu", (unsigned long long)seed);
    cr_assert_eq(quick->entered, exact->entered);
    cr_assert_eq(quick->ended, exact->ended);
    cr_assert_eq(quick->made, exact->made);
    cr_assert_eq(quick->won, exact->won);
    cr_assert_eq(quick->open, exact->open, "seed %llu", (unsigned long long)seed);
    cr_assert_eq(quick->out, exact->out);
    cr_assert_eq(quick->score, exact->score);
    for (uint32_t rank = 0; rank < exact->level; rank++) {
        cr_assert_eq(quick->events[rank], exact->events[rank], "seed %llu",
                     (unsigned long long)seed);
        cr_assert_eq(quick->times_us[rank], exact->times_us[rank]);
        cr_assert_eq(quick->steps[rank], exact->steps[rank]);
    }
}

Test(match_any_quick, test_random_histories_are_as_over_blocks)
{
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        struct test_random random = test_random_start(seed);
        struct match_event events[EVENT_COUNT_MAX];
        struct match_result quick;
        struct match_result exact;
        struct match_rule rule = random_rule(&random);
        uint32_t count = random_events(&random, &rule, events);
        memset(&quick, 0xa5, sizeof(quick));
        cr_assert(match_any_quick(&rule, events, count, &quick));
        match_general_blocks(&rule, events, count, &exact);
        check_equal(&quick, &exact, seed);
    }
}

Test(match_any_quick, test_what_it_cannot_judge_is_refused)
{
    struct match_rule rule = {.order = FUNNEL_ORDER_ANY, .step_count = 2, .window_us = 10};
    struct match_event events[] = {{.time_us = 1, .steps = 1, .entry_allowed = true},
                                   {.time_us = 2, .steps = 2, .entry_allowed = true}};
    struct match_result result;
    cr_assert(match_any_quick(&rule, events, 2, &result));
    cr_assert_not(match_any_quick(&rule, events, 0, &result));
    events[1].time_us = 1; // simultaneous
    cr_assert_not(match_any_quick(&rule, events, 2, &result));
    events[1] = (struct match_event){.time_us = 2, .steps = 3, .entry_allowed = true}; // two steps
    cr_assert_not(match_any_quick(&rule, events, 2, &result));
    events[1] = (struct match_event){.time_us = 2, .steps = 2}; // not an entry
    cr_assert_not(match_any_quick(&rule, events, 2, &result));
    events[1].entry_allowed = true;
    rule.anchor_last = 2;
    cr_assert_not(match_any_quick(&rule, events, 2, &result));
}
