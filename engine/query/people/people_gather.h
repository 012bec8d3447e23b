// SPDX-License-Identifier: Apache-2.0
/// Attributes gathered along an attempt: what each had on the person's events, of whatever name,
/// from the entry to the last matched one. Private to engine/query/people. Thread: the plan is
/// shared, a gathering belongs to one worker.
#pragma once

#include "engine/query/people/people.h"
#include "engine/query/people/people_walk.h"

struct people_gather_plan {
    uint32_t columns[PEOPLE_GATHER_COUNT_MAX];
    uint32_t count; ///< 0: nothing is gathered, and there is no plan
    struct query_plan plan;
};

/// CORONG_INVALID names an unknown attribute and the nearest one.
CORONG_MUST_CHECK enum corong_status
people_gather_plan_init(struct people_gather_plan *plan, struct store_snapshot *snapshot,
                        const struct text *names, uint32_t count, int64_t as_of_us,
                        struct query_tasks *tasks, struct corong_error *error);
void people_gather_plan_deinit(struct people_gather_plan *plan);

struct people_gather {
    const struct people_gather_plan *plan;
    struct people_walk walk;
    int64_t from_us;
    int64_t to_us;
    struct arena arena;
    struct people_gathered *gathered;
};

void people_gather_init(struct people_gather *gather, const struct people_gather_plan *plan,
                        struct query_tasks *tasks);
void people_gather_deinit(struct people_gather *gather);
/// Fills `gathered_out` (plan->count entries) with what the user's events between two instants,
/// both included, have. Keys ascend. Valid until the next call.
CORONG_MUST_CHECK enum corong_status people_gather_between(struct people_gather *gather,
                                                           struct hash128 key, int64_t from_us,
                                                           int64_t to_us,
                                                           struct people_gathered *gathered_out,
                                                           struct corong_error *error);
