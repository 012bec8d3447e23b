// SPDX-License-Identifier: Apache-2.0
#include "engine/session/session.h"

#include "tests/support/test_random.h"

#include <criterion/criterion.h>
#include <string.h>

static struct hash128 key_of(uint64_t number)
{
    return hash_bytes128(&number, sizeof(number));
}

static uint8_t *put(struct session_table *table, uint64_t number, int64_t time_us, bool *is_new,
                    bool *returned)
{
    uint8_t *entry = session_table_find(table, key_of(number), is_new, returned);
    struct session_user user = {.session = session_begin(time_us)};
    session_store(entry, &user);
    return entry;
}

Test(session_table, finds_every_user_again_with_its_own_bytes)
{
    struct session_table table;
    session_table_init(&table, 8, UINT64_C(64) << 20);
    bool is_new;
    bool returned;
    for (uint64_t i = 0; i < 100000; i++) {
        uint8_t *entry = put(&table, i, (int64_t)i, &is_new, &returned);
        cr_assert(is_new && !returned);
        memcpy(session_extra(entry), &i, sizeof(i));
    }
    cr_assert_eq(table.user_count, 100000);
    for (uint64_t i = 0; i < 100000; i++) {
        uint8_t *entry = session_table_find(&table, key_of(i), &is_new, &returned);
        cr_assert_not(is_new);
        cr_assert_eq(memcmp(session_extra(entry), &i, sizeof(i)), 0);
        struct session_user user;
        session_load(entry, &user);
        cr_assert_eq(user.session.last_us, (int64_t)i);
    }
    session_table_deinit(&table);
}

Test(session_table, keeps_slack_small)
{
    struct session_table table;
    session_table_init(&table, 0, UINT64_C(256) << 20);
    bool is_new;
    bool returned;
    for (uint64_t i = 0; i < 300000; i++) {
        put(&table, i, 1, &is_new, &returned);
        if (i > 50000 && i % 1000 == 0) {
            cr_assert_leq(table.bytes, (i + 1) * table.entry_size * 100 / 64);
        }
    }
    session_table_deinit(&table);
}

Test(session_table, stays_within_its_budget_and_drops_the_longest_idle)
{
    struct session_table table;
    uint64_t budget = UINT64_C(2) << 20;
    session_table_init(&table, 8, budget);
    bool is_new;
    bool returned;
    for (uint64_t i = 0; i < 200000; i++) {
        put(&table, i, (int64_t)i, &is_new, &returned);
        cr_assert(is_new);
        cr_assert_leq(table.bytes, budget);
    }
    cr_assert_eq(table.user_count + table.evicted_count, 200000);
    cr_assert_gt(table.user_count, 10000);
    // The newest are all there, the oldest are known as dropped.
    for (uint64_t i = 199000; i < 200000; i++) {
        session_table_find(&table, key_of(i), &is_new, &returned);
        cr_assert_not(is_new);
    }
    for (uint64_t i = 0; i < 1000; i++) {
        put(&table, i, 300000, &is_new, &returned);
        cr_assert(is_new && returned);
    }
    session_table_deinit(&table);
}

Test(session_table, packs_every_field)
{
    struct test_random random = test_random_start(1);
    uint8_t entry[SESSION_ENTRY_HEAD_SIZE] = {0};
    for (int i = 0; i < 10000; i++) {
        struct session_user user = {
            .session = {.last_us = (int64_t)(test_random_next(&random) % 7258118400000000u),
                        .continued = test_random_below(&random, 2) != 0},
            .pending = test_random_below(&random, 2) != 0,
            .recorded = test_random_below(&random, 2) != 0,
            .returned = test_random_below(&random, 2) != 0,
            .mark = test_random_below(&random, 2) != 0,
        };
        user.session.start_us =
            user.session.last_us - (int64_t)(test_random_next(&random) % 172800000000u);
        session_store(entry, &user);
        struct session_user loaded = {0};
        session_load(entry, &loaded);
        cr_assert_eq(loaded.session.last_us, user.session.last_us);
        cr_assert_eq(loaded.session.start_us, user.session.start_us);
        cr_assert_eq(loaded.session.continued, user.session.continued);
        cr_assert_eq(loaded.pending, user.pending);
        cr_assert_eq(loaded.recorded, user.recorded);
        cr_assert_eq(loaded.returned, user.returned);
        cr_assert_eq(loaded.mark, user.mark);
    }
}

static void count_dropped(void *context, const uint8_t *entry)
{
    struct session_user user;
    session_load(entry, &user);
    cr_assert_geq(user.session.last_us, 0);
    ++*(uint64_t *)context;
}

Test(session_table, tells_whom_it_drops)
{
    struct session_table table;
    uint64_t dropped = 0;
    session_table_init(&table, 8, SESSION_BUDGET_MIN);
    table.dropped = count_dropped;
    table.context = &dropped;
    bool is_new;
    bool returned;
    for (uint64_t i = 0; i < 50000; i++) {
        put(&table, i, (int64_t)i, &is_new, &returned);
    }
    cr_assert_gt(dropped, 0);
    cr_assert_eq(dropped, table.evicted_count);
    session_table_deinit(&table);
}

Test(session_table, a_roll_keeps_the_recent_without_their_bytes)
{
    struct session_table table;
    session_table_init(&table, 8, SESSION_BUDGET_MIN);
    bool is_new;
    bool returned;
    for (uint64_t i = 0; i < 5000; i++) {
        uint8_t *entry = put(&table, i, (int64_t)i, &is_new, &returned);
        memset(session_extra(entry), 7, 8);
        struct session_user user = {.session = {(int64_t)i, (int64_t)i, true}, .pending = true};
        session_store(entry, &user);
    }
    session_table_roll(&table, 4000);
    cr_assert_eq(table.user_count, 1000);
    for (uint64_t i = 0; i < 5000; i++) {
        uint8_t *entry = session_table_look(&table, key_of(i));
        cr_assert_eq(entry != NULL, i >= 4000);
        if (entry != NULL) {
            struct session_user user;
            session_load(entry, &user);
            cr_assert(user.session.continued && !user.pending);
            cr_assert_eq(user.session.last_us, (int64_t)i);
            uint64_t extra = 1;
            memcpy(&extra, session_extra(entry), 8);
            cr_assert_eq(extra, 0);
        }
    }
    for (uint64_t i = 0; i < 5000; i++) {
        put(&table, i, 10000, &is_new, &returned);
        cr_assert_eq(is_new, i < 4000);
        cr_assert_not(returned);
    }
    session_table_deinit(&table);
}
