// SPDX-License-Identifier: Apache-2.0
// Goal: the list behind a number is as long as the number, for every cell of the answer; it is the
// same list for any number of threads and any memory; and the trace of a person says what the
// question counts. Method: random data sets and questions as in store_model_test; every cell of the
// total, of each slice, of (other) and of each day is listed; random people are traced and compared
// with query_funnel_users().
#include "engine/query/people/people.h"
#include "storage/base/clock.h"
#include "storage/base/memory.h"
#include "tests/model/model_people.h"
#include "tests/model/model_question.h"
#include "tests/model/model_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA_SET_COUNT 3
#define QUESTIONS_PER_DATA_SET 4
#define TRACES_PER_QUESTION 12
// A tolerance counts entries as of the day before: the trend had them in that day's bucket.
#define MIDNIGHT_SEED UINT64_C(1795403523112112)
#define MIDNIGHT_SET_COUNT 4 // the last one had it

static uint64_t cells_compared;
static uint64_t rows_compared;
static uint64_t traces_compared;
static uint64_t customers_compared;

// Who makes a customer, and all events: what `$customer` must be follows from them.
static int customer_name;
static struct text customer_event;
static struct stage customer_stage = {
    .name = {"customer", 8}, .events = &customer_event, .event_count = 1};
static const struct model_data *customer_data;

// A returning customer has an event of the name at an earlier time than the entry.
static void check_customer(const struct people_unit *unit, struct text value)
{
    struct oracle_event events[MODEL_EVENTS_PER_USER_MAX];
    char number[16] = "";
    bool returning = false;
    memcpy(number, unit->user_id.bytes + 1, unit->user_id.size - 1);
    int count = model_people_events(customer_data, atoi(number), events);
    for (int i = 0; i < count; i++) {
        returning =
            returning || (events[i].name == customer_name && events[i].time < unit->entry_us);
    }
    if (!text_equal(value, returning ? TEXT_LITERAL("returning") : TEXT_LITERAL("new"))) {
        test_fail(test_random_seed(), "u%s is called '%.*s'", number, (int)value.size, value.bytes);
    }
    customers_compared++;
}

// A session starts at an event, no later than the entry, and nothing lies within the timeout before
// it, unless midnight splits it.
static void check_session(const struct people_unit *unit, int64_t timeout_us)
{
    struct oracle_event events[MODEL_EVENTS_PER_USER_MAX];
    char number[16] = "";
    memcpy(number, unit->user_id.bytes + 1, unit->user_id.size - 1);
    int count = model_people_events(customer_data, atoi(number), events);
    int begin = 0;
    for (int end = 0; begin < count; begin = end) {
        end = oracle_session_end(events, count, begin, timeout_us);
        if (events[begin].time <= unit->entry_us && events[end - 1].time >= unit->entry_us) {
            break;
        }
    }
    if (begin == count || events[begin].time != unit->session_us) {
        test_fail(test_random_seed(), "u%s: a session from %" PRId64, number,
                  unit->session_us - MODEL_BASE_US);
    }
}

struct list {
    const struct query_funnel *funnel;
    struct people_users_result result;
    uint64_t rows;
    struct people_unit last;
    char last_id[64];
    uint64_t hash; // of the rows in their order
};

static void add_hash(struct list *list, const void *bytes, size_t size)
{
    list->hash = hash_bytes64_seeded(bytes, size, list->hash);
}

static enum corong_status begin_list(void *context, const struct people_users_result *result,
                                     struct corong_error *error)
{
    (void)error;
    ((struct list *)context)->result = *result;
    return CORONG_OK;
}

// Rows come by namespace, id and entry.
static void check_order(const struct list *list, const struct people_unit *unit)
{
    int order = text_compare(text_from(list->last_id), unit->user_id);
    bool sorted = list->rows == 0 || list->last.user_namespace < unit->user_namespace ||
                  (list->last.user_namespace == unit->user_namespace &&
                   (order < 0 || (order == 0 && list->last.entry_us <= unit->entry_us)));
    if (!sorted) {
        test_fail(test_random_seed(), "'%.*s' comes after '%s'", (int)unit->user_id.size,
                  unit->user_id.bytes, list->last_id);
    }
}

