// SPDX-License-Identifier: Apache-2.0
// Goal: slices of every attribution, where_entry and where_user are exactly what an obvious program
// counts; slices sum to the total unless they overlap; a trend's buckets and a comparison are the
// questions asked for their ranges; passes over parts of the values give the same answer as one.
// Method: random data sets and questions; the expected attempts are the oracle's, the values are
// looked up in plain arrays of events.
#include "engine/query/query.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "tests/model/model_question.h"
#include "tests/model/model_store.h"
#include "tests/model/oracle_slices.h"

#include <stdio.h>
#include <string.h>

#define DATA_SET_COUNT 24
#define QUESTIONS_PER_DATA_SET 12
static uint64_t compared;

static void random_condition(struct test_random *random, struct oracle_condition *condition)
{
    condition->names = 1u << test_random_below(random, 4);
    condition->names |= test_random_below(random, 3) == 0 ? 1u << test_random_below(random, 6) : 0;
    condition->price_min =
        test_random_below(random, 6) == 0 ? test_random_below(random, 8) : ORACLE_NONE;
    condition->attribute_not =
        test_random_below(random, 6) == 0 ? (int)test_random_below(random, 3) : -1;
}

static void random_order(struct test_random *random, struct oracle_question *question)
{
    uint32_t steps = (uint32_t)question->step_count;
    question->order = (enum oracle_order)test_random_below(random, 3);
    question->scope_funnel = question->order == ORACLE_STRICT && test_random_below(random, 2);
    question->repeat_allow = question->order == ORACLE_STRICT && test_random_below(random, 2);
    if (question->order == ORACLE_ANY && test_random_below(random, 2)) {
        *(test_random_below(random, 2) ? &question->anchor_first : &question->anchor_last) =
            1 + (int)test_random_below(random, steps);
    }
}

static void random_asked(const struct model_data *data, struct test_random *random,
                         struct oracle_asked *asked)
{
    struct oracle_question *question = &asked->question;
    uint32_t span = (uint32_t)data->span;
    memset(asked, 0, sizeof(*asked));
    question->step_count = 1 + (int)test_random_below(random, ORACLE_CELL_STEPS);
    for (int step = 0; step < question->step_count; step++) {
        random_condition(random, &question->steps[step]);
    }
    question->window = test_random_below(random, 4) == 0
                           ? ORACLE_NONE
                           : test_random_below(random, span) * data->unit_us;
    question->ties_strict = test_random_below(random, 3) == 0;
    question->first_attempt = test_random_below(random, 3) == 0;
    question->last_attempt = !question->first_attempt && test_random_below(random, 4) == 0;
    question->by_session = test_random_below(random, 4) == 0;
    question->session_window = !question->by_session && test_random_below(random, 5) == 0;
    question->window = question->session_window ? ORACLE_NONE : question->window;
    question->session_timeout = 30 * MICROSECONDS_PER_MINUTE;
    random_order(random, question);
    question->from = test_random_below(random, 2)
                         ? MODEL_BASE_US + test_random_below(random, span) * data->unit_us
                         : ORACLE_NONE;
    question->to = ORACLE_NONE;
    question->has_where = test_random_below(random, 5) == 0;
    random_condition(random, &question->where);
    question->where.names = 0xff;
    asked->has_entry = test_random_below(random, 3) == 0;
    random_condition(random, &asked->entry);
    asked->entry.names = 0;
    asked->user_attribute =
        test_random_below(random, 3) == 0 ? (int)test_random_below(random, 2) : -1;
    asked->user_not = (int)test_random_below(random, 3);
    asked->user_null = test_random_below(random, 4) == 0;
    asked->user_anybody = asked->user_attribute == -1 && test_random_below(random, 8) == 0;
    asked->user_nobody =
        asked->user_attribute == -1 && !asked->user_anybody && test_random_below(random, 16) == 0;
    asked->attribution = (enum oracle_attribution)test_random_below(random, 6);
    asked->attribution_step = (int)test_random_below(random, (uint32_t)question->step_count);
    asked->by_count = 1 + (int)test_random_below(random, 2);
    asked->top = 1 + test_random_below(random, test_random_below(random, 2) ? 4 : 100);
    asked->as_of = test_random_below(random, 3) == 0
                       ? MODEL_BASE_US + test_random_below(random, span) * data->unit_us
                       : ORACLE_NONE;
}

static struct text words_of(struct arena *arena, const struct oracle_condition *condition)
{
    char words[96] = "true";
    size_t used = 4;
    if (condition->price_min != ORACLE_NONE) {
        used += (size_t)snprintf(words + used, sizeof(words) - used, " and price >= %lld",
                                 (long long)condition->price_min);
    }
    if (condition->attribute_not != -1) {
        snprintf(words + used, sizeof(words) - used, " and a0 != '%c'",
                 model_value(condition->attribute_not).bytes[0]);
    }
    return arena_copy_text(arena, text_from(words));
}

