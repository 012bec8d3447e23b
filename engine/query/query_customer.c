// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_customer.h"

void query_customer_init(struct query_customer *customer, const struct query_plan *plan,
                         struct query_tasks *tasks)
{
    *customer = (struct query_customer){.plan = plan->customers};
    if (customer->plan != NULL) {
        query_cursor_init(&customer->cursor, customer->plan, tasks, &customer->reading);
    }
}

void query_customer_deinit(struct query_customer *customer)
{
    if (customer->plan != NULL) {
        query_cursor_deinit(&customer->cursor);
    }
}

/// Rows come in order of time: the first with the stage is the one.
static enum corong_status take_rows(void *context, struct query_source *source, uint32_t begin,
                                    uint32_t end, struct corong_error *error)
{
    (void)error;
    struct query_customer *customer = context;
    for (uint32_t row = begin; row < end && customer->first_us == INT64_MAX; row++) {
        int64_t time_us = query_source_time(source, row);
        if (time_us <= customer->plan->as_of_us && query_source_steps(source, row) != 0) {
            customer->first_us = time_us;
        }
    }
    return CORONG_OK;
}

static enum corong_status find_first(struct query_customer *customer, struct hash128 key,
                                     struct corong_error *error)
{
    bool onward = customer->entered && hash128_compare(key, customer->key) > 0;
    customer->first_us = INT64_MAX;
    customer->key = key;
    TRY(onward ? query_cursor_advance(&customer->cursor, key, error)
               : query_cursor_enter(&customer->cursor, key, NULL, error));
    customer->entered = true;
    if (!query_cursor_next(&customer->cursor) || !hash128_equal(customer->cursor.key, key)) {
        return CORONG_OK;
    }
    return customer->cursor.possible == 0
               ? query_cursor_skip(&customer->cursor, error)
               : query_cursor_rows(&customer->cursor, take_rows, customer, error);
}

enum corong_status query_customer_at(struct query_customer *customer, struct hash128 key,
                                     int64_t entry_us, int64_t *returning_out,
                                     struct corong_error *error)
{
    if (!customer->known || !hash128_equal(key, customer->key)) {
        customer->known = false;
        TRY(find_first(customer, key, error));
        customer->known = true;
    }
    *returning_out = customer->first_us < entry_us;
    return CORONG_OK;
}
