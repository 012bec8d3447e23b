// SPDX-License-Identifier: Apache-2.0
// Goal: funnel_match() and funnel_match_all() report exactly the attempts that SEMANTICS 4 and 5
// describe, for every legal combination of options.
// Method: compare with the enumerating oracle on random short histories with many ties. Options are
// factors with a few values each: for every pair of values of two factors that is legal, histories
// are asked with these two and the others at random; then combinations at random. Illegal
// combinations must be refused by funnel_check(). Rules that are plain are asked of both matchers.
// Besides, for every history: simultaneous events in another order change nothing; steps are
// reached in order; a unit won with 'best' has a win with 'all'.
// --verbose prints the comparisons of each pair of values.
#include "engine/funnel/funnel.h"
#include "tests/model/model_match.h"
#include "tests/model/oracle.h"
#include "tests/support/test_random.h"

#include <stdio.h>
#include <string.h>

#define HISTORIES_PER_PAIR 120
#define RANDOM_COUNT 60000

static uint64_t comparisons;
static uint64_t pair_counts[FACTOR_COUNT][VALUE_MAX][FACTOR_COUNT][VALUE_MAX];

static int value_count(int factor)
{
    int count = 0;
    while (MATCH_VALUES[factor][count] != NULL) {
        count++;
    }
    return count;
}

// ---- one case

// SEMANTICS 4, last words; options of one order mean nothing in another.
static bool is_legal(const int *values)
{
    bool any = values[ORDER] == 2;
    bool strict = values[ORDER] == 1;
    return !(any && (values[OPTIONAL] || values[GAPS] || values[ENTRY])) &&
           !(strict && values[ENTRY]) && (any || !values[ANCHOR]) &&
           (strict || (!values[SCOPE] && !values[REPEAT]));
}

static void random_steps(struct test_random *random, struct model *model)
{
    struct match_rule *rule = &model->rule;
    const int *values = model->values;
    bool needs_two = values[GAPS] || values[EXCLUDE] || values[ANCHOR];
    uint32_t least = values[OPTIONAL] ? 3 : needs_two ? 2 : 1;
    rule->step_count = least + test_random_below(random, STEP_MAX - least + 1);
    for (uint32_t step = 1; values[OPTIONAL] && step + 1 < rule->step_count; step++) {
        rule->optional |= test_random_below(random, 3) ? UINT32_C(1) << step : 0;
    }
    if (values[OPTIONAL] && rule->optional == 0) {
        rule->optional = 2;
    }
    uint32_t first = 1 + test_random_below(random, rule->step_count);
    rule->anchor_first = values[ANCHOR] & 1 ? first : 0;
    uint32_t others = 1 + test_random_below(random, rule->step_count - (values[ANCHOR] == 3));
    rule->anchor_last = values[ANCHOR] & 2 ? others + (values[ANCHOR] == 3 && others >= first) : 0;
}

static void random_gaps(struct test_random *random, struct model *model)
{
    struct match_rule *rule = &model->rule;
    for (uint32_t step = 0; step < STEP_MAX; step++) {
        bool has = step > 0 && test_random_below(random, 3) > 0;
        int64_t least = has && model->values[GAPS] & 2 ? test_random_below(random, 4) : 0;
        bool most = has && model->values[GAPS] & 1;
        model->gaps[step] = (struct funnel_gap){least, most ? least + test_random_below(random, 5)
                                                            : FUNNEL_WINDOW_NONE};
    }
    rule->gaps = model->values[GAPS] ? model->gaps : NULL;
}

static void random_exclusions(struct test_random *random, struct model *model)
{
    struct match_rule *rule = &model->rule;
    int kind = model->values[EXCLUDE];
    rule->exclusions = model->exclusions;
    rule->exclusion_count = kind == 0 ? 0 : kind == 3 ? 2 : 1 + test_random_below(random, 2);
    for (uint32_t index = 0; index < rule->exclusion_count; index++) {
        struct funnel_exclusion *exclusion = &model->exclusions[index];
        exclusion->after = 1;
        exclusion->before = rule->step_count;
        if (rule->order != FUNNEL_ORDER_ANY) {
            exclusion->after = 1 + test_random_below(random, rule->step_count - 1);
            exclusion->before = exclusion->after + 1 +
                                test_random_below(random, rule->step_count - exclusion->after);
        }
        exclusion->remove = kind == 3 ? index == 1 : kind == 2;
        exclusion->stage = (struct stage){.name = TEXT_LITERAL("excluded")};
    }
}

