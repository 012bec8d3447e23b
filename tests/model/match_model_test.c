// SPDX-License-Identifier: Apache-2.0
// Goal: funnel_match() reports exactly the attempt that SEMANTICS 4 describes.
// Method: compare with the enumerating oracle, first on every history of up to five events over a
// small alphabet of (time, step set) for several rules, then on a million random histories with
// ties, repeats, events of several steps, windows and restricted entries.
#include "engine/funnel/funnel.h"
#include "tests/model/oracle.h"
#include "tests/support/test_random.h"

#include <stdio.h>
#include <string.h>

#define RANDOM_HISTORY_COUNT 2000000
#define HISTORY_EVENT_MAX 9
#define STEP_SET_EVENT_COUNT 32 // oracle event "names" here are the step sets themselves

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

// Step k holds for the event whose name, read as a set of steps, has bit k.
static void question_from_rule(const struct match_rule *rule, struct oracle_question *question)
{
    memset(question, 0, sizeof(*question));
    question->step_count = (int)rule->step_count;
    question->window = rule->window_us == FUNNEL_WINDOW_NONE ? ORACLE_NONE : rule->window_us;
    question->ties_strict = rule->ties == FUNNEL_TIES_STRICT;
    question->first_attempt = rule->attempts == FUNNEL_ATTEMPTS_FIRST;
    question->from = ORACLE_NONE;
    question->to = ORACLE_NONE;
    for (int step = 0; step < question->step_count; step++) {
        question->steps[step].price_min = ORACLE_NONE;
        question->steps[step].attribute_not = -1;
        for (unsigned set = 0; set < STEP_SET_EVENT_COUNT; set++) {
            question->steps[step].names |= (set >> step & 1) << set;
        }
    }
}

static void print_history(const struct history *history, const struct match_rule *rule)
{
    fprintf(stderr, "steps %u, window %lld, ties %d, attempts %d:", rule->step_count,
            (long long)rule->window_us, (int)rule->ties, (int)rule->attempts);
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
    oracle_attempt(&question, history->oracle, history->count, 0, history->count, 0, &expected);
    struct match_result found;
    funnel_match(rule, history->match, (uint32_t)history->count, &found);
    bool same = (int)found.level == expected.level;
    for (int step = 0; same && step < expected.level; step++) {
        same = (int)found.events[step] == expected.events[step];
    }
    if (!same) {
        print_history(history, rule);
        test_fail(test_random_seed(), "level %u, expected %d; first event %u, expected %d",
                  found.level, expected.level, found.events[0], expected.events[0]);
    }
}

static void compare_all_rules(const struct history *history)
{
    for (int variant = 0; variant < 12; variant++) {
        struct match_rule rule = {
            .step_count = 3,
            .window_us = variant % 3 == 0 ? FUNNEL_WINDOW_NONE : variant % 3,
            .ties = variant / 3 % 2 == 0 ? FUNNEL_TIES_ANY : FUNNEL_TIES_STRICT,
            .attempts = variant / 6 == 0 ? FUNNEL_ATTEMPTS_BEST : FUNNEL_ATTEMPTS_FIRST,
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
    }
    return total;
}

static void random_history(struct test_random *random)
{
    struct match_rule rule = {
        .step_count = 1 + test_random_below(random, 5),
        .window_us =
            test_random_below(random, 4) == 0 ? FUNNEL_WINDOW_NONE : test_random_below(random, 12),
        .ties = test_random_below(random, 2) ? FUNNEL_TIES_ANY : FUNNEL_TIES_STRICT,
        .attempts = test_random_below(random, 3) ? FUNNEL_ATTEMPTS_BEST : FUNNEL_ATTEMPTS_FIRST,
    };
    int64_t from = test_random_below(random, 3) ? ORACLE_NONE : test_random_below(random, 8);
    uint32_t gap = 1 + test_random_below(random, 4);
    bool several_steps = test_random_below(random, 2);
    bool sequences = test_random_below(random, 4) == 0;
    struct history history = {.count = 0};
    uint32_t count = test_random_below(random, HISTORY_EVENT_MAX + 1);
    int64_t time = 0;
    for (uint32_t index = 0; index < count; index++) {
        time += test_random_below(random, gap);
        uint32_t steps = 1u << test_random_below(random, rule.step_count);
        if (several_steps) {
            steps |= test_random_below(random, 1u << rule.step_count);
        }
        history_add(&history, time, steps, from == ORACLE_NONE || time >= from,
                    sequences && test_random_below(random, 2));
    }
    compare(&history, &rule, from);
}

int main(void)
{
    uint64_t exhausted = exhaust(1) + exhaust(2) + exhaust(3) + exhaust(4);
#if !defined(CORONG_SANITIZED)
    exhausted += exhaust(5);
#endif
    uint64_t seed = test_random_seed();
    struct test_random random = test_random_start(seed);
    uint64_t count = test_scaled(RANDOM_HISTORY_COUNT);
    for (uint64_t index = 0; index < count; index++) {
        random_history(&random);
    }
    printf("match: %llu histories exhausted under 12 rules, %llu random ones, 0 differences, seed "
           "%llu\n",
           (unsigned long long)exhausted, (unsigned long long)count, (unsigned long long)seed);
    return 0;
}
