// SPDX-License-Identifier: Apache-2.0
// Goal: a question for counts that is asked again and again, with what was kept of its users,
// always gives the answer that it gives without. Method: stores grow in rounds, by events of few or
// many people, mostly in order of time, some late, some at one instant; after some rounds all
// segments are merged, and sometimes events come along with a merge, so that what was kept names
// rows that are no segment's. Some questions ask from a moment that moves on with the data, some as
// of an earlier moment, over one thread or several, by an attribute or two. Users must have been
// remembered, and what is kept stays within its budget. Some stores are written by many shards, so
// that no user is in more segments than can be kept, though all are: there, too.
#include "engine/query/query.h"
#include "storage/base/memory.h"
#include "tests/support/shop.h"
#include "tests/support/test_random.h"

#include <stdio.h>
#include <string.h>

#define STORE_COUNT 12u
#define ROUND_COUNT 14u
#define USER_COUNT 400u
#define QUESTION_COUNT 6u
#define WIDTH 4u
#define WIDTH_MAX 24u
#define SHARD_COUNT 6u
#define SHARD_ROUND_COUNT 40u // a task of two shards' keys has users of twice as many
#define BUDGET (UINT64_C(1) << 20)
#define HOUR (EVENT_BUILDER_DAY / 24)
#define COUNTS (QUERY_OUTPUT_TIMES | QUERY_OUTPUT_MONEY | QUERY_OUTPUT_DAYS)

static uint64_t asked;
static uint64_t remembered;
static uint64_t gone_through;

static void add_events(struct event_builder *builder, struct test_random *random, int64_t now_us)
{
    static const char *const NAMES[] = {"view", "cart", "order", "help"};
    static const char *const COUNTRIES[] = {"DE", "FR", "AT", NULL};
    uint32_t users = test_random_below(random, 3) == 0 ? USER_COUNT : 1 + USER_COUNT / 20;
    uint32_t first = test_random_below(random, USER_COUNT);
    for (uint32_t i = 0, count = 1 + test_random_below(random, 300); i < count; i++) {
        char user[16];
        bool late = test_random_below(random, 40) == 0;
        int64_t back = late ? (int64_t)test_random_below(random, 72) * HOUR : 0;
        int64_t unit = test_random_below(random, 8) == 0 ? HOUR : EVENT_BUILDER_SECOND;
        int64_t at = now_us + test_random_below(random, 7200) * EVENT_BUILDER_SECOND - back;
        snprintf(user, sizeof(user), "u%u",
                 (first + test_random_below(random, users)) % USER_COUNT);
        shop_add(builder, user, (at < 0 ? 0 : at) / unit * unit,
                 NAMES[test_random_below(random, 4)], COUNTRIES[test_random_below(random, 4)]);
    }
}

/// Writes what waits in segments, of which a question may see more than it can keep users of, and
/// merges sometimes: with it, or before.
static void write_events(struct event_builder *builder, struct test_random *random, uint32_t width)
{
    if (test_random_below(random, 2) == 0) {
        event_builder_segment(builder);
    } else {
        uint32_t count = 1 + test_random_below(random, width);
        event_builder_deal(builder, count, test_random_next(random));
    }
    if (test_random_below(random, width) == 0) {
        event_builder_compact(builder);
    }
}

static struct query_funnel question(uint32_t number, int64_t now_us)
{
    struct query_funnel query = shop_query();
    query.left_out = COUNTS;
    query.by[0] = TEXT_LITERAL("country");
    query.by_count = number % 2;
    query.limits.thread_count = 1 + number % 3;
    query.funnel.window_us = number == 3 ? EVENT_BUILDER_DAY / 2 : 2 * HOUR;
    query.funnel.attempts = number == 2 ? FUNNEL_ATTEMPTS_FIRST : FUNNEL_ATTEMPTS_BEST;
    query.funnel.order = number == 5 ? FUNNEL_ORDER_ANY : FUNNEL_ORDER_LOOSE;
    if (number == 1 || number == 4 || number == 5) {
        query.range.from_us = SHOP_BASE_US + now_us - EVENT_BUILDER_DAY;
    }
    if (number == 4) {
        query.where = TEXT_LITERAL("country <> 'AT'");
    }
    return query;
}

