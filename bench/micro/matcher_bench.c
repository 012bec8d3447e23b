// SPDX-License-Identifier: Apache-2.0
/// The matcher over one user after the other, per event that matches some step: level alone, the
/// whole attempt, ties, gaps, exclusions. matcher_bench [ROUNDS].
#include "bench/micro/micro.h"
#include "engine/funnel/funnel.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"

#define USER_COUNT 4000u
#define EVENT_COUNT_MAX (USER_COUNT * 64u)

struct bench {
    struct match_rule rule;
    struct match_event *events;
    uint32_t *ends; ///< by user
    uint32_t event_count;
};

/// What a shop's visitors do: mostly step 1, seldom the others. `tie_us`: times are multiples of
/// it.
static void generate(struct bench *bench, int64_t tie_us)
{
    static const uint32_t steps[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 4, 4, 8, 16, 3};
    uint64_t state = 42;
    bench->event_count = 0;
    for (uint32_t user = 0; user < USER_COUNT; user++) {
        int64_t time_us = 0;
        for (uint32_t left = 1 + micro_draw(&state, 48); left > 0; left--) {
            time_us += (int64_t)micro_draw(&state, 40000) * MICROSECONDS_PER_SECOND;
            struct match_event event = {.time_us = time_us / tie_us * tie_us,
                                        .steps = steps[micro_draw(&state, 18)],
                                        .entry_allowed = true};
            // The fifth bit is an exclusion's; the plain rules do not know it.
            event.steps &= bench->rule.exclusion_count > 0 ? 31 : 15;
            if (event.steps != 0) {
                bench->events[bench->event_count++] = event;
            }
        }
        bench->ends[user] = bench->event_count;
    }
}

static uint64_t run_level(void *context)
{
    struct bench *bench = context;
    uint64_t hash = 0;
    for (uint32_t user = 0, at = 0; user < USER_COUNT; at = bench->ends[user++]) {
        struct match_summary summary;
        funnel_match_level(&bench->rule, bench->events + at, bench->ends[user] - at, &summary);
        hash = hash * 31 + summary.level + (uint64_t)summary.entry_us;
    }
    return hash;
}

static uint64_t run_attempt(void *context)
{
    struct bench *bench = context;
    uint64_t hash = 0;
    for (uint32_t user = 0, at = 0; user < USER_COUNT; at = bench->ends[user++]) {
        struct match_result result = {0};
        funnel_match(&bench->rule, bench->events + at, bench->ends[user] - at, &result);
        hash = hash * 31 + result.level;
        for (uint32_t step = 0; step < result.level; step++) {
            hash = hash * 31 + result.events[step];
        }
    }
    return hash;
}

int main(int argument_count, char **arguments)
{
    struct micro micro = micro_begin(argument_count, arguments);
    struct bench bench = {
        .rule = {.step_count = 4,
                 .window_us = 7 * MICROSECONDS_PER_DAY,
                 .as_of_us = 60 * MICROSECONDS_PER_DAY,
                 .until_us = INT64_MAX},
        .events = memory_allocate_zeroed(EVENT_COUNT_MAX, sizeof(struct match_event)),
        .ends = memory_allocate_zeroed(USER_COUNT, sizeof(uint32_t)),
    };
    static const struct funnel_gap gaps[4] = {{0, FUNNEL_WINDOW_NONE},
                                              {0, 2 * MICROSECONDS_PER_DAY},
                                              {MICROSECONDS_PER_HOUR, FUNNEL_WINDOW_NONE},
                                              {0, FUNNEL_WINDOW_NONE}};
    static const struct funnel_exclusion exclusion = {.after = 1, .before = 3};
    generate(&bench, MICROSECONDS_PER_SECOND);
    micro_run(&micro, "match level", bench.event_count, run_level, &bench);
    micro_run(&micro, "match attempt", bench.event_count, run_attempt, &bench);
    generate(&bench, MICROSECONDS_PER_DAY);
    micro_run(&micro, "match attempt, ties", bench.event_count, run_attempt, &bench);
    bench.rule.gaps = gaps;
    generate(&bench, MICROSECONDS_PER_SECOND);
    micro_run(&micro, "match attempt, gaps", bench.event_count, run_attempt, &bench);
    bench.rule.gaps = NULL;
    bench.rule.exclusions = &exclusion;
    bench.rule.exclusion_count = 1;
    generate(&bench, MICROSECONDS_PER_SECOND);
    micro_run(&micro, "match attempt, exclusion", bench.event_count, run_attempt, &bench);
    memory_free(bench.events);
    memory_free(bench.ends);
    return 0;
}