static enum corong_status take_unit(void *context, const struct people_unit *unit,
                                    struct corong_error *error)
{
    (void)error;
    struct list *list = context;
    check_order(list, unit);
    list->last = *unit;
    snprintf(list->last_id, sizeof(list->last_id), "%.*s", (int)unit->user_id.size,
             unit->user_id.bytes);
    list->rows++;
    add_hash(list, unit->user_id.bytes, unit->user_id.size);
    for (uint32_t k = 0; k < FUNNEL_STEP_COUNT_MAX; k++) {
        if (unit->made >> k & 1) {
            add_hash(list, &unit->matched_us[k], sizeof(unit->matched_us[k]));
        }
    }
    for (uint32_t i = 0; i < unit->gathered[0].count; i++) {
        add_hash(list, unit->gathered[0].values[i].bytes, unit->gathered[0].values[i].size);
    }
    rows_compared++;
    if (list->funnel->funnel.unit == FUNNEL_UNIT_SESSION) {
        check_session(unit, list->funnel->session_timeout_us);
    }
    uint32_t last = list->funnel->by_count - 1;
    if (list->funnel->by_count > 0 &&
        text_equal(list->funnel->by[last], TEXT_LITERAL("$customer"))) {
        check_customer(unit, unit->values[last]);
    }
    return CORONG_OK;
}

static void ask_list(struct store_snapshot *snapshot, const struct people_users *query,
                     struct list *list)
{
    struct corong_error error;
    struct people_users_visitor visitor = {list, begin_list, take_unit};
    *list = (struct list){.funnel = query->funnel};
    if (people_users_run(snapshot, query, &visitor, &error) != CORONG_OK) {
        test_fail(test_random_seed(), "users failed: %s", error.message);
    }
}

static void compare_cell(struct store_snapshot *snapshot, const struct query_funnel *funnel,
                         struct people_cell cell, uint64_t expected, const char *what)
{
    struct list list;
    struct people_users query = {.funnel = funnel, .cell = cell};
    ask_list(snapshot, &query, &list);
    cells_compared++;
    if (list.result.count != expected || list.rows != expected) {
        test_fail(test_random_seed(),
                  "%s of step %u: %" PRIu64 ", but %" PRIu64 " users, %" PRIu64 " of them listed",
                  what, cell.step, expected, list.result.count, list.rows);
    }
}

static void compare_slice(struct store_snapshot *snapshot, const struct query_funnel *funnel,
                          const struct query_slice *slice, bool other)
{
    struct people_cell cell = {.values = slice->values, .other = other};
    for (uint32_t k = 0; k < funnel->funnel.step_count; k++) {
        const struct query_step *step = &slice->steps[k];
        cell.step = k + 1;
        cell.kind = PEOPLE_CELL_REACHED;
        compare_cell(snapshot, funnel, cell, step->reached, "reached");
        cell.kind = PEOPLE_CELL_DROPPED;
        compare_cell(snapshot, funnel, cell, step->dropped, "dropped");
        cell.kind = PEOPLE_CELL_OPEN;
        compare_cell(snapshot, funnel, cell, step->open, "open");
        cell.kind = PEOPLE_CELL_LOST;
        compare_cell(snapshot, funnel, cell, step->lost, "lost");
    }
    cell.step = 0;
    cell.kind = PEOPLE_CELL_WON;
    compare_cell(snapshot, funnel, cell, slice->won, "won");
    cell.kind = PEOPLE_CELL_OPEN;
    compare_cell(snapshot, funnel, cell, slice->open, "open");
    cell.kind = PEOPLE_CELL_LOST;
    compare_cell(snapshot, funnel, cell, slice->lost, "lost");
}

