// SPDX-License-Identifier: Apache-2.0
#include "tests/support/event_builder.h"

#include "engine/query/query.h"
#include "storage/base/clock.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define SECOND MICROSECONDS_PER_SECOND
#define HOUR MICROSECONDS_PER_HOUR
#define DAY MICROSECONDS_PER_DAY
#define BASE (INT64_C(19700) * DAY) ///< 2023-12-09, a midnight

static struct text names[] = {{"view", 4}, {"cart", 4}, {"order", 5}};
static struct stage steps[] = {
    {.name = {"view", 4}, .events = &names[0], .event_count = 1},
    {.name = {"cart", 4}, .events = &names[1], .event_count = 1},
    {.name = {"order", 5}, .events = &names[2], .event_count = 1},
};

/// view -> cart -> order within a day, one thread.
static struct query_funnel shop(void)
{
    return (struct query_funnel){
        .funnel = {.name = TEXT_LITERAL("shop"), .steps = steps, .step_count = 3, .window_us = DAY},
        .range = {QUERY_TIME_NONE, QUERY_TIME_NONE},
        .as_of_us = QUERY_TIME_NONE,
        .limits = {.thread_count = 1},
    };
}

static struct event_builder *builder_with_country(void)
{
    struct event_builder *builder = event_builder_create();
    event_builder_attribute(builder, "country", COLUMN_STRING);
    return builder;
}

static void add(struct event_builder *builder, const char *user, int64_t at_us, const char *name,
                const char *country)
{
    event_builder_event(builder, user, BASE + at_us, name);
    if (country != NULL) {
        event_builder_text(builder, "country", country);
    }
}

static void pay(struct event_builder *builder, int64_t amount, const char *currency)
{
    event_builder_integer(builder, "revenue", amount);
    if (currency != NULL) {
        event_builder_text(builder, "currency", currency);
    }
}

/// Six people; the last event, by someone without an entry, sets as-of to hour 30.
static void add_shop(struct event_builder *builder)
{
    add(builder, "ann", 0, "view", "DE");
    add(builder, "ann", HOUR, "cart", "AT");
    add(builder, "ann", 3 * HOUR, "order", "DE");
    pay(builder, 370000, "EUR");
    add(builder, "bob", HOUR, "view", "DE");
    add(builder, "bob", 2 * HOUR, "cart", "DE");
    add(builder, "cem", 20 * HOUR, "view", "FR");
    add(builder, "dee", 0, "view", "FR");
    add(builder, "dee", 26 * HOUR, "cart", "FR"); // after the window
    add(builder, "eve", 0, "cart", "DE");         // never an entry
    add(builder, "fay", 2 * HOUR, "view", NULL);
    add(builder, "fay", 4 * HOUR, "cart", NULL);
    add(builder, "fay", 5 * HOUR, "order", NULL);
    pay(builder, 100000, NULL);
    add(builder, "eve", 30 * HOUR, "help", "DE");
}

struct answer {
    struct arena arena;
    struct query_funnel_result result;
};

static void ask(struct event_builder *builder, const struct query_funnel *query,
                struct answer *answer)
{
    struct corong_error error = {0};
    *answer = (struct answer){0};
    enum corong_status status = query_funnel_run(event_builder_snapshot(builder), query,
                                                 &answer->arena, &answer->result, &error);
    cr_assert_eq(status, CORONG_OK, "%s", error.message);
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
    struct event_builder *builder = builder_with_country();
    add_shop(builder);
    event_builder_segment(builder);
    struct query_funnel query = shop();
    struct answer answer;
    ask(builder, &query, &answer);
    const struct query_slice *total = &answer.result.total;
    // bob's entry at hour 1 ended at hour 25, dee's at 24; cem's at 20 lasts to 44.
    assert_step(&total->steps[0], 5, 2, 1);
    assert_step(&total->steps[1], 3, 1, 0);
    assert_step(&total->steps[2], 2, 0, 0);
    cr_assert_eq(total->won, 2);
    cr_assert_eq(total->open, 1);
    cr_assert_eq(total->lost, 2);
    const struct query_provenance *provenance = &answer.result.provenance;
    cr_assert_eq(provenance->as_of_us, BASE + 30 * HOUR);
    cr_assert_eq(provenance->rows_stored, 13);
    cr_assert_eq(provenance->users_read, 6);
    cr_assert_eq(provenance->after_as_of, 0);
    arena_deinit(&answer.arena);
    event_builder_destroy(builder);
}

