// SPDX-License-Identifier: Apache-2.0
// What people do next, compared with a walk over each person's events as they were made.
#include "engine/query/next/next.h"
#include "storage/base/clock.h"
#include "tests/support/shop.h"
#include "tests/support/test_random.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define MINUTE (60 * MICROSECONDS_PER_SECOND)
#define USERS 12u
#define INSTANTS 300u
#define PATHS_MAX 4096u
#define WINDOW (240 * MINUTE)

static const char *NAMES[] = {"view", "cart", "order", "help"};
static const char *COUNTRIES[] = {"DE", "AT", "FR", NULL};

/// One event per user and minute at most: nothing is simultaneous.
struct model {
    int name[USERS][INSTANTS]; ///< -1: no event
    int country[USERS][INSTANTS];
};

/// Expected paths as "a|b", and how often.
struct expected {
    char paths[PATHS_MAX][64];
    uint64_t counts[PATHS_MAX];
    uint32_t count;
    uint64_t attempts;
};

static struct event_builder *build(struct test_random *random, struct model *model)
{
    struct event_builder *builder = shop_builder();
    memset(model, 0xff, sizeof(*model));
    for (uint32_t i = 0; i < USERS * INSTANTS / 4; i++) {
        uint32_t user = test_random_below(random, USERS);
        uint32_t at = test_random_below(random, INSTANTS);
        if (model->name[user][at] >= 0) {
            continue;
        }
        char id[8];
        snprintf(id, sizeof(id), "u%u", user);
        model->name[user][at] = (int)test_random_below(random, 4);
        model->country[user][at] = (int)test_random_below(random, 4);
        shop_add(builder, id, (int64_t)at * 8 * MINUTE, NAMES[model->name[user][at]],
                 COUNTRIES[model->country[user][at]]);
        if (i % 200 == 199) {
            event_builder_segment(builder);
        }
    }
    event_builder_segment(builder);
    return builder;
}

static void count(struct expected *expected, const char *path)
{
    uint32_t i = 0;
    while (i < expected->count && strcmp(expected->paths[i], path) != 0) {
        i++;
    }
    if (i == expected->count) {
        cr_assert_lt(expected->count, PATHS_MAX);
        snprintf(expected->paths[expected->count], sizeof(expected->paths[0]), "%s", path);
        expected->counts[expected->count++] = 0;
    }
    expected->counts[i]++;
    expected->attempts++;
}

/// The path behind instant `at`, for an attempt that began at `entry`.
static void walk(const struct model *model, uint32_t user, uint32_t entry, uint32_t at,
                 const struct next_question *question, struct expected *expected)
{
    char path[64] = "";
    uint32_t found = 0;
    for (uint32_t i = at + 1; i < INSTANTS && found < question->depth; i++) {
        if (model->name[user][i] < 0 || (int64_t)(i - entry) * 8 * MINUTE > WINDOW) {
            continue;
        }
        const char *country = COUNTRIES[model->country[user][i]];
        const char *label = question->show.bytes == NULL ? NAMES[model->name[user][i]]
                            : country == NULL            ? "(none)"
                                                         : country;
        strcat(path, found++ == 0 ? "" : "|");
        strcat(path, label);
    }
    count(expected, path);
}

/// The reported attempt of view -> cart: the earliest cart in the window of a view, with the latest
/// of these views; else the first view.
static void expect_user(const struct model *model, uint32_t user,
                        const struct next_question *question, struct expected *expected)
{
    const int *names = model->name[user];
    uint32_t first = INSTANTS;
    uint32_t last = INSTANTS;
    for (uint32_t i = 0; i < INSTANTS; i++) {
        if (names[i] == 0) {
            first = first == INSTANTS ? i : first;
            last = i;
        }
        if (names[i] == 1 && last < INSTANTS && (int64_t)(i - last) * 8 * MINUTE <= WINDOW) {
            if (question->kind == NEXT_WON) {
                walk(model, user, last, i, question, expected);
            } else if (question->kind == NEXT_REACHED && question->step == 1) {
                walk(model, user, last, last, question, expected);
            }
            return;
        }
    }
    if (first < INSTANTS && question->kind != NEXT_WON) {
        walk(model, user, first, first, question, expected);
    }
}

static void check(const struct next_result *result, const struct expected *expected)
{
    uint64_t listed = result->other_attempts;
    cr_assert_eq(result->attempts, expected->attempts);
    cr_assert_eq(result->path_count + result->other_paths, expected->count);
    for (uint32_t i = 0; i < result->path_count; i++) {
        const struct next_path *path = &result->paths[i];
        char text[64] = "";
        for (uint32_t k = 0; k < path->label_count; k++) {
            struct text label = path->labels[k];
            bool none = label.bytes == NULL;
            size_t used = strlen(text);
            snprintf(text + used, sizeof(text) - used, "%s%.*s", k == 0 ? "" : "|",
                     none ? 6 : (int)label.size, none ? "(none)" : label.bytes);
        }
        uint32_t at = 0;
        while (at < expected->count && strcmp(expected->paths[at], text) != 0) {
            at++;
        }
        cr_assert_lt(at, expected->count, "'%s' was not expected", text);
        cr_assert_eq(path->attempts, expected->counts[at], "'%s'", text);
        cr_assert(i == 0 || result->paths[i - 1].attempts >= path->attempts);
        listed += path->attempts;
    }
    cr_assert_eq(listed, result->attempts);
}

