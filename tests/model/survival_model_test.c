// SPDX-License-Identifier: Apache-2.0
// Goal: conversion by time (Kaplan-Meier, Aalen-Johansen) is what an obvious program makes of all
// attempts, or of the first of each unit: how each of them ends and when, how many are at risk at
// each win, the shares won and ended otherwise, the band where nothing competes.
// Method: random data sets and questions; attempts are the oracle's, ends are looked up in plain
// arrays of events, shares are summed time by time over all attempts anew.
#include "engine/query/query.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "tests/model/model_question.h"
#include "tests/model/model_store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA_SET_COUNT 12
#define QUESTIONS_PER_DATA_SET 12
#define ATTEMPT_COUNT_MAX (MODEL_EVENT_COUNT_MAX + 1)

static uint64_t compared;

struct ended {
    int64_t after;
    enum query_end end;
};

struct expected {
    struct ended attempts[ATTEMPT_COUNT_MAX];
    int count;
};

static void random_asked(const struct model_data *data, struct test_random *random,
                         struct oracle_question *question)
{
    uint32_t span = (uint32_t)data->span;
    memset(question, 0, sizeof(*question));
    question->step_count = 1 + (int)test_random_below(random, 3);
    for (int step = 0; step < question->step_count; step++) {
        question->steps[step] = (struct oracle_condition){1u << test_random_below(random, 4) |
                                                              (test_random_below(random, 3) == 0),
                                                          ORACLE_NONE, -1};
    }
    question->by_session = test_random_below(random, 4) == 0;
    question->session_window = !question->by_session && test_random_below(random, 5) == 0;
    bool none = question->session_window || test_random_below(random, 4) == 0;
    question->window = none ? ORACLE_NONE : test_random_below(random, span) * data->unit_us;
    question->session_timeout = 30 * MICROSECONDS_PER_MINUTE;
    question->first_attempt = test_random_below(random, 3) == 0;
    question->all_attempts = !question->first_attempt;
    question->ties_strict = test_random_below(random, 3) == 0;
    question->from = test_random_below(random, 3) == 0
                         ? MODEL_BASE_US + test_random_below(random, span) * data->unit_us
                         : ORACLE_NONE;
    question->to = ORACLE_NONE;
    uint32_t kind = test_random_below(random, 4);
    question->order = kind == 1 ? ORACLE_STRICT : ORACLE_LOOSE;
    question->scope_funnel = kind == 1 && test_random_below(random, 2);
    question->repeat_allow = kind == 1 && test_random_below(random, 2);
    for (int step = 1; kind == 2 && step < question->step_count; step++) {
        question->has_max_gap[step] = test_random_below(random, 2);
        question->max_gap[step] = test_random_below(random, span / 2 + 1) * data->unit_us;
    }
    if (kind == 3 && question->step_count > 1) {
        question->exclusion_count = 1;
        question->exclusions[0] = (struct oracle_exclusion){
            {1u << test_random_below(random, 6), ORACLE_NONE, -1}, 1, question->step_count, false};
    }
}

static void stage_of(const struct oracle_condition *condition, struct arena *arena,
                     struct stage *stage)
{
    *stage = (struct stage){.name = TEXT_LITERAL("step")};
    stage->events = arena_allocate(arena, 8 * sizeof(struct text));
    for (int name = 0; name < 8; name++) {
        if ((condition->names >> name & 1) != 0) {
            stage->events[stage->event_count++] = model_name(name);
        }
    }
}

static void query_of(const struct oracle_question *question, int64_t as_of, struct arena *arena,
                     struct query_funnel *query)
{
    uint32_t steps = (uint32_t)question->step_count;
    *query = (struct query_funnel){
        .funnel = {.name = TEXT_LITERAL("survival"),
                   .window_us =
                       question->window == ORACLE_NONE ? FUNNEL_WINDOW_NONE : question->window,
                   .window_session = question->session_window,
                   .unit = question->by_session ? FUNNEL_UNIT_SESSION : FUNNEL_UNIT_USER,
                   .attempts =
                       question->first_attempt ? FUNNEL_ATTEMPTS_FIRST : FUNNEL_ATTEMPTS_ALL,
                   .order = (enum funnel_order)question->order,
                   .scope = question->scope_funnel ? FUNNEL_SCOPE_FUNNEL : FUNNEL_SCOPE_ALL,
                   .repeat = question->repeat_allow ? FUNNEL_REPEAT_ALLOW : FUNNEL_REPEAT_BREAK,
                   .ties = question->ties_strict ? FUNNEL_TIES_STRICT : FUNNEL_TIES_ANY},
        .range = {question->from, QUERY_TIME_NONE},
        .as_of_us = as_of,
        .session_timeout_us = question->session_timeout,
        .limits = {.thread_count = 2},
        .survival = true,
    };
    struct funnel *funnel = &query->funnel;
    funnel->steps = arena_allocate_zeroed(arena, steps, sizeof(struct stage));
    funnel->step_count = steps;
    funnel->gaps = funnel_gaps_none(arena, steps);
    for (uint32_t step = 0; step < steps; step++) {
        stage_of(&question->steps[step], arena, &funnel->steps[step]);
        if (question->has_max_gap[step]) {
            funnel->gaps[step].max_us = question->max_gap[step];
        }
    }
    if (question->exclusion_count > 0) {
        funnel->exclusions = arena_allocate_zeroed(arena, 1, sizeof(struct funnel_exclusion));
        funnel->exclusion_count = 1;
        funnel->exclusions[0].after = 1;
        funnel->exclusions[0].before = steps;
        stage_of(&question->exclusions[0].condition, arena, &funnel->exclusions[0].stage);
    }
}