Test(query_funnel, times_and_money_per_step)
{
    struct event_builder *builder = builder_with_country();
    add_shop(builder);
    event_builder_segment(builder);
    struct query_funnel query = shop();
    struct answer answer;
    ask(builder, &query, &answer);
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
    struct event_builder *builder = builder_with_country();
    add_shop(builder);
    event_builder_segment(builder);
    struct query_funnel query = shop();
    query.by[0] = TEXT_LITERAL("country");
    query.by_count = 1;
    struct answer answer;
    ask(builder, &query, &answer);
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
    ask(builder, &query, &answer);
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
    struct event_builder *builder = builder_with_country();
    add_shop(builder);
    event_builder_segment(builder);
    struct query_funnel query = shop();
    query.range = (struct query_range){BASE + HOUR, BASE + 2 * HOUR}; // half-open: only bob enters
    struct answer answer;
    ask(builder, &query, &answer);
    assert_step(&answer.result.total.steps[0], 1, 0, 0);
    assert_step(&answer.result.total.steps[1], 1, 1, 0);
    arena_deinit(&answer.arena);
    query.range =
        (struct query_range){QUERY_TIME_NONE, BASE + 1}; // ann and dee; ann completes later
    ask(builder, &query, &answer);
    assert_step(&answer.result.total.steps[0], 2, 1, 0);
    cr_assert_eq(answer.result.total.won, 1);
    arena_deinit(&answer.arena);
    event_builder_destroy(builder);
}

Test(query_funnel, events_after_as_of_do_not_exist_and_are_counted)
{
    struct event_builder *builder = builder_with_country();
    add_shop(builder);
    event_builder_segment(builder);
    struct query_funnel query = shop();
    query.as_of_us = BASE + 2 * HOUR;
    struct answer answer;
    ask(builder, &query, &answer);
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
        struct event_builder *builder = builder_with_country();
        add(builder, "ann", 0, "view", NULL);
        add(builder, "bob", DAY + late, "help", NULL);
        event_builder_segment(builder);
        struct query_funnel query = shop();
        struct answer answer;
        ask(builder, &query, &answer);
        cr_assert_eq(answer.result.total.open, late == 0);
        cr_assert_eq(answer.result.total.lost, late == 1);
        arena_deinit(&answer.arena);
        event_builder_destroy(builder);
    }
}

Test(query_funnel, a_later_entry_keeps_a_reported_attempt_open)
{
    struct event_builder *builder = builder_with_country();
    add(builder, "ann", 0, "view", NULL);
    add(builder, "ann", HOUR, "cart", NULL);
    add(builder, "ann", 23 * HOUR, "view", NULL);
    add(builder, "bob", 40 * HOUR, "help", NULL);
    event_builder_segment(builder);
    struct query_funnel query = shop();
    struct answer answer;
    ask(builder, &query, &answer);
    assert_step(&answer.result.total.steps[1], 1, 1, 1);
    arena_deinit(&answer.arena);
    query.funnel.attempts = FUNNEL_ATTEMPTS_FIRST; // only the entry at 0 counts, and it is over
    ask(builder, &query, &answer);
    assert_step(&answer.result.total.steps[1], 1, 1, 0);
    arena_deinit(&answer.arena);
    event_builder_destroy(builder);
}

Test(query_funnel, days_count_matched_events)
{
    struct event_builder *builder = builder_with_country();
    add(builder, "ann", 23 * HOUR, "view", NULL);
    add(builder, "ann", 25 * HOUR, "cart", NULL);
    add(builder, "bob", 24 * HOUR, "view", NULL);
    add(builder, "eve", 80 * HOUR, "view", NULL);
    event_builder_segment(builder);
    struct query_funnel query = shop();
    struct answer answer;
    ask(builder, &query, &answer);
    cr_assert_eq(answer.result.day_count, 3);
    cr_assert_eq(answer.result.days[0].day_start_us, BASE);
    cr_assert_eq(answer.result.days[0].reached[0], 1);
    cr_assert_eq(answer.result.days[0].reached[1], 0);
    cr_assert_eq(answer.result.days[1].reached[0], 1);
    cr_assert_eq(answer.result.days[1].reached[1], 1);
    cr_assert_eq(answer.result.days[2].day_start_us, BASE + 3 * DAY);
    arena_deinit(&answer.arena);
    event_builder_destroy(builder);
}

