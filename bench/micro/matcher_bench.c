// SPDX-License-Identifier: Apache-2.0
/// The matcher over one user after the other, per event that matches some step: level alone, the
/// whole attempt, ties, gaps, exclusions, other orders, all attempts. matcher_bench [ROUNDS].
#include "bench/micro/micro.h"
#include "engine/funnel/funnel.h"
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
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
            // The fifth bit stands for an exclusion, where the rule has one.
            event.hits = event.steps == 16 && bench->rule.exclusion_count > 0;
            event.steps &= 15;
            if (event.steps != 0 || event.hits != 0) {
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

static uint64_t take(uint64_t hash, const struct match_result *result)
{
    hash = hash * 31 + result->level;
    for (uint32_t step = 0; step < 4; step++) {
        hash = (result->made >> step & 1) != 0 ? hash * 31 + result->events[step] : hash;
    }
    return hash;
}

static enum corong_status take_one(void *context, const struct match_result *attempt,
                                   struct corong_error *error)
{
    uint64_t *hash = context;
    (void)error;
    *hash = take(*hash, attempt);
    return CORONG_OK;
}

static uint64_t run_all(void *context)
{
    struct bench *bench = context;
    struct corong_error error = {0};
    uint64_t hash = 0;
    for (uint32_t user = 0, at = 0; user < USER_COUNT; at = bench->ends[user++]) {
        ASSERT(funnel_match_all(&bench->rule, bench->events + at, bench->ends[user] - at, take_one,
                                &hash, &error) == CORONG_OK);
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
        hash = take(hash, &result);
    }
    return hash;
}

static struct match_rule with_gaps(struct match_rule rule, const struct funnel_gap *gaps)
{
    rule.gaps = gaps;
    return rule;
}

static struct match_rule with_exclusion(struct match_rule rule,
                                        const struct funnel_exclusion *exclusion)
{
    rule.exclusions = exclusion;
    rule.exclusion_count = 1;
    return rule;
}

static struct match_rule with_order(struct match_rule rule, enum funnel_order order)
{
    rule.order = order;
    return rule;
}

static struct match_rule with_open_entry(struct match_rule rule)
{
    rule.entry_open = true;
    return rule;
}

static struct match_rule with_all(struct match_rule rule)
{
    rule.attempts = FUNNEL_ATTEMPTS_ALL;
    return rule;
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
    static const struct funnel_gap greatest[4] = {{0, FUNNEL_WINDOW_NONE},
                                                  {0, 2 * MICROSECONDS_PER_DAY},
                                                  {0, MICROSECONDS_PER_DAY},
                                                  {0, FUNNEL_WINDOW_NONE}};
    static const struct funnel_exclusion exclusion = {.after = 1, .before = 3};
    generate(&bench, MICROSECONDS_PER_SECOND);
    micro_run(&micro, "match level", bench.event_count, run_level, &bench);
    micro_run(&micro, "match attempt", bench.event_count, run_attempt, &bench);
    generate(&bench, MICROSECONDS_PER_DAY);
    micro_run(&micro, "match attempt, ties", bench.event_count, run_attempt, &bench);
    const struct match_rule plain = bench.rule;
    const struct {
        const char *name;
        struct match_rule rule;
        uint64_t (*kernel)(void *context);
    } others[] = {
        {"match attempt, gaps", with_gaps(plain, gaps), run_attempt},
        {"match attempt, greatest gaps", with_gaps(plain, greatest), run_attempt},
        {"match attempt, exclusion", with_exclusion(plain, &exclusion), run_attempt},
        {"match order any", with_order(plain, FUNNEL_ORDER_ANY), run_attempt},
        {"match order strict", with_order(plain, FUNNEL_ORDER_STRICT), run_attempt},
        {"match open entry", with_open_entry(plain), run_attempt},
        {"match all attempts", with_all(plain), run_all},
    };
    for (size_t index = 0; index < sizeof(others) / sizeof(others[0]); index++) {
        bench.rule = others[index].rule;
        generate(&bench, MICROSECONDS_PER_SECOND);
        micro_run(&micro, others[index].name, bench.event_count, others[index].kernel, &bench);
    }
    memory_free(bench.events);
    memory_free(bench.ends);
    return 0;
}
