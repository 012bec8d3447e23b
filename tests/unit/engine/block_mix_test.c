// SPDX-License-Identifier: Apache-2.0
#include "engine/query/block/block_mix.h"

#include <criterion/criterion.h>
#include <string.h>

#define ROW_COUNT 40u

static struct block_lane lanes[2];
static int64_t times_us[2][ROW_COUNT];

/// Rows of the first lane at even moments, of the second at odd ones.
static void take_turns(struct block_user *user, uint32_t first_count, uint32_t second_count)
{
    for (uint32_t row = 0; row < ROW_COUNT; row++) {
        times_us[0][row] = 2 * (int64_t)row;
        times_us[1][row] = 2 * (int64_t)row + 1;
    }
    lanes[0].times.wide = times_us[0];
    lanes[1].times.wide = times_us[1];
    memset(user, 0, sizeof(*user));
    user->runs[0] = (struct block_run){&lanes[0], 0, first_count, first_count};
    user->runs[1] = (struct block_run){&lanes[1], 0, second_count, second_count};
    user->run_count = 2;
}

Test(block_mix, each_run_is_over_before_the_next_begins)
{
    struct block_user user;
    take_turns(&user, 3, 1);
    cr_assert(block_mix_runs(&user));
    cr_assert_eq(user.run_count, 3);
    const struct block_run expected[] = {
        {&lanes[0], 0, 1, 1}, {&lanes[1], 0, 1, 1}, {&lanes[0], 1, 3, 3}};
    for (uint32_t i = 0; i < 3; i++) {
        cr_assert_eq(user.runs[i].lane, expected[i].lane);
        cr_assert_eq(user.runs[i].begin, expected[i].begin);
        cr_assert_eq(user.runs[i].end, expected[i].end);
        cr_assert_eq(user.runs[i].entry_end, expected[i].entry_end);
    }
}

Test(block_mix, as_many_runs_as_a_user_has_room_for_and_no_more)
{
    struct block_user user;
    take_turns(&user, QUERY_BLOCK_LANE_COUNT_MAX / 2, QUERY_BLOCK_LANE_COUNT_MAX / 2);
    cr_assert(block_mix_runs(&user));
    cr_assert_eq(user.run_count, QUERY_BLOCK_LANE_COUNT_MAX);
    take_turns(&user, QUERY_BLOCK_LANE_COUNT_MAX / 2 + 1, QUERY_BLOCK_LANE_COUNT_MAX / 2);
    cr_assert_not(block_mix_runs(&user));
    cr_assert_eq(user.run_count, 2, "the runs are as they were");
    cr_assert_eq(user.runs[0].end, QUERY_BLOCK_LANE_COUNT_MAX / 2 + 1);
}

Test(block_mix, rows_at_one_instant_have_no_order)
{
    struct block_user user;
    take_turns(&user, 2, 2);
    times_us[1][0] = times_us[0][1];
    times_us[1][1] = times_us[0][1] + 9;
    cr_assert_not(block_mix_runs(&user));
    cr_assert_eq(user.run_count, 2);
}