static void stage_of(const struct oracle_condition *condition, struct arena *arena,
                     struct stage *stage)
{
    *stage = (struct stage){.name = TEXT_LITERAL("step"), .where = words_of(arena, condition)};
    stage->events = arena_allocate(arena, 8 * sizeof(struct text));
    for (int name = 0; name < 8; name++) {
        if ((condition->names >> name & 1) != 0) {
            stage->events[stage->event_count++] = model_name(name);
        }
    }
}

static void query_of(const struct oracle_asked *asked, struct arena *arena,
                     struct query_funnel *query)
{
    const struct oracle_question *question = &asked->question;
    char words[64];
    *query = (struct query_funnel){
        .funnel = {.name = TEXT_LITERAL("slices"),
                   .window_us =
                       question->window == ORACLE_NONE ? FUNNEL_WINDOW_NONE : question->window,
                   .unit = question->by_session ? FUNNEL_UNIT_SESSION : FUNNEL_UNIT_USER,
                   .attempts = question->first_attempt  ? FUNNEL_ATTEMPTS_FIRST
                               : question->last_attempt ? FUNNEL_ATTEMPTS_LAST
                                                        : FUNNEL_ATTEMPTS_BEST,
                   .window_session = question->session_window,
                   .order = (enum funnel_order)question->order, // in the same order
                   .scope = question->scope_funnel ? FUNNEL_SCOPE_FUNNEL : FUNNEL_SCOPE_ALL,
                   .repeat = question->repeat_allow ? FUNNEL_REPEAT_ALLOW : FUNNEL_REPEAT_BREAK,
                   .anchor_first = (uint32_t)question->anchor_first,
                   .anchor_last = (uint32_t)question->anchor_last,
                   .ties = question->ties_strict ? FUNNEL_TIES_STRICT : FUNNEL_TIES_ANY},
        .range = {question->from, question->to},
        .where = question->has_where ? words_of(arena, &question->where) : TEXT_MISSING,
        .by = {TEXT_LITERAL("a0"), TEXT_LITERAL("a1")},
        .by_count = (uint32_t)asked->by_count,
        .top = asked->top,
        .as_of_us = asked->as_of == ORACLE_NONE ? QUERY_TIME_NONE : asked->as_of,
        .session_timeout_us = question->session_timeout,
        .limits = {.thread_count = 2},
        .attribution = (enum query_attribution)asked->attribution, // in the same order
        .attribution_step = (uint32_t)asked->attribution_step + 1,
        .where_entry = asked->has_entry ? words_of(arena, &asked->entry) : TEXT_MISSING,
    };
    if (asked->user_attribute != -1) {
        snprintf(words, sizeof(words), asked->user_null ? "a%d is null" : "a%d != '%c'",
                 asked->user_attribute, model_value(asked->user_not).bytes[0]);
        query->where_user = arena_copy_text(arena, text_from(words));
    } else if (asked->user_anybody || asked->user_nobody) {
        query->where_user =
            asked->user_anybody ? TEXT_LITERAL("true") : TEXT_LITERAL("a0 > 5"); // a string is not
    }
    query->funnel.steps = arena_allocate_zeroed(arena, ORACLE_CELL_STEPS, sizeof(struct stage));
    query->funnel.step_count = (uint32_t)question->step_count;
    for (int step = 0; step < question->step_count; step++) {
        stage_of(&question->steps[step], arena, &query->funnel.steps[step]);
    }
}

static void fail_at(const struct query_funnel *query, const char *what, unsigned long long found,
                    unsigned long long expected)
{
    test_fail(test_random_seed(),
              "%s: %llu, expected %llu (attribution %d of step %u, %u attributes, entry %.*s, user "
              "%.*s, unit %d, attempts %d, session window %d, order %d)",
              what, found, expected, query->attribution, query->attribution_step, query->by_count,
              (int)query->where_entry.size, query->where_entry.bytes, (int)query->where_user.size,
              query->where_user.bytes, query->funnel.unit, query->funnel.attempts,
              query->funnel.window_session, query->funnel.order);
}

static void expect(const struct query_funnel *query, uint64_t found, uint64_t expected,
                   const char *what)
{
    compared++;
    if (found != expected) {
        fail_at(query, what, found, expected);
    }
}

