// SPDX-License-Identifier: Apache-2.0
// Goal: engine/query/block finds every person's level, times and whether the attempt is open
// exactly, and leaves to the general way what it cannot prove. Method: every history of up to four
// events over four names and three distances is a person of one store, written in several layouts
// (one segment, small row groups, segments that follow each other in time, two or three dealt at
// random, many); the slow oracle says what each person did. Histories of hundreds of
// events are compared with the general matcher, which the same question reaches through gaps that
// bound nothing. Counts asked for alone must equal those of the full answer, and with order any and
// in the buckets of a trend, where only counts are found here, those of the matcher. Every reason
// to leave a person must have occurred.
#include "storage/base/memory.h"
#include "tests/model/oracle.h"
#include "tests/support/shop.h"
#include "tests/support/test_random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_MAX 4
#define NAME_COUNT 4
#define HISTORY_COUNT_MAX 8000
#define LONG_USER_COUNT 60
#define LONG_EVENT_COUNT 9000
#define ODD_COUNT 100
#define WINDOW 4
#define PERIOD_COUNT 90
#define SECOND EVENT_BUILDER_SECOND

static const char *const NAMES[NAME_COUNT] = {"view", "cart", "order", "help"};
static const int GAPS[] = {0, 1, 3};

struct history {
    struct oracle_event events[LENGTH_MAX];
    int count;
};

static struct history histories[HISTORY_COUNT_MAX];
static int history_count;
static uint64_t users_in_blocks;
static uint64_t users_in_any_order;
static uint64_t users_of_units;
static uint64_t users_left[QUERY_BLOCK_REASON_COUNT];
static uint64_t persons_compared;
static uint64_t numbers_compared;
static uint64_t bucket_entries;

static void add_histories(struct history history)
{
    if (history.count > 0) {
        histories[history_count++] = history;
    }
    for (int name = 0; history.count < LENGTH_MAX && name < NAME_COUNT; name++) {
        for (int gap = 0; gap < (history.count == 0 ? 1 : 3); gap++) {
            struct history longer = history;
            int64_t before = history.count == 0 ? 0 : history.events[history.count - 1].time;
            longer.events[longer.count++] = (struct oracle_event){.time = before + GAPS[gap],
                                                                  .name = name,
                                                                  .attributes = {-1, -1},
                                                                  .price = ORACLE_NONE,
                                                                  .amount = ORACLE_NONE,
                                                                  .id = ORACLE_NONE};
            add_histories(longer);
        }
    }
}

enum layout {
    ONE,
    SMALL_GROUPS,
    TWO_IN_TIME,
    THREE_IN_TIME,
    DEALT_IN_TWO,
    DEALT,
    MANY,
    TOO_MANY,
    LAYOUT_COUNT
};

/// Persons without a step whose times let those of all be stored by the microsecond, in numbers of
/// 32 bits, as those of most stores are.
static void add_odd(struct event_builder *builder, int64_t from)
{
    for (int i = 0; i < ODD_COUNT; i++) {
        char user[16];
        snprintf(user, sizeof(user), "odd%d", i);
        shop_add(builder, user, from * SECOND + 1, "help", "DE");
    }
}

/// What units are made of: an item, of which one has most events; some have none.
static void add_item(struct event_builder *builder, uint32_t draw)
{
    static const char *const ITEMS[] = {"hat", "coat", "hat", "bag", "hat"};
    if (draw % 11 != 0) {
        event_builder_text(builder, "item", ITEMS[draw % 5]);
    }
}

static void add_between(struct event_builder *builder, int64_t from, int64_t to)
{
    static const char *const COUNTRIES[] = {"DE", "FR", "AT"};
    for (int h = 0; h < history_count; h++) {
        char user[16];
        snprintf(user, sizeof(user), "u%05d", h);
        for (int e = 0; e < histories[h].count; e++) {
            int64_t time = histories[h].events[e].time;
            if (time >= from && time < to) {
                shop_add(builder, user, time * SECOND, NAMES[histories[h].events[e].name],
                         COUNTRIES[(h + e) % 3]);
                add_item(builder, ((uint32_t)h * UINT32_C(2654435761) + (uint32_t)e * 40503u) >> 7);
            }
        }
    }
}