Test(query_funnel, filters_hide_events_from_steps)
{
    struct event_builder *builder = builder_with_country();
    add_shop(builder);
    event_builder_segment(builder);
    struct query_funnel query = shop();
    query.where = TEXT_LITERAL("country = 'DE'");
    struct answer answer;
    ask(builder, &query, &answer);
    // ann's cart is of AT: she stops at the view.
    assert_step(&answer.result.total.steps[0], 2, 1, 0);
    assert_step(&answer.result.total.steps[1], 1, 1, 0);
    arena_deinit(&answer.arena);
    struct stage filtered[3] = {steps[0], steps[1], steps[2]};
    filtered[2].where = TEXT_LITERAL("revenue > 20");
    query = shop();
    query.funnel.steps = filtered;
    ask(builder, &query, &answer);
    cr_assert_eq(answer.result.total.won, 1);
    assert_step(&answer.result.total.steps[1], 3, 2, 0);
    arena_deinit(&answer.arena);
    event_builder_destroy(builder);
}

Test(query_funnel, session_units_split_at_gaps)
{
    struct event_builder *builder = builder_with_country();
    add(builder, "ann", 0, "view", NULL);
    add(builder, "ann", 30 * 60 * SECOND, "cart", NULL); // exactly the timeout: the same session
    add(builder, "ann", 60 * 60 * SECOND + 1, "order", NULL);
    add(builder, "ann", 2 * HOUR, "view", NULL);
    add(builder, "bob", 2 * HOUR, "view", NULL);
    add(builder, "bob", 2 * HOUR + 30 * 60 * SECOND, "help", NULL);
    event_builder_segment(builder);
    struct query_funnel query = shop();
    query.funnel.unit = FUNNEL_UNIT_SESSION;
    query.funnel.window_us = FUNNEL_WINDOW_NONE;
    struct answer answer;
    ask(builder, &query, &answer);
    // ann: (view, cart), (order) and (view); bob: one. As-of 2:30 keeps both at 2:00 open.
    assert_step(&answer.result.total.steps[0], 3, 2, 2);
    assert_step(&answer.result.total.steps[1], 1, 1, 0);
    cr_assert_eq(answer.result.total.won, 0);
    arena_deinit(&answer.arena);
    query.funnel.unit = FUNNEL_UNIT_USER;
    query.funnel.window_session = true;
    ask(builder, &query, &answer);
    assert_step(&answer.result.total.steps[0], 2, 1, 1);
    assert_step(&answer.result.total.steps[1], 1, 1, 1); // ann's second session may still convert
    arena_deinit(&answer.arena);
    event_builder_destroy(builder);
}

/// An event every 20 minutes for `hours`: the chain never breaks.
static void add_chain(struct event_builder *builder, const char *user, int64_t from_us, int hours)
{
    for (int i = 0; i < hours * 3; i++) {
        add(builder, user, from_us + i * 20 * 60 * SECOND, i == 0 ? "view" : "help", NULL);
    }
}

Test(query_funnel, midnight_splits_a_day_old_run)
{
    struct event_builder *builder = builder_with_country();
    add_chain(builder, "ann", 12 * HOUR, 40); // noon; split at hour 48, not at 24
    add(builder, "ann", 47 * HOUR + 1, "cart", NULL);
    add(builder, "ann", 48 * HOUR, "order", NULL); // an event at midnight starts the new one
    add(builder, "ann", 48 * HOUR + 1, "view", NULL);
    event_builder_segment(builder);
    struct query_funnel query = shop();
    query.funnel.unit = FUNNEL_UNIT_SESSION;
    query.funnel.window_us = FUNNEL_WINDOW_NONE;
    struct answer answer;
    ask(builder, &query, &answer);
    assert_step(&answer.result.total.steps[0], 2, 1, 1);
    assert_step(&answer.result.total.steps[1], 1, 1, 0);
    arena_deinit(&answer.arena);
    event_builder_destroy(builder);
}

Test(query_funnel, empty_store_gives_zeros)
{
    struct event_builder *builder = builder_with_country();
    event_builder_segment(builder);
    struct query_funnel query = shop();
    query.by[0] = TEXT_LITERAL("country");
    query.by_count = 1;
    struct answer answer;
    ask(builder, &query, &answer);
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
    struct event_builder *builder = builder_with_country();
    add_shop(builder);
    event_builder_segment(builder);
    struct query_funnel query = shop();
    query.by[0] = TEXT_LITERAL("contry");
    query.by_count = 1;
    struct corong_error error;
    cr_assert_eq(fail(builder, &query, &error), CORONG_INVALID);
    cr_assert(strstr(error.message, "country") != NULL, "%s", error.message);
    event_builder_destroy(builder);
}

