// SPDX-License-Identifier: Apache-2.0
/// The vector form against the scalar one; whole row groups against the rule, row by row.
#include "engine/query/query_session_cuts.h"

#include "engine/query/query_session_rule.h"
#include "storage/base/cpu.h"
#include "tests/support/test_random.h"

#include <criterion/criterion.h>
#include <string.h>

#define COUNT_MAX 700u
#define WORD_COUNT (COUNT_MAX / 64 + 1)
#define SECOND INT64_C(1000000)
#define MINUTE MICROSECONDS_PER_MINUTE
#define HOUR MICROSECONDS_PER_HOUR
#define DAY MICROSECONDS_PER_DAY

static void check_gaps(const uint32_t *times, uint32_t count, uint32_t most, uint64_t kept)
{
    uint64_t expected[WORD_COUNT];
    uint64_t found[WORD_COUNT];
    for (uint32_t i = 0; i < WORD_COUNT; i++) {
        expected[i] = found[i] = kept;
    }
    query_session_cuts_gaps_scalar(times, count, most, expected);
    query_session_cuts_gaps_avx2(times, count, most, found);
    cr_assert_arr_eq(found, expected, sizeof(found), "%u rows, most %u", count, most);
}

Test(query_session_cuts, the_vector_form_gives_what_the_scalar_one_gives)
{
    static const uint32_t limits[] = {0, 1, 99, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
    struct test_random random = test_random_start(11);
    uint32_t times[COUNT_MAX + 8];
    for (uint32_t count = 0; cpu_has_avx2() && count <= COUNT_MAX; count++) {
        uint32_t most = limits[count % 7];
        for (uint32_t i = 0; i < COUNT_MAX + 8; i++) {
            uint32_t near = most + test_random_below(&random, 3) - 1;
            bool any = test_random_below(&random, 4) == 0;
            times[i] = any || i == 0 ? (uint32_t)test_random_next(&random) : times[i - 1] + near;
        }
        check_gaps(times + test_random_below(&random, 8), count, most,
                   count % 2 == 0 ? 0 : test_random_next(&random));
    }
}

struct group {
    struct query_session_rows rows;
    uint32_t times[COUNT_MAX];
    uint32_t user_row_counts[COUNT_MAX];
};

/// Compares with the rule, user by user and row by row.
static void check_group(const struct group *group, int64_t timeout_us)
{
    uint64_t starts[WORD_COUNT];
    memset(starts, 0xee, sizeof(starts));
    query_session_cuts_fill(&group->rows, timeout_us, starts);
    uint32_t row = 0;
    for (uint32_t user = 0; user < group->rows.user_count; user++) {
        struct query_session_rule rule = {.timeout_us = timeout_us};
        for (uint32_t i = 0; i < group->user_row_counts[user]; i++, row++) {
            int64_t time_us = (int64_t)(group->rows.base + group->times[row] * group->rows.power);
            bool expected = query_session_step(&rule, time_us);
            cr_assert_eq(starts[row / 64] >> row % 64 & 1, expected, "row %u of %u, timeout %ld",
                         row, group->rows.row_count, (long)timeout_us);
        }
    }
    for (; row <= group->rows.row_count / 64 * 64 + 63; row++) {
        cr_assert_eq(starts[row / 64] >> row % 64 & 1, 0);
    }
}

/// Rows in seconds, none more than `gap` apart but a few, of few users: runs of days.
static void make_group(struct group *group, uint32_t gap, uint32_t breaks, uint32_t user_rows,
                       struct test_random *random)
{
    uint32_t count = test_random_below(random, COUNT_MAX + 1);
    group->rows = (struct query_session_rows){
        .times = group->times,
        .base = (uint64_t)((int64_t)test_random_below(random, 4000) * HOUR - 2000 * HOUR),
        .power = (uint64_t)SECOND,
        .row_count = count,
        .user_row_counts = group->user_row_counts,
    };
    uint32_t row = 0;
    while (row < count) {
        uint32_t rows = 1 + test_random_below(random, user_rows);
        rows = rows < count - row ? rows : count - row;
        group->user_row_counts[group->rows.user_count++] = rows;
        group->times[row] = test_random_below(random, 90000);
        for (row++; --rows > 0; row++) {
            bool far = test_random_below(random, breaks) == 0;
            uint32_t step = far ? gap + test_random_below(random, 3)
                                : gap - test_random_below(random, gap / 4 + 1);
            group->times[row] = group->times[row - 1] + step;
        }
    }
}

Test(query_session_cuts, groups_are_cut_as_the_rule_cuts)
{
    // Around the timeouts at which a run of a day fits into a word, and into its middle.
    static const int64_t timeouts_s[] = {1800, 86400, 43200, 2700, 2618,
                                         1394, 1372,  1350,  7200, 600};
    struct test_random random = test_random_start(test_random_seed());
    static struct group group;
    for (uint64_t i = 0; i < test_scaled(4000); i++) {
        uint32_t timeout_s = (uint32_t)timeouts_s[i % 10];
        uint32_t breaks = i % 3 == 0 ? 1000 : 60;
        make_group(&group, timeout_s, breaks, i % 2 == 0 ? 30 : 300, &random);
        check_group(&group, timeout_s * SECOND);
    }
}

Test(query_session_cuts, a_timeout_between_units_and_beyond_them_is_exact)
{
    static struct group group = {.times = {0, 1, 3, 10}, .user_row_counts = {3, 1}};
    group.rows = (struct query_session_rows){.times = group.times,
                                             .power = (uint64_t)HOUR,
                                             .row_count = 4,
                                             .user_row_counts = group.user_row_counts,
                                             .user_count = 2};
    for (int64_t timeout_us = 0; timeout_us <= 3 * HOUR; timeout_us += 20 * MINUTE) {
        check_group(&group, timeout_us);
        check_group(&group, timeout_us + 1);
    }
    group.rows.power = 1; // a day is more units than 32 bits have
    check_group(&group, DAY);
}

Test(query_session_cuts, the_next_start_is_found_across_words)
{
    uint64_t starts[4] = {UINT64_C(1) << 3, 0, UINT64_C(1) << 63, 1};
    cr_assert_eq(query_session_cuts_next(starts, 0, 200), 3);
    cr_assert_eq(query_session_cuts_next(starts, 3, 200), 3);
    cr_assert_eq(query_session_cuts_next(starts, 4, 200), 191);
    cr_assert_eq(query_session_cuts_next(starts, 4, 191), 191);
    cr_assert_eq(query_session_cuts_next(starts, 4, 64), 64);
    cr_assert_eq(query_session_cuts_next(starts, 192, 192), 192);
}