static void random_rule(struct test_random *random, struct model *model)
{
    const int *values = model->values;
    struct match_rule *rule = &model->rule;
    *rule = (struct match_rule){
        .order = (enum funnel_order)values[ORDER],
        .ties = values[TIES] == 1 ? FUNNEL_TIES_STRICT : FUNNEL_TIES_ANY,
        .tie_tolerance_us = values[TIES] == 2 ? 1 + test_random_below(random, 4) : 0,
        .attempts = (enum funnel_attempts)values[ATTEMPTS],
        .window_us = values[WINDOW] == 0   ? FUNNEL_WINDOW_NONE
                     : values[WINDOW] == 1 ? 1 + test_random_below(random, 12)
                                           : 0,
        .entry_open = values[ENTRY],
        .scope = (enum funnel_scope)values[SCOPE],
        .repeat = (enum funnel_repeat)values[REPEAT],
        .until_us = values[UNTIL] ? 1 + test_random_below(random, 20) : INT64_MAX,
    };
    random_steps(random, model);
    random_gaps(random, model);
    random_exclusions(random, model);
}

static void add_event(struct history *history, const struct match_rule *rule, int64_t time,
                      uint32_t bits, bool entry_allowed, bool ordered)
{
    int index = history->count++;
    int64_t sequence = index == 0 ? 0 : history->oracle[index - 1].sequence;
    uint32_t mask = (1u << rule->step_count) - 1;
    history->match[index] = (struct match_event){.time_us = time,
                                                 .steps = bits & mask,
                                                 .entry_allowed = entry_allowed,
                                                 .ordered = ordered && index > 0,
                                                 .hits = (uint16_t)(bits >> rule->step_count)};
    history->oracle[index] = (struct oracle_event){.time = time,
                                                   .sequence = sequence + ordered,
                                                   .name = (int)bits,
                                                   .attributes = {-1, -1},
                                                   .price = ORACLE_NONE,
                                                   .amount = ORACLE_NONE,
                                                   .id = index,
                                                   .no_entry = !entry_allowed};
}

static void random_history(struct test_random *random, struct model *model)
{
    struct match_rule *rule = &model->rule;
    uint32_t bits = rule->step_count + rule->exclusion_count;
    uint32_t gap = 1 + test_random_below(random, 4);
    uint32_t several = test_random_below(random, 3);
    uint32_t count = test_random_below(random, HISTORY_EVENT_MAX + 1);
    bool any_all = rule->order == FUNNEL_ORDER_ANY && rule->step_count > 3;
    count = any_all && count > 5 ? 5 : count;
    int64_t time = 0;
    model->history.count = 0;
    for (uint32_t index = 0; index < count; index++) {
        time += test_random_below(random, gap);
        uint32_t set = 1u << test_random_below(random, bits);
        set |= several == 0 ? test_random_below(random, 1u << bits) : 0;
        set = rule->order == FUNNEL_ORDER_STRICT && test_random_below(random, 8) == 0 ? 0 : set;
        bool ordered = model->values[SEQUENCE] && test_random_below(random, 2);
        bool allowed = !model->values[BARRED] || test_random_below(random, 2);
        if (time < rule->until_us) {
            add_event(&model->history, rule, time, set, allowed, ordered);
        }
    }
    int last = model->history.count - 1;
    int64_t last_us = last < 0 ? 0 : model->history.match[last].time_us;
    rule->as_of_us = last_us + test_random_below(random, 2) * test_random_below(random, 6);
}

static void condition_of_bit(struct oracle_condition *condition, int bit)
{
    *condition = (struct oracle_condition){.price_min = ORACLE_NONE, .attribute_not = -1};
    for (unsigned set = 0; set < NAME_COUNT; set++) {
        condition->names |= (uint64_t)(set >> bit & 1) << set;
    }
}

