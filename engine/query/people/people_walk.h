// SPDX-License-Identifier: Apache-2.0
/// All rows of chosen users beside the question's own pass: a second cursor over a plan of its own,
/// moved on to the user in hand. Private to engine/query/people. Thread: one worker.
#pragma once

#include "engine/query/query_cursor.h"
#include "engine/query/query_gather.h"

struct people_walk {
    const struct query_plan *plan;
    struct query_tasks *tasks;
    struct query_cursor cursor;
    struct query_reading reading;
    const struct hash128 *end; ///< users from here on are not asked for; NULL: none
    bool entered;
};

void people_walk_init(struct people_walk *walk, const struct query_plan *plan,
                      struct query_tasks *tasks, const struct hash128 *end);
void people_walk_deinit(struct people_walk *walk);
/// Hands the rows of a user to `run`, in canonical order, copies left out; nothing where the plan
/// has none. Keys ascend from call to call, or `restart` is called in between.
CORONG_MUST_CHECK enum corong_status people_walk_user(struct people_walk *walk, struct hash128 key,
                                                      query_run_function *run, void *context,
                                                      struct corong_error *error);
void people_walk_restart(struct people_walk *walk);
/// Makes this user the plan's task 0; nothing else of it may be run. Returns the key at which the
/// task ends (in the plan), NULL for none.
const struct hash128 *people_walk_narrow(struct query_plan *plan, struct hash128 key);
/// Where a row is: the same number in every plan over the snapshot.
uint64_t people_walk_place(const struct query_plan *plan, struct query_place place);
