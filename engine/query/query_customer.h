// SPDX-License-Identifier: Apache-2.0
/// The computed attribute `$customer`: new or returning, by whether the person did what makes a
/// customer (an order, say) at an earlier time than the entry, in the range or before it. A second
/// cursor over a plan of its own follows the question's. Thread: one worker.
#pragma once

#include "engine/query/query_cursor.h"

struct query_customer {
    const struct query_plan *plan; ///< NULL: the question does not ask
    struct query_cursor cursor;
    struct query_reading reading;
    bool entered;
    bool known;         ///< `first_us` is that of `key`
    struct hash128 key; ///< the person asked about last
    int64_t first_us;   ///< INT64_MAX: never
};

/// `plan` is that of the question.
void query_customer_init(struct query_customer *customer, const struct query_plan *plan,
                         struct query_tasks *tasks);
void query_customer_deinit(struct query_customer *customer);
/// 1 for a returning customer, 0 for a new one. Keys ascend within a pass; a smaller one begins
/// another.
CORONG_MUST_CHECK enum corong_status query_customer_at(struct query_customer *customer,
                                                       struct hash128 key, int64_t entry_us,
                                                       int64_t *returning_out,
                                                       struct corong_error *error);
