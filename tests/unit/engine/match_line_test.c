// SPDX-License-Identifier: Apache-2.0
// Where each block is one event the short way over the newest states says, field by field, what the
// way over all states says; units that it cannot judge go the long way.
#include "engine/funnel/match_general.h"
#include "tests/support/test_random.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define EVENT_COUNT_MAX 40u
#define CASE_COUNT 12000u

struct line_case {
    struct match_rule rule;
    struct funnel_gap gaps[FUNNEL_STEP_COUNT_MAX];
    struct funnel_exclusion exclusions[2];
    struct match_event events[EVENT_COUNT_MAX];
    uint32_t count;
};

static int64_t random_window(struct test_random *random)
{
    static const int64_t windows[] = {0, 3, 10, 40, FUNNEL_WINDOW_NONE};
    return windows[test_random_below(random, 5)];
}

static void random_rule(struct test_random *random, struct line_case *one)
{
    uint32_t steps = 2 + test_random_below(random, 4);
    bool strict = test_random_below(random, 3) == 0;
    one->rule = (struct match_rule){
        .step_count = steps,
        .window_us = random_window(random),
        .order = strict ? FUNNEL_ORDER_STRICT : FUNNEL_ORDER_LOOSE,
        .scope = test_random_below(random, 2) ? FUNNEL_SCOPE_ALL : FUNNEL_SCOPE_FUNNEL,
        .repeat = test_random_below(random, 2) ? FUNNEL_REPEAT_ALLOW : FUNNEL_REPEAT_BREAK,
        .ties = test_random_below(random, 2) ? FUNNEL_TIES_ANY : FUNNEL_TIES_STRICT,
        .entry_open = !strict && test_random_below(random, 3) == 0,
        .until_us = test_random_below(random, 4) == 0 ? 90 : INT64_MAX,
        .score_floor = test_random_below(random, 3),
        .exclusions = one->exclusions,
        .exclusion_count = test_random_below(random, 3),
    };
    for (uint32_t i = 0; i < one->rule.exclusion_count; i++) {
        uint32_t after = 1 + test_random_below(random, steps - 1);
        uint32_t before = after + 1 + test_random_below(random, steps - after);
        one->exclusions[i] = (struct funnel_exclusion){.after = after, .before = before};
    }
    for (uint32_t step = 0; step < steps; step++) {
        one->gaps[step].max_us = 5 + test_random_below(random, 12);
        one->gaps[step].min_us =
            test_random_below(random, 3) == 0 ? 1 + test_random_below(random, 4) : 0;
    }
    one->rule.gaps = test_random_below(random, 2) ? one->gaps : NULL;
}

static void random_events(struct test_random *random, struct line_case *one)
{
    int64_t time_us = -20;
    one->count = 1 + test_random_below(random, EVENT_COUNT_MAX);
    for (uint32_t i = 0; i < one->count; i++) {
        time_us += 1 + test_random_below(random, 5);
        uint32_t steps = UINT32_C(1) << test_random_below(random, one->rule.step_count + 1);
        steps |= test_random_below(random, 6) == 0 ? 1 : 0;
        one->events[i] = (struct match_event){
            .time_us = time_us,
            .steps = steps & (UINT32_MAX >> (FUNNEL_STEP_COUNT_MAX - one->rule.step_count)),
            .entry_allowed = test_random_below(random, 5) != 0,
            .hits = (uint16_t)(test_random_below(random, 8) == 0 ? 1 + test_random_below(random, 3)
                                                                 : 0)};
    }
    one->rule.as_of_us = time_us + test_random_below(random, 12);
}

/// The rule points into the case, which stays where it is.
static void random_case(uint64_t seed, struct line_case *one)
{
    struct test_random random = test_random_start(seed);
    memset(one, 0, sizeof(*one));
    random_rule(&random, one);
    random_events(&random, one);
}

static bool start(struct general *general, struct general_space *space, const struct line_case *one,
                  bool line)
{
    general_init(general, space, &one->rule, one->events, one->count);
    bool takes = general->line;
    general->line = line && takes;
    general_reserve(general);
    return takes;
}

static void check_equal(const struct match_result *line, const struct match_result *exact,
                        uint64_t seed)
{
    cr_assert_eq(line->level, exact->level, "seed %llu", (unsigned long long)seed);
    cr_assert_eq(line->score, exact->score);
    cr_assert_eq(line->made, exact->made);
    cr_assert_eq(line->won, exact->won);
    for (uint32_t made = exact->made; made != 0; made &= made - 1) {
        uint32_t step = (uint32_t)__builtin_ctz(made);
        cr_assert_eq(line->events[step], exact->events[step], "seed %llu step %u",
                     (unsigned long long)seed, step);
        cr_assert_eq(line->times_us[step], exact->times_us[step]);
    }
}

