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
#include "tests/model/oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA_SET_COUNT 40
#define QUESTIONS_PER_DATA_SET 12
#define VALUE_COUNT 9 ///< -1 to 7
#define CELL_COUNT (VALUE_COUNT * VALUE_COUNT)
#define STEP_MAX 4
#define HISTORY_US (30 * MICROSECONDS_PER_DAY)

static uint64_t compared;

struct cell {
    uint64_t reached[STEP_MAX];
    uint64_t open[STEP_MAX];
    uint64_t lost[STEP_MAX];
    uint64_t orders[STEP_MAX];
    int64_t revenue[STEP_MAX];
    uint64_t won;
};

/// What is asked, in the oracle's words and beside them.
struct asked {
    struct oracle_question question;
    struct oracle_condition entry;
    bool has_entry;
    int user_attribute; ///< where_user: this attribute of the person ...
    int user_not;       ///< ... is not this value; -1: no where_user
    bool user_null;     ///< or: is missing
    enum query_attribution attribution;
    int attribution_step;
    int by_count;
    uint32_t top;
    int64_t as_of;
};

struct expected {
    struct cell cells[CELL_COUNT];
    struct cell total;
    struct cell other;
    bool listed[CELL_COUNT];
    bool listing; ///< the second time: `listed` is known, `other` counts units
};

static int64_t later_of(int64_t time, int64_t delta)
{
    int64_t sum;
    return __builtin_add_overflow(time, delta, &sum) ? INT64_MAX : sum;
}

static bool not_after(const struct oracle_event *event, const struct oracle_event *other)
{
    return event->time < other->time ||
           (event->time == other->time && event->sequence <= other->sequence);
}

// The person's latest value at an event, at most 30 days old; events are in canonical order.
static int person_value(const struct oracle_event *events, int count,
                        const struct oracle_event *entry, int attribute)
{
    int value = -1;
    int64_t time = INT64_MIN;
    for (int i = 0; i < count; i++) {
        if (not_after(&events[i], entry) && events[i].attributes[attribute] != -1) {
            value = events[i].attributes[attribute];
            time = events[i].time;
        }
    }
    return value != -1 && entry->time - time <= HISTORY_US ? value : -1;
}

static void forbid_entries(const struct asked *asked, struct oracle_event *events, int count)
{
    for (int i = 0; i < count; i++) {
        bool allowed = !asked->has_entry || oracle_holds(&asked->entry, &events[i]);
        if (asked->user_attribute != -1) {
            int value = person_value(events, count, &events[i], asked->user_attribute);
            allowed = allowed &&
                      (asked->user_null ? value == -1 : value != -1 && value != asked->user_not);
        }
        events[i].no_entry = !allowed;
    }
}

static int cell_of(const struct asked *asked, const int *values)
{
    return (values[0] + 1) * VALUE_COUNT + (asked->by_count > 1 ? values[1] + 1 : 0);
}

static void count_cell(const struct asked *asked, const struct oracle_event *events,
                       const struct oracle_attempt *attempt, struct cell *cell)
{
    for (int step = 0; step < attempt->level; step++) {
        const struct oracle_event *event = &events[attempt->events[step]];
        cell->reached[step]++;
        if (event->amount != ORACLE_NONE) {
            cell->orders[step]++;
            cell->revenue[step] += event->amount;
        }
    }
    if (attempt->level == asked->question.step_count) {
        cell->won++;
    } else if (attempt->open) {
        cell->open[attempt->level - 1]++;
    } else {
        cell->lost[attempt->level - 1]++;
    }
}

// The values of a partition.
static void values_of(const struct asked *asked, const struct oracle_event *events, int count,
                      const struct oracle_attempt *attempt, int *values)
{
    const struct oracle_event *entry = &events[attempt->events[0]];
    for (int which = 0; which < 2; which++) {
        values[which] = -1;
        for (int i = 0; i < attempt->level; i++) {
            bool last = asked->attribution == QUERY_ATTRIBUTION_LAST;
            int step = last ? attempt->level - 1 - i : i;
            int value = events[attempt->events[step]].attributes[which];
            bool ends = asked->attribution == QUERY_ATTRIBUTION_FIRST || last;
            bool taken = ends ? value != -1
                              : step == (asked->attribution == QUERY_ATTRIBUTION_STEP
                                             ? asked->attribution_step
                                             : 0);
            if (taken) {
                values[which] = value;
                break;
            }
        }
        if (asked->attribution == QUERY_ATTRIBUTION_USER) {
            values[which] = person_value(events, count, entry, which);
        }
    }
}