static void compare_cell(const struct query_funnel *query, const struct query_slice *found,
                         const struct oracle_cell *cell, const char *what)
{
    for (uint32_t step = 0; step < query->funnel.step_count; step++) {
        const struct query_step *row = &found->steps[step];
        uint64_t orders = 0;
        int64_t revenue = 0;
        uint64_t repeat_orders = 0;
        int64_t repeat_revenue = 0;
        for (uint32_t i = 0; i < row->money_count; i++) {
            orders += row->money[i].orders;
            revenue += row->money[i].revenue;
            repeat_orders += row->money[i].repeat_orders;
            repeat_revenue += row->money[i].repeat_revenue;
        }
        expect(query, row->reached, cell->reached[step], what);
        expect(query, row->open, cell->open[step], what);
        expect(query, row->lost, cell->lost[step], what);
        expect(query, orders, cell->orders[step], what);
        expect(query, repeat_orders, cell->repeat_orders[step], "further orders");
        expect(query, (uint64_t)repeat_revenue, (uint64_t)cell->repeat_revenue[step],
               "revenue of further orders");
        expect(query, (uint64_t)revenue, (uint64_t)cell->revenue[step], what);
        expect(query, row->from_entry.count, step == 0 ? 0 : cell->reached[step], what);
    }
    expect(query, found->won, cell->won, what);
}

static int value_number(struct text value)
{
    for (int number = 0; number < 8; number++) {
        if (text_equal(value, model_value(number))) {
            return number;
        }
    }
    return -1;
}

// The listed slices are the largest, in order, and as expected; marks them.
static void compare_listed(const struct query_funnel *query,
                           const struct query_funnel_result *result,
                           const struct oracle_asked *asked, struct oracle_expected *expected)
{
    int previous = -1;
    uint32_t count = 0;
    for (int i = 0; i < ORACLE_CELL_COUNT; i++) {
        count += expected->cells[i].reached[0] > 0;
    }
    expect(query, result->slice_count, count < asked->top ? count : asked->top, "slices");
    for (uint32_t i = 0; i < result->slice_count; i++) {
        const struct query_slice *slice = &result->slices[i];
        int values[2] = {value_number(slice->values[0]),
                         asked->by_count > 1 ? value_number(slice->values[1]) : -1};
        int cell = oracle_cell_of(asked, values);
        compare_cell(query, slice, &expected->cells[cell], "slice");
        expected->listed[cell] = true;
        if (previous >= 0) {
            uint64_t before = expected->cells[previous].reached[0];
            uint64_t now = expected->cells[cell].reached[0];
            expect(query, before > now || (before == now && previous < cell), 1, "order");
        }
        previous = cell;
    }
    for (int i = 0; i < ORACLE_CELL_COUNT && previous >= 0; i++) {
        uint64_t reached = expected->cells[i].reached[0];
        uint64_t least = expected->cells[previous].reached[0];
        expect(query,
               expected->listed[i] || reached < least || (reached == least && i > previous) ||
                   reached == 0,
               1, "a larger slice is not listed");
    }
    expect(query, result->other_slice_count, count - result->slice_count, "other values");
}

static void expect_sum(const struct query_funnel *query, const struct query_funnel_result *result)
{
    for (uint32_t k = 0; k < query->funnel.step_count; k++) {
        uint64_t reached = result->other.steps[k].reached;
        uint64_t lost = result->other.steps[k].lost;
        for (uint32_t i = 0; i < result->slice_count; i++) {
            reached += result->slices[i].steps[k].reached;
            lost += result->slices[i].steps[k].lost;
        }
        expect(query, reached, result->total.steps[k].reached, "sum of slices");
        expect(query, lost, result->total.steps[k].lost, "sum of slices");
    }
}

static void run(struct store_snapshot *snapshot, const struct query_funnel *query,
                struct arena *arena, struct query_funnel_result *result)
{
    struct corong_error error;
    if (query_funnel_run(snapshot, query, arena, result, &error) != CORONG_OK) {
        test_fail(test_random_seed(), "question failed: %s", error.message);
    }
}

static void same_slice(const struct query_funnel *query, const struct query_slice *left,
                       const struct query_slice *right, const char *what)
{
    expect(query, left->won, right->won, what);
    for (uint32_t k = 0; k < query->funnel.step_count; k++) {
        const struct query_step *a = &left->steps[k];
        const struct query_step *b = &right->steps[k];
        expect(query, a->reached, b->reached, what);
        expect(query, a->dropped, b->dropped, what);
        expect(query, a->open, b->open, what);
        expect(query, a->from_previous.count, b->from_previous.count, what);
        expect(query, memcmp(&a->from_entry, &b->from_entry, sizeof(a->from_entry)), 0, what);
        expect(query, a->money_count, b->money_count, what);
    }
}

