// SPDX-License-Identifier: Apache-2.0
#include "tests/model/model_question.h"

#include "engine/query/query.h"
#include "storage/base/clock.h"
#include "tests/model/model_store.h"
#include "tests/model/oracle_answer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t model_question_histories;
uint64_t model_question_comparisons;
uint64_t model_question_remembered;

#define DAY_US (24 * 3600 * INT64_C(1000000))

static int optional_value(struct test_random *random)
{
    return test_random_below(random, 5) == 0 ? -1 : (int)test_random_below(random, 3);
}

void model_data_fill(struct model_data *data, struct test_random *random)
{
    static const int64_t units_us[] = {1, MICROSECONDS_PER_SECOND, 600 * MICROSECONDS_PER_SECOND,
                                       5 * MICROSECONDS_PER_HOUR, 2 * MICROSECONDS_PER_DAY};
    data->unit_us = units_us[test_random_below(random, 5)];
    data->span = 2 + test_random_below(random, 40);
    data->ids = test_random_below(random, 2);
    bool sequences = test_random_below(random, 4) == 0;
    uint32_t id_count = test_random_below(random, 2) ? 4 : 1000; // few ids: many copies
    uint32_t name_count = 2 + test_random_below(random, 6);
    data->count = 0;
    for (int user = 0; user < MODEL_USER_COUNT; user++) {
        uint32_t count = test_random_below(random, MODEL_EVENTS_PER_USER_MAX + 1);
        for (uint32_t index = 0; index < count; index++) {
            struct oracle_event *event = &data->events[data->count++];
            *event = (struct oracle_event){
                .user = user,
                .time =
                    MODEL_BASE_US + test_random_below(random, (uint32_t)data->span) * data->unit_us,
                .sequence = sequences ? test_random_below(random, 3) : 0,
                .name = (int)test_random_below(random, name_count),
                .attributes = {optional_value(random), optional_value(random)},
                .price =
                    test_random_below(random, 3) == 0 ? ORACLE_NONE : test_random_below(random, 10),
                .amount = test_random_below(random, 3) == 0 ? test_random_below(random, 100000)
                                                            : ORACLE_NONE,
                .id = data->ids ? test_random_below(random, id_count) : ORACLE_NONE,
            };
        }
    }
}

static void random_condition(struct test_random *random, struct oracle_condition *condition)
{
    condition->names = 1u << test_random_below(random, 6);
    if (test_random_below(random, 3) == 0) {
        condition->names |= 1u << test_random_below(random, 6);
    }
    condition->price_min =
        test_random_below(random, 5) == 0 ? test_random_below(random, 8) : ORACLE_NONE;
    condition->attribute_not =
        test_random_below(random, 6) == 0 ? (int)test_random_below(random, 3) : -1;
}

static void random_gaps_and_exclusions(const struct model_data *data, struct test_random *random,
                                       struct oracle_question *question)
{
    bool any = question->order == ORACLE_ANY;
    bool gaps = !any && test_random_below(random, 3) == 0;
    uint32_t span = (uint32_t)data->span / 2 + 1;
    for (int step = 1; gaps && step < question->step_count; step++) {
        bool least = test_random_below(random, 4) == 0;
        question->min_gap[step] = least ? test_random_below(random, span) * data->unit_us : 0;
        question->has_max_gap[step] = test_random_below(random, 2);
        question->max_gap[step] =
            question->min_gap[step] + test_random_below(random, span) * data->unit_us;
    }
    bool excludes = question->step_count > 1 && test_random_below(random, 3) == 0;
    question->exclusion_count = excludes ? 1 + (int)test_random_below(random, 2) : 0;
    for (int index = 0; index < question->exclusion_count; index++) {
        struct oracle_exclusion *exclusion = &question->exclusions[index];
        random_condition(random, &exclusion->condition);
        exclusion->after = 1 + (int)test_random_below(random, (uint32_t)question->step_count - 1);
        exclusion->before =
            exclusion->after + 1 +
            (int)test_random_below(random, (uint32_t)(question->step_count - exclusion->after));
        exclusion->remove = test_random_below(random, 3) == 0;
        if (any) {
            exclusion->after = 1;
            exclusion->before = question->step_count;
        }
    }
}