// Every cell that an event of the step has between the entry and the window's end, in the unit.
static void cells_of_each(const struct asked *asked, const struct oracle_event *events, int begin,
                          int end, const struct oracle_attempt *attempt, bool *cells)
{
    const struct oracle_question *question = &asked->question;
    const struct oracle_event *entry = &events[attempt->events[0]];
    int64_t until =
        question->window == ORACLE_NONE ? INT64_MAX : later_of(entry->time, question->window);
    bool any = false;
    for (int i = begin; i < end; i++) {
        bool visible = !question->has_where || oracle_holds(&question->where, &events[i]);
        if (visible && events[i].time >= entry->time && events[i].time <= until &&
            oracle_holds(&question->steps[asked->attribution_step], &events[i]) &&
            (!question->inside || question->to == ORACLE_NONE || events[i].time < question->to)) {
            // In loose order what may not be an entry does not fill step 1 either.
            if (asked->attribution_step == 0 && asked->has_entry &&
                !oracle_holds(&asked->entry, &events[i])) {
                continue;
            }
            cells[cell_of(asked, events[i].attributes)] = true;
            any = true;
        }
    }
    const int none[2] = {-1, -1};
    cells[cell_of(asked, none)] |= !any;
}

static void count_unit(const struct asked *asked, struct oracle_event *events, int count, int begin,
                       int end, int64_t as_of, struct expected *expected)
{
    struct oracle_attempt attempt;
    bool cells[CELL_COUNT] = {false};
    oracle_attempt(&asked->question, events, count, begin, end, as_of, &attempt);
    if (attempt.level == 0) {
        return;
    }
    if (asked->attribution == QUERY_ATTRIBUTION_EACH) {
        int from = begin;
        int to = end;
        if (asked->question.session_window) {
            from = attempt.events[0];
            to = from;
            for (int start = 0; start < count;) {
                int next =
                    oracle_session_end(events, count, start, asked->question.session_timeout);
                if (start <= attempt.events[0] && attempt.events[0] < next) {
                    from = start;
                    to = next;
                }
                start = next;
            }
        }
        cells_of_each(asked, events, from, to, &attempt, cells);
    } else {
        int values[2];
        values_of(asked, events, count, &attempt, values);
        cells[cell_of(asked, values)] = true;
    }
    bool other = false;
    for (int i = 0; i < CELL_COUNT; i++) {
        if (cells[i] && !expected->listing) {
            count_cell(asked, events, &attempt, &expected->cells[i]);
        }
        other = other || (cells[i] && !expected->listed[i]);
    }
    if (!expected->listing) {
        count_cell(asked, events, &attempt, &expected->total);
    } else if (other) {
        count_cell(asked, events, &attempt, &expected->other);
    }
}

static void count_person(const struct asked *asked, struct oracle_event *events, int count,
                         int64_t as_of, struct expected *expected)
{
    int known = 0;
    while (known < count && events[known].time <= as_of) {
        known++;
    }
    forbid_entries(asked, events, known);
    for (int begin = 0; begin < known;) {
        int end = asked->question.by_session
                      ? oracle_session_end(events, known, begin, asked->question.session_timeout)
                      : known;
        count_unit(asked, events, known, begin, end, as_of, expected);
        begin = end;
    }
}

static int compare_users(const void *left, const void *right)
{
    return ((const struct oracle_event *)left)->user - ((const struct oracle_event *)right)->user;
}

static void count_all(const struct asked *asked, const struct model_data *data,
                      struct expected *expected)
{
    static struct oracle_event events[MODEL_EVENT_COUNT_MAX];
    int64_t as_of = asked->as_of;
    memcpy(events, data->events, (size_t)data->count * sizeof(*events));
    for (int i = 0; asked->as_of == ORACLE_NONE && i < data->count; i++) {
        as_of = events[i].time > as_of ? events[i].time : as_of;
    }
    qsort(events, (size_t)data->count, sizeof(*events), compare_users);
    for (int begin = 0; begin < data->count;) {
        int end = begin;
        while (end < data->count && events[end].user == events[begin].user) {
            end++;
        }
        int count = oracle_sort(&events[begin], end - begin);
        count_person(asked, &events[begin], count, as_of, expected);
        begin = end;
    }
}

static void random_condition(struct test_random *random, struct oracle_condition *condition)
{
    condition->names = 1u << test_random_below(random, 4);
    condition->names |= test_random_below(random, 3) == 0 ? 1u << test_random_below(random, 6) : 0;
    condition->price_min =
        test_random_below(random, 6) == 0 ? test_random_below(random, 8) : ORACLE_NONE;
    condition->attribute_not =
        test_random_below(random, 6) == 0 ? (int)test_random_below(random, 3) : -1;
}