static struct event_builder *build(enum layout layout)
{
    static const int64_t CUTS[LAYOUT_COUNT][4] = {
        [ONE] = {0, 99},
        [SMALL_GROUPS] = {0, 99},
        [TWO_IN_TIME] = {0, 2, 99},
        [THREE_IN_TIME] = {0, 1, 4, 99},
        [DEALT_IN_TWO] = {0, 99},
        [DEALT] = {0, 99},
        [MANY] = {0, 99},
        [TOO_MANY] = {0, 99},
    };
    static const uint32_t DEALS[] = {2, 3, 20, 70};
    struct event_builder *builder = shop_builder();
    event_builder_attribute(builder, "item", COLUMN_STRING);
    event_builder_group_rows(builder, layout == SMALL_GROUPS ? 7 : 4096);
    for (int i = 0; CUTS[layout][i] != 99; i++) {
        add_odd(builder, CUTS[layout][i]);
        add_between(builder, CUTS[layout][i], CUTS[layout][i + 1]);
        if (layout < DEALT_IN_TWO) {
            event_builder_segment(builder);
        }
    }
    if (layout >= DEALT_IN_TWO) {
        event_builder_deal(builder, DEALS[layout - DEALT_IN_TWO], 7);
    }
    return builder;
}

struct asked {
    struct oracle_question question;
    int64_t as_of;
};

static struct {
    uint32_t level;
    int64_t matched_us[FUNNEL_STEP_COUNT_MAX];
    bool open;
} found[HISTORY_COUNT_MAX];

static void visit(void *context, uint8_t user_namespace, struct text user_id, uint32_t level,
                  const int64_t *matched_us, bool open)
{
    (void)context;
    (void)user_namespace;
    char digits[16] = "";
    memcpy(digits, user_id.bytes + 1, user_id.size - 1);
    int which = atoi(digits);
    found[which].level = level;
    found[which].open = open;
    memcpy(found[which].matched_us, matched_us, level * sizeof(*matched_us));
}

static void compare_person(const struct asked *asked, int which)
{
    const struct history *history = &histories[which];
    struct oracle_event events[LENGTH_MAX];
    struct oracle_attempt attempt;
    int count = 0;
    memcpy(events, history->events, sizeof(events));
    while (count < history->count && events[count].time <= asked->as_of) {
        count++;
    }
    oracle_sort(events, count);
    oracle_attempt(&asked->question, events, count, 0, count, asked->as_of, &attempt);
    bool same = (uint32_t)attempt.level == found[which].level &&
                (attempt.level == 0 || attempt.open == found[which].open);
    for (int k = 0; same && k < attempt.level; k++) {
        same = found[which].matched_us[k] == SHOP_BASE_US + attempt.times[k] * SECOND;
    }
    if (!same) {
        test_fail(0, "person %d: level %u open %d, expected %d open %d", which, found[which].level,
                  found[which].open, attempt.level, attempt.open);
    }
    persons_compared++;
}

static void ask(struct store_snapshot *snapshot, const struct query_funnel *query,
                struct arena *arena, struct query_funnel_result *result)
{
    struct corong_error error = {0};
    if (query_funnel_run(snapshot, query, arena, result, &error) != CORONG_OK) {
        test_fail(0, "question failed: %s", error.message);
    }
    users_in_blocks += result->provenance.users_in_blocks;
    for (uint32_t i = 0; i < QUERY_BLOCK_REASON_COUNT; i++) {
        users_left[i] += result->provenance.users_left[i];
    }
}

static void same_counts(const struct query_slice *left, const struct query_slice *right,
                        uint32_t step_count)
{
    for (uint32_t k = 0; k < step_count; k++) {
        const struct query_step *a = &left->steps[k];
        const struct query_step *b = &right->steps[k];
        numbers_compared += 4;
        if (a->reached != b->reached || a->dropped != b->dropped || a->open != b->open ||
            a->lost != b->lost) {
            test_fail(0, "step %u: reached %llu and %llu, open %llu and %llu", k + 1,
                      (unsigned long long)a->reached, (unsigned long long)b->reached,
                      (unsigned long long)a->open, (unsigned long long)b->open);
        }
    }
}