// The same question asked for a range by itself: the total, and the slices listed for the whole.
static void compare_range(struct store_snapshot *snapshot, const struct query_funnel *query,
                          const struct query_range *range, const struct query_funnel_result *whole,
                          const struct query_slice *total, const struct query_slice *slices)
{
    struct arena arena = {0};
    struct query_funnel alone = *query;
    struct query_funnel_result result;
    alone.range = *range;
    alone.top = 1000;
    alone.trend = QUERY_BUCKET_NONE;
    alone.compared = false;
    run(snapshot, &alone, &arena, &result);
    same_slice(query, &result.total, total, "a bucket asked for by itself");
    for (uint32_t i = 0; i < whole->slice_count; i++) {
        for (uint32_t j = 0; j < result.slice_count; j++) {
            bool same = true;
            for (uint32_t v = 0; v < query->by_count; v++) {
                same = same && text_equal(whole->slices[i].values[v], result.slices[j].values[v]);
            }
            if (same) {
                same_slice(query, &result.slices[j], &slices[i], "a bucket's slice");
            }
        }
    }
    arena_deinit(&arena);
}

static void compare_trend(struct store_snapshot *snapshot, const struct query_funnel *asked,
                          struct test_random *random, struct arena *arena)
{
    struct query_funnel query = *asked;
    struct query_funnel_result result;
    query.trend = (enum query_bucket)(1 + test_random_below(random, 4));
    query.compared = true;
    query.compare = (struct query_range){
        MODEL_BASE_US + test_random_below(random, 10) * MICROSECONDS_PER_DAY, QUERY_TIME_NONE};
    run(snapshot, &query, arena, &result);
    for (uint32_t i = 0; i < 5 && result.trend_count > 0; i++) {
        const struct query_trend *bucket =
            &result.trend[test_random_below(random, result.trend_count)];
        struct query_range range = {bucket->begin_us, bucket->end_us};
        range.from_us = query.range.from_us > range.from_us ? query.range.from_us : range.from_us;
        compare_range(snapshot, &query, &range, &result, &bucket->total, bucket->slices);
    }
    compare_range(snapshot, &query, &query.compare, &result, &result.comparison->total,
                  result.comparison->slices);
    const struct query_comparison *comparison = result.comparison;
    if (comparison->split) {
        double change =
            (double)result.total.won /
                (double)(result.total.won + result.total.open + result.total.lost) -
            (double)comparison->total.won /
                (double)(comparison->total.won + comparison->total.open + comparison->total.lost);
        double split = comparison->change.mix + comparison->change.rate;
        expect(&query, split - change < 1e-12 && change - split < 1e-12, 1, "mix and rate");
    }
}

// The same where values and slices come in many small passes.
static void compare_passes(struct store_snapshot *snapshot, const struct query_funnel *asked,
                           const struct query_funnel_result *whole, struct test_random *random,
                           struct arena *arena)
{
    struct query_funnel query = *asked;
    struct query_funnel_result result;
    query.limits.ranking_bytes = 400 + test_random_below(random, 8000);
    run(snapshot, &query, arena, &result);
    expect(&query, result.slice_count, whole->slice_count, "slices in passes");
    for (uint32_t i = 0; i < result.slice_count; i++) {
        same_slice(&query, &result.slices[i], &whole->slices[i], "slice in passes");
    }
    same_slice(&query, &result.other, &whole->other, "other in passes");
    expect(&query, strcmp(result.provenance.result_digest, whole->provenance.result_digest), 0,
           "digest in passes");
}

static void ask(struct store_snapshot *snapshot, const struct model_data *data,
                struct test_random *random)
{
    static struct oracle_expected expected;
    struct arena arena = {0};
    struct oracle_asked asked;
    struct query_funnel query;
    struct query_funnel_result result;
    random_asked(data, random, &asked);
    query_of(&asked, &arena, &query);
    memset(&expected, 0, sizeof(expected));
    oracle_slices_count(&asked, data->events, data->count, &expected);
    run(snapshot, &query, &arena, &result);
    compare_cell(&query, &result.total, &expected.total, "total");
    compare_listed(&query, &result, &asked, &expected);
    expected.listing = true;
    oracle_slices_count(&asked, data->events, data->count, &expected);
    compare_cell(&query, &result.other, &expected.other, "other");
    if (asked.attribution != ORACLE_BY_EACH) {
        expect_sum(&query, &result);
    }
    expect(&query, result.overlap, asked.attribution == ORACLE_BY_EACH, "overlap");
    if (test_random_below(random, 3) == 0) {
        compare_passes(snapshot, &query, &result, random, &arena);
    }
    if (test_random_below(random, 4) == 0) {
        compare_trend(snapshot, &query, random, &arena);
    }
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
    printf("slices model: %llu data sets, %llu questions, %llu numbers compared, 0 differences, "
           "seed %llu\n",
           (unsigned long long)set_count, (unsigned long long)set_count * QUESTIONS_PER_DATA_SET,
           (unsigned long long)compared, (unsigned long long)seed);
    return 0;
}