static void random_asked(const struct model_data *data, struct test_random *random,
                         struct asked *asked)
{
    struct oracle_question *question = &asked->question;
    uint32_t span = (uint32_t)data->span;
    memset(asked, 0, sizeof(*asked));
    question->step_count = 1 + (int)test_random_below(random, STEP_MAX);
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
    asked->attribution = (enum query_attribution)test_random_below(random, 6);
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

static void query_of(const struct asked *asked, struct arena *arena, struct query_funnel *query)
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
                   .ties = question->ties_strict ? FUNNEL_TIES_STRICT : FUNNEL_TIES_ANY},
        .range = {question->from, question->to},
        .where = question->has_where ? words_of(arena, &question->where) : TEXT_MISSING,
        .by = {TEXT_LITERAL("a0"), TEXT_LITERAL("a1")},
        .by_count = (uint32_t)asked->by_count,
        .top = asked->top,
        .as_of_us = asked->as_of == ORACLE_NONE ? QUERY_TIME_NONE : asked->as_of,
        .session_timeout_us = question->session_timeout,
        .limits = {.thread_count = 2},
        .attribution = asked->attribution,
        .attribution_step = (uint32_t)asked->attribution_step + 1,
        .where_entry = asked->has_entry ? words_of(arena, &asked->entry) : TEXT_MISSING,
    };
    if (asked->user_attribute != -1) {
        snprintf(words, sizeof(words), asked->user_null ? "a%d is null" : "a%d != '%c'",
                 asked->user_attribute, model_value(asked->user_not).bytes[0]);
        query->where_user = arena_copy_text(arena, text_from(words));
    }
    query->funnel.steps = arena_allocate_zeroed(arena, STEP_MAX, sizeof(struct stage));
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
              "%.*s, unit %d, attempts %d, session window %d)",
              what, found, expected, query->attribution, query->attribution_step, query->by_count,
              (int)query->where_entry.size, query->where_entry.bytes, (int)query->where_user.size,
              query->where_user.bytes, query->funnel.unit, query->funnel.attempts,
              query->funnel.window_session);
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
                         const struct cell *cell, const char *what)
{
    for (uint32_t step = 0; step < query->funnel.step_count; step++) {
        const struct query_step *row = &found->steps[step];
        uint64_t orders = 0;
        int64_t revenue = 0;
        for (uint32_t i = 0; i < row->money_count; i++) {
            orders += row->money[i].orders;
            revenue += row->money[i].revenue;
        }
        expect(query, row->reached, cell->reached[step], what);
        expect(query, row->open, cell->open[step], what);
        expect(query, row->lost, cell->lost[step], what);
        expect(query, orders, cell->orders[step], what);
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
                           const struct query_funnel_result *result, const struct asked *asked,
                           struct expected *expected)
{
    int previous = -1;
    uint32_t count = 0;
    for (int i = 0; i < CELL_COUNT; i++) {
        count += expected->cells[i].reached[0] > 0;
    }
    expect(query, result->slice_count, count < asked->top ? count : asked->top, "slices");
    for (uint32_t i = 0; i < result->slice_count; i++) {
        const struct query_slice *slice = &result->slices[i];
        int values[2] = {value_number(slice->values[0]),
                         asked->by_count > 1 ? value_number(slice->values[1]) : -1};
        int cell = cell_of(asked, values);
        compare_cell(query, slice, &expected->cells[cell], "slice");
        expected->listed[cell] = true;
        if (previous >= 0) {
            uint64_t before = expected->cells[previous].reached[0];
            uint64_t now = expected->cells[cell].reached[0];
            expect(query, before > now || (before == now && previous < cell), 1, "order");
        }
        previous = cell;
    }
    for (int i = 0; i < CELL_COUNT && previous >= 0; i++) {
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
    query.trend = QUERY_BUCKET_MONTH;
    query.compared = true;
    query.compare = (struct query_range){
        MODEL_BASE_US + test_random_below(random, 10) * MICROSECONDS_PER_DAY, QUERY_TIME_NONE};
    run(snapshot, &query, arena, &result);
    for (uint32_t b = 0; b < result.trend_count; b++) {
        const struct query_trend *bucket = &result.trend[b];
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

static void ask(struct store_snapshot *snapshot, const struct model_data *data,
                struct test_random *random)
{
    static struct expected expected;
    struct arena arena = {0};
    struct asked asked;
    struct query_funnel query;
    struct query_funnel_result result;
    random_asked(data, random, &asked);
    query_of(&asked, &arena, &query);
    memset(&expected, 0, sizeof(expected));
    count_all(&asked, data, &expected);
    run(snapshot, &query, &arena, &result);
    compare_cell(&query, &result.total, &expected.total, "total");
    compare_listed(&query, &result, &asked, &expected);
    expected.listing = true;
    count_all(&asked, data, &expected);
    compare_cell(&query, &result.other, &expected.other, "other");
    if (asked.attribution != QUERY_ATTRIBUTION_EACH) {
        expect_sum(&query, &result);
    }
    expect(&query, result.overlap, asked.attribution == QUERY_ATTRIBUTION_EACH, "overlap");
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