// Options of one order mean nothing in another; what does not go together is left out.
static void random_options(const struct model_data *data, struct test_random *random,
                           struct oracle_question *question)
{
    int steps = question->step_count;
    question->order =
        (enum oracle_order)(test_random_below(random, 2) * test_random_below(random, 3));
    bool any = question->order == ORACLE_ANY;
    bool strict = question->order == ORACLE_STRICT;
    question->scope_funnel = strict && test_random_below(random, 2);
    question->repeat_allow = strict && test_random_below(random, 2);
    question->entry_open = !any && !strict && test_random_below(random, 4) == 0;
    for (int step = 1; !any && step + 1 < steps && test_random_below(random, 2); step++) {
        question->optional[step] = test_random_below(random, 2);
    }
    if (any && steps > 1) {
        question->anchor_first =
            test_random_below(random, 3) ? 0 : 1 + (int)test_random_below(random, (uint32_t)steps);
        question->anchor_last =
            test_random_below(random, 3) ? 0 : 1 + (int)test_random_below(random, (uint32_t)steps);
        question->anchor_last =
            question->anchor_last == question->anchor_first ? 0 : question->anchor_last;
    }
    if (!question->ties_strict && test_random_below(random, 4) == 0) {
        question->tolerance =
            1 + test_random_below(random, 4) * (data->unit_us < DAY_US / 4 ? data->unit_us : 0);
    }
    bool one = question->first_attempt || question->last_attempt;
    question->all_attempts = !one && test_random_below(random, 3) == 0;
    if (!question->by_session && test_random_below(random, 4) == 0) {
        question->hold[0] = test_random_below(random, 2);
        question->hold[1] = test_random_below(random, 2);
    }
}

static void random_question(const struct model_data *data, struct test_random *random,
                            struct oracle_question *question)
{
    memset(question, 0, sizeof(*question));
    question->step_count = 1 + (int)test_random_below(random, 4);
    for (int step = 0; step < question->step_count; step++) {
        random_condition(random, &question->steps[step]);
    }
    uint32_t span = (uint32_t)data->span;
    question->window = test_random_below(random, 4) == 0
                           ? ORACLE_NONE
                           : test_random_below(random, span) * data->unit_us;
    question->ties_strict = test_random_below(random, 3) == 0;
    question->first_attempt = test_random_below(random, 3) == 0;
    question->last_attempt = !question->first_attempt && test_random_below(random, 4) == 0;
    question->inside = test_random_below(random, 4) == 0;
    question->by_session = test_random_below(random, 3) == 0;
    question->session_window = !question->by_session && test_random_below(random, 4) == 0;
    if (question->session_window) {
        question->window = ORACLE_NONE;
    }
    question->session_timeout = 30 * MICROSECONDS_PER_MINUTE;
    question->from = ORACLE_NONE;
    question->to = ORACLE_NONE;
    if (test_random_below(random, 2)) {
        question->from = MODEL_BASE_US + test_random_below(random, span) * data->unit_us;
    }
    if (test_random_below(random, 2)) {
        int64_t begin = question->from == ORACLE_NONE ? MODEL_BASE_US : question->from;
        question->to = begin + (1 + test_random_below(random, span)) * data->unit_us;
    }
    random_options(data, random, question);
    random_gaps_and_exclusions(data, random, question);
    question->has_where = test_random_below(random, 4) == 0;
    if (question->has_where) {
        random_condition(random, &question->where);
        question->where.names = 0xff;
    }
}

static struct text condition_text(struct arena *arena, const struct oracle_condition *condition)
{
    char words[96] = "";
    size_t used = 0;
    if (condition->price_min != ORACLE_NONE) {
        used += (size_t)snprintf(words, sizeof(words), "price >= %lld",
                                 (long long)condition->price_min);
    }
    if (condition->attribute_not != -1) {
        snprintf(words + used, sizeof(words) - used, "%sa0 != '%c'", used > 0 ? " and " : "",
                 model_value(condition->attribute_not).bytes[0]);
    }
    return words[0] == '\0' ? TEXT_MISSING : arena_copy_text(arena, text_from(words));
}

static void stage_from(const struct oracle_condition *condition, struct arena *arena,
                       struct stage *stage)
{
    stage->name = TEXT_LITERAL("step");
    stage->events = arena_allocate(arena, 8 * sizeof(struct text));
    for (int name = 0; name < 8; name++) {
        if (condition->names >> name & 1) {
            stage->events[stage->event_count++] = model_name(name);
        }
    }
    stage->where = condition_text(arena, condition);
}

