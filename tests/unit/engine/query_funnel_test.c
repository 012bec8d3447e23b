// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query.h"
#include "storage/base/clock.h"
#include "tests/support/shop.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define SECOND MICROSECONDS_PER_SECOND
#define HOUR MICROSECONDS_PER_HOUR
#define DAY MICROSECONDS_PER_DAY

/// Six people; the last event, by someone without an entry, sets as-of to hour 30.
static void add_shop(struct event_builder *builder)
{
    shop_add(builder, "ann", 0, "view", "DE");
    shop_add(builder, "ann", HOUR, "cart", "AT");
    shop_add(builder, "ann", 3 * HOUR, "order", "DE");
    shop_pay(builder, 370000, "EUR");
    shop_add(builder, "bob", HOUR, "view", "DE");
    shop_add(builder, "bob", 2 * HOUR, "cart", "DE");
    shop_add(builder, "cem", 20 * HOUR, "view", "FR");
    shop_add(builder, "dee", 0, "view", "FR");
    shop_add(builder, "dee", 26 * HOUR, "cart", "FR"); // after the window
    shop_add(builder, "eve", 0, "cart", "DE");         // never an entry
    shop_add(builder, "fay", 2 * HOUR, "view", NULL);
    shop_add(builder, "fay", 4 * HOUR, "cart", NULL);
    shop_add(builder, "fay", 5 * HOUR, "order", NULL);
    shop_pay(builder, 100000, NULL);
    shop_add(builder, "eve", 30 * HOUR, "help", "DE");
}

static void assert_step(const struct query_step *step, uint64_t reached, uint64_t dropped,
                        uint64_t open)
{
    cr_assert_eq(step->reached, reached, "%.*s: reached %lu", (int)step->name.size,
                 step->name.bytes, (unsigned long)step->reached);
    cr_assert_eq(step->dropped, dropped, "%.*s: dropped %lu", (int)step->name.size,
                 step->name.bytes, (unsigned long)step->dropped);
    cr_assert_eq(step->open, open, "%.*s: open %lu", (int)step->name.size, step->name.bytes,
                 (unsigned long)step->open);
    cr_assert_eq(step->lost, dropped - open);
}

Test(query_funnel, counts_levels_open_and_lost)
{
    struct event_builder *builder = shop_builder();
    add_shop(builder);
    event_builder_segment(builder);
    struct query_funnel query = shop_query();
    struct shop_answer answer;
    shop_ask(builder, &query, &answer);
    const struct query_slice *total = &answer.result.total;
    // bob's entry at hour 1 ended at hour 25, dee's at 24; cem's at 20 lasts to 44.
    assert_step(&total->steps[0], 5, 2, 1);
    assert_step(&total->steps[1], 3, 1, 0);
    assert_step(&total->steps[2], 2, 0, 0);
    cr_assert_eq(total->won, 2);
    cr_assert_eq(total->open, 1);
    cr_assert_eq(total->lost, 2);
    const struct query_provenance *provenance = &answer.result.provenance;
    cr_assert_eq(provenance->as_of_us, SHOP_BASE_US + 30 * HOUR);
    cr_assert_eq(provenance->rows_stored, 13);
    cr_assert_eq(provenance->users_read, 6);
    cr_assert_eq(provenance->after_as_of, 0);
    arena_deinit(&answer.arena);
    event_builder_destroy(builder);
}

Test(query_funnel, times_and_money_per_step)
{
    struct event_builder *builder = shop_builder();
    add_shop(builder);
    event_builder_segment(builder);
    struct query_funnel query = shop_query();
    struct shop_answer answer;
    shop_ask(builder, &query, &answer);
    const struct query_step *shown = answer.result.total.steps;
    cr_assert_eq(shown[0].from_entry.count, 0);
    // Carts after 1, 1 and 2 hours; orders 3 and 3 hours after the entry, 2 and 1 after the cart.
    cr_assert_eq(shown[1].from_entry.count, 3);
    cr_assert_eq(shown[1].from_previous.count, 3);
    cr_assert_eq(shown[1].from_entry.max_us, 2 * HOUR);
    cr_assert_float_eq(shown[1].from_entry.mean_us, 4.0 * (double)HOUR / 3.0, 1e-3);
    cr_assert_eq(shown[2].from_entry.min_us, 3 * HOUR);
    cr_assert_eq(shown[2].from_entry.max_us, 3 * HOUR);
    cr_assert_eq(shown[2].from_previous.percentiles_us[1], 1.5 * (double)HOUR);
    cr_assert_eq(shown[0].money_count, 0);
    cr_assert_eq(shown[2].money_count, 2);
    cr_assert_null(shown[2].money[0].currency.bytes);
    cr_assert_eq(shown[2].money[0].revenue, 100000);
    cr_assert_eq(shown[2].money[1].revenue, 370000);
    cr_assert_eq(shown[2].money[1].orders, 1);
    cr_assert(text_equal(shown[2].money[1].currency, TEXT_LITERAL("EUR")));
    arena_deinit(&answer.arena);
    event_builder_destroy(builder);
}