static void sooner(struct ended *ended, int64_t at, enum query_end end)
{
    if (at < ended->after) {
        *ended = (struct ended){at, end};
    }
}

// The first event behind the last one matched that ends the attempt.
static void end_at_event(const struct oracle_question *question, const struct oracle_event *events,
                         int count, const bool *members, const struct oracle_attempt *attempt,
                         struct ended *ended)
{
    int64_t last = attempt->times[attempt->level - 1];
    for (int i = 0; i < count; i++) {
        if (!members[i] || events[i].time <= last) {
            continue;
        }
        if (question->exclusion_count > 0 &&
            oracle_holds(&question->exclusions[0].condition, &events[i])) {
            sooner(ended, events[i].time, QUERY_END_EXCLUDED);
            return;
        }
        bool some = false;
        for (int step = 0; step < question->step_count; step++) {
            some = some || oracle_holds(&question->steps[step], &events[i]);
        }
        bool repeat = question->repeat_allow &&
                      oracle_holds(&question->steps[attempt->level - 1], &events[i]);
        if (question->order == ORACLE_STRICT && (some || !question->scope_funnel) && !repeat) {
            sooner(ended, events[i].time, QUERY_END_STRICT);
            return;
        }
    }
}

static int64_t session_last(const struct oracle_question *question,
                            const struct oracle_event *events, int count, int entry)
{
    for (int start = 0; start < count;) {
        int next = oracle_session_end(events, count, start, question->session_timeout);
        if (start <= entry && entry < next) {
            return events[next - 1].time;
        }
        start = next;
    }
    return INT64_MAX;
}

static struct ended ended_of(const struct oracle_question *question,
                             const struct oracle_event *events, int count, const bool *members,
                             const struct oracle_attempt *attempt, int64_t as_of)
{
    int64_t entry = attempt->times[0];
    int64_t last = attempt->times[attempt->level - 1];
    struct ended ended = {INT64_MAX, QUERY_END_WINDOW};
    if (attempt->won) {
        ended = (struct ended){last, QUERY_END_WON};
    } else if (attempt->open) {
        ended = (struct ended){as_of, QUERY_END_OPEN};
    } else {
        ended.after = question->window == ORACLE_NONE ? INT64_MAX : entry + question->window;
        if (question->has_max_gap[attempt->level]) {
            sooner(&ended, last + question->max_gap[attempt->level], QUERY_END_GAP);
        }
        end_at_event(question, events, count, members, attempt, &ended);
        if (question->by_session || question->session_window) {
            sooner(&ended, session_last(question, events, count, attempt->events[0]),
                   QUERY_END_SESSION);
        }
        sooner(&ended, as_of, QUERY_END_WINDOW);
    }
    ended.after -= entry;
    return ended;
}

static void add_unit(const struct oracle_question *question, const struct oracle_event *events,
                     int count, int begin, int end, int64_t as_of, struct expected *expected)
{
    struct oracle_attempt attempts[ORACLE_EVENT_MAX];
    bool members[ORACLE_EVENT_MAX] = {false};
    for (int i = begin; i < end; i++) {
        members[i] = true;
    }
    int found = oracle_attempts(question, events, count, members, as_of, attempts);
    for (int i = 0; i < found; i++) {
        if (attempts[i].level > 0) {
            expected->attempts[expected->count++] =
                ended_of(question, events, count, members, &attempts[i], as_of);
        }
    }
}

static int compare_users(const void *left, const void *right)
{
    return ((const struct oracle_event *)left)->user - ((const struct oracle_event *)right)->user;
}