static void query_steps_from(const struct oracle_question *question, struct arena *arena,
                             struct query_funnel *query)
{
    uint32_t step_count = (uint32_t)question->step_count;
    query->funnel.steps = arena_allocate_zeroed(arena, step_count, sizeof(struct stage));
    query->funnel.step_count = step_count;
    for (uint32_t step = 0; step < step_count; step++) {
        stage_from(&question->steps[step], arena, &query->funnel.steps[step]);
        if (question->min_gap[step] == 0 && !question->has_max_gap[step]) {
            continue;
        }
        if (query->funnel.gaps == NULL) {
            query->funnel.gaps = funnel_gaps_none(arena, step_count);
        }
        struct funnel_gap *gap = &query->funnel.gaps[step];
        gap->min_us = question->min_gap[step];
        gap->max_us = question->has_max_gap[step] ? question->max_gap[step] : FUNNEL_WINDOW_NONE;
    }
    uint32_t exclusion_count = (uint32_t)question->exclusion_count;
    query->funnel.exclusions =
        arena_allocate_zeroed(arena, exclusion_count + 1, sizeof(struct funnel_exclusion));
    query->funnel.exclusion_count = exclusion_count;
    for (uint32_t i = 0; i < exclusion_count; i++) {
        const struct oracle_exclusion *asked_for = &question->exclusions[i];
        struct funnel_exclusion *exclusion = &query->funnel.exclusions[i];
        stage_from(&asked_for->condition, arena, &exclusion->stage);
        exclusion->after = (uint32_t)asked_for->after;
        exclusion->before = (uint32_t)asked_for->before;
        exclusion->remove = asked_for->remove;
    }
}

static void query_unit_from(const struct oracle_question *question, struct arena *arena,
                            struct query_funnel *query)
{
    struct funnel *funnel = &query->funnel;
    for (int step = 0; step < question->step_count; step++) {
        funnel->optional |= (uint32_t)question->optional[step] << step;
    }
    funnel->unit_attributes =
        arena_allocate_zeroed(arena, ORACLE_ATTRIBUTE_COUNT, sizeof(struct text));
    for (int index = 0; index < ORACLE_ATTRIBUTE_COUNT; index++) {
        if (question->hold[index]) {
            funnel->unit = FUNNEL_UNIT_ATTRIBUTES;
            funnel->unit_attributes[funnel->unit_attribute_count++] =
                index == 0 ? TEXT_LITERAL("a0") : TEXT_LITERAL("a1");
        }
    }
}

static void query_from(const struct oracle_question *question, struct arena *arena,
                       struct query_funnel *query)
{
    *query = (struct query_funnel){
        .funnel =
            {
                .name = TEXT_LITERAL("model"),
                .window_us =
                    question->window == ORACLE_NONE ? FUNNEL_WINDOW_NONE : question->window,
                .unit = question->by_session ? FUNNEL_UNIT_SESSION : FUNNEL_UNIT_USER,
                .order = (enum funnel_order)question->order,
                .scope = question->scope_funnel ? FUNNEL_SCOPE_FUNNEL : FUNNEL_SCOPE_ALL,
                .repeat = question->repeat_allow ? FUNNEL_REPEAT_ALLOW : FUNNEL_REPEAT_BREAK,
                .entry_open = question->entry_open,
                .anchor_first = (uint32_t)question->anchor_first,
                .anchor_last = (uint32_t)question->anchor_last,
                .tie_tolerance_us = question->tolerance,
                .attempts = question->first_attempt  ? FUNNEL_ATTEMPTS_FIRST
                            : question->last_attempt ? FUNNEL_ATTEMPTS_LAST
                            : question->all_attempts ? FUNNEL_ATTEMPTS_ALL
                                                     : FUNNEL_ATTEMPTS_BEST,
                .range_inside = question->inside,
                .window_session = question->session_window,
                .ties = question->ties_strict ? FUNNEL_TIES_STRICT : FUNNEL_TIES_ANY,
            },
        .range = {question->from, question->to},
        .where = question->has_where ? condition_text(arena, &question->where) : TEXT_MISSING,
        .by = {TEXT_LITERAL("a0")},
        .by_count = 1,
        .top = 1000,
        .as_of_us = QUERY_TIME_NONE,
        .session_timeout_us = question->session_timeout,
        .limits = {.thread_count = 2},
    };
    query_steps_from(question, arena, query);
    query_unit_from(question, arena, query);
}