Test(query_funnel, slices_by_the_entry_and_lists_the_rest)
{
    struct event_builder *builder = shop_builder();
    add_shop(builder);
    event_builder_segment(builder);
    struct query_funnel query = shop_query();
    query.by[0] = TEXT_LITERAL("country");
    query.by_count = 1;
    struct shop_answer answer;
    shop_ask(builder, &query, &answer);
    cr_assert_eq(answer.result.slice_count, 3);
    cr_assert(!answer.result.has_other);
    // DE and FR have two entries each: the value decides.
    cr_assert(text_equal(answer.result.slices[0].values[0], TEXT_LITERAL("DE")));
    assert_step(&answer.result.slices[0].steps[0], 2, 0, 0);
    assert_step(&answer.result.slices[0].steps[2], 1, 0, 0);
    cr_assert_eq(answer.result.slices[0].steps[2].money_count, 1);
    cr_assert(text_equal(answer.result.slices[1].values[0], TEXT_LITERAL("FR")));
    assert_step(&answer.result.slices[1].steps[0], 2, 2, 1);
    cr_assert_null(answer.result.slices[2].values[0].bytes);
    cr_assert_eq(answer.result.slices[2].won, 1);
    arena_deinit(&answer.arena);
    query.top = 1;
    shop_ask(builder, &query, &answer);
    cr_assert_eq(answer.result.slice_count, 1);
    cr_assert(answer.result.has_other);
    cr_assert_eq(answer.result.other_slice_count, 2);
    assert_step(&answer.result.other.steps[0], 3, 2, 1);
    cr_assert_eq(answer.result.other.won, 1);
    cr_assert_eq(answer.result.other.steps[1].from_entry.count, 1);
    arena_deinit(&answer.arena);
    event_builder_destroy(builder);
}

Test(query_funnel, range_limits_entries_and_not_completion)
{
    struct event_builder *builder = shop_builder();
    add_shop(builder);
    event_builder_segment(builder);
    struct query_funnel query = shop_query();
    query.range = (struct query_range){SHOP_BASE_US + HOUR,
                                       SHOP_BASE_US + 2 * HOUR}; // half-open: only bob enters
    struct shop_answer answer;
    shop_ask(builder, &query, &answer);
    assert_step(&answer.result.total.steps[0], 1, 0, 0);
    assert_step(&answer.result.total.steps[1], 1, 1, 0);
    arena_deinit(&answer.arena);
    query.range =
        (struct query_range){QUERY_TIME_NONE, SHOP_BASE_US + 1}; // ann and dee; ann completes later
    shop_ask(builder, &query, &answer);
    assert_step(&answer.result.total.steps[0], 2, 1, 0);
    cr_assert_eq(answer.result.total.won, 1);
    arena_deinit(&answer.arena);
    event_builder_destroy(builder);
}

Test(query_funnel, events_after_as_of_do_not_exist_and_are_counted)
{
    struct event_builder *builder = shop_builder();
    add_shop(builder);
    event_builder_segment(builder);
    struct query_funnel query = shop_query();
    query.as_of_us = SHOP_BASE_US + 2 * HOUR;
    struct shop_answer answer;
    shop_ask(builder, &query, &answer);
    // ann: view and cart; bob likewise; dee and fay: view; all windows still run.
    assert_step(&answer.result.total.steps[0], 4, 2, 2);
    assert_step(&answer.result.total.steps[1], 2, 2, 2);
    cr_assert_eq(answer.result.provenance.after_as_of, 6);
    arena_deinit(&answer.arena);
    event_builder_destroy(builder);
}

Test(query_funnel, open_ends_one_microsecond_after_the_window)
{
    for (int64_t late = 0; late <= 1; late++) {
        struct event_builder *builder = shop_builder();
        shop_add(builder, "ann", 0, "view", NULL);
        shop_add(builder, "bob", DAY + late, "help", NULL);
        event_builder_segment(builder);
        struct query_funnel query = shop_query();
        struct shop_answer answer;
        shop_ask(builder, &query, &answer);
        cr_assert_eq(answer.result.total.open, late == 0);
        cr_assert_eq(answer.result.total.lost, late == 1);
        arena_deinit(&answer.arena);
        event_builder_destroy(builder);
    }
}