static void ask_oracle(struct model *model)
{
    const struct match_rule *rule = &model->rule;
    struct oracle_question *question = &model->question;
    *question = (struct oracle_question){
        .step_count = (int)rule->step_count,
        .window = rule->window_us == FUNNEL_WINDOW_NONE ? ORACLE_NONE : rule->window_us,
        .ties_strict = rule->ties == FUNNEL_TIES_STRICT,
        .first_attempt = rule->attempts == FUNNEL_ATTEMPTS_FIRST,
        .last_attempt = rule->attempts == FUNNEL_ATTEMPTS_LAST,
        .all_attempts = rule->attempts == FUNNEL_ATTEMPTS_ALL,
        .inside = rule->until_us != INT64_MAX,
        .order = (enum oracle_order)rule->order,
        .scope_funnel = rule->scope == FUNNEL_SCOPE_FUNNEL,
        .repeat_allow = rule->repeat == FUNNEL_REPEAT_ALLOW,
        .entry_open = rule->entry_open,
        .anchor_first = (int)rule->anchor_first,
        .anchor_last = (int)rule->anchor_last,
        .tolerance = rule->tie_tolerance_us,
        .from = ORACLE_NONE,
        .to = rule->until_us != INT64_MAX ? rule->until_us : ORACLE_NONE,
        .exclusion_count = (int)rule->exclusion_count,
    };
    for (int step = 0; step < question->step_count; step++) {
        condition_of_bit(&question->steps[step], step);
        question->optional[step] = (rule->optional >> step & 1) != 0;
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

// ---- comparing

static enum corong_status keep(void *context, const struct match_result *attempt,
                               struct corong_error *error)
{
    (void)error;
    struct answers *answers = context;
    answers->list[answers->count] = *attempt;
    answers->count += !attempt->out;
    return CORONG_OK;
}

static void ask_matcher(const struct match_rule *rule, const struct history *history,
                        struct answers *answers)
{
    answers->count = 0;
    if (rule->attempts == FUNNEL_ATTEMPTS_ALL) {
        struct corong_error error;
        enum corong_status status =
            funnel_match_all(rule, history->match, (uint32_t)history->count, keep, answers, &error);
        if (status != CORONG_OK) {
            test_fail(test_random_seed(), "funnel_match_all failed");
        }
        return;
    }
    funnel_match(rule, history->match, (uint32_t)history->count, &answers->list[0]);
    answers->count = answers->list[0].level > 0 && !answers->list[0].out;
}

static bool same_attempt(const struct match_rule *rule, const struct match_result *found,
                         const struct oracle_attempt *expected)
{
    bool same = (int)found->level == expected->level && (int)found->entered == expected->entered &&
                (int)found->ended == expected->ended && found->won == expected->won &&
                (match_rule_is_plain(rule) || found->open == expected->open);
    for (uint32_t step = 0; same && step < rule->step_count; step++) {
        bool made = (found->made >> step & 1) != 0;
        same = made == (expected->events[step] >= 0);
        if (same && made) {
            same = (int)found->events[step] == expected->events[step] &&
                   found->times_us[step] == expected->times[step] &&
                   found->steps[step] == expected->steps[step];
        }
    }
    return same;
}

static void compare(struct model *model, const struct oracle_attempt *expected, int count,
                    const struct match_rule *rule)
{
    struct answers found;
    ask_matcher(rule, &model->history, &found);
    bool same = found.count == count;
    for (int index = 0; same && index < count; index++) {
        same = same_attempt(rule, &found.list[index], &expected[index]);
    }
    comparisons++;
    if (!same) {
        match_print_answers(model, &found, expected, count);
        test_fail(test_random_seed(), "the matcher differs from the oracle");
    }
}

// No level depends on an order among simultaneous events: each block of them is turned around.
static void compare_turned(const struct model *model, const struct answers *before)
{
    struct history turned = model->history;
    int count = turned.count;
    for (int first = 0; first < count;) {
        int end = first + 1;
        while (end < count && turned.match[end].time_us == turned.match[first].time_us &&
               !turned.match[end].ordered) {
            end++;
        }
        for (int index = first; index < end; index++) {
            turned.match[index] = model->history.match[first + end - 1 - index];
            turned.match[index].ordered = index == first && model->history.match[first].ordered;
        }
        first = end;
    }
    struct answers after;
    ask_matcher(&model->rule, &turned, &after);
    bool same = after.count == before->count;
    for (int index = 0; same && index < after.count; index++) {
        const struct match_result *left = &before->list[index];
        const struct match_result *right = &after.list[index];
        same = left->level == right->level && left->made == right->made &&
               left->won == right->won && left->open == right->open;
        for (uint32_t step = 0; same && step < model->rule.step_count; step++) {
            same = (left->made >> step & 1) == 0 || left->times_us[step] == right->times_us[step];
        }
    }
    if (!same) {
        match_print_model(model);
        test_fail(test_random_seed(), "simultaneous events in another order change the attempt");
    }
}

// Whoever reached a step reached those before it, unless it may be skipped or an attempt may begin
// later.
static void check_reached(const struct model *model, const struct answers *found)
{
    const struct match_rule *rule = &model->rule;
    for (int index = 0; index < found->count; index++) {
        const struct match_result *attempt = &found->list[index];
        uint32_t upto = UINT32_MAX >> (FUNNEL_STEP_COUNT_MAX - attempt->level);
        uint32_t from = UINT32_MAX << (attempt->entered - 1);
        if ((upto & from & ~attempt->made & ~rule->optional) != 0 ||
            (!rule->entry_open && attempt->entered != 1)) {
            match_print_model(model);
            test_fail(test_random_seed(), "a step was reached without those before it");
        }
    }
}

// SEMANTICS 4.4: as many wins as units that are won, or more. A plain rule is asked of the general
// path, too.
static void compare_more(struct model *model, const struct oracle_attempt *expected, int count)
{
    struct match_rule rule = model->rule;
    struct funnel_gap none[STEP_MAX];
    for (uint32_t step = 0; step < STEP_MAX; step++) {
        none[step] = (struct funnel_gap){0, FUNNEL_WINDOW_NONE};
    }
    struct answers found;
    ask_matcher(&rule, &model->history, &found);
    check_reached(model, &found);
    if (rule.attempts != FUNNEL_ATTEMPTS_ALL) { // which of equal events a win spends is canonical
        compare_turned(model, &found);
    }
    if (match_rule_is_plain(&rule)) {
        rule.gaps = none;
        compare(model, expected, count, &rule);
    }
    if (rule.attempts == FUNNEL_ATTEMPTS_BEST && count == 1 && expected[0].won) {
        struct answers all;
        rule.attempts = FUNNEL_ATTEMPTS_ALL;
        ask_matcher(&rule, &model->history, &all);
        bool won = false;
        for (int index = 0; index < all.count; index++) {
            won = won || all.list[index].won;
        }
        if (!won) {
            match_print_model(model);
            test_fail(test_random_seed(), "won with 'best', and no win with 'all'");
        }
    }
}

static void check_legality(struct model *model, bool legal)
{
    const struct match_rule *rule = &model->rule;
    for (uint32_t step = 0; step < STEP_MAX; step++) {
        model->stages[step] = (struct stage){.name = TEXT_LITERAL("step")};
    }
    model->funnel = (struct funnel){.name = TEXT_LITERAL("model"),
                                    .steps = model->stages,
                                    .step_count = rule->step_count,
                                    .window_us = rule->window_us,
                                    .order = rule->order,
                                    .attempts = rule->attempts,
                                    .ties = rule->ties,
                                    .gaps = model->values[GAPS] ? model->gaps : NULL,
                                    .exclusions = model->exclusions,
                                    .exclusion_count = rule->exclusion_count,
                                    .optional = rule->optional,
                                    .entry_open = rule->entry_open,
                                    .scope = rule->scope,
                                    .repeat = rule->repeat,
                                    .anchor_first = rule->anchor_first,
                                    .anchor_last = rule->anchor_last,
                                    .tie_tolerance_us = rule->tie_tolerance_us};
    struct corong_error error;
    bool accepted = funnel_check(&model->funnel, &error) == CORONG_OK;
    if (accepted != legal) {
        match_print_model(model);
        test_fail(test_random_seed(), "funnel_check %s it%s%s", accepted ? "accepts" : "refuses",
                  accepted ? "" : ": ", accepted ? "" : error.message);
    }
}

static void count_pairs(const int *values)
{
    for (int left = 0; left < FACTOR_COUNT; left++) {
        for (int right = left + 1; right < FACTOR_COUNT; right++) {
            pair_counts[left][values[left]][right][values[right]]++;
        }
    }
}

// A random history under the options in `values`.
static void run_model(struct test_random *random, const int *values)
{
    static struct model model;
    static struct oracle_attempt expected[ORACLE_EVENT_MAX];
    bool members[HISTORY_EVENT_MAX];
    memcpy(model.values, values, sizeof(model.values));
    random_rule(random, &model);
    random_history(random, &model);
    check_legality(&model, is_legal(values));
    if (!is_legal(values)) {
        return;
    }
    ask_oracle(&model);
    memset(members, true, sizeof(members));
    int count = oracle_attempts(&model.question, model.history.oracle, model.history.count, members,
                                model.rule.as_of_us, expected);
    compare(&model, expected, count, &model.rule);
    compare_more(&model, expected, count);
    count_pairs(values);
}

// ---- combinations

static void random_values(struct test_random *random, int *values)
{
    for (int factor = 0; factor < FACTOR_COUNT; factor++) {
        bool other = test_random_below(random, 2);
        values[factor] = other ? (int)test_random_below(random, (uint32_t)value_count(factor)) : 0;
    }
}

// Some legal combination with two values given; false where there is none.
static bool complete_pair(struct test_random *random, int left, int left_value, int right,
                          int right_value, int *values)
{
    for (int attempt = 0; attempt < 5000; attempt++) {
        random_values(random, values);
        values[left] = left_value;
        values[right] = right_value;
        if (is_legal(values)) {
            return true;
        }
    }
    return false;
}

static uint64_t run_pairs(struct test_random *random, uint64_t per_pair, uint64_t *illegal)
{
    uint64_t pairs = 0;
    for (int left = 0; left < FACTOR_COUNT; left++) {
        for (int right = left + 1; right < FACTOR_COUNT; right++) {
            for (int value = 0; value < value_count(left) * value_count(right); value++) {
                int values[FACTOR_COUNT];
                int left_value = value / value_count(right);
                int right_value = value % value_count(right);
                if (!complete_pair(random, left, left_value, right, right_value, values)) {
                    run_model(random, values); // must be refused
                    (*illegal)++;
                    continue;
                }
                pairs++;
                for (uint64_t run = 0; run < per_pair; run++) {
                    complete_pair(random, left, left_value, right, right_value, values);
                    run_model(random, values);
                }
            }
        }
    }
    return pairs;
}

static void print_pairs(void)
{
    for (int left = 0; left < FACTOR_COUNT; left++) {
        for (int right = left + 1; right < FACTOR_COUNT; right++) {
            for (int value = 0; value < value_count(left) * value_count(right); value++) {
                int left_value = value / value_count(right);
                int right_value = value % value_count(right);
                printf("%-16s %-16s %8llu\n", MATCH_VALUES[left][left_value],
                       MATCH_VALUES[right][right_value],
                       (unsigned long long)pair_counts[left][left_value][right][right_value]);
            }
        }
    }
}

int main(int argument_count, char **arguments)
{
    uint64_t seed = test_random_seed();
    struct test_random random = test_random_start(seed);
    uint64_t illegal = 0;
    uint64_t pairs = run_pairs(&random, test_scaled(HISTORIES_PER_PAIR), &illegal);
    uint64_t count = test_scaled(RANDOM_COUNT);
    for (uint64_t index = 0; index < count; index++) {
        int values[FACTOR_COUNT];
        random_values(&random, values);
        run_model(&random, values);
    }
    if (argument_count > 1 && strcmp(arguments[1], "--verbose") == 0) {
        print_pairs();
    }
    printf("match: %llu pairs of options and %llu combinations at random, %llu comparisons, 0 "
           "differences; %llu illegal pairs refused, seed %llu\n",
           (unsigned long long)pairs, (unsigned long long)count, (unsigned long long)comparisons,
           (unsigned long long)illegal, (unsigned long long)seed);
    return 0;
}