static const struct oracle_question *asked;
static int64_t asked_unit_us;

static void print_condition(const struct oracle_condition *condition)
{
    fprintf(stderr, " [names %02llx, price >= %lld, a0 not %d]",
            (unsigned long long)condition->names,
            condition->price_min == ORACLE_NONE ? -1 : (long long)condition->price_min,
            condition->attribute_not);
}

static int64_t in_units(int64_t time_us)
{
    return time_us == ORACLE_NONE ? -1 : (time_us - MODEL_BASE_US) / asked_unit_us;
}

// Times in units of the data set, from its base.
static void print_asked(void)
{
    fprintf(stderr, "unit %lld us; from %lld to %lld; window %lld us; %s%s%s; steps:",
            (long long)asked_unit_us, (long long)in_units(asked->from),
            (long long)in_units(asked->to),
            asked->window == ORACLE_NONE ? -1 : (long long)asked->window,
            asked->by_session ? "by session " : "", asked->first_attempt ? "first attempt " : "",
            asked->ties_strict ? "strict ties" : "");
    fprintf(stderr, "%s%s", asked->last_attempt ? " last attempt" : "",
            asked->inside ? " inside" : "");
    fputs(asked->session_window ? " window session" : "", stderr);
    fprintf(stderr, " order %d%s%s%s%s anchors %d %d tolerance %lld hold %d %d optional",
            (int)asked->order, asked->all_attempts ? " all attempts" : "",
            asked->entry_open ? " open entry" : "", asked->scope_funnel ? " scope funnel" : "",
            asked->repeat_allow ? " repeat allow" : "", asked->anchor_first, asked->anchor_last,
            (long long)asked->tolerance, asked->hold[0], asked->hold[1]);
    for (int step = 0; step < asked->step_count; step++) {
        fprintf(stderr, " %d", asked->optional[step]);
    }
    for (int step = 1; step < asked->step_count; step++) {
        fprintf(stderr, " gap %lld to %lld", (long long)asked->min_gap[step],
                asked->has_max_gap[step] ? (long long)asked->max_gap[step] : -1);
    }
    for (int index = 0; index < asked->exclusion_count; index++) {
        const struct oracle_exclusion *exclusion = &asked->exclusions[index];
        fprintf(stderr, " exclude %d to %d%s", exclusion->after, exclusion->before,
                exclusion->remove ? " remove" : "");
        print_condition(&exclusion->condition);
    }
    for (int step = 0; step < asked->step_count; step++) {
        print_condition(&asked->steps[step]);
    }
    if (asked->has_where) {
        fputs("; where", stderr);
        print_condition(&asked->where);
    }
    fputc('\n', stderr);
}

static void expect_equal(uint64_t found, uint64_t expected, const char *what, uint32_t step)
{
    model_question_comparisons++;
    if (found != expected) {
        print_asked();
        test_fail(test_random_seed(), "%s of step %u: %llu, the oracle says %llu", what, step + 1,
                  (unsigned long long)found, (unsigned long long)expected);
    }
}

static void compare_durations(const struct query_durations *found, const int64_t *expected,
                              int count, uint32_t step)
{
    static const double shares[QUERY_PERCENTILE_COUNT] = {0.1, 0.5, 0.9, 0.95, 0.99};
    expect_equal(found->count, (uint64_t)count, "durations", step);
    for (int index = 0; count > 0 && index < QUERY_PERCENTILE_COUNT; index++) {
        double wanted = oracle_percentile(expected, count, shares[index]);
        if (fabs(found->percentiles_us[index] - wanted) > 1e-9 * (1 + fabs(wanted))) {
            test_fail(test_random_seed(), "percentile %g of step %u: %g, the oracle says %g",
                      shares[index], step + 1, found->percentiles_us[index], wanted);
        }
    }
    if (count > 0) {
        expect_equal((uint64_t)found->min_us, (uint64_t)expected[0], "least duration", step);
        expect_equal((uint64_t)found->max_us, (uint64_t)expected[count - 1], "longest duration",
                     step);
    }
}

static void compare_money(const struct query_step *found, const struct oracle_counts *expected,
                          uint32_t step)
{
    uint64_t orders = 0;
    int64_t revenue = 0;
    for (uint32_t index = 0; index < found->money_count; index++) {
        orders += found->money[index].orders;
        revenue += found->money[index].revenue;
    }
    expect_equal(orders, expected->orders[step], "orders", step);
    expect_equal((uint64_t)revenue, (uint64_t)expected->revenue[step], "revenue", step);
}

