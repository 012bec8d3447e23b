// SPDX-License-Identifier: Apache-2.0
// Slices, `(other)` and percentiles under a memory limit that holds neither all values nor all
// durations: the same answer to the last bit.
#include "engine/query/query.h"
#include "storage/base/clock.h"
#include "tests/support/shop.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define USER_COUNT 30000
#define HOUR MICROSECONDS_PER_HOUR

static struct event_builder *many_values(void)
{
    struct event_builder *builder = shop_builder();
    for (int user = 0; user < USER_COUNT; user++) {
        char id[16];
        char value[64];
        snprintf(id, sizeof(id), "u%d", user);
        // Three users share each of a few values; the others have one of their own.
        snprintf(value, sizeof(value), "a value that is long enough to matter %d",
                 user % 1000 == 0 ? user / 3000 : user + 100000);
        shop_add(builder, id, user, "view", value);
        shop_add(builder, id, user + HOUR + user * 977 % 100003, "cart", value);
        if (user == USER_COUNT / 2) {
            event_builder_segment(builder);
        }
    }
    event_builder_segment(builder);
    return builder;
}

static struct query_funnel by_country(uint64_t memory_limit_bytes)
{
    struct query_funnel query = shop_query();
    query.by[0] = TEXT_LITERAL("country");
    query.by_count = 1;
    query.top = 5;
    query.limits.thread_count = 2;
    query.limits.memory_limit_bytes = memory_limit_bytes;
    return query;
}

static void expect_same(struct event_builder *builder, const struct query_funnel *asked,
                        const struct shop_answer *wanted)
{
    struct shop_answer answer;
    shop_ask(builder, asked, &answer);
    cr_assert_eq(answer.result.slice_count, 5);
    cr_assert_eq(answer.result.other_slice_count, wanted->result.other_slice_count);
    cr_assert_str_eq(answer.result.provenance.result_digest,
                     wanted->result.provenance.result_digest);
    arena_deinit(&answer.arena);
}

Test(query_ranking, little_memory_gives_the_same_answer)
{
    struct event_builder *builder = many_values();
    struct query_funnel query = by_country(0);
    struct shop_answer wanted;
    shop_ask(builder, &query, &wanted);
    cr_assert_eq(wanted.result.slices[0].steps[0].reached, 3);
    cr_assert_eq(wanted.result.other_slice_count, USER_COUNT - 30 + 10 - 5);
    for (uint64_t limit = UINT64_C(7) << 20; limit >= UINT64_C(5) << 20; limit -= 1 << 20) {
        query = by_country(limit);
        expect_same(builder, &query, &wanted);
    }
    arena_deinit(&wanted.arena);
    event_builder_destroy(builder);
}

Test(query_ranking, two_attributes_and_overlapping_slices_too)
{
    struct event_builder *builder = many_values();
    struct query_funnel query = by_country(0);
    query.by[1] = TEXT_LITERAL("event");
    query.by_count = 2;
    query.attribution = QUERY_ATTRIBUTION_EACH;
    query.attribution_step = 2;
    struct shop_answer wanted;
    shop_ask(builder, &query, &wanted);
    cr_assert(wanted.result.overlap);
    query.limits.memory_limit_bytes = UINT64_C(6) << 20;
    expect_same(builder, &query, &wanted);
    arena_deinit(&wanted.arena);
    event_builder_destroy(builder);
}