static void compare_days(struct store_snapshot *snapshot, const struct query_funnel *funnel,
                         const struct query_funnel_result *result, struct test_random *random)
{
    if (result->day_count == 0) {
        return;
    }
    const struct query_day *day = &result->days[test_random_below(random, result->day_count)];
    for (uint32_t k = 0; k < funnel->funnel.step_count; k++) {
        struct people_cell cell = {.step = k + 1, .has_day = true, .day_us = day->day_start_us};
        compare_cell(snapshot, funnel, cell, day->reached[k], "reached in a day");
    }
}

// A bucket of the trend is the question asked for its entries, and so is the list behind it.
static void compare_trend(struct store_snapshot *snapshot, const struct query_funnel *funnel,
                          struct test_random *random)
{
    struct arena arena = {0};
    struct corong_error error;
    struct query_funnel_result result;
    struct query_funnel trend = *funnel;
    trend.by_count = 0;
    trend.trend = QUERY_BUCKET_DAY;
    if (query_funnel_run(snapshot, &trend, &arena, &result, &error) != CORONG_OK) {
        test_fail(test_random_seed(), "trend failed: %s", error.message);
    }
    if (result.trend_count > 0) {
        const struct query_trend *bucket =
            &result.trend[test_random_below(random, result.trend_count)];
        bool later = bucket->begin_us > trend.range.from_us;
        bool open = trend.range.to_us == QUERY_TIME_NONE;
        bool sooner = open || bucket->end_us < trend.range.to_us;
        trend.trend = QUERY_BUCKET_NONE;
        trend.range.from_us = later ? bucket->begin_us : trend.range.from_us;
        trend.range.to_us = sooner ? bucket->end_us : trend.range.to_us;
        struct people_cell cell = {.step = 1};
        compare_cell(snapshot, &trend, cell, bucket->total.steps[0].reached, "in a bucket reached");
    }
    arena_deinit(&arena);
}

// Small budgets cut the list into passes; what is visited is the same.
static void compare_passes(struct store_snapshot *snapshot, const struct query_funnel *funnel)
{
    struct list plain;
    struct list cut;
    struct query_funnel other = *funnel;
    struct people_users query = {
        .funnel = funnel, .cell = {.step = 1}, .gather = {TEXT_LITERAL("a1")}, .gather_count = 1};
    ask_list(snapshot, &query, &plain);
    other.limits.thread_count = 1;
    query.funnel = &other;
    query.row_budget_bytes = 700;
    ask_list(snapshot, &query, &cut);
    bool same =
        plain.rows == cut.rows && plain.hash == cut.hash &&
        strcmp(plain.result.provenance.result_digest, cut.result.provenance.result_digest) == 0;
    if (!same) {
        test_fail(test_random_seed(), "%" PRIu64 " rows in one pass, %" PRIu64 " in several",
                  plain.rows, cut.rows);
    }
    query.row_count_max = plain.rows / 2 + 1;
    ask_list(snapshot, &query, &cut);
    if (cut.rows != (plain.rows < query.row_count_max ? plain.rows : query.row_count_max) ||
        cut.result.count != plain.rows) {
        test_fail(test_random_seed(), "%" PRIu64 " rows of at most %" PRIu64, cut.rows,
                  query.row_count_max);
    }
}

// What query_funnel_users() says of one person.
struct known {
    struct text id;
    uint32_t attempts;
    uint32_t levels; // sum
    int64_t times;   // sum over matched events
    uint32_t matched;
    uint32_t open;
};

static void note_known(struct known *known, uint32_t level, const int64_t *matched_us, bool open)
{
    known->attempts++;
    known->levels += level;
    known->open += open;
    for (uint32_t k = 0; k < level; k++) {
        known->times += matched_us[k] == QUERY_TIME_NONE ? 0 : matched_us[k];
        known->matched += matched_us[k] != QUERY_TIME_NONE;
    }
}