Test(query_funnel, a_later_entry_keeps_a_reported_attempt_open)
{
    struct event_builder *builder = shop_builder();
    shop_add(builder, "ann", 0, "view", NULL);
    shop_add(builder, "ann", HOUR, "cart", NULL);
    shop_add(builder, "ann", 23 * HOUR, "view", NULL);
    shop_add(builder, "bob", 40 * HOUR, "help", NULL);
    event_builder_segment(builder);
    struct query_funnel query = shop_query();
    struct shop_answer answer;
    shop_ask(builder, &query, &answer);
    assert_step(&answer.result.total.steps[1], 1, 1, 1);
    arena_deinit(&answer.arena);
    query.funnel.attempts = FUNNEL_ATTEMPTS_FIRST; // only the entry at 0 counts, and it is over
    shop_ask(builder, &query, &answer);
    assert_step(&answer.result.total.steps[1], 1, 1, 0);
    arena_deinit(&answer.arena);
    event_builder_destroy(builder);
}

Test(query_funnel, days_count_matched_events)
{
    struct event_builder *builder = shop_builder();
    shop_add(builder, "ann", 23 * HOUR, "view", NULL);
    shop_add(builder, "ann", 25 * HOUR, "cart", NULL);
    shop_add(builder, "bob", 24 * HOUR, "view", NULL);
    shop_add(builder, "eve", 80 * HOUR, "view", NULL);
    event_builder_segment(builder);
    struct query_funnel query = shop_query();
    struct shop_answer answer;
    shop_ask(builder, &query, &answer);
    cr_assert_eq(answer.result.day_count, 3);
    cr_assert_eq(answer.result.days[0].day_start_us, SHOP_BASE_US);
    cr_assert_eq(answer.result.days[0].reached[0], 1);
    cr_assert_eq(answer.result.days[0].reached[1], 0);
    cr_assert_eq(answer.result.days[1].reached[0], 1);
    cr_assert_eq(answer.result.days[1].reached[1], 1);
    cr_assert_eq(answer.result.days[2].day_start_us, SHOP_BASE_US + 3 * DAY);
    arena_deinit(&answer.arena);
    event_builder_destroy(builder);
}

Test(query_funnel, entries_of_one_block_lie_in_the_buckets_of_their_own_times)
{
    struct event_builder *builder = shop_builder();
    shop_add(builder, "ann", 23 * HOUR, "view", NULL); // one block with the next two
    shop_add(builder, "ann", 24 * HOUR, "view", NULL);
    shop_add(builder, "ann", 25 * HOUR, "cart", NULL);
    shop_add(builder, "bob", 22 * HOUR, "cart", NULL); // begins a block that no entry begins
    shop_add(builder, "bob", 25 * HOUR, "view", NULL);
    event_builder_segment(builder);
    struct query_funnel query = shop_query();
    query.trend = QUERY_BUCKET_DAY;
    query.funnel.tie_tolerance_us = 3 * HOUR;
    struct shop_answer answer;
    shop_ask(builder, &query, &answer);
    cr_assert_eq(answer.result.trend_count, 2);
    const struct query_step *first = answer.result.trend[0].total.steps;
    const struct query_step *second = answer.result.trend[1].total.steps;
    cr_assert_eq(first[0].reached, 1);
    cr_assert_eq(first[1].reached, 1);
    cr_assert_eq(second[0].reached, 2, "%lu", (unsigned long)second[0].reached);
    cr_assert_eq(second[1].reached, 2);
    arena_deinit(&answer.arena);
    event_builder_destroy(builder);
}

Test(query_funnel, filters_hide_events_from_steps)
{
    struct event_builder *builder = shop_builder();
    add_shop(builder);
    event_builder_segment(builder);
    struct query_funnel query = shop_query();
    query.where = TEXT_LITERAL("country = 'DE'");
    struct shop_answer answer;
    shop_ask(builder, &query, &answer);
    // ann's cart is of AT: she stops at the view.
    assert_step(&answer.result.total.steps[0], 2, 1, 0);
    assert_step(&answer.result.total.steps[1], 1, 1, 0);
    arena_deinit(&answer.arena);
    struct stage filtered[3] = {shop_steps[0], shop_steps[1], shop_steps[2]};
    filtered[2].where = TEXT_LITERAL("revenue > 20");
    query = shop_query();
    query.funnel.steps = filtered;
    shop_ask(builder, &query, &answer);
    cr_assert_eq(answer.result.total.won, 1);
    assert_step(&answer.result.total.steps[1], 3, 2, 0);
    arena_deinit(&answer.arena);
    event_builder_destroy(builder);
}