static void compare_counts(const struct query_slice *found, const struct oracle_counts *expected,
                           uint32_t step_count)
{
    uint64_t open = 0;
    uint64_t lost = 0;
    for (uint32_t step = 0; step < step_count; step++) {
        const struct query_step *row = &found->steps[step];
        expect_equal(row->reached, expected->reached[step], "reached", step);
        expect_equal(row->open, expected->open[step], "open", step);
        expect_equal(row->lost, expected->lost[step], "lost", step);
        expect_equal(row->dropped, step + 1 == step_count ? 0 : row->open + row->lost, "dropped",
                     step);
        compare_durations(&row->from_previous, expected->from_previous[step],
                          expected->duration_count[step], step);
        compare_durations(&row->from_entry, expected->from_entry[step],
                          expected->duration_count[step], step);
        compare_money(row, expected, step);
        open += row->open;
        lost += row->lost;
    }
    expect_equal(found->won, expected->won, "won", 0);
    expect_equal(found->open, open, "open in all", 0);
    expect_equal(found->lost, lost, "lost in all", 0);
}

static const struct query_slice *find_slice(const struct query_funnel_result *result, int value)
{
    for (uint32_t index = 0; index < result->slice_count; index++) {
        if (text_equal(result->slices[index].values[0], model_value(value))) {
            return &result->slices[index];
        }
    }
    return NULL;
}

static void compare_answers(const struct query_funnel_result *result,
                            const struct oracle_answer *answer, uint32_t step_count)
{
    compare_counts(&result->total, &answer->total, step_count);
    for (int index = 0; index <= ORACLE_VALUE_COUNT; index++) {
        int value = index == ORACLE_VALUE_COUNT ? -1 : index;
        const struct query_slice *slice = find_slice(result, value);
        if (slice == NULL) {
            expect_equal(0, answer->slices[index].reached[0], "a slice that is not there", 0);
        } else {
            compare_counts(slice, &answer->slices[index], step_count);
        }
    }
    expect_equal(result->provenance.after_as_of, answer->after_as_of, "after as-of", 0);
}

struct user_levels {
    const struct oracle_answer *answer;
    const struct model_data *data;
    int levels[MODEL_USER_COUNT];
    int opens[MODEL_USER_COUNT];
};

static void visit_user(void *context, uint8_t user_namespace, struct text user_id, uint32_t level,
                       const int64_t *matched_us, bool open)
{
    (void)user_namespace;
    (void)matched_us;
    struct user_levels *found = context;
    char number[16] = "";
    memcpy(number, user_id.bytes + 1, user_id.size - 1);
    int *known = &found->levels[atoi(number)];
    *known = (int)level > *known ? (int)level : *known;
    found->opens[atoi(number)] += open;
}

static void print_user(const struct model_data *data, int user)
{
    fprintf(stderr, "user %d:", user);
    for (int index = 0; index < data->count; index++) {
        const struct oracle_event *event = &data->events[index];
        if (event->user == user) {
            fprintf(stderr, " %c@%lld.%lld(a0 %d, price %lld, id %lld)", "abcdefgh"[event->name],
                    (long long)in_units(event->time), (long long)event -> sequence,
                    event -> attributes[0],
                    event -> price == ORACLE_NONE ? -1 : (long long)event -> price,
                    event -> id == ORACLE_NONE ? -1 : (long long)event -> id);
        }
    }
    fputc('\n', stderr);
}

static void compare_users(struct store_snapshot *snapshot, const struct query_funnel *query,
                          const struct oracle_answer *answer, const struct model_data *data)
{
    struct corong_error error;
    struct user_levels found = {.answer = answer, .data = data};
    if (query_funnel_users(snapshot, query, visit_user, &found, &error) != CORONG_OK) {
        test_fail(test_random_seed(), "users failed: %s", error.message);
    }
    for (int user = 0; user < MODEL_USER_COUNT; user++) {
        if (found.levels[user] != answer->levels[user]) {
            print_asked();
            print_user(data, user);
            test_fail(test_random_seed(), "level %d, the oracle says %d", found.levels[user],
                      answer->levels[user]);
        }
        if (found.opens[user] != answer->opens[user]) {
            print_asked();
            print_user(data, user);
            test_fail(test_random_seed(), "%d open, the oracle says %d; as of %lld",
                      found.opens[user], answer->opens[user], (long long)in_units(answer->as_of));
        }
    }
}