static void same_answers(const struct query_funnel_result *left,
                         const struct query_funnel_result *right, uint32_t step_count)
{
    same_counts(&left->total, &right->total, step_count);
    if (left->slice_count != right->slice_count) {
        test_fail(0, "%u and %u slices", left->slice_count, right->slice_count);
    }
    for (uint32_t i = 0; i < left->slice_count; i++) {
        for (uint32_t v = 0; v < 1; v++) {
            if (!text_equal(left->slices[i].values[v], right->slices[i].values[v])) {
                test_fail(0, "slice %u is another one", i);
            }
        }
        same_counts(&left->slices[i], &right->slices[i], step_count);
    }
}

/// Users one by one and in pairs of lanes: what the answer says was gone through is the same.
static void same_work(const struct query_funnel_result *left,
                      const struct query_funnel_result *right)
{
    const struct query_provenance *a = &left->provenance;
    const struct query_provenance *b = &right->provenance;
    if (a->events_matched != b->events_matched || a->after_as_of != b->after_as_of ||
        a->users_read != b->users_read || a->users_skipped != b->users_skipped) {
        test_fail(0,
                  "%llu and %llu events match, %llu and %llu come after as-of, %llu and %llu users "
                  "of %llu and %llu are skipped",
                  (unsigned long long)a->events_matched, (unsigned long long)b->events_matched,
                  (unsigned long long)a->after_as_of, (unsigned long long)b->after_as_of,
                  (unsigned long long)a->users_skipped, (unsigned long long)b->users_skipped,
                  (unsigned long long)a->users_read, (unsigned long long)b->users_read);
    }
}

/// The full answer, counts alone, and both of the general matcher.
static void compare_ways(struct store_snapshot *snapshot, const struct query_funnel *asked)
{
    static struct funnel_gap no_gaps[FUNNEL_STEP_COUNT_MAX];
    struct arena arena = {0};
    struct query_funnel query = *asked;
    struct query_funnel_result full;
    struct query_funnel_result counts;
    struct query_funnel_result general;
    query.by[0] = TEXT_LITERAL("country");
    query.by_count = 1;
    ask(snapshot, &query, &arena, &full);
    query.left_out = QUERY_OUTPUT_TIMES | QUERY_OUTPUT_MONEY | QUERY_OUTPUT_DAYS;
    ask(snapshot, &query, &arena, &counts);
    same_answers(&full, &counts, query.funnel.step_count);
    same_work(&full, &counts);
    for (uint32_t k = 0; k < FUNNEL_STEP_COUNT_MAX; k++) {
        no_gaps[k] = (struct funnel_gap){0, FUNNEL_WINDOW_NONE};
    }
    uint64_t before = users_in_blocks;
    query.left_out = 0;
    query.funnel.gaps = no_gaps;
    ask(snapshot, &query, &arena, &general);
    if (users_in_blocks != before) {
        test_fail(0, "gaps were matched by the kernel");
    }
    same_answers(&full, &general, query.funnel.step_count);
    if (full.provenance.after_as_of != general.provenance.after_as_of) {
        test_fail(0, "%llu and %llu events come after as-of",
                  (unsigned long long)full.provenance.after_as_of,
                  (unsigned long long)general.provenance.after_as_of);
    }
    for (uint32_t k = 1; k < query.funnel.step_count; k++) {
        const struct query_durations *a = &full.total.steps[k].from_entry;
        const struct query_durations *b = &general.total.steps[k].from_entry;
        if (a->count != b->count || a->mean_us != b->mean_us || a->max_us != b->max_us) {
            test_fail(0, "times of step %u differ", k + 1);
        }
    }
    arena_deinit(&arena);
}