Test(query_funnel, session_units_split_at_gaps)
{
    struct event_builder *builder = shop_builder();
    shop_add(builder, "ann", 0, "view", NULL);
    shop_add(builder, "ann", 30 * 60 * SECOND, "cart",
             NULL); // exactly the timeout: the same session
    shop_add(builder, "ann", 60 * 60 * SECOND + 1, "order", NULL);
    shop_add(builder, "ann", 2 * HOUR, "view", NULL);
    shop_add(builder, "bob", 2 * HOUR, "view", NULL);
    shop_add(builder, "bob", 2 * HOUR + 30 * 60 * SECOND, "help", NULL);
    event_builder_segment(builder);
    struct query_funnel query = shop_query();
    query.funnel.unit = FUNNEL_UNIT_SESSION;
    query.funnel.window_us = FUNNEL_WINDOW_NONE;
    struct shop_answer answer;
    shop_ask(builder, &query, &answer);
    // ann: (view, cart), (order) and (view); bob: one. As-of 2:30 keeps both at 2:00 open.
    assert_step(&answer.result.total.steps[0], 3, 2, 2);
    assert_step(&answer.result.total.steps[1], 1, 1, 0);
    cr_assert_eq(answer.result.total.won, 0);
    arena_deinit(&answer.arena);
    query.funnel.unit = FUNNEL_UNIT_USER;
    query.funnel.window_session = true;
    shop_ask(builder, &query, &answer);
    assert_step(&answer.result.total.steps[0], 2, 1, 1);
    assert_step(&answer.result.total.steps[1], 1, 1, 1); // ann's second session may still convert
    arena_deinit(&answer.arena);
    event_builder_destroy(builder);
}

/// An event every 20 minutes for `hours`: the chain never breaks.
static void add_chain(struct event_builder *builder, const char *user, int64_t from_us, int hours)
{
    for (int i = 0; i < hours * 3; i++) {
        shop_add(builder, user, from_us + i * 20 * 60 * SECOND, i == 0 ? "view" : "help", NULL);
    }
}

Test(query_funnel, midnight_splits_a_day_old_run)
{
    struct event_builder *builder = shop_builder();
    add_chain(builder, "ann", 12 * HOUR, 40); // noon; split at hour 48, not at 24
    shop_add(builder, "ann", 47 * HOUR + 1, "cart", NULL);
    shop_add(builder, "ann", 48 * HOUR, "order", NULL); // an event at midnight starts the new one
    shop_add(builder, "ann", 48 * HOUR + 1, "view", NULL);
    event_builder_segment(builder);
    struct query_funnel query = shop_query();
    query.funnel.unit = FUNNEL_UNIT_SESSION;
    query.funnel.window_us = FUNNEL_WINDOW_NONE;
    struct shop_answer answer;
    shop_ask(builder, &query, &answer);
    assert_step(&answer.result.total.steps[0], 2, 1, 1);
    assert_step(&answer.result.total.steps[1], 1, 1, 0);
    arena_deinit(&answer.arena);
    event_builder_destroy(builder);
}

Test(query_funnel, empty_store_gives_zeros)
{
    struct event_builder *builder = shop_builder();
    event_builder_segment(builder);
    struct query_funnel query = shop_query();
    query.by[0] = TEXT_LITERAL("country");
    query.by_count = 1;
    struct shop_answer answer;
    shop_ask(builder, &query, &answer);
    cr_assert_eq(answer.result.total.steps[0].reached, 0);
    cr_assert_eq(answer.result.slice_count, 0);
    cr_assert_eq(answer.result.day_count, 0);
    cr_assert_eq(answer.result.provenance.as_of_us, QUERY_TIME_NONE);
    arena_deinit(&answer.arena);
    event_builder_destroy(builder);
}

static enum corong_status fail(struct event_builder *builder, const struct query_funnel *query,
                               struct corong_error *error)
{
    struct arena arena = {0};
    struct query_funnel_result result;
    enum corong_status status =
        query_funnel_run(event_builder_snapshot(builder), query, &arena, &result, error);
    arena_deinit(&arena);
    return status;
}

