// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query.h"
#include "storage/base/clock.h"
#include "tests/support/shop.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define SECOND MICROSECONDS_PER_SECOND
#define HOUR MICROSECONDS_PER_HOUR

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
        shop_add(builder, user, at_us, kinds[next_random(&seed) % 5],
                 countries[next_random(&seed) % 5]);
        if (next_random(&seed) % 3 == 0) {
            shop_pay(builder, (int64_t)(next_random(&seed) % 1000), i % 2 == 0 ? "EUR" : NULL);
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
            struct event_builder *builder = shop_builder();
            event_builder_group_rows(builder, segments % 2 == 1 ? 7 : 65536);
            add_random(builder, seed, 700, ids);
            event_builder_deal(builder, segments, seed + segments);
            struct query_funnel query = *asked;
            query.limits.thread_count = threads;
            struct shop_answer answer;
            shop_ask(builder, &query, &answer);
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

Test(query_layout, digest_does_not_depend_on_the_layout)
{
    struct query_funnel query = shop_query();
    query.by[0] = TEXT_LITERAL("country");
    query.by_count = 1;
    query.top = 2;
    check_layouts(&query, 1, false);
    query.as_of_us = SHOP_BASE_US + 100 * HOUR;
    check_layouts(&query, 2, true);
    query.range = (struct query_range){SHOP_BASE_US + 10 * HOUR, SHOP_BASE_US + 60 * HOUR};
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
        struct event_builder *builder = shop_builder();
        uint64_t random = seed;
        for (int i = 0; i < 600; i++) {
            static const char *const kinds[] = {"view", "cart", "order", "help"};
            char user[16];
            snprintf(user, sizeof(user), "u%u", (unsigned)(next_random(&random) % 30));
            shop_add(builder, user, i * 3 * SECOND, kinds[next_random(&random) % 4], "DE");
        }
        event_builder_deal(builder, segments, seed);
        struct shop_answer answer;
        shop_ask(builder, query, &answer);
        if (segments == 1) {
            memcpy(digest, answer.result.provenance.result_digest, sizeof(digest));
        }
        cr_assert_str_eq(digest, answer.result.provenance.result_digest, "seed %lu",
                         (unsigned long)seed);
        arena_deinit(&answer.arena);
        event_builder_destroy(builder);
    }
}

Test(query_layout, bitmap_kernel_equals_the_exact_matcher)
{
    struct text mixed[] = {shop_names[0], shop_names[1], shop_names[2], shop_names[0]};
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct stage shared[4];
        for (uint32_t k = 0; k < 4; k++) {
            // Each step takes one or two names, so that one event may fill several steps.
            shared[k] = (struct stage){.name = shop_names[k % 3],
                                       .events = &mixed[(seed + k) % 3],
                                       .event_count = 1 + (uint32_t)((seed >> (k % 3)) & 1)};
        }
        struct query_funnel query = shop_query();
        query.funnel.steps = shared;
        query.funnel.step_count = 2 + (uint32_t)(seed % 3);
        query.funnel.window_us = (int64_t)(seed * seed * 20) * SECOND;
        query.funnel.attempts = seed % 4 == 0 ? FUNNEL_ATTEMPTS_FIRST : FUNNEL_ATTEMPTS_BEST;
        if (seed % 2 == 0) {
            query.range =
                (struct query_range){SHOP_BASE_US + 300 * SECOND, SHOP_BASE_US + 1200 * SECOND};
        }
        check_kernels(&query, seed);
    }
}

Test(query_layout, slices_and_other_sum_to_the_total)
{
    struct event_builder *builder = shop_builder();
    add_random(builder, 11, 900, false);
    event_builder_deal(builder, 3, 5);
    struct query_funnel query = shop_query();
    query.by[0] = TEXT_LITERAL("country");
    query.by_count = 1;
    query.top = 2;
    struct shop_answer answer;
    shop_ask(builder, &query, &answer);
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
