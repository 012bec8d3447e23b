// SPDX-License-Identifier: Apache-2.0
// Goal: funnel_match() reports exactly the attempt that SEMANTICS 4 describes.
// Method: compare with the enumerating oracle, first on every history of up to five events over a
// small alphabet of (time, step set) for several rules, then on half a million random histories
// with ties, repeats, events of several steps, windows, restricted entries, gaps, exclusions and
// ends of the range. Rules that are not plain are compared in whether the unit may still be won,
// too; plain ones are asked of both matchers.
#include "engine/funnel/funnel.h"
#include "tests/model/oracle.h"
#include "tests/support/test_random.h"

#include <stdio.h>
#include <string.h>

#define RANDOM_HISTORY_COUNT 500000
#define HISTORY_EVENT_MAX 9
#define STEP_SET_EVENT_COUNT 32 // oracle event "names" here are the step sets themselves

static uint64_t comparisons;

struct history {
    struct match_event match[HISTORY_EVENT_MAX];
    struct oracle_event oracle[HISTORY_EVENT_MAX];
    int count;
};

// `ordered`: the event has a larger sequence number than the one before.
static void history_add(struct history *history, int64_t time, uint32_t steps, bool entry_allowed,
                        bool ordered)
{
    int index = history->count++;
    int64_t sequence = index == 0 ? 0 : history->oracle[index - 1].sequence;
    history->match[index] = (struct match_event){time, steps, entry_allowed, ordered && index > 0};
    history->oracle[index] = (struct oracle_event){
        .time = time,
        .sequence = sequence + ordered,
        .name = (int)steps,
        .attributes = {-1, -1},
        .price = ORACLE_NONE,
        .amount = ORACLE_NONE,
        .id = index,
    };
}

static void condition_of_bit(struct oracle_condition *condition, int bit)
{
    *condition = (struct oracle_condition){.price_min = ORACLE_NONE, .attribute_not = -1};
    for (unsigned set = 0; set < STEP_SET_EVENT_COUNT; set++) {
        condition->names |= (set >> bit & 1) << set;
    }
}

// Step k holds for the event whose name, read as a set of steps, has bit k.
static void question_from_rule(const struct match_rule *rule, struct oracle_question *question)
{
    memset(question, 0, sizeof(*question));
    question->step_count = (int)rule->step_count;
    question->window = rule->window_us == FUNNEL_WINDOW_NONE ? ORACLE_NONE : rule->window_us;
    question->ties_strict = rule->ties == FUNNEL_TIES_STRICT;
    question->first_attempt = rule->attempts == FUNNEL_ATTEMPTS_FIRST;
    question->last_attempt = rule->attempts == FUNNEL_ATTEMPTS_LAST;
    question->from = ORACLE_NONE;
    question->inside = rule->until_us != INT64_MAX;
    question->to = question->inside ? rule->until_us : ORACLE_NONE;
    question->exclusion_count = (int)rule->exclusion_count;
    for (int step = 0; step < question->step_count; step++) {
        condition_of_bit(&question->steps[step], step);
        if (rule->gaps != NULL) {
            question->min_gap[step] = rule->gaps[step].min_us;
            question->has_max_gap[step] = rule->gaps[step].max_us != FUNNEL_WINDOW_NONE;
            question->max_gap[step] = rule->gaps[step].max_us;
        }
    }
    for (int index = 0; index < question->exclusion_count; index++) {
        struct oracle_exclusion *exclusion = &question->exclusions[index];
        condition_of_bit(&exclusion->condition, question->step_count + index);
        exclusion->after = (int)rule->exclusions[index].after;
        exclusion->before = (int)rule->exclusions[index].before;
        exclusion->remove = rule->exclusions[index].remove;
    }
}

static void print_history(const struct history *history, const struct match_rule *rule)
{
    fprintf(stderr, "steps %u, window %lld, ties %d, attempts %d:", rule->step_count,
            (long long)rule->window_us, (int)rule->ties, (int)rule->attempts);
    for (uint32_t step = 1; rule->gaps != NULL && step < rule->step_count; step++) {
        fprintf(stderr, " gap [%lld, %lld]", (long long)rule->gaps[step].min_us,
                (long long)rule->gaps[step].max_us);
    }
    for (uint32_t index = 0; index < rule->exclusion_count; index++) {
        const struct funnel_exclusion *exclusion = &rule->exclusions[index];
        fprintf(stderr, " exclude %u-%u%s", exclusion->after, exclusion->before,
                exclusion->remove ? " remove" : "");
    }
    fprintf(stderr, " until %lld as of %lld:", (long long)rule->until_us,
            (long long)rule->as_of_us);
    for (int index = 0; index < history->count; index++) {
        fprintf(stderr, " %02x@%lld%s", history->match[index].steps,
                (long long)history->match[index].time_us,
                history->match[index].entry_allowed ? "" : "!");
    }
    fputc('\n', stderr);
}

