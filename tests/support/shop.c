// SPDX-License-Identifier: Apache-2.0
#include "tests/support/shop.h"

#include <stdio.h>
#include <stdlib.h>

struct text shop_names[3] = {{"view", 4}, {"cart", 4}, {"order", 5}};
struct stage shop_steps[3] = {
    {.name = {"view", 4}, .events = &shop_names[0], .event_count = 1},
    {.name = {"cart", 4}, .events = &shop_names[1], .event_count = 1},
    {.name = {"order", 5}, .events = &shop_names[2], .event_count = 1},
};

/// view -> cart -> order within a day, one thread.
struct query_funnel shop_query(void)
{
    return (struct query_funnel){
        .funnel = {.name = TEXT_LITERAL("shop"),
                   .steps = shop_steps,
                   .step_count = 3,
                   .window_us = EVENT_BUILDER_DAY},
        .range = {QUERY_TIME_NONE, QUERY_TIME_NONE},
        .as_of_us = QUERY_TIME_NONE,
        .limits = {.thread_count = 1},
    };
}

struct event_builder *shop_builder(void)
{
    struct event_builder *builder = event_builder_create();
    event_builder_attribute(builder, "country", COLUMN_STRING);
    return builder;
}

void shop_add(struct event_builder *builder, const char *user, int64_t at_us, const char *name,
              const char *country)
{
    event_builder_event(builder, user, SHOP_BASE_US + at_us, name);
    if (country != NULL) {
        event_builder_text(builder, "country", country);
    }
}

void shop_pay(struct event_builder *builder, int64_t amount, const char *currency)
{
    event_builder_integer(builder, "revenue", amount);
    if (currency != NULL) {
        event_builder_text(builder, "currency", currency);
    }
}

void shop_ask(struct event_builder *builder, const struct query_funnel *query,
              struct shop_answer *answer_out)
{
    struct corong_error error = {0};
    *answer_out = (struct shop_answer){0};
    enum corong_status status = query_funnel_run(event_builder_snapshot(builder), query,
                                                 &answer_out->arena, &answer_out->result, &error);
    if (status != CORONG_OK) {
        fprintf(stderr, "shop: %s\n", error.message);
        abort();
    }
}
