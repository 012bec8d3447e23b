// SPDX-License-Identifier: Apache-2.0
#include "tests/model/model_people.h"

#include "engine/query/people/people.h"
#include "tests/model/model_store.h"

#include <inttypes.h>
#include <string.h>

uint64_t model_people_age_lists;
uint64_t model_people_rank_rows;

// The events of one person in order, copies left out.
int model_people_events(const struct model_data *data, int user, struct oracle_event *events)
{
    int count = 0;
    for (int i = 0; i < data->count; i++) {
        if (data->events[i].user == user) {
            events[count++] = data->events[i];
        }
    }
    return oracle_sort(events, count);
}

// What a list of sleepers says, and the last row, by which the order is checked.
struct sleepers {
    struct people_dormant_result result;
    uint64_t in_slices; // dormant users of all slices
    uint64_t rows;
    uint64_t events;
    int64_t last_us;
    int64_t first_sum_us;
};

static enum corong_status begin_sleepers(void *context, const struct people_dormant_result *result,
                                         struct corong_error *error)
{
    (void)error;
    struct sleepers *sleepers = context;
    sleepers->result = *result;
    sleepers->in_slices = result->other.users[PEOPLE_AGE_DORMANT];
    for (uint32_t i = 0; i < result->slice_count; i++) {
        sleepers->in_slices += result->slices[i].users[PEOPLE_AGE_DORMANT];
    }
    return CORONG_OK;
}

static enum corong_status take_sleeper(void *context, const struct people_sleeper *user,
                                       struct corong_error *error)
{
    (void)error;
    struct sleepers *sleepers = context;
    if (sleepers->rows++ > 0 && user->last_us > sleepers->last_us) {
        test_fail(test_random_seed(), "a user seen later comes later");
    }
    sleepers->last_us = user->last_us;
    sleepers->events += user->events;
    sleepers->first_sum_us += user->first_us - MODEL_BASE_US;
    return CORONG_OK;
}

static enum corong_status end_sleepers(void *context, struct corong_error *error)
{
    (void)context;
    (void)error;
    return CORONG_OK;
}

// One person's events, and what the obvious count makes of them.
struct ages {
    uint64_t users[PEOPLE_AGE_COUNT];
    uint64_t never;
    uint64_t events; // of those that are dormant
    int64_t first_sum_us;
};

static void count_person(const struct oracle_event *events, int count, unsigned names,
                         int64_t as_of, const struct people_dormant *query, struct ages *ages)
{
    int seen = 0;
    int64_t first = 0;
    int64_t last = 0;
    for (int i = 0; i < count; i++) {
        if (events[i].time > as_of || (names >> events[i].name & 1) == 0) {
            continue;
        }
        first = seen++ == 0 ? events[i].time : first;
        last = events[i].time;
    }
    if (seen == 0) {
        ages->never += count > 0;
        return;
    }
    int age = as_of - last < query->after_us ? 0 : as_of - last < query->gone_us ? 1 : 2;
    ages->users[age]++;
    ages->events += age == 1 ? (uint64_t)seen : 0;
    ages->first_sum_us += age == 1 ? first - MODEL_BASE_US : 0;
}

static void count_ages(const struct model_data *data, unsigned names,
                       const struct people_dormant *query, struct ages *ages)
{
    int64_t as_of = INT64_MIN;
    for (int i = 0; i < data->count; i++) {
        as_of = data->events[i].time > as_of ? data->events[i].time : as_of;
    }
    as_of = query->as_of_us == QUERY_TIME_NONE ? as_of : query->as_of_us;
    for (int user = 0; user < MODEL_USER_COUNT; user++) {
        struct oracle_event events[MODEL_EVENTS_PER_USER_MAX];
        int count = model_people_events(data, user, events);
        count_person(events, count, names, as_of, query, ages);
    }
}