static void visit_known(void *context, uint8_t user_namespace, struct text user_id, uint32_t level,
                        const int64_t *matched_us, bool open)
{
    (void)user_namespace;
    struct known *known = context;
    if (text_equal(known->id, user_id)) {
        note_known(known, level, matched_us, open);
    }
}

struct traced {
    struct known sums; // of attempts
    struct known told; // of events
    uint64_t events;
    struct people_trace_result result;
};

static enum corong_status begin_trace(void *context, const struct people_trace_result *result,
                                      struct corong_error *error)
{
    (void)error;
    struct traced *traced = context;
    traced->result = *result;
    for (uint32_t i = 0; i < result->attempt_count; i++) {
        const struct people_unit *unit = &result->attempts[i].unit;
        int64_t matched_us[FUNNEL_STEP_COUNT_MAX];
        for (uint32_t k = 0; k < unit->level; k++) {
            matched_us[k] = unit->made >> k & 1 ? unit->matched_us[k] : QUERY_TIME_NONE;
        }
        note_known(&traced->sums, unit->level, matched_us, unit->open);
    }
    return CORONG_OK;
}

static enum corong_status take_event(void *context, const struct people_event *event,
                                     struct corong_error *error)
{
    (void)error;
    struct traced *traced = context;
    traced->events++;
    if (event->did == PEOPLE_DID_MATCH) {
        traced->told.matched++;
        traced->told.times += event->time_us;
        traced->told.attempts += event->opened;
    }
    bool reason = (event->did == PEOPLE_DID_NOTHING) == (event->because != PEOPLE_BECAUSE_NONE);
    if (!reason || (event->did != PEOPLE_DID_NOTHING && event->attempt == 0)) {
        test_fail(test_random_seed(), "an event did %d because of %d, attempt %u", event->did,
                  event->because, event->attempt);
    }
    return CORONG_OK;
}

static void compare_trace(struct store_snapshot *snapshot, const struct query_funnel *funnel,
                          int user)
{
    char id[16];
    struct corong_error error;
    struct traced traced = {0};
    int size = snprintf(id, sizeof(id), "u%d", user);
    struct known known = {.id = {id, (size_t)size}};
    struct people_trace query = {.funnel = funnel, .user_id = known.id};
    struct people_trace_visitor visitor = {&traced, begin_trace, take_event, NULL};
    if (query_funnel_users(snapshot, funnel, visit_known, &known, &error) != CORONG_OK ||
        people_trace_run(snapshot, &query, 0, &visitor, &error) != CORONG_OK) {
        test_fail(test_random_seed(), "trace failed: %s", error.message);
    }
    bool same = known.attempts == traced.sums.attempts && known.levels == traced.sums.levels &&
                known.times == traced.sums.times && known.open == traced.sums.open &&
                known.matched == traced.told.matched &&
                (funnel->funnel.tie_tolerance_us > 0 || known.times == traced.told.times) &&
                known.attempts == traced.told.attempts &&
                traced.events == traced.result.event_count;
    traces_compared++;
    if (!same) {
        test_fail(test_random_seed(),
                  "%s: %u attempts of %u levels, traced %u of %u; %u events matched, told %u", id,
                  known.attempts, known.levels, traced.sums.attempts, traced.sums.levels,
                  known.matched, traced.told.matched);
    }
}