/// Order any: counts alone, which the kernel finds, and the full answer, which the matcher does.
static void compare_any(struct store_snapshot *snapshot, const struct query_funnel *asked)
{
    struct arena arena = {0};
    struct query_funnel query = *asked;
    struct query_funnel_result general;
    struct query_funnel_result counts;
    query.by[0] = TEXT_LITERAL("country");
    query.by_count = 1;
    query.funnel.order = FUNNEL_ORDER_ANY;
    uint64_t before = users_in_blocks;
    ask(snapshot, &query, &arena, &general);
    if (users_in_blocks != before) {
        test_fail(0, "events of steps in any order were named by the kernel");
    }
    query.left_out = QUERY_OUTPUT_TIMES | QUERY_OUTPUT_MONEY | QUERY_OUTPUT_DAYS;
    ask(snapshot, &query, &arena, &counts);
    users_in_any_order += users_in_blocks - before;
    same_answers(&general, &counts, query.funnel.step_count);
    if (general.provenance.events_matched != counts.provenance.events_matched) {
        test_fail(0, "%llu and %llu events match",
                  (unsigned long long)general.provenance.events_matched,
                  (unsigned long long)counts.provenance.events_matched);
    }
    arena_deinit(&arena);
}

/// Buckets of a few seconds: a zone whose clocks change by half an hour so often.
static const struct zone *hasty_zone(int64_t seconds)
{
    static int64_t begins[PERIOD_COUNT];
    static int32_t offsets[PERIOD_COUNT];
    static struct zone zone = {{"Hasty", 5}, begins, offsets, PERIOD_COUNT};
    for (int i = 0; i < PERIOD_COUNT; i++) {
        begins[i] = i == 0 ? INT64_MIN : SHOP_BASE_US / SECOND + i * seconds;
        offsets[i] = i % 2 * 1800;
    }
    return &zone;
}

/// A trend: counts alone, which the kernel finds together with the whole, and the full answer,
/// which the matcher does in two passes. `bucket_seconds` 0: hours, which are all of one length.
static void compare_trend(struct store_snapshot *snapshot, const struct query_funnel *asked,
                          int64_t bucket_seconds)
{
    struct arena arena = {0};
    struct query_funnel query = *asked;
    struct query_funnel_result general;
    struct query_funnel_result counts;
    query.trend = QUERY_BUCKET_HOUR;
    query.zone = bucket_seconds == 0 ? NULL : hasty_zone(bucket_seconds);
    ask(snapshot, &query, &arena, &general);
    query.left_out = QUERY_OUTPUT_TIMES | QUERY_OUTPUT_MONEY | QUERY_OUTPUT_DAYS;
    ask(snapshot, &query, &arena, &counts);
    same_answers(&general, &counts, query.funnel.step_count);
    same_counts(&general.other, &counts.other, query.funnel.step_count);
    if (general.trend_count != counts.trend_count) {
        test_fail(0, "%u and %u buckets", general.trend_count, counts.trend_count);
    }
    for (uint32_t b = 0; b < general.trend_count; b++) {
        same_counts(&general.trend[b].total, &counts.trend[b].total, query.funnel.step_count);
        bucket_entries += general.trend[b].total.steps[0].reached;
    }
    arena_deinit(&arena);
}

static void same_outside(const struct query_funnel_result *left,
                         const struct query_funnel_result *right)
{
    const struct query_provenance *a = &left->provenance;
    const struct query_provenance *b = &right->provenance;
    if (a->events_outside != b->events_outside || a->events_matched != b->events_matched ||
        a->after_as_of != b->after_as_of) {
        test_fail(0, "%llu and %llu events are outside all units, %llu and %llu match",
                  (unsigned long long)a->events_outside, (unsigned long long)b->events_outside,
                  (unsigned long long)a->events_matched, (unsigned long long)b->events_matched);
    }
}