static void expect_ends(const struct oracle_question *question, const struct model_data *data,
                        int64_t as_of, struct expected *expected)
{
    static struct oracle_event events[MODEL_EVENT_COUNT_MAX];
    memcpy(events, data->events, sizeof(events));
    qsort(events, (size_t)data->count, sizeof(events[0]), compare_users);
    expected->count = 0;
    for (int begin = 0, end; begin < data->count; begin = end) {
        for (end = begin; end < data->count && events[end].user == events[begin].user;) {
            end++;
        }
        struct oracle_event *person = &events[begin];
        int kept = oracle_sort(person, end - begin);
        while (kept > 0 && person[kept - 1].time > as_of) {
            kept--;
        }
        for (int from = 0, to; from < kept; from = to) {
            to = question->by_session
                     ? oracle_session_end(person, kept, from, question->session_timeout)
                     : kept;
            add_unit(question, person, kept, from, to, as_of, expected);
        }
    }
}

static const char *asked_words(const struct oracle_question *question)
{
    static char words[160];
    snprintf(words, sizeof(words),
             "%d steps, order %d, scope %d, repeat %d, session %d %d, first %d, ties %d, gaps %d, "
             "exclusions %d, window %lld",
             question->step_count, question->order, question->scope_funnel, question->repeat_allow,
             question->by_session, question->session_window, question->first_attempt,
             question->ties_strict, question->has_max_gap[1], question->exclusion_count,
             (long long)question->window);
    return words;
}

static void expect(const struct oracle_question *question, uint64_t found, uint64_t wanted,
                   const char *what)
{
    compared++;
    if (found != wanted) {
        test_fail(test_random_seed(), "%s: %llu, expected %llu (%s)", what,
                  (unsigned long long)found, (unsigned long long)wanted, asked_words(question));
    }
}

static void expect_near(const struct oracle_question *question, double found, double wanted,
                        const char *what)
{
    compared++;
    if (!(fabs(found - wanted) < 1e-9)) {
        test_fail(test_random_seed(), "%s: %.12g, expected %.12g (%s)", what, found, wanted,
                  asked_words(question));
    }
}

// How many attempts end at a time, in a way (QUERY_END_COUNT: any that is no censoring).
static uint64_t count_at(const struct expected *expected, int64_t after, enum query_end end)
{
    uint64_t count = 0;
    for (int i = 0; i < expected->count; i++) {
        const struct ended *ended = &expected->attempts[i];
        bool right = end == QUERY_END_COUNT ? ended->end <= QUERY_END_SESSION : ended->end == end;
        count += ended->after == after && right;
    }
    return count;
}

static uint64_t count_at_risk(const struct expected *expected, int64_t after)
{
    uint64_t count = 0;
    for (int i = 0; i < expected->count; i++) {
        count += expected->attempts[i].after >= after;
    }
    return count;
}

/// The estimate up to a time, inclusive.
struct share {
    double won;
    double competing[QUERY_END_COMPETING_COUNT];
    double greenwood; ///< sum of d / (n (n - d))
    uint64_t wins;
};

static int compare_ended(const void *left, const void *right)
{
    const struct ended *a = left;
    const struct ended *b = right;
    return a->after < b->after ? -1 : a->after > b->after;
}

// Summed anew from the first time on.
static struct share share_at(const struct expected *expected, int64_t until)
{
    struct share share = {0};
    double left = 1;
    for (int i = 0; i < expected->count && expected->attempts[i].after <= until; i++) {
        int64_t after = expected->attempts[i].after;
        if (i > 0 && expected->attempts[i - 1].after == after) {
            continue;
        }
        double n = (double)count_at_risk(expected, after);
        double d = (double)count_at(expected, after, QUERY_END_COUNT);
        share.wins += count_at(expected, after, QUERY_END_WON);
        share.won += left * (double)count_at(expected, after, QUERY_END_WON) / n;
        for (int k = 0; k < (int)QUERY_END_COMPETING_COUNT; k++) {
            enum query_end end = (enum query_end)(QUERY_END_EXCLUDED + k);
            share.competing[k] += left * (double)count_at(expected, after, end) / n;
        }
        left *= (n - d) / n;
        share.greenwood += n > d ? d / (n * (n - d)) : 0;
    }
    return share;
}

