// SPDX-License-Identifier: Apache-2.0
/// A small shop for tests of questions: view -> cart -> order, with a country.
/// Thread: one. A failing call ends the test.
#pragma once

#include "engine/query/query.h"
#include "tests/support/event_builder.h"

#include <stdint.h>

/// 2023-12-09, a midnight.
#define SHOP_BASE_US (INT64_C(19700) * EVENT_BUILDER_DAY)

/// The three steps, and their event names.
extern struct stage shop_steps[3];
extern struct text shop_names[3];

/// The funnel within a day, all time, one thread.
struct query_funnel shop_query(void);
/// A store with the attribute "country".
struct event_builder *shop_builder(void);
/// An event at SHOP_BASE_US + `at_us`; `country` may be NULL.
void shop_add(struct event_builder *builder, const char *user, int64_t at_us, const char *name,
              const char *country);
/// Gives the event added last an amount; `currency` may be NULL.
void shop_pay(struct event_builder *builder, int64_t amount, const char *currency);

/// Freed with arena_deinit(&answer->arena).
struct shop_answer {
    struct arena arena;
    struct query_funnel_result result;
};
void shop_ask(struct event_builder *builder, const struct query_funnel *query,
              struct shop_answer *answer_out);
