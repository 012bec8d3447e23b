// SPDX-License-Identifier: Apache-2.0
// The matcher against an enumerator of all assignments, and the examples of SEMANTICS 4 and 10.
#include "engine/funnel/funnel.h"

#include "storage/base/memory.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define EVENT_COUNT_MAX 9u

/// ---- the enumerator
/// ------------------------------------------------------------------------------

struct enumerator {
    const struct match_rule *rule;
    const struct match_event *events;
    uint32_t event_count;
    uint32_t ranks[EVENT_COUNT_MAX]; ///< equal for simultaneous events
    uint32_t level;                  ///< of `best`
    uint32_t best[FUNNEL_STEP_COUNT_MAX];
    uint32_t chosen[FUNNEL_STEP_COUNT_MAX];
    bool entry_allowed[EVENT_COUNT_MAX];
};

/// SEMANTICS 4.4, word by word: level, earliest completion, latest entry, earliest later steps in
/// order, canonical order.
static bool is_better(const struct enumerator *all, uint32_t level)
{
    if (level != all->level) {
        return level > all->level;
    }
    const uint32_t *ranks = all->ranks;
    const uint32_t *new = all->chosen;
    const uint32_t *old = all->best;
    if (ranks[new[level - 1]] != ranks[old[level - 1]]) {
        return ranks[new[level - 1]] < ranks[old[level - 1]];
    }
    if (ranks[new[0]] != ranks[old[0]]) {
        return ranks[new[0]] > ranks[old[0]];
    }
    for (uint32_t step = 1; step < level; step++) {
        if (ranks[new[step]] != ranks[old[step]]) {
            return ranks[new[step]] < ranks[old[step]];
        }
    }
    for (uint32_t step = 0; step < level; step++) {
        if (new[step] != old[step]) {
            return new[step] < old[step];
        }
    }
    return false;
}

static bool fits(const struct enumerator *all, uint32_t level, uint32_t event)
{
    if ((all->events[event].steps >> level & 1) == 0) {
        return false;
    }
    if (level == 0) {
        return all->entry_allowed[event];
    }
    for (uint32_t step = 0; step < level; step++) {
        if (all->chosen[step] == event) {
            return false;
        }
    }
    uint32_t before = all->ranks[all->chosen[level - 1]];
    if (all->rule->ties == FUNNEL_TIES_STRICT ? all->ranks[event] <= before
                                              : all->ranks[event] < before) {
        return false;
    }
    int64_t elapsed_us = all->events[event].time_us - all->events[all->chosen[0]].time_us;
    return all->rule->window_us == FUNNEL_WINDOW_NONE || elapsed_us <= all->rule->window_us;
}

static void enumerate(struct enumerator *all, uint32_t level)
{
    if (level > 0 && is_better(all, level)) {
        all->level = level;
        memcpy(all->best, all->chosen, level * sizeof(*all->best));
    }
    for (uint32_t event = 0; level < all->rule->step_count && event < all->event_count; event++) {
        if (fits(all, level, event)) {
            all->chosen[level] = event;
            enumerate(all, level + 1);
        }
    }
}

static void enumerate_all(struct enumerator *all, const struct match_rule *rule,
                          const struct match_event *events, uint32_t count)
{
    *all = (struct enumerator){.rule = rule, .events = events, .event_count = count};
    uint32_t first = UINT32_MAX;
    uint32_t last = 0;
    for (uint32_t index = 0; index < count; index++) {
        bool joins = index > 0 && events[index].time_us == events[index - 1].time_us &&
                     !events[index].ordered;
        all->ranks[index] = index == 0 ? 0 : all->ranks[index - 1] + !joins;
        all->entry_allowed[index] = events[index].entry_allowed;
        if (events[index].entry_allowed && (events[index].steps & 1) != 0) {
            first = first == UINT32_MAX ? all->ranks[index] : first;
            last = all->ranks[index];
        }
    }
    for (uint32_t index = 0; index < count && rule->attempts != FUNNEL_ATTEMPTS_BEST; index++) {
        uint32_t only = rule->attempts == FUNNEL_ATTEMPTS_FIRST ? first : last;
        all->entry_allowed[index] = all->entry_allowed[index] && all->ranks[index] == only;
    }
    enumerate(all, 0);
}