static void compare_band(const struct oracle_question *question, const struct share *share,
                         const struct query_survival_point *point)
{
    double rest = 1 - share->won;
    bool competes = false;
    for (int k = 0; k < (int)QUERY_END_COMPETING_COUNT; k++) {
        competes = competes || share->competing[k] > 0;
    }
    if (competes || rest <= 1e-12 || share->won <= 0) {
        return;
    }
    double width = 1.959963984540054 * sqrt(share->greenwood) / fabs(log(rest));
    expect_near(question, point->low, 1 - pow(rest, exp(-width)), "low");
    expect_near(question, point->high, 1 - pow(rest, exp(width)), "high");
}

static void compare(const struct oracle_question *question, struct expected *expected,
                    const struct query_survival *found)
{
    uint64_t ends[QUERY_END_COUNT] = {0};
    uint64_t win_times = 0;
    qsort(expected->attempts, (size_t)expected->count, sizeof(expected->attempts[0]),
          compare_ended);
    for (int i = 0; i < expected->count; i++) {
        ends[expected->attempts[i].end]++;
        bool new = i == 0 || expected->attempts[i - 1].after != expected->attempts[i].after;
        win_times += new &&count_at(expected, expected->attempts[i].after, QUERY_END_WON) > 0;
    }
    expect(question, found->attempts, (uint64_t)expected->count, "attempts");
    expect(question, found->all_attempts, question->all_attempts, "all");
    for (int end = 0; end < QUERY_END_COUNT; end++) {
        char what[16];
        snprintf(what, sizeof(what), "ends %d", end);
        expect(question, found->ends[end], ends[end], what);
    }
    expect(question, found->win_time_count, win_times, "times of wins");
    for (uint32_t i = 0; i < found->point_count; i++) {
        const struct query_survival_point *point = &found->points[i];
        struct share share = share_at(expected, point->after_us);
        expect(question, point->at_risk, count_at_risk(expected, point->after_us), "at risk");
        expect(question, point->won, share.wins, "won so far");
        expect_near(question, point->estimate, share.won, "estimate");
        compare_band(question, &share, point);
    }
    if (found->win_time_count > 0) {
        struct share share = share_at(expected, found->final.after_us);
        expect_near(question, found->final.estimate, share.won, "final estimate");
        for (int k = 0; k < (int)QUERY_END_COMPETING_COUNT; k++) {
            expect_near(question, found->competing[k], share.competing[k], "competing");
        }
    }
}

static void ask(struct store_snapshot *snapshot, const struct model_data *data,
                struct test_random *random)
{
    static struct expected expected;
    struct corong_error error;
    struct arena arena = {0};
    struct oracle_question question;
    struct query_funnel query;
    struct query_funnel_result result;
    random_asked(data, random, &question);
    int64_t as_of = MODEL_BASE_US + (data->span - 1) * data->unit_us;
    as_of += test_random_below(random, 2) ? 0 : 40 * MICROSECONDS_PER_DAY;
    query_of(&question, as_of, &arena, &query);
    if (query_funnel_run(snapshot, &query, &arena, &result, &error) != CORONG_OK) {
        test_fail(test_random_seed(), "question failed: %s", error.message);
    }
    expect_ends(&question, data, as_of, &expected);
    compare(&question, &expected, result.survival);
    arena_deinit(&arena);
}

static void ask_about(const struct model_data *data, struct test_random *random)
{
    struct corong_error error;
    struct store_snapshot *snapshot;
    const struct model_store_options options = {.shard_count = 1 + test_random_below(random, 4),
                                                .producer_count = 1,
                                                .run_count = 1 + test_random_below(random, 3),
                                                .compact = test_random_below(random, 2),
                                                .map_ids = data->ids};
    char *directory = model_store_build(data->events, data->count, &options, random);
    if (store_snapshot_open(&snapshot, directory, &error) != CORONG_OK) {
        test_fail(test_random_seed(), "snapshot failed: %s", error.message);
    }
    for (int question = 0; question < QUESTIONS_PER_DATA_SET; question++) {
        ask(snapshot, data, random);
    }
    store_snapshot_close(snapshot);
    model_store_remove(directory);
}

int main(void)
{
    uint64_t seed = test_random_seed();
    struct test_random random = test_random_start(seed);
    struct model_data *data = memory_allocate_zeroed(1, sizeof(*data));
    uint64_t set_count = test_scaled(DATA_SET_COUNT);
    for (uint64_t set = 0; set < set_count; set++) {
        model_data_fill(data, &random);
        ask_about(data, &random);
    }
    memory_free(data);
    printf("survival model: %llu data sets, %llu questions, %llu numbers compared, 0 differences, "
           "seed %llu\n",
           (unsigned long long)set_count, (unsigned long long)set_count * QUESTIONS_PER_DATA_SET,
           (unsigned long long)compared, (unsigned long long)seed);
    return 0;
}