/// Best attempt, win, life and openness, by both ways.
static bool compare(const struct line_case *one, uint64_t seed)
{
    struct general_space spaces[2];
    struct general generals[2];
    struct match_result results[2] = {{0}, {0}};
    struct match_result wins[2] = {{0}, {0}};
    bool open[2] = {false, false};
    uint32_t lives[2] = {0, 0};
    bool takes = false;
    for (uint32_t way = 0; way < 2; way++) {
        struct general *general = &generals[way];
        uint32_t first = 0;
        uint32_t last = 0;
        uint32_t end = 0;
        takes = start(general, &spaces[way], one, way == 0);
        if (!general_entries(general, 0, general->block_count, &first, &last)) {
            continue;
        }
        general_best(general, 0, general->block_count, first, last, &results[way]);
        open[way] = general_may_win(general, 0, first, last, one->rule.score_floor);
        general_win(general, 0, &wins[way], &end, &end);
        lives[way] = general_life(general, first, general->block_count);
    }
    check_equal(&results[0], &results[1], seed);
    if (wins[1].level > 0) {
        check_equal(&wins[0], &wins[1], seed);
    }
    cr_assert_eq(wins[0].level, wins[1].level);
    cr_assert_eq(open[0], open[1], "seed %llu", (unsigned long long)seed);
    cr_assert_eq(lives[0], lives[1], "seed %llu", (unsigned long long)seed);
    general_deinit(&generals[0]);
    general_deinit(&generals[1]);
    return takes && results[1].level > 1;
}

Test(match_line, test_random_histories_are_as_over_all_states)
{
    uint32_t compared = 0;
    for (uint64_t seed = 1; seed <= CASE_COUNT; seed++) {
        struct line_case one;
        random_case(seed, &one);
        compared += compare(&one, seed);
    }
    cr_assert_gt(compared, CASE_COUNT / 3);
}

Test(match_line, test_what_it_cannot_judge_goes_the_long_way)
{
    static struct funnel_gap gaps[2] = {{0, FUNNEL_WINDOW_NONE}, {0, FUNNEL_WINDOW_NONE}};
    struct line_case one = {.rule = {.step_count = 2, .window_us = 10, .gaps = gaps}, .count = 2};
    struct general_space space;
    struct general general;
    one.events[0] = (struct match_event){.time_us = 1, .steps = 1, .entry_allowed = true};
    one.events[1] = (struct match_event){.time_us = 2, .steps = 3, .entry_allowed = true};
    cr_assert(start(&general, &space, &one, true));
    general_deinit(&general);
    gaps[1].min_us = 1;
    cr_assert(start(&general, &space, &one, true), "a least gap");
    general_deinit(&general);
    one.rule.optional = 2;
    cr_assert_not(start(&general, &space, &one, true), "an optional step");
    general_deinit(&general);
    one.rule.optional = 0;
    gaps[1].min_us = 0;
    one.rule.tie_tolerance_us = 1;
    cr_assert_not(start(&general, &space, &one, true), "within the tolerance");
    general_deinit(&general);
    one.rule.tie_tolerance_us = 0;
    one.events[1].time_us = 1;
    cr_assert_not(start(&general, &space, &one, true), "simultaneous");
    general_deinit(&general);
    one.events[1].ordered = true;
    cr_assert(start(&general, &space, &one, true), "told apart by a sequence number");
    general_deinit(&general);
}

Test(match_line, test_a_unit_larger_than_the_space_is_judged_alike)
{
    static struct match_event events[5000];
    for (uint32_t i = 0; i < 5000; i++) {
        events[i] =
            (struct match_event){.time_us = i, .steps = i == 4998 ? 2 : 1, .entry_allowed = true};
    }
    struct match_rule rule = {.step_count = 2,
                              .window_us = 10,
                              .as_of_us = 5000,
                              .until_us = INT64_MAX,
                              .order = FUNNEL_ORDER_STRICT};
    struct match_result result;
    funnel_match(&rule, events, 5000, &result);
    cr_assert(result.won && result.events[0] == 4997 && result.events[1] == 4998);
}

static enum corong_status count_attempt(void *context, const struct match_result *attempt,
                                        struct corong_error *error)
{
    (void)error;
    uint32_t *count = context;
    *count += attempt->level;
    return CORONG_OK;
}

// Each event asks anew whether the attempt can go on: by looking back over all of them this would
// take minutes.
Test(match_line, test_a_long_unit_with_a_least_gap_does_not_look_back_at_each_event)
{
    enum { COUNT = 300000 };
    struct match_event *events = calloc(COUNT, sizeof(*events));
    for (uint32_t i = 0; i < COUNT; i++) {
        events[i] =
            (struct match_event){.time_us = i, .steps = i == 0 ? 1 : 2, .entry_allowed = true};
    }
    struct funnel_gap gaps[3] = {
        {0, FUNNEL_WINDOW_NONE}, {60, FUNNEL_WINDOW_NONE}, {0, FUNNEL_WINDOW_NONE}};
    struct match_rule rule = {.step_count = 3,
                              .attempts = FUNNEL_ATTEMPTS_ALL,
                              .window_us = FUNNEL_WINDOW_NONE,
                              .as_of_us = COUNT,
                              .until_us = INT64_MAX,
                              .gaps = gaps};
    uint32_t levels = 0;
    struct corong_error error;
    cr_assert_eq(funnel_match_all(&rule, events, COUNT, count_attempt, &levels, &error), CORONG_OK);
    cr_assert_eq(levels, 2);
    free(events);
}