// More of a question than its funnel: attributions, several attributes, filters of entries.
static void vary(struct query_funnel *funnel, struct test_random *random)
{
    funnel->top = test_random_below(random, 2) == 0 ? 1 : 1000;
    funnel->attribution = (enum query_attribution)test_random_below(random, 6);
    funnel->attribution_step = test_random_below(random, funnel->funnel.step_count + 1);
    if (funnel->attribution == QUERY_ATTRIBUTION_EACH &&
        funnel->funnel.attempts == FUNNEL_ATTEMPTS_ALL) {
        funnel->attribution = QUERY_ATTRIBUTION_ENTRY;
    }
    if (test_random_below(random, 4) == 0) {
        funnel->by[funnel->by_count++] = TEXT_LITERAL("price");
    }
    if (test_random_below(random, 3) == 0) {
        funnel->by[funnel->by_count++] = TEXT_LITERAL("$customer");
        customer_name = (int)test_random_below(random, 4);
        customer_event = model_name(customer_name);
        funnel->customer = &customer_stage;
    }
    if (test_random_below(random, 4) == 0) {
        funnel->where_entry = TEXT_LITERAL("price >= 3");
    }
    if (test_random_below(random, 4) == 0) {
        funnel->where_user = TEXT_LITERAL("a1 != 'p'");
    }
}

static void ask(struct store_snapshot *snapshot, const struct model_data *data,
                struct test_random *random)
{
    struct arena arena = {0};
    struct corong_error error;
    struct query_funnel funnel;
    struct query_funnel_result result;
    model_question_make(data, random, &arena, &funnel);
    vary(&funnel, random);
    if (query_funnel_run(snapshot, &funnel, &arena, &result, &error) != CORONG_OK) {
        test_fail(test_random_seed(), "question failed: %s", error.message);
    }
    compare_slice(snapshot, &funnel, &result.total, false);
    for (uint32_t i = 0; i < result.slice_count; i++) {
        compare_slice(snapshot, &funnel, &result.slices[i], false);
    }
    if (result.has_other) {
        compare_slice(snapshot, &funnel, &result.other, true);
    }
    compare_days(snapshot, &funnel, &result, random);
    compare_passes(snapshot, &funnel);
    if (!funnel.funnel.range_inside) {
        compare_trend(snapshot, &funnel, random);
    }
    for (int i = 0; i < TRACES_PER_QUESTION; i++) {
        compare_trace(snapshot, &funnel, (int)test_random_below(random, MODEL_USER_COUNT));
    }
    arena_deinit(&arena);
}

static void run(uint64_t seed, uint64_t set_count)
{
    struct test_random random = test_random_start(seed);
    struct model_data *data = memory_allocate_zeroed(1, sizeof(*data));
    customer_data = data;
    for (uint64_t set = 0; set < set_count; set++) {
        struct model_store_options options = {
            .shard_count = 1 + test_random_below(&random, 8),
            .producer_count = 1 + test_random_below(&random, 3),
            .run_count = 1 + test_random_below(&random, 4),
            .compact = test_random_below(&random, 2),
        };
        struct corong_error error;
        struct store_snapshot *snapshot;
        model_data_fill(data, &random);
        options.map_ids = data->ids;
        char *directory = model_store_build(data->events, data->count, &options, &random);
        if (store_snapshot_open(&snapshot, directory, &error) != CORONG_OK) {
            test_fail(seed, "snapshot failed: %s", error.message);
        }
        for (int question = 0; question < QUESTIONS_PER_DATA_SET; question++) {
            ask(snapshot, data, &random);
            model_people_ages(snapshot, data, &random);
            model_people_ranks(snapshot, data, &random);
        }
        store_snapshot_close(snapshot);
        model_store_remove(directory);
    }
    memory_free(data);
}

int main(void)
{
    uint64_t seed = test_random_seed();
    uint64_t set_count = test_scaled(DATA_SET_COUNT);
    uint64_t fixed_count = test_scaled(MIDNIGHT_SET_COUNT - 1);
    run(MIDNIGHT_SEED, fixed_count);
    run(seed, set_count);
    printf("people model: %" PRIu64 " data sets, %" PRIu64 " cells, %" PRIu64 " rows, %" PRIu64
           " traces, %" PRIu64 " counts of ages, %" PRIu64 " customers, %" PRIu64
           " ranks, 0 differences, seed %" PRIu64 "\n",
           set_count + fixed_count, cells_compared, rows_compared, traces_compared,
           model_people_age_lists, customers_compared, model_people_rank_rows, seed);
    return 0;
}