Test(query_funnel, memory_limit_deadline_and_cancel_end_a_question)
{
    struct event_builder *builder = builder_with_country();
    add_shop(builder);
    event_builder_segment(builder);
    struct corong_error error;
    struct query_funnel query = shop();
    query.limits.memory_limit_bytes = 100;
    cr_assert_eq(fail(builder, &query, &error), CORONG_NO_MEMORY);
    query = shop();
    query.limits.deadline_us = 1;
    cr_assert_eq(fail(builder, &query, &error), CORONG_CANCELLED);
    atomic_bool cancelled = true;
    query = shop();
    query.limits.cancelled = &cancelled;
    cr_assert_eq(fail(builder, &query, &error), CORONG_CANCELLED);
    event_builder_destroy(builder);
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

/// Users with many events, ties, currencies and ids; the same for the same seed.
static void add_random(struct event_builder *builder, uint64_t seed, uint32_t count, bool ids)
{
    static const char *const kinds[] = {"view", "view", "cart", "order", "help"};
    static const char *const countries[] = {"DE", "FR", "AT", "", NULL};
    for (uint32_t i = 0; i < count; i++) {
        char user[16];
        snprintf(user, sizeof(user), "u%u", (unsigned)(next_random(&seed) % 40));
        int64_t at_us = (int64_t)(next_random(&seed) % 400) * 20 * 60 * SECOND;
        add(builder, user, at_us, kinds[next_random(&seed) % 5], countries[next_random(&seed) % 5]);
        if (next_random(&seed) % 3 == 0) {
            pay(builder, (int64_t)(next_random(&seed) % 1000), i % 2 == 0 ? "EUR" : NULL);
        }
        if (next_random(&seed) % 7 == 0) {
            event_builder_integer(builder, "seq", (int64_t)(next_random(&seed) % 3));
        }
        if (ids && next_random(&seed) % 4 != 0) {
            event_builder_integer(builder, "id", (int64_t)(next_random(&seed) % 5));
        }
    }
}

/// Runs a question on the same events, stored in several ways; the digest never changes.
static void check_layouts(const struct query_funnel *asked, uint64_t seed, bool ids)
{
    char digest[33] = {0};
    for (uint32_t segments = 1; segments <= 8; segments += segments < 3 ? 1 : 5) {
        for (uint32_t threads = 1; threads <= 3; threads += 2) {
            struct event_builder *builder = builder_with_country();
            event_builder_group_rows(builder, segments % 2 == 1 ? 7 : 65536);
            add_random(builder, seed, 700, ids);
            event_builder_deal(builder, segments, seed + segments);
            struct query_funnel query = *asked;
            query.limits.thread_count = threads;
            struct answer answer;
            ask(builder, &query, &answer);
            if (digest[0] == '\0') {
                memcpy(digest, answer.result.provenance.result_digest, sizeof(digest));
            }
            cr_assert_str_eq(digest, answer.result.provenance.result_digest,
                             "%u segments, %u threads, seed %lu", segments, threads,
                             (unsigned long)seed);
            arena_deinit(&answer.arena);
            event_builder_destroy(builder);
        }
    }
}

Test(query_funnel, digest_does_not_depend_on_the_layout)
{
    struct query_funnel query = shop();
    query.by[0] = TEXT_LITERAL("country");
    query.by_count = 1;
    query.top = 2;
    check_layouts(&query, 1, false);
    query.as_of_us = BASE + 100 * HOUR;
    check_layouts(&query, 2, true);
    query.range = (struct query_range){BASE + 10 * HOUR, BASE + 60 * HOUR};
    query.by[1] = TEXT_LITERAL("event");
    query.by_count = 2;
    check_layouts(&query, 3, true);
    query.funnel.unit = FUNNEL_UNIT_SESSION;
    check_layouts(&query, 4, true);
    query.funnel.unit = FUNNEL_UNIT_USER;
    query.funnel.window_session = true;
    query.funnel.attempts = FUNNEL_ATTEMPTS_FIRST;
    check_layouts(&query, 5, true);
}

/// Distinct instants and steps that share names: one segment takes the bitmap kernel, several
/// segments the exact matcher.
static void check_kernels(const struct query_funnel *query, uint64_t seed)
{
    char digest[33] = {0};
    for (uint32_t segments = 1; segments <= 4; segments += 3) {
        struct event_builder *builder = builder_with_country();
        uint64_t random = seed;
        for (int i = 0; i < 600; i++) {
            static const char *const kinds[] = {"view", "cart", "order", "help"};
            char user[16];
            snprintf(user, sizeof(user), "u%u", (unsigned)(next_random(&random) % 30));
            add(builder, user, i * 3 * SECOND, kinds[next_random(&random) % 4], "DE");
        }
        event_builder_deal(builder, segments, seed);
        struct answer answer;
        ask(builder, query, &answer);
        if (segments == 1) {
            memcpy(digest, answer.result.provenance.result_digest, sizeof(digest));
        }
        cr_assert_str_eq(digest, answer.result.provenance.result_digest, "seed %lu",
                         (unsigned long)seed);
        arena_deinit(&answer.arena);
        event_builder_destroy(builder);
    }
}

Test(query_funnel, bitmap_kernel_equals_the_exact_matcher)
{
    struct text mixed[] = {names[0], names[1], names[2], names[0]};
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct stage shared[4];
        for (uint32_t k = 0; k < 4; k++) {
            // Each step takes one or two names, so that one event may fill several steps.
            shared[k] = (struct stage){.name = names[k % 3],
                                       .events = &mixed[(seed + k) % 3],
                                       .event_count = 1 + (uint32_t)((seed >> (k % 3)) & 1)};
        }
        struct query_funnel query = shop();
        query.funnel.steps = shared;
        query.funnel.step_count = 2 + (uint32_t)(seed % 3);
        query.funnel.window_us = (int64_t)(seed * seed * 20) * SECOND;
        query.funnel.attempts = seed % 4 == 0 ? FUNNEL_ATTEMPTS_FIRST : FUNNEL_ATTEMPTS_BEST;
        if (seed % 2 == 0) {
            query.range = (struct query_range){BASE + 300 * SECOND, BASE + 1200 * SECOND};
        }
        check_kernels(&query, seed);
    }
}