/// Units made of an item: counts alone, which the kernel finds, and the full answer, which the
/// matcher does; with slices, which are of a unit's first entry, and by bucket, too.
static void compare_held(struct store_snapshot *snapshot, const struct query_funnel *asked,
                         int64_t bucket_seconds)
{
    static struct text items[] = {TEXT_LITERAL("item")};
    struct arena arena = {0};
    struct query_funnel query = *asked;
    query.funnel.unit = FUNNEL_UNIT_ATTRIBUTES;
    query.funnel.unit_attributes = items;
    query.funnel.unit_attribute_count = 1;
    query.by[0] = TEXT_LITERAL("country");
    for (query.by_count = 0; query.by_count < 2; query.by_count++) {
        struct query_funnel_result general;
        struct query_funnel_result counts;
        uint64_t before = users_in_blocks;
        query.left_out = 0;
        ask(snapshot, &query, &arena, &general);
        if (users_in_blocks != before) {
            test_fail(0, "events of units were named by the kernel");
        }
        query.left_out = QUERY_OUTPUT_TIMES | QUERY_OUTPUT_MONEY | QUERY_OUTPUT_DAYS;
        ask(snapshot, &query, &arena, &counts);
        users_of_units += users_in_blocks - before;
        same_answers(&general, &counts, query.funnel.step_count);
        same_outside(&general, &counts);
    }
    arena_deinit(&arena);
    query.by_count = 0;
    compare_trend(snapshot, &query, bucket_seconds);
}

static void compare_question(struct store_snapshot *snapshot, bool first, int64_t from, int64_t to,
                             int64_t as_of)
{
    struct query_funnel query = shop_query();
    struct corong_error error = {0};
    struct asked asked = {.as_of = as_of};
    query.funnel.window_us = WINDOW * SECOND;
    query.funnel.attempts = first ? FUNNEL_ATTEMPTS_FIRST : FUNNEL_ATTEMPTS_BEST;
    query.as_of_us = SHOP_BASE_US + as_of * SECOND;
    query.range.from_us = from == ORACLE_NONE ? QUERY_TIME_NONE : SHOP_BASE_US + from * SECOND;
    query.range.to_us = to == ORACLE_NONE ? QUERY_TIME_NONE : SHOP_BASE_US + to * SECOND;
    asked.question = (struct oracle_question){.step_count = 3,
                                              .window = WINDOW,
                                              .first_attempt = first,
                                              .from = from,
                                              .to = to,
                                              .session_timeout = 1800};
    for (int k = 0; k < 3; k++) {
        asked.question.steps[k] = (struct oracle_condition){UINT64_C(1) << k, ORACLE_NONE, -1};
    }
    memset(found, 0, sizeof(found));
    if (query_funnel_users(snapshot, &query, visit, NULL, &error) != CORONG_OK) {
        test_fail(0, "users failed: %s", error.message);
    }
    for (int h = 0; h < history_count; h++) {
        compare_person(&asked, h);
    }
    compare_ways(snapshot, &query);
    compare_trend(snapshot, &query, 1 + as_of % 3);
    compare_held(snapshot, &query, 1 + as_of % 3);
    if (!first) {
        compare_any(snapshot, &query);
    }
}

static void compare_all_histories(void)
{
    add_histories((struct history){.count = 0});
    for (enum layout layout = ONE; layout < LAYOUT_COUNT; layout++) {
        struct event_builder *builder = build(layout);
        struct store_snapshot *snapshot = event_builder_snapshot(builder);
        compare_question(snapshot, false, ORACLE_NONE, ORACLE_NONE, 9);
        compare_question(snapshot, false, ORACLE_NONE, ORACLE_NONE, 6);
        compare_question(snapshot, true, ORACLE_NONE, ORACLE_NONE, 9);
        compare_question(snapshot, false, 1, 4, 7);
        event_builder_destroy(builder);
    }
}

