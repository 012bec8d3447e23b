// SPDX-License-Identifier: Apache-2.0
/// Random data sets, and random questions to the product whose every number is compared with the
/// oracle's. A difference prints question, user and seed, and ends the program.
///
/// Thread: one at a time (large static memory).
#pragma once

#include "engine/query/query.h"
#include "storage/storage.h"
#include "tests/model/oracle.h"
#include "tests/support/test_random.h"

#include <stdbool.h>
#include <stdint.h>

#define MODEL_USER_COUNT 250
#define MODEL_EVENTS_PER_USER_MAX 9
#define MODEL_EVENT_COUNT_MAX (MODEL_USER_COUNT * MODEL_EVENTS_PER_USER_MAX)
#define MODEL_BASE_US (INT64_C(1767225600) * MICROSECONDS_PER_SECOND)

struct model_data {
    struct oracle_event events[MODEL_EVENT_COUNT_MAX];
    int count;
    int64_t unit_us; ///< times are multiples of it from MODEL_BASE_US
    int64_t span;
    bool ids; ///< events have ids, some of them the same
};

/// Some hundred people with short histories.
void model_data_fill(struct model_data *data, struct test_random *random);
/// Asks the snapshot something about `events` (some of the data set), which must be all that it
/// holds, copies aside.
void model_question_ask(struct store_snapshot *snapshot, const struct model_data *data,
                        const struct oracle_event *events, int count, struct test_random *random);

/// A random question about the data set, as the product takes it. Memory: `arena`.
void model_question_make(const struct model_data *data, struct test_random *random,
                         struct arena *arena, struct query_funnel *query_out);

struct model_digest {
    char store[33];
    char result[33];
};
/// Of one fixed question.
void model_question_digest(struct store_snapshot *snapshot, struct model_digest *digest_out);

/// Asks for counts with what was kept of users, and without: the answers are the same. Equal
/// numbers are the same question about the same data set.
void model_question_again(struct store_snapshot *snapshot, const struct model_data *data,
                          struct query_memo *memo, uint32_t which);

/// What was compared so far.
extern uint64_t model_question_histories;
extern uint64_t model_question_comparisons;
extern uint64_t model_question_remembered; ///< users of whom an answer was kept