// The oracle restricts entries by time range only, so `from` stands for the entry_allowed bits.
static void compare(const struct history *history, const struct match_rule *rule, int64_t from)
{
    struct oracle_question question;
    question_from_rule(rule, &question);
    question.from = from;
    struct oracle_attempt expected;
    oracle_attempt(&question, history->oracle, history->count, 0, history->count, rule->as_of_us,
                   &expected);
    struct match_result found;
    funnel_match(rule, history->match, (uint32_t)history->count, &found);
    found.level = found.out ? 0 : found.level;
    found.open = found.open && !found.out;
    bool same = (int)found.level == expected.level &&
                (match_rule_is_plain(rule) || found.open == expected.open);
    comparisons++;
    for (int step = 0; same && step < expected.level; step++) {
        same = (int)found.events[step] == expected.events[step];
    }
    if (!same) {
        print_history(history, rule);
        for (int step = 0; step < expected.level; step++) {
            fprintf(stderr, " step %d: %u, expected %d;", step + 1, found.events[step],
                    expected.events[step]);
        }
        test_fail(test_random_seed(), "level %u, expected %d; open %d, expected %d", found.level,
                  expected.level, found.open, expected.open);
    }
}

#define GAP_NONE                                                                                   \
    {                                                                                              \
        0, FUNNEL_WINDOW_NONE                                                                      \
    }

// The exclusion's bit is the one above the steps.
static void compare_all_rules(const struct history *history)
{
    static const struct funnel_gap gaps[][3] = {
        {GAP_NONE, GAP_NONE, GAP_NONE},
        {GAP_NONE, {0, 0}, GAP_NONE},
        {GAP_NONE, GAP_NONE, {0, 1}},
        {GAP_NONE, {1, FUNNEL_WINDOW_NONE}, {0, 0}},
    };
    int64_t last_us = history->match[history->count - 1].time_us;
    for (int variant = 0; variant < 90; variant++) {
        int gap = variant / 18;
        struct match_rule rule = {
            .step_count = 3,
            .window_us = variant % 3 == 0 ? FUNNEL_WINDOW_NONE : variant % 3,
            .ties = variant / 3 % 2 == 0 ? FUNNEL_TIES_ANY : FUNNEL_TIES_STRICT,
            .attempts = (enum funnel_attempts)(variant / 6 % 3),
            .gaps = gap == 0 ? NULL : gaps[gap - 1],
            .as_of_us = last_us + variant % 2,
            .until_us = INT64_MAX,
        };
        compare(history, &rule, ORACLE_NONE);
    }
}

// Two steps and an event that is excluded; a third step where the exclusion spans two.
static void compare_exclusions(const struct history *history)
{
    static const struct funnel_gap late[2] = {GAP_NONE, {1, FUNNEL_WINDOW_NONE}};
    int64_t last_us = history->match[history->count - 1].time_us;
    for (int variant = 0; variant < 48; variant++) {
        struct funnel_exclusion exclusion = {
            .after = 1, .before = 2, .remove = variant / 12 % 2 != 0};
        struct match_rule rule = {
            .step_count = 2,
            .window_us = variant % 2 == 0 ? FUNNEL_WINDOW_NONE : 1,
            .ties = variant / 2 % 2 == 0 ? FUNNEL_TIES_ANY : FUNNEL_TIES_STRICT,
            .attempts = (enum funnel_attempts)(variant / 4 % 3),
            .gaps = variant / 24 == 0 ? NULL : late,
            .exclusions = &exclusion,
            .exclusion_count = 1,
            .as_of_us = last_us,
            .until_us = INT64_MAX,
        };
        compare(history, &rule, ORACLE_NONE);
    }
}

// Every history of `count` events: each event has one of 7 step sets and comes 0 or 1 after the one
// before.
static uint64_t exhaust(int count)
{
    uint64_t total = 1;
    for (int index = 0; index < count; index++) {
        total *= 14;
    }
    for (uint64_t code = 0; code < total; code++) {
        struct history history = {.count = 0};
        uint64_t rest = code;
        int64_t time = 0;
        for (int index = 0; index < count; index++) {
            time += (int64_t)(rest % 2);
            history_add(&history, time, 1 + (uint32_t)(rest / 2 % 7), true, false);
            rest /= 14;
        }
        compare_all_rules(&history);
        compare_exclusions(&history);
    }
    return total;
}