void model_people_ages(struct store_snapshot *snapshot, const struct model_data *data,
                       struct test_random *random)
{
    unsigned names = 1u << test_random_below(random, 4) | 1u << test_random_below(random, 4);
    struct text events[8];
    struct stage stage = {.name = TEXT_LITERAL("stage"), .events = events};
    for (int name = 0; name < 8; name++) {
        if (names >> name & 1) {
            events[stage.event_count++] = model_name(name);
        }
    }
    uint32_t span = (uint32_t)data->span + 1;
    struct people_dormant query = {.stage = &stage,
                                   .after_us = test_random_below(random, span) * data->unit_us,
                                   .by = {TEXT_LITERAL("a0")},
                                   .by_count = test_random_below(random, 2),
                                   .top = 2,
                                   .as_of_us = QUERY_TIME_NONE,
                                   .limits = {.thread_count = 2},
                                   .listed = 1u << PEOPLE_AGE_DORMANT,
                                   .row_budget_bytes = test_random_below(random, 2) * 900};
    query.gone_us = query.after_us + test_random_below(random, span) * data->unit_us;
    if (test_random_below(random, 3) == 0) {
        query.as_of_us = MODEL_BASE_US + test_random_below(random, span) * data->unit_us;
    }
    if (test_random_below(random, 4) == 0) {
        query.stage = NULL;
        names = 0xff;
    }
    struct ages ages = {0};
    struct sleepers found = {0};
    struct corong_error error;
    struct people_dormant_visitor visitor = {&found, begin_sleepers, take_sleeper, end_sleepers};
    count_ages(data, names, &query, &ages);
    if (people_dormant_run(snapshot, &query, &visitor, &error) != CORONG_OK) {
        test_fail(test_random_seed(), "dormant failed: %s", error.message);
    }
    bool same = memcmp(ages.users, found.result.total.users, sizeof(ages.users)) == 0 &&
                ages.never == found.result.never && found.rows == ages.users[PEOPLE_AGE_DORMANT] &&
                found.events == ages.events && found.first_sum_us == ages.first_sum_us &&
                (query.by_count == 0 || found.in_slices == ages.users[PEOPLE_AGE_DORMANT]);
    model_people_age_lists++;
    if (!same) {
        test_fail(test_random_seed(),
                  "ages %" PRIu64 " %" PRIu64 " %" PRIu64 ", expected %" PRIu64 " %" PRIu64
                  " %" PRIu64 "; %" PRIu64 " listed; never %" PRIu64 ", expected %" PRIu64
                  "; %" PRIu64 " events, expected %" PRIu64 "; %" PRIu64 " in slices",
                  found.result.total.users[0], found.result.total.users[1],
                  found.result.total.users[2], ages.users[0], ages.users[1], ages.users[2],
                  found.rows, found.result.never, ages.never, found.events, ages.events,
                  found.in_slices);
    }
}

#define REPEAT_RANK_COUNT 2

// People and events of each rank, the last one for all later times; and what they are worth.
struct ranks {
    uint64_t people[REPEAT_RANK_COUNT + 1];
    uint64_t events[REPEAT_RANK_COUNT + 1];
    int64_t revenue[REPEAT_RANK_COUNT + 1];
    int64_t longest_us;
};

static void count_ranks(const struct model_data *data, int name, int64_t as_of, struct ranks *ranks)
{
    for (int user = 0; user < MODEL_USER_COUNT; user++) {
        struct oracle_event events[MODEL_EVENTS_PER_USER_MAX];
        int count = model_people_events(data, user, events);
        int seen = 0;
        int64_t last = 0;
        for (int i = 0; i < count; i++) {
            if (events[i].name != name || events[i].time > as_of) {
                continue;
            }
            int rank = seen < REPEAT_RANK_COUNT ? seen : REPEAT_RANK_COUNT;
            ranks->people[rank] += seen <= REPEAT_RANK_COUNT;
            ranks->events[rank]++;
            ranks->revenue[rank] += events[i].amount == ORACLE_NONE ? 0 : events[i].amount;
            if (seen++ > 0 && events[i].time - last > ranks->longest_us) {
                ranks->longest_us = events[i].time - last;
            }
            last = events[i].time;
        }
    }
}

void model_people_ranks(struct store_snapshot *snapshot, const struct model_data *data,
                        struct test_random *random)
{
    struct arena arena = {0};
    struct corong_error error;
    struct ranks expected = {0};
    struct people_repeat_result found;
    int name = (int)test_random_below(random, 3);
    struct text event = model_name(name);
    struct stage stage = {.name = TEXT_LITERAL("stage"), .events = &event, .event_count = 1};
    struct people_repeat query = {
        .stage = &stage,
        .range = {QUERY_TIME_NONE, QUERY_TIME_NONE},
        .rank_count = REPEAT_RANK_COUNT,
        .as_of_us = MODEL_BASE_US + test_random_below(random, (uint32_t)data->span) * data->unit_us,
        .limits = {.thread_count = 2}};
    count_ranks(data, name, query.as_of_us, &expected);
    if (people_repeat_run(snapshot, &query, &arena, &found, &error) != CORONG_OK) {
        test_fail(test_random_seed(), "repeat failed: %s", error.message);
    }
    int64_t longest_us = 0;
    for (int rank = 0; rank <= REPEAT_RANK_COUNT; rank++) {
        const struct people_rank *row = &found.ranks[rank];
        int64_t revenue = 0;
        for (uint32_t i = 0; i < row->money_count; i++) {
            revenue += row->money[i].revenue;
        }
        longest_us =
            row->since_previous.max_us > longest_us ? row->since_previous.max_us : longest_us;
        model_people_rank_rows++;
        if (row->people != expected.people[rank] || row->orders != expected.events[rank] ||
            revenue != expected.revenue[rank]) {
            test_fail(test_random_seed(), "time %d: %" PRIu64 " people, expected %" PRIu64,
                      rank + 1, row->people, expected.people[rank]);
        }
    }
    if (longest_us != expected.longest_us) {
        test_fail(test_random_seed(), "longest %" PRId64 ", expected %" PRId64, longest_us,
                  expected.longest_us);
    }
    arena_deinit(&arena);
}