Test(query_funnel, slices_and_other_sum_to_the_total)
{
    struct event_builder *builder = builder_with_country();
    add_random(builder, 11, 900, false);
    event_builder_deal(builder, 3, 5);
    struct query_funnel query = shop();
    query.by[0] = TEXT_LITERAL("country");
    query.by_count = 1;
    query.top = 2;
    struct answer answer;
    ask(builder, &query, &answer);
    const struct query_funnel_result *result = &answer.result;
    for (uint32_t k = 0; k < 3; k++) {
        uint64_t reached = result->other.steps[k].reached;
        uint64_t samples = result->other.steps[k].from_entry.count;
        for (uint32_t i = 0; i < result->slice_count; i++) {
            reached += result->slices[i].steps[k].reached;
            samples += result->slices[i].steps[k].from_entry.count;
        }
        cr_assert_eq(reached, result->total.steps[k].reached);
        cr_assert_eq(samples, result->total.steps[k].from_entry.count);
        cr_assert_eq(samples, k == 0 ? 0 : reached);
    }
    cr_assert_eq(result->total.won + result->total.open + result->total.lost,
                 result->total.steps[0].reached);
    arena_deinit(&answer.arena);
    event_builder_destroy(builder);
}

Test(query_funnel, copies_in_different_segments_count_once)
{
    struct event_builder *builder = builder_with_country();
    for (int copy = 0; copy < 3; copy++) {
        add(builder, "ann", 0, "order", "DE");
        event_builder_integer(builder, "id", 77);
        pay(builder, 5, "EUR");
        event_builder_segment(builder);
    }
    struct stage only[] = {steps[2]};
    struct query_funnel query = shop();
    query.funnel.steps = only;
    query.funnel.step_count = 1;
    struct answer answer;
    ask(builder, &query, &answer);
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
        cr_assert_eq(matched_us[0], BASE);
        cr_assert_eq(matched_us[2], BASE + 3 * HOUR);
    }
}

Test(query_funnel, users_listed_are_the_users_counted)
{
    struct event_builder *builder = builder_with_country();
    event_builder_group_rows(builder, 2);
    add_shop(builder);
    event_builder_segment(builder);
    struct query_funnel query = shop();
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