/// Persons of many rows, few of them at one instant.
static void compare_long_histories(struct test_random *random)
{
    static const uint32_t CUTS[] = {1, 2, 3, 4, 5, 8, 9, 17, 40, 64};
    for (uint32_t at = 0; at < sizeof(CUTS) / sizeof(CUTS[0]); at++) {
        uint32_t cuts = CUTS[at];
        int64_t pace_us = (at % 3 == 0 ? 300 : 1) * SECOND; // also of many hours
        struct event_builder *builder = shop_builder();
        event_builder_attribute(builder, "item", COLUMN_STRING);
        event_builder_group_rows(builder, cuts == 3 ? 300 : 65536);
        int64_t time_us = 0;
        for (uint32_t i = 0; i < LONG_EVENT_COUNT; i++) {
            static const char *const COUNTRIES[] = {"DE", "FR", "AT"};
            char user[16];
            time_us += (test_random_below(random, 40) != 0) * pace_us;
            uint32_t who = test_random_below(random, LONG_USER_COUNT);
            who = who * who / LONG_USER_COUNT; // few have most of the events
            // Some come late: they have rows in the last segments alone.
            snprintf(user, sizeof(user), "%s%u",
                     who % 2 != 0 && i > LONG_EVENT_COUNT / 2 ? "late" : "u", who);
            uint32_t draw = test_random_below(random, 100);
            shop_add(builder, user, time_us,
                     NAMES[draw < 60   ? 0
                           : draw < 70 ? 1
                           : draw < 73 ? 2
                                       : 3],
                     COUNTRIES[test_random_below(random, 3)]);
            if (test_random_below(random, 12) != 0) {
                char item[16];
                snprintf(item, sizeof(item), "item%u",
                         test_random_below(random, at % 2 ? 400 : 50));
                event_builder_text(builder, "item", item);
            }
            if (i % 50 == 0) {
                shop_add(builder, "odd", time_us + 1000, "help", "DE");
            }
            if (i % (LONG_EVENT_COUNT / cuts) == LONG_EVENT_COUNT / cuts - 1) {
                event_builder_segment(builder);
            }
        }
        if (event_builder_pending(builder) > 0) {
            event_builder_segment(builder);
        }
        for (int64_t window = 1; window < LONG_EVENT_COUNT; window *= 5) {
            struct query_funnel query = shop_query();
            query.funnel.window_us = window * pace_us;
            query.limits.thread_count = 2;
            compare_ways(event_builder_snapshot(builder), &query);
            compare_any(event_builder_snapshot(builder), &query);
            if (window == 5 || window == 625) {
                compare_held(event_builder_snapshot(builder), &query, 100 * pace_us / SECOND);
            }
            compare_trend(event_builder_snapshot(builder), &query, 100 * pace_us / SECOND);
            compare_trend(event_builder_snapshot(builder), &query, 0);
            query.funnel.attempts = FUNNEL_ATTEMPTS_FIRST;
            compare_trend(event_builder_snapshot(builder), &query, 7 * pace_us / SECOND);
            compare_trend(event_builder_snapshot(builder), &query, 0);
        }
        event_builder_destroy(builder);
    }
}

int main(void)
{
    static const char *const REASONS[] = {"tie", "order", "continues", "key", "wide"};
    uint64_t seed = test_random_seed();
    struct test_random random = test_random_start(seed);
    compare_all_histories();
    for (uint64_t i = 0; i < test_scaled(2); i++) {
        compare_long_histories(&random);
    }
    printf("block model: %llu persons and %llu numbers compared, 0 differences; %llu users in "
           "blocks, %llu of them in any order, %llu cut into units, %llu entries in buckets, left:",
           (unsigned long long)persons_compared, (unsigned long long)numbers_compared,
           (unsigned long long)users_in_blocks, (unsigned long long)users_in_any_order,
           (unsigned long long)users_of_units, (unsigned long long)bucket_entries);
    for (uint32_t i = 0; i < QUERY_BLOCK_REASON_COUNT; i++) {
        printf(" %s %llu", REASONS[i], (unsigned long long)users_left[i]);
        // Two keys that begin with the same 64 bits are not to be had.
        if (users_left[i] == 0 && i != QUERY_BLOCK_KEY) {
            test_fail(seed, "nobody was left for reason '%s'", REASONS[i]);
        }
    }
    printf(", seed %llu\n", (unsigned long long)seed);
    return users_in_blocks > 0 && users_in_any_order > 0 && users_of_units > 0 ? 0 : 1;
}
