// SPDX-License-Identifier: Apache-2.0
#include "engine/live/live_funnel.h"

#include "tests/support/test_random.h"

#include <criterion/criterion.h>

#define EVENT_COUNT_MAX 24u

struct history {
    struct match_rule rule;
    struct match_event events[EVENT_COUNT_MAX];
    uint32_t count;
};

static struct history random_history(struct test_random *random)
{
    struct history history = {.rule = {.step_count = 1 + test_random_below(random, 12)}};
    if (test_random_below(random, 2) != 0) {
        history.rule.step_count = 1 + test_random_below(random, 5);
    }
    history.rule.window_us = test_random_below(random, 12);
    if (test_random_below(random, 8) == 0) {
        history.rule.window_us = FUNNEL_WINDOW_NONE;
    }
    history.rule.ties = test_random_below(random, 3) == 0 ? FUNNEL_TIES_STRICT : FUNNEL_TIES_ANY;
    history.rule.attempts =
        test_random_below(random, 3) == 0 ? FUNNEL_ATTEMPTS_FIRST : FUNNEL_ATTEMPTS_BEST;
    history.count = 1 + test_random_below(random, EVENT_COUNT_MAX);
    uint32_t pace = test_random_below(random, 5); // 0: all in one microsecond
    uint32_t breadth = 1 + test_random_below(random, 3);
    int64_t time_us = 100;
    for (uint32_t i = 0; i < history.count; i++) {
        bool moves = test_random_below(random, 3) == 0;
        int64_t step_us = moves ? test_random_below(random, pace + 1) : 0;
        time_us += step_us;
        bool ordered = i > 0 && step_us == 0 && test_random_below(random, 6) == 0;
        uint32_t steps = 0;
        for (uint32_t k = 0; k < breadth; k++) {
            steps |= UINT32_C(1) << test_random_below(random, history.rule.step_count);
        }
        history.events[i] = (struct match_event){time_us, steps, true, ordered, 0};
    }
    return history;
}

// Takes a history instant by instant; the slice of an event is its index, so that the entry is
// checked.
static struct live_state take_all(const struct history *history)
{
    struct live_rule rule = {
        .step_count = history->rule.step_count,
        .window_us = history->rule.window_us,
        .ties = history->rule.ties,
        .first_only = history->rule.attempts == FUNNEL_ATTEMPTS_FIRST,
        .sliced = true,
    };
    uint8_t packed[512] = {0};
    struct live_state state;
    for (uint32_t first = 0; first < history->count;) {
        const struct match_event *event = &history->events[first];
        struct live_event events[EVENT_COUNT_MAX];
        uint32_t end = first;
        do {
            events[end - first] = (struct live_event){history->events[end].steps, (uint16_t)end};
            end++;
        } while (end < history->count && history->events[end].time_us == event->time_us &&
                 !history->events[end].ordered);
        live_funnel_load(&rule, packed, &state);
        live_funnel_take(&rule, &state, event->time_us, events, end - first);
        live_funnel_store(&rule, &state, packed);
        first = end;
    }
    live_funnel_load(&rule, packed, &state);
    return state;
}

Test(live_funnel, equals_the_matcher_on_random_histories_with_ties)
{
    uint64_t seed = test_random_seed();
    struct test_random random = test_random_start(seed);
    uint64_t runs = test_scaled(60000);
    for (uint64_t run = 0; run < runs; run++) {
        struct history history = random_history(&random);
        struct match_result expected;
        funnel_match(&history.rule, history.events, history.count, &expected);
        struct live_state state = take_all(&history);
        cr_assert_eq(state.level, expected.level, "seed %lu run %lu: level %u, expected %u", seed,
                     run, state.level, expected.level);
        if (expected.level > 0) {
            cr_assert_eq(state.slice, expected.events[0], "seed %lu run %lu: entry %u, expected %u",
                         seed, run, state.slice, expected.events[0]);
        }
    }
}

Test(live_funnel, a_four_step_sliced_state_is_thirty_bytes)
{
    struct live_rule rule = {.step_count = 4, .sliced = true};
    cr_assert_eq(live_funnel_packed_size(&rule), 30);
}

Test(live_funnel, the_window_is_inclusive)
{
    struct live_rule rule = {.step_count = 2, .window_us = 10, .ties = FUNNEL_TIES_ANY};
    struct live_event first = {1, 0};
    struct live_event second = {2, 0};
    struct live_state state = {0};
    live_funnel_take(&rule, &state, 5, &first, 1);
    live_funnel_take(&rule, &state, 16, &second, 1);
    cr_assert_eq(state.level, 1);
    live_funnel_take(&rule, &state, 15, &second, 1);
    cr_assert_eq(state.level, 2);
}

// More events at one time than a small matching has room for, and more sequence numbers at one
// microsecond than a packed start can count.
Test(live_funnel, a_crowded_microsecond_is_exact)
{
    struct test_random random = test_random_start(test_random_seed());
    static struct match_event events[3000];
    static struct live_event instant[1500];
    struct live_rule rule = {.step_count = 7, .window_us = 10, .sliced = true};
    struct match_rule match = {.step_count = 7, .window_us = 10};
    for (uint64_t run = 0; run < test_scaled(20); run++) {
        struct live_state state = {0};
        uint8_t packed[256];
        uint32_t count = 0;
        uint32_t size = run % 2 == 0 ? 1 : 1500;
        while (count + size <= (size == 1 ? 600 : 3000)) {
            for (uint32_t i = 0; i < size; i++) {
                uint32_t steps = UINT32_C(1) << test_random_below(&random, 6);
                steps |= UINT32_C(1) << test_random_below(&random, 6);
                instant[i] = (struct live_event){steps, (uint16_t)(count + i)};
                events[count + i] = (struct match_event){5, steps, true, i == 0 && count > 0, 0};
            }
            live_funnel_take(&rule, &state, 5, instant, size);
            live_funnel_store(&rule, &state, packed);
            live_funnel_load(&rule, packed, &state);
            count += size;
        }
        struct match_result expected;
        funnel_match(&match, events, count, &expected);
        cr_assert_eq(state.level, expected.level);
        cr_assert_eq(state.slice, expected.events[0]);
    }
}