/// ---- random comparison
/// ---------------------------------------------------------------------------

static uint64_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(random_state >> 33) % limit;
}

static uint32_t random_events(struct match_event *events, uint32_t step_count)
{
    uint32_t count = random_below(EVENT_COUNT_MAX + 1);
    uint32_t spread = 1 + random_below(4);
    bool many_bits = random_below(2) == 0;
    int64_t time_us = random_below(3);
    for (uint32_t index = 0; index < count; index++) {
        uint32_t gap = random_below(spread);
        time_us += gap;
        uint32_t steps = UINT32_C(1) << random_below(step_count);
        if (many_bits) {
            steps |= random_below(UINT32_C(1) << step_count);
        }
        events[index] = (struct match_event){.time_us = time_us,
                                             .steps = steps,
                                             .entry_allowed = random_below(5) != 0,
                                             .ordered = gap == 0 && random_below(6) == 0};
    }
    return count;
}

static struct match_rule random_rule(void)
{
    static const enum funnel_attempts ATTEMPTS[] = {FUNNEL_ATTEMPTS_BEST, FUNNEL_ATTEMPTS_BEST,
                                                    FUNNEL_ATTEMPTS_FIRST, FUNNEL_ATTEMPTS_LAST};
    struct match_rule rule = {
        .step_count = 1 + random_below(5),
        .window_us = random_below(8) == 0 ? FUNNEL_WINDOW_NONE : random_below(12),
        .ties = random_below(3) == 0 ? FUNNEL_TIES_STRICT : FUNNEL_TIES_ANY,
        .attempts = ATTEMPTS[random_below(4)],
    };
    return rule;
}

static void check_against_enumerator(uint64_t seed)
{
    struct match_event events[EVENT_COUNT_MAX];
    struct enumerator all;
    struct match_result result;
    struct match_summary summary;
    random_state = seed * UINT64_C(0x9e3779b97f4a7c15);
    struct match_rule rule = random_rule();
    uint32_t count = random_events(events, rule.step_count);
    enumerate_all(&all, &rule, events, count);
    funnel_match(&rule, events, count, &result);
    funnel_match_level(&rule, events, count, &summary);
    cr_assert_eq(result.level, all.level, "seed %lu: level %u, not %u", seed, result.level,
                 all.level);
    cr_assert_eq(summary.level, all.level, "seed %lu", seed);
    for (uint32_t step = 0; step < all.level; step++) {
        cr_assert_eq(result.events[step], all.best[step], "seed %lu: step %u is event %u, not %u",
                     seed, step + 1, result.events[step], all.best[step]);
    }
    if (all.level > 0) {
        cr_assert_eq(summary.entry_us, events[all.best[0]].time_us, "seed %lu", seed);
        cr_assert_eq(summary.completed_us, events[all.best[all.level - 1]].time_us, "seed %lu",
                     seed);
    }
}

Test(funnel_match, agrees_with_the_enumeration_of_all_assignments)
{
    const char *scale = getenv("CORONG_TEST_SCALE");
    uint64_t rounds = 20000 * (uint64_t)(scale == NULL ? 1 : strtoul(scale, NULL, 10));
    for (uint64_t seed = 1; seed <= rounds; seed++) {
        check_against_enumerator(seed);
    }
}

/// ---- many simultaneous events
/// --------------------------------------------------------------------

static struct match_event *many_events(uint32_t count, int64_t time_us, uint32_t steps)
{
    struct match_event *events = memory_allocate_zeroed(count, sizeof(*events));
    for (uint32_t index = 0; index < count; index++) {
        events[index] = (struct match_event){
            .time_us = time_us, .steps = steps, .entry_allowed = true, .ordered = false};
    }
    return events;
}

Test(funnel_match, a_million_simultaneous_events_that_fill_any_of_32_steps)
{
    uint32_t count = 1000000;
    struct match_result result;
    struct match_rule rule = {.step_count = 32, .window_us = 0};
    struct match_event *events = many_events(count, 5, UINT32_MAX);
    funnel_match(&rule, events, count, &result);
    cr_assert_eq(result.level, 32);
    for (uint32_t step = 0; step < 32; step++) {
        cr_assert_eq(result.events[step], step, "the canonically first events");
    }
    memory_free(events);
}