Test(query_funnel, unknown_attribute_is_refused_with_a_suggestion)
{
    struct event_builder *builder = shop_builder();
    add_shop(builder);
    event_builder_segment(builder);
    struct query_funnel query = shop_query();
    query.by[0] = TEXT_LITERAL("contry");
    query.by_count = 1;
    struct corong_error error;
    cr_assert_eq(fail(builder, &query, &error), CORONG_INVALID);
    cr_assert(strstr(error.message, "country") != NULL, "%s", error.message);
    event_builder_destroy(builder);
}

Test(query_funnel, memory_limit_deadline_and_cancel_end_a_question)
{
    struct event_builder *builder = shop_builder();
    add_shop(builder);
    event_builder_segment(builder);
    struct corong_error error;
    struct query_funnel query = shop_query();
    query.limits.memory_limit_bytes = 100;
    cr_assert_eq(fail(builder, &query, &error), CORONG_NO_MEMORY);
    query = shop_query();
    query.limits.deadline_us = 1;
    cr_assert_eq(fail(builder, &query, &error), CORONG_CANCELLED);
    atomic_bool cancelled = true;
    query = shop_query();
    query.limits.cancelled = &cancelled;
    cr_assert_eq(fail(builder, &query, &error), CORONG_CANCELLED);
    event_builder_destroy(builder);
}

Test(query_funnel, copies_in_different_segments_count_once)
{
    struct event_builder *builder = shop_builder();
    for (int copy = 0; copy < 3; copy++) {
        shop_add(builder, "ann", 0, "order", "DE");
        event_builder_integer(builder, "id", 77);
        shop_pay(builder, 5, "EUR");
        event_builder_segment(builder);
    }
    struct stage only[] = {shop_steps[2]};
    struct query_funnel query = shop_query();
    query.funnel.steps = only;
    query.funnel.step_count = 1;
    struct shop_answer answer;
    shop_ask(builder, &query, &answer);
    cr_assert_eq(answer.result.total.won, 1);
    cr_assert_eq(answer.result.provenance.events_matched, 1);
    arena_deinit(&answer.arena);
    event_builder_destroy(builder);
}

struct listed {
    uint32_t count;
    uint32_t levels[4];
    uint32_t open;
    char last[32];
};

static void visit(void *context, uint8_t user_namespace, struct text user_id, uint32_t level,
                  const int64_t *matched_us, bool open)
{
    struct listed *listed = context;
    cr_assert_eq(user_namespace, 0);
    listed->count++;
    listed->levels[level]++;
    listed->open += open;
    if (text_equal(user_id, TEXT_LITERAL("ann"))) {
        cr_assert_eq(level, 3);
        cr_assert_eq(matched_us[0], SHOP_BASE_US);
        cr_assert_eq(matched_us[2], SHOP_BASE_US + 3 * HOUR);
    }
}

Test(query_funnel, users_listed_are_the_users_counted)
{
    struct event_builder *builder = shop_builder();
    event_builder_group_rows(builder, 2);
    add_shop(builder);
    event_builder_segment(builder);
    struct query_funnel query = shop_query();
    struct listed listed = {0};
    struct corong_error error;
    cr_assert_eq(
        query_funnel_users(event_builder_snapshot(builder), &query, visit, &listed, &error),
        CORONG_OK);
    cr_assert_eq(listed.count, 5);
    cr_assert_eq(listed.levels[1], 2);
    cr_assert_eq(listed.levels[2], 1);
    cr_assert_eq(listed.levels[3], 2);
    cr_assert_eq(listed.open, 1);
    event_builder_destroy(builder);
}

Test(query_funnel, more_names_than_a_byte_tells_apart)
{
    struct event_builder *builder = shop_builder();
    add_shop(builder);
    for (uint32_t i = 0; i < 700; i++) { // once each: the frequent ones come first
        char name[16];
        snprintf(name, sizeof(name), "a%03u", i);
        shop_add(builder, "zoe", (int64_t)i * SECOND, name, "DE");
    }
    for (uint32_t i = 0; i < 100; i++) {
        shop_add(builder, "yan", (int64_t)i * SECOND, i % 2 == 0 ? "view" : "zzz", "DE");
    }
    event_builder_group_rows(builder, 50);
    event_builder_segment(builder);
    struct query_funnel query = shop_query();
    struct shop_answer answer;
    shop_ask(builder, &query, &answer);
    assert_step(&answer.result.total.steps[0], 6, 3, 1);
    assert_step(&answer.result.total.steps[1], 3, 1, 0);
    assert_step(&answer.result.total.steps[2], 2, 0, 0);
    arena_deinit(&answer.arena);
    event_builder_destroy(builder);
}
