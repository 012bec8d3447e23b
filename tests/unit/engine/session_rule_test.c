// SPDX-License-Identifier: Apache-2.0
#include "engine/session/session_rule.h"

#include <criterion/criterion.h>

#define MINUTE MICROSECONDS_PER_MINUTE
#define HOUR MICROSECONDS_PER_HOUR
#define DAY MICROSECONDS_PER_DAY
#define TIMEOUT (30 * MINUTE)

Test(session_rule, a_gap_of_exactly_the_timeout_stays_together)
{
    struct session_state state = session_begin(10 * HOUR);
    cr_assert_not(session_step(&state, 10 * HOUR + TIMEOUT, TIMEOUT));
    cr_assert_eq(state.start_us, 10 * HOUR);
    cr_assert_eq(state.last_us, 10 * HOUR + TIMEOUT);
}

Test(session_rule, one_microsecond_more_splits)
{
    struct session_state state = session_begin(10 * HOUR);
    cr_assert(session_step(&state, 10 * HOUR + TIMEOUT + 1, TIMEOUT));
    cr_assert_eq(state.start_us, 10 * HOUR + TIMEOUT + 1);
}

Test(session_rule, a_midnight_alone_does_not_split)
{
    struct session_state state = session_begin(DAY - MINUTE);
    cr_assert_not(session_step(&state, DAY, TIMEOUT));
    cr_assert_not(session_step(&state, DAY + MINUTE, TIMEOUT));
}

// Steps every half hour from `start_us`, counts sessions and notes where they begin.
static int walk(int64_t start_us, int64_t end_us, int64_t *starts, int starts_max)
{
    struct session_state state = session_begin(start_us);
    int count = 0;
    starts[count++] = start_us;
    for (int64_t at = start_us + TIMEOUT; at <= end_us; at += TIMEOUT) {
        if (session_step(&state, at, TIMEOUT)) {
            cr_assert_lt(count, starts_max);
            starts[count++] = at;
            cr_assert_eq(state.start_us, at);
        }
    }
    return count;
}

Test(session_rule, an_unbroken_run_is_cut_at_midnights_a_day_after_it_began)
{
    int64_t starts[8];
    // Begins at 01:00 of day 1: midnight of day 2 is 23 h later, that of day 3 is 47 h later.
    int count = walk(DAY + HOUR, 5 * DAY, starts, 8);
    cr_assert_eq(count, 4);
    cr_assert_eq(starts[1], 3 * DAY);
    cr_assert_eq(starts[2], 4 * DAY);
    cr_assert_eq(starts[3], 5 * DAY);
}

Test(session_rule, a_run_that_began_at_midnight_is_cut_at_the_next)
{
    int64_t starts[8];
    int count = walk(DAY, 3 * DAY - 1, starts, 8);
    cr_assert_eq(count, 2);
    cr_assert_eq(starts[1], 2 * DAY);
}

Test(session_rule, a_gap_begins_a_new_run)
{
    struct session_state state = session_begin(DAY);
    for (int64_t at = DAY; at <= 2 * DAY; at += TIMEOUT) {
        session_step(&state, at, TIMEOUT);
    }
    cr_assert(state.continued);
    cr_assert(session_step(&state, 2 * DAY + 2 * HOUR, TIMEOUT));
    cr_assert_not(state.continued);
    // The new run began at 02:00, so the midnight after it does not cut.
    for (int64_t at = 2 * DAY + 2 * HOUR; at <= 3 * DAY + HOUR; at += TIMEOUT) {
        cr_assert_not(session_step(&state, at, TIMEOUT));
    }
}