static void ask(struct event_builder *builder, struct next_question *question,
                const struct model *model, uint32_t threads)
{
    static struct expected expected;
    struct query_funnel query = shop_query();
    struct arena arena = {0};
    struct next_result result;
    struct corong_error error;
    query.funnel.step_count = 2;
    query.funnel.window_us = WINDOW;
    query.limits.thread_count = threads;
    question->funnel = &query;
    expected.count = 0;
    expected.attempts = 0;
    for (uint32_t user = 0; user < USERS; user++) {
        expect_user(model, user, question, &expected);
    }
    cr_assert_eq(next_run(event_builder_snapshot(builder), question, &arena, &result, &error),
                 CORONG_OK, "%s", error.message);
    check(&result, &expected);
    arena_deinit(&arena);
}

Test(next, test_paths_are_those_of_a_walk_over_the_events)
{
    static struct model model;
    static const enum next_kind KINDS[] = {NEXT_DROPPED, NEXT_REACHED, NEXT_WON};
    struct test_random random = test_random_start(test_random_seed());
    for (uint32_t round = 0; round < 6; round++) {
        struct event_builder *builder = build(&random, &model);
        for (uint32_t i = 0; i < 18; i++) {
            struct next_question question = {
                .kind = KINDS[i % 3],
                .step = 1,
                .depth = 1 + i / 6,
                .top = i % 4 == 3 ? 2 : 1000,
                .show = i % 2 == 0 ? TEXT_MISSING : TEXT_LITERAL("country"),
            };
            ask(builder, &question, &model, 1 + i % 2);
        }
        event_builder_destroy(builder);
    }
}

Test(next, test_what_cannot_be_asked_is_refused)
{
    struct event_builder *builder = shop_builder();
    shop_add(builder, "ann", 0, "view", "DE");
    event_builder_segment(builder);
    struct query_funnel query = shop_query();
    struct arena arena = {0};
    struct next_result result;
    struct corong_error error;
    struct store_snapshot *snapshot = event_builder_snapshot(builder);
    struct next_question question = {.funnel = &query, .kind = NEXT_DROPPED, .step = 3};
    cr_assert_eq(next_run(snapshot, &question, &arena, &result, &error), CORONG_INVALID);
    question.step = 2;
    cr_assert_eq(next_run(snapshot, &question, &arena, &result, &error), CORONG_OK);
    question.step = 0;
    cr_assert_eq(next_run(snapshot, &question, &arena, &result, &error), CORONG_INVALID);
    question.kind = NEXT_LOST;
    cr_assert_eq(next_run(snapshot, &question, &arena, &result, &error), CORONG_OK);
    question.depth = NEXT_DEPTH_MAX + 1;
    cr_assert_eq(next_run(snapshot, &question, &arena, &result, &error), CORONG_INVALID);
    question.depth = NEXT_DEPTH_MAX;
    question.show = TEXT_LITERAL("contry");
    cr_assert_eq(next_run(snapshot, &question, &arena, &result, &error), CORONG_INVALID);
    cr_assert(strstr(error.message, "country") != NULL);
    arena_deinit(&arena);
    event_builder_destroy(builder);
}

/// What follows, by values of an attribute that are as frequent as each other: as the values order.
static void expect_order(struct event_builder *builder, const char *attribute,
                         const char *const *expected, uint32_t count)
{
    struct query_funnel query = shop_query();
    struct arena arena = {0};
    struct next_result result;
    struct corong_error error;
    struct next_question question = {.funnel = &query,
                                     .kind = NEXT_REACHED,
                                     .step = 1,
                                     .depth = 1,
                                     .top = 100,
                                     .show = text_from(attribute)};
    query.funnel.window_us = WINDOW;
    cr_assert_eq(next_run(event_builder_snapshot(builder), &question, &arena, &result, &error),
                 CORONG_OK, "%s", error.message);
    cr_assert_eq(result.path_count, count);
    for (uint32_t i = 0; i < count; i++) {
        struct text label = result.paths[i].labels[0];
        cr_assert(text_equal(label, text_from(expected[i])), "%s: '%.*s' for '%s'", attribute,
                  (int)label.size, label.bytes, expected[i]);
    }
    arena_deinit(&arena);
}

Test(next, test_ties_of_numbers_are_broken_by_value)
{
    static const double prices[] = {300, -2.5, 0, 9, -300, 10, 0.5};
    static const int64_t stocks[] = {300, -2, 0, 9, -300, 10, 256};
    static const char *const by_price[] = {"-300", "-2.5", "0", "0.5", "9", "10", "300"};
    static const char *const by_stock[] = {"-300", "-2", "0", "9", "10", "256", "300"};
    struct event_builder *builder = shop_builder();
    event_builder_attribute(builder, "price", COLUMN_NUMBER);
    event_builder_attribute(builder, "stock", COLUMN_INTEGER);
    for (uint32_t i = 0; i < 7; i++) {
        char id[8];
        snprintf(id, sizeof(id), "u%u", i);
        shop_add(builder, id, 0, "view", NULL);
        shop_add(builder, id, MINUTE, "help", NULL);
        event_builder_number(builder, "price", prices[i]);
        event_builder_integer(builder, "stock", stocks[i]);
    }
    event_builder_segment(builder);
    expect_order(builder, "price", by_price, 7);
    expect_order(builder, "stock", by_stock, 7);
    event_builder_destroy(builder);
}
