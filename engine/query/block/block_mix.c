// SPDX-License-Identifier: Apache-2.0
#include "engine/query/block/block_mix.h"

#include <string.h>

/// Runs of which only some rows are left, and where they stand.
struct rests {
    struct block_run runs[QUERY_BLOCK_LANE_COUNT_MAX];
    int64_t times_us[QUERY_BLOCK_LANE_COUNT_MAX]; ///< of their first rows
    uint32_t count;
};

static void fill(struct rests *rests, const struct block_user *user)
{
    rests->count = user->run_count;
    memcpy(rests->runs, user->runs, user->run_count * sizeof(user->runs[0]));
    for (uint32_t i = 0; i < rests->count; i++) {
        rests->times_us[i] = block_lane_time(rests->runs[i].lane, rests->runs[i].begin);
    }
}

/// The run that goes on, and the moment at which the next one does. False: two do at once.
static bool choose(const struct rests *rests, uint32_t *which_out, int64_t *until_us_out)
{
    uint32_t which = 0;
    int64_t until_us = INT64_MAX;
    for (uint32_t i = 1; i < rests->count; i++) {
        int64_t time_us = rests->times_us[i];
        int64_t least_us = rests->times_us[which];
        int64_t other_us = time_us < least_us ? least_us : time_us;
        until_us = other_us < until_us ? other_us : until_us;
        which = time_us < least_us ? i : which;
    }
    *which_out = which;
    *until_us_out = until_us;
    return rests->count == 1 || rests->times_us[which] < until_us;
}

/// The rows of a run before a moment, which go out of it.
static struct block_run take(struct rests *rests, uint32_t which, int64_t until_us)
{
    struct block_run *rest = &rests->runs[which];
    struct block_run run = *rest;
    if (rests->count > 1) {
        uint32_t end = rest->begin + 1;
        while (end < rest->end && block_lane_time(rest->lane, end) < until_us) {
            end++;
        }
        run.end = end;
        run.entry_end = end;
    }
    rest->begin = run.end;
    if (rest->begin < rest->end) {
        rests->times_us[which] = block_lane_time(rest->lane, rest->begin);
    } else {
        *rest = rests->runs[--rests->count];
        rests->times_us[which] = rests->times_us[rests->count];
    }
    return run;
}

bool block_mix_runs(struct block_user *user)
{
    struct block_run runs[QUERY_BLOCK_LANE_COUNT_MAX];
    struct rests rests;
    uint32_t count = 0;
    fill(&rests, user);
    while (rests.count > 0) {
        uint32_t which;
        int64_t until_us;
        if (count == QUERY_BLOCK_LANE_COUNT_MAX || !choose(&rests, &which, &until_us)) {
            return false;
        }
        runs[count++] = take(&rests, which, until_us);
    }
    memcpy(user->runs, runs, count * sizeof(runs[0]));
    user->run_count = count;
    return true;
}
