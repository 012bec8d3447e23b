// SPDX-License-Identifier: Apache-2.0
#include "tests/support/event_builder.h"

#include "engine/query/query.h"
#include "storage/base/clock.h"

#include <criterion/criterion.h>

#define HOUR MICROSECONDS_PER_HOUR
#define DAY MICROSECONDS_PER_DAY
#define BASE (INT64_C(19700) * DAY)

static struct text names[] = {{"view", 4}, {"order", 5}};
static struct stage stages[] = {
    {.name = {"seen", 4}, .events = &names[0], .event_count = 1},
    {.name = {"bought", 6}, .events = &names[1], .event_count = 1},
    {.name = {"any", 3}},
};

static void add(struct event_builder *builder, const char *user, int64_t at_us, const char *name)
{
    event_builder_event(builder, user, BASE + at_us, name);
}

static struct event_builder *make(uint32_t segments)
{
    struct event_builder *builder = event_builder_create();
    add(builder, "ann", 0, "view");
    add(builder, "ann", HOUR, "view");
    add(builder, "ann", 25 * HOUR, "order");
    add(builder, "bob", 2 * HOUR, "view");
    add(builder, "bob", 73 * HOUR, "view");
    add(builder, "cem", 2 * HOUR, "help");
    event_builder_deal(builder, segments, 3);
    return builder;
}

struct answer {
    struct arena arena;
    struct query_stages_result result;
};

static void ask(struct event_builder *builder, const struct query_stages *query,
                struct answer *answer)
{
    struct corong_error error = {0};
    *answer = (struct answer){0};
    cr_assert_eq(query_stages_run(event_builder_snapshot(builder), query, &answer->arena,
                                  &answer->result, &error),
                 CORONG_OK, "%s", error.message);
}

static struct query_stages all_time(void)
{
    return (struct query_stages){.range = {QUERY_TIME_NONE, QUERY_TIME_NONE},
                                 .as_of_us = QUERY_TIME_NONE,
                                 .limits = {.thread_count = 2}};
}

Test(query_stages, names_are_counted_and_ranked)
{
    struct event_builder *builder = make(1);
    struct query_stages query = all_time();
    struct answer answer;
    ask(builder, &query, &answer);
    const struct query_stages_result *result = &answer.result;
    cr_assert_eq(result->row_count, 3);
    cr_assert(text_equal(result->rows[0].name, TEXT_LITERAL("view")));
    cr_assert_eq(result->rows[0].events, 4);
    cr_assert_eq(result->rows[0].users, 2);
    cr_assert(text_equal(result->rows[1].name, TEXT_LITERAL("help")));
    cr_assert(text_equal(result->rows[2].name, TEXT_LITERAL("order")));
    cr_assert_eq(result->first_bucket_us, BASE);
    cr_assert_eq(result->bucket_count, 4);
    cr_assert_eq(result->rows[0].bucket_events[0], 3);
    cr_assert_eq(result->rows[0].bucket_events[3], 1);
    cr_assert_eq(result->rows[2].bucket_events[1], 1);
    arena_deinit(&answer.arena);
    event_builder_destroy(builder);
}

Test(query_stages, stages_keep_their_order_and_may_overlap)
{
    struct event_builder *builder = make(2);
    struct query_stages query = all_time();
    query.stages = stages;
    query.stage_count = 3;
    query.range = (struct query_range){BASE + HOUR, BASE + 73 * HOUR}; // half-open
    query.bucket_us = HOUR;
    struct answer answer;
    ask(builder, &query, &answer);
    const struct query_stages_result *result = &answer.result;
    cr_assert_eq(result->rows[0].events, 2);
    cr_assert_eq(result->rows[0].users, 2);
    cr_assert_eq(result->rows[1].events, 1);
    cr_assert_eq(result->rows[2].events, 4);
    cr_assert_eq(result->rows[2].users, 3);
    cr_assert_eq(result->first_bucket_us, BASE + HOUR);
    cr_assert_eq(result->bucket_count, 25);
    cr_assert_eq(result->rows[2].bucket_events[1], 2);
    arena_deinit(&answer.arena);
    event_builder_destroy(builder);
}

Test(query_stages, more_than_one_pass_of_stages)
{
    struct event_builder *builder = make(1);
    struct stage many[70];
    for (int i = 0; i < 70; i++) {
        many[i] = stages[i % 3];
    }
    struct query_stages query = all_time();
    query.stages = many;
    query.stage_count = 70;
    query.where = TEXT_LITERAL("event <> 'help'");
    struct answer answer;
    ask(builder, &query, &answer);
    cr_assert_eq(answer.result.row_count, 70);
    for (int i = 0; i < 70; i++) {
        cr_assert_eq(answer.result.rows[i].events, i % 3 == 0 ? 4 : i % 3 == 1 ? 1 : 5);
    }
    cr_assert_eq(answer.result.provenance.users_read, 3);
    arena_deinit(&answer.arena);
    event_builder_destroy(builder);
}

Test(query_stages, digest_does_not_depend_on_the_layout)
{
    char digest[33] = {0};
    for (uint32_t segments = 1; segments <= 4; segments++) {
        struct event_builder *builder = make(segments);
        struct query_stages query = all_time();
        query.as_of_us = BASE + 30 * HOUR;
        struct answer answer;
        ask(builder, &query, &answer);
        cr_assert_eq(answer.result.provenance.after_as_of, 1);
        if (digest[0] == '\0') {
            memcpy(digest, answer.result.provenance.result_digest, sizeof(digest));
        }
        cr_assert_str_eq(digest, answer.result.provenance.result_digest);
        arena_deinit(&answer.arena);
        event_builder_destroy(builder);
    }
}

Test(query_stages, too_many_buckets_are_refused)
{
    struct event_builder *builder = make(1);
    struct query_stages query = all_time();
    query.bucket_us = 1;
    struct arena arena = {0};
    struct query_stages_result result;
    struct corong_error error;
    cr_assert_eq(query_stages_run(event_builder_snapshot(builder), &query, &arena, &result, &error),
                 CORONG_INVALID);
    cr_assert(strstr(error.message, "buckets") != NULL);
    arena_deinit(&arena);
    event_builder_destroy(builder);
}