static void random_gaps(struct test_random *random, uint32_t step_count, struct funnel_gap *gaps)
{
    for (uint32_t step = 0; step < step_count; step++) {
        uint32_t least = test_random_below(random, 2) ? 0 : test_random_below(random, 4);
        uint32_t width = test_random_below(random, 6);
        gaps[step] =
            (struct funnel_gap){least, width == 0 ? FUNNEL_WINDOW_NONE : least + width - 1};
    }
}

static void random_exclusions(struct test_random *random, struct match_rule *rule,
                              struct funnel_exclusion *exclusions)
{
    uint32_t count_max = 5 - rule->step_count < 2 ? 5 - rule->step_count : 2;
    rule->exclusions = exclusions;
    rule->exclusion_count = rule->step_count < 2
                                ? 0
                                : test_random_below(random, 2) * (1 + test_random_below(random, 2));
    if (rule->exclusion_count > count_max) {
        rule->exclusion_count = count_max;
    }
    for (uint32_t index = 0; index < rule->exclusion_count; index++) {
        uint32_t after = 1 + test_random_below(random, rule->step_count - 1);
        exclusions[index] = (struct funnel_exclusion){
            .after = after,
            .before = after + 1 + test_random_below(random, rule->step_count - after),
            .remove = test_random_below(random, 3) == 0,
        };
    }
}

static void random_events(struct test_random *random, const struct match_rule *rule, int64_t from,
                          struct history *history)
{
    uint32_t gap = 1 + test_random_below(random, 4);
    uint32_t bits = rule->step_count + rule->exclusion_count;
    bool several_steps = test_random_below(random, 2);
    bool sequences = test_random_below(random, 4) == 0;
    uint32_t count = test_random_below(random, HISTORY_EVENT_MAX + 1);
    int64_t time = 0;
    for (uint32_t index = 0; index < count; index++) {
        time += test_random_below(random, gap);
        uint32_t steps = 1u << test_random_below(random, bits);
        if (several_steps) {
            steps |= test_random_below(random, 1u << bits);
        }
        if (time < rule->until_us) {
            history_add(history, time, steps, from == ORACLE_NONE || time >= from,
                        sequences && test_random_below(random, 2));
        }
    }
}

static void random_history(struct test_random *random)
{
    struct funnel_gap gaps[5];
    struct funnel_exclusion exclusions[2];
    struct match_rule rule = {
        .step_count = 1 + test_random_below(random, 5),
        .window_us =
            test_random_below(random, 4) == 0 ? FUNNEL_WINDOW_NONE : test_random_below(random, 12),
        .ties = test_random_below(random, 2) ? FUNNEL_TIES_ANY : FUNNEL_TIES_STRICT,
        .attempts = test_random_below(random, 2)
                        ? FUNNEL_ATTEMPTS_BEST
                        : (enum funnel_attempts)test_random_below(random, 3),
        .until_us = test_random_below(random, 3) ? INT64_MAX : test_random_below(random, 20),
    };
    random_gaps(random, rule.step_count, gaps);
    rule.gaps = test_random_below(random, 2) ? gaps : NULL;
    random_exclusions(random, &rule, exclusions);
    int64_t from = test_random_below(random, 3) ? ORACLE_NONE : test_random_below(random, 8);
    struct history history = {.count = 0};
    random_events(random, &rule, from, &history);
    int64_t last_us = history.count == 0 ? 0 : history.match[history.count - 1].time_us;
    rule.as_of_us = last_us + test_random_below(random, 2) * test_random_below(random, 6);
    compare(&history, &rule, from);
}

int main(void)
{
    uint64_t exhausted = exhaust(1) + exhaust(2) + exhaust(3);
#if !defined(CORONG_SANITIZED)
    exhausted += exhaust(4);
#endif
    uint64_t seed = test_random_seed();
    struct test_random random = test_random_start(seed);
    uint64_t count = test_scaled(RANDOM_HISTORY_COUNT);
    for (uint64_t index = 0; index < count; index++) {
        random_history(&random);
    }
    printf("match: %llu histories exhausted under 138 rules, %llu random ones, %llu comparisons, 0 "
           "differences, seed %llu\n",
           (unsigned long long)exhausted, (unsigned long long)count,
           (unsigned long long)comparisons, (unsigned long long)seed);
    return 0;
}