static void compare(struct event_builder *builder, struct query_memo *memo, uint32_t number,
                    int64_t now_us, int64_t as_of_us)
{
    struct query_funnel query = question(number, now_us);
    struct shop_answer with;
    struct shop_answer without;
    query.as_of_us = as_of_us;
    query.limits.memo = memo;
    shop_ask(builder, &query, &with);
    query.limits.memo = NULL;
    shop_ask(builder, &query, &without);
    const struct query_provenance *provenance = &with.result.provenance;
    if (strcmp(provenance->result_digest, without.result.provenance.result_digest) != 0) {
        test_fail(test_random_seed(), "question %u: what was kept changes the answer", number);
    }
    if (query_memo_bytes(memo) > BUDGET) {
        test_fail(test_random_seed(), "%lu bytes are kept", (unsigned long)query_memo_bytes(memo));
    }
    asked++;
    remembered += provenance->users_remembered;
    gone_through += provenance->users_read;
    arena_deinit(&with.arena);
    arena_deinit(&without.arena);
}

static void run_store(struct test_random *random)
{
    struct event_builder *builder = shop_builder();
    struct query_memo *memo = query_memo_create(BUDGET);
    int64_t now_us = 0;
    uint32_t width = test_random_below(random, 6) == 0 ? WIDTH_MAX : WIDTH;
    event_builder_group_rows(builder, test_random_below(random, 2) == 0 ? 4096 : 64);
    for (uint32_t round = 0; round < ROUND_COUNT; round++) {
        add_events(builder, random, now_us);
        write_events(builder, random, width);
        for (uint32_t number = 0; number < QUESTION_COUNT; number++) {
            if (test_random_below(random, 4) > 0) { // others miss a round
                compare(builder, memo, number, now_us, QUERY_TIME_NONE);
            }
            if (test_random_below(random, 8) == 0) { // from earlier, then from later again
                compare(builder, memo, number, now_us - 20 * HOUR, QUERY_TIME_NONE);
                compare(builder, memo, number, now_us, QUERY_TIME_NONE);
            }
            if (test_random_below(random, 6) == 0) { // nothing new, or seen from earlier
                bool earlier = test_random_below(random, 2) == 0;
                compare(builder, memo, number, now_us,
                        earlier ? SHOP_BASE_US + now_us : QUERY_TIME_NONE);
            }
        }
        now_us += test_random_below(random, 6) * HOUR;
    }
    query_memo_destroy(memo);
    event_builder_destroy(builder);
}

/// Users remembered in the last round of a store that only tasks cut between its shards can keep.
static uint64_t run_sharded_store(struct test_random *random)
{
    struct event_builder *builder = shop_builder();
    struct query_memo *memo = query_memo_create(BUDGET);
    int64_t now_us = 0;
    uint64_t before = 0;
    for (uint32_t round = 0; round < SHARD_ROUND_COUNT; round++) {
        add_events(builder, random, now_us);
        event_builder_deal_keys(builder, SHARD_COUNT);
        before = remembered;
        for (uint32_t number = 0; number < QUESTION_COUNT && round + 2 >= SHARD_ROUND_COUNT;
             number++) {
            compare(builder, memo, number, now_us, QUERY_TIME_NONE);
        }
        now_us += HOUR / 2;
    }
    query_memo_destroy(memo);
    event_builder_destroy(builder);
    return remembered - before;
}

int main(void)
{
    struct test_random random = test_random_start(test_random_seed());
    for (uint64_t i = 0, count = test_scaled(STORE_COUNT); i < count; i++) {
        run_store(&random);
    }
    uint64_t cut = run_sharded_store(&random);
    printf("%lu questions, %lu users remembered (%lu in the last round of many shards), %lu gone "
           "through (seed %lu)\n",
           (unsigned long)asked, (unsigned long)remembered, (unsigned long)cut,
           (unsigned long)gone_through, (unsigned long)test_random_seed());
    return remembered > gone_through / 8 && cut > 0 ? 0 : 1;
}