Test(funnel_match, a_million_simultaneous_events_that_share_one_event_for_two_steps)
{
    uint32_t count = 1000000;
    struct match_result result;
    struct match_rule rule = {.step_count = 3, .window_us = 0};
    struct match_event *events = many_events(count, 5, 1);
    events[count - 1].steps = 6; // the only one for steps 2 and 3
    funnel_match(&rule, events, count, &result);
    cr_assert_eq(result.level, 2);
    cr_assert_eq(result.events[0], 0);
    cr_assert_eq(result.events[1], count - 1);
    memory_free(events);
}

Test(funnel_match, the_only_entry_gives_way_to_a_later_candidate)
{
    // Event 0 fills both steps, event 1 only the first: step 2 needs event 0.
    struct match_event events[] = {{.time_us = 1, .steps = 3, .entry_allowed = true},
                                   {.time_us = 1, .steps = 1, .entry_allowed = true}};
    struct match_rule rule = {.step_count = 2, .window_us = 0};
    struct match_result result;
    funnel_match(&rule, events, 2, &result);
    cr_assert_eq(result.level, 2);
    cr_assert_eq(result.events[0], 1);
    cr_assert_eq(result.events[1], 0);
    // Where event 1 may not be an entry, event 0 must be it, and nothing is left for step 2.
    events[1].entry_allowed = false;
    funnel_match(&rule, events, 2, &result);
    cr_assert_eq(result.level, 1);
    cr_assert_eq(result.events[0], 0);
}

Test(funnel_match, sequence_numbers_order_events_of_one_time)
{
    struct match_event events[] = {
        {.time_us = 0, .steps = 1, .entry_allowed = true},
        {.time_us = 0, .steps = 1, .entry_allowed = true, .ordered = true},
        {.time_us = 1, .steps = 2}};
    struct match_rule rule = {.step_count = 2, .window_us = 1};
    struct match_result result;
    funnel_match(&rule, events, 3, &result);
    cr_assert_eq(result.level, 2);
    cr_assert_eq(result.events[0], 1, "the entry of the larger sequence number is the later one");
}

Test(funnel_match, no_events_are_level_0)
{
    struct match_rule rule = {.step_count = 2, .window_us = FUNNEL_WINDOW_NONE};
    struct match_result result;
    struct match_summary summary;
    funnel_match(&rule, NULL, 0, &result);
    funnel_match_level(&rule, NULL, 0, &summary);
    cr_assert_eq(result.level, 0);
    cr_assert_eq(summary.level, 0);
}

Test(funnel_match, steps_beyond_the_funnel_are_ignored)
{
    struct match_event events[] = {{.time_us = 0, .steps = UINT32_MAX, .entry_allowed = true},
                                   {.time_us = 1, .steps = UINT32_MAX, .entry_allowed = true}};
    struct match_rule rule = {.step_count = 1, .window_us = 5};
    struct match_result result;
    funnel_match(&rule, events, 2, &result);
    cr_assert_eq(result.level, 1);
    cr_assert_eq(result.events[0], 0);
}

Test(funnel_match, a_long_history_of_32_steps)
{
    uint32_t count = 32 * 1000;
    struct match_rule rule = {.step_count = 32, .window_us = 31};
    struct match_event *events = many_events(count, 0, 0);
    struct match_result result;
    for (uint32_t index = 0; index < count; index++) {
        events[index].time_us = index;
        events[index].steps = UINT32_C(1)
                              << (index % 32 == 31 && index < count - 1 ? 0 : index % 32);
    }
    funnel_match(&rule, events, count, &result);
    cr_assert_eq(result.level, 32, "only the last round has step 32");
    cr_assert_eq(result.events[0], count - 32);
    rule.window_us = 30;
    funnel_match(&rule, events, count, &result);
    cr_assert_eq(result.level, 31);
    cr_assert_eq(result.events[0], 0, "reached first in the first round");
    memory_free(events);
}