void model_question_ask(struct store_snapshot *snapshot, const struct model_data *data,
                        const struct oracle_event *events, int count, struct test_random *random)
{
    static struct oracle_answer answer;
    static struct oracle_event copy[MODEL_EVENT_COUNT_MAX];
    struct arena arena = {0};
    struct corong_error error;
    struct oracle_question question;
    struct query_funnel query;
    struct query_funnel_result result;
    random_question(data, random, &question);
    asked = &question;
    asked_unit_us = data->unit_us;
    query_from(&question, &arena, &query);
    int64_t as_of = ORACLE_NONE;
    if (test_random_below(random, 3) == 0) {
        as_of = MODEL_BASE_US + test_random_below(random, (uint32_t)data->span) * data->unit_us;
        query.as_of_us = as_of;
    }
    memcpy(copy, events, (size_t)count * sizeof(*copy));
    oracle_answer(&question, copy, count, as_of, &answer);
    if (query_funnel_run(snapshot, &query, &arena, &result, &error) != CORONG_OK) {
        test_fail(test_random_seed(), "question failed: %s", error.message);
    }
    compare_users(snapshot, &query, &answer, data);
    compare_answers(&result, &answer, query.funnel.step_count);
    model_question_histories += MODEL_USER_COUNT;
    arena_deinit(&arena);
}

void model_question_make(const struct model_data *data, struct test_random *random,
                         struct arena *arena, struct query_funnel *query_out)
{
    struct oracle_question question;
    random_question(data, random, &question);
    query_from(&question, arena, query_out);
    if (test_random_below(random, 3) == 0) {
        query_out->as_of_us =
            MODEL_BASE_US + test_random_below(random, (uint32_t)data->span) * data->unit_us;
    }
}

void model_question_digest(struct store_snapshot *snapshot, struct model_digest *digest_out)
{
    struct arena arena = {0};
    struct corong_error error;
    struct oracle_question question = {.step_count = 2,
                                       .window = ORACLE_NONE,
                                       .from = ORACLE_NONE,
                                       .to = ORACLE_NONE,
                                       .session_timeout = 1000000};
    question.steps[0] = (struct oracle_condition){1, ORACLE_NONE, -1};
    question.steps[1] = (struct oracle_condition){2, ORACLE_NONE, -1};
    struct query_funnel query;
    struct query_funnel_result result;
    query_from(&question, &arena, &query);
    if (query_funnel_run(snapshot, &query, &arena, &result, &error) != CORONG_OK) {
        test_fail(test_random_seed(), "question failed: %s", error.message);
    }
    memcpy(digest_out->store, result.provenance.store_digest, sizeof(digest_out->store));
    memcpy(digest_out->result, result.provenance.result_digest, sizeof(digest_out->result));
    arena_deinit(&arena);
}

void model_question_again(struct store_snapshot *snapshot, const struct model_data *data,
                          struct query_memo *memo, uint32_t which)
{
    struct arena arena = {0};
    struct corong_error error;
    struct query_funnel query;
    struct query_funnel_result results[2];
    struct oracle_question question = {.step_count = 2,
                                       .window = (int64_t)which * data->span / 8,
                                       .from = which % 2 == 0 ? data->span / 4 : ORACLE_NONE,
                                       .to = ORACLE_NONE,
                                       .session_timeout = 1000000};
    question.steps[0] = (struct oracle_condition){1, ORACLE_NONE, -1};
    question.steps[1] = (struct oracle_condition){2, ORACLE_NONE, -1};
    query_from(&question, &arena, &query);
    query.left_out = QUERY_OUTPUT_TIMES | QUERY_OUTPUT_MONEY | QUERY_OUTPUT_DAYS;
    for (uint32_t i = 0; i < 2; i++) {
        query.limits.memo = i == 0 ? memo : NULL;
        if (query_funnel_run(snapshot, &query, &arena, &results[i], &error) != CORONG_OK) {
            test_fail(test_random_seed(), "%s", error.message);
        }
    }
    if (strcmp(results[0].provenance.result_digest, results[1].provenance.result_digest) != 0) {
        test_fail(test_random_seed(), "question %u: what was kept of users changes the answer",
                  which);
    }
    model_question_remembered += results[0].provenance.users_remembered;
    arena_deinit(&arena);
}
