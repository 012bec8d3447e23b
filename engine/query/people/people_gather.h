// SPDX-License-Identifier: Apache-2.0
/// Attributes gathered along an attempt: what each had on the person's events, of whatever name,
/// from the entry to the last matched one. Private to engine/query/people. Thread: the plan is
/// shared, a gathering belongs to one worker.
#pragma once

#include "engine/query/people/people.h"
#include "engine/query/people/people_walk.h"
#include "engine/query/query_session_rule.h"

struct people_gather_plan {
    uint32_t columns[PEOPLE_GATHER_COUNT_MAX];
    uint32_t count;
    bool walks; ///< false: nothing is gathered, and there is no plan
    bool sessions;
    int64_t session_timeout_us;
    struct query_plan plan;
};

/// For the attributes, and for the sessions' starts where they are the unit. CORONG_INVALID names
/// an unknown attribute and the nearest one.
CORONG_MUST_CHECK enum corong_status
people_gather_plan_init(struct people_gather_plan *plan, struct store_snapshot *snapshot,
                        const struct text *names, uint32_t count, const struct query_funnel *funnel,
                        struct query_tasks *tasks, struct corong_error *error);
void people_gather_plan_deinit(struct people_gather_plan *plan);

struct people_gather {
    const struct people_gather_plan *plan;
    struct people_walk walk;
    bool known;          ///< the rows below are those of `key`
    struct hash128 key;  ///< the user asked about last
    int64_t *times_us;   ///< of that user's events
    struct text *values; ///< by event and attribute
    uint32_t row_count;
    uint32_t capacity;
    struct query_session_rule session; ///< that of the entry; start 0: sessions are not asked for
    struct arena arena;
};

void people_gather_init(struct people_gather *gather, const struct people_gather_plan *plan,
                        struct query_tasks *tasks);
void people_gather_deinit(struct people_gather *gather);
/// Fills `gathered_out` (plan->count entries) with what the user's events between two instants,
/// both included, have. Keys ascend within a pass. Valid until another key is asked for.
CORONG_MUST_CHECK enum corong_status people_gather_between(struct people_gather *gather,
                                                           struct hash128 key, int64_t from_us,
                                                           int64_t to_us,
                                                           struct people_gathered *gathered_out,
                                                           struct corong_error *error);
