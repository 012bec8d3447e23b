// SPDX-License-Identifier: Apache-2.0
/// Who was last seen when, and who came back how often, counted in the obvious way over the
/// oracle's events and compared with the product. A difference ends the program.
///
/// Thread: one at a time.
#pragma once

#include "storage/base/clock.h"
#include "tests/model/model_question.h"

/// The events of one person in order, copies left out; at most MODEL_EVENTS_PER_USER_MAX.
int model_people_events(const struct model_data *data, int user, struct oracle_event *events);
/// Asks one random question of each kind.
void model_people_ages(struct store_snapshot *snapshot, const struct model_data *data,
                       struct test_random *random);
void model_people_ranks(struct store_snapshot *snapshot, const struct model_data *data,
                        struct test_random *random);

/// What was compared so far.
extern uint64_t model_people_age_lists;
extern uint64_t model_people_rank_rows;
