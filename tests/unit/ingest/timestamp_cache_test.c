// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/timestamp_cache.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;
static uint64_t state;

/// Texts without an offset are of a zone with changes of its clock.
static struct timestamp_rule rule_of(enum timestamp_unit unit)
{
    struct timestamp_rule rule = {.unit = unit};
    struct corong_error error = {0};
    cr_assert_eq(zone_load(&rule.zone, &arena, TEXT_LITERAL("Europe/Berlin"), &error), CORONG_OK);
    return rule;
}

static uint32_t draw(uint32_t bound)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(((state >> 32) * bound) >> 32);
}

/// Few dates and suffixes, so that most texts are of the day before them.
static size_t put_time(char *to, size_t size)
{
    static const char *const dates[] = {"2026-11-22T", "2026-11-22 ", "2024-02-29T", "22/Nov/2026:",
                                        "2199-12-31T", "1970-01-01t", "0000-01-01T", "2026-02-30T"};
    static const char *const suffixes[] = {"Z", "z", "+02:00", "-0130", " UTC", "", " +0000", "+1"};
    static uint32_t date;
    static uint32_t suffix;
    static uint32_t fraction;
    static uint32_t hour;
    static uint32_t minute;
    fraction = draw(8) == 0 ? draw(2) * draw(9) : fraction;
    date = draw(8) == 0 ? draw(8) : date;
    suffix = draw(8) == 0 ? draw(8) : suffix;
    uint32_t limit = draw(16) == 0 ? 100 : 60;
    if (draw(4) == 0) {
        hour = draw(limit == 100 ? 30 : 24);
        minute = draw(limit);
    }
    char digits[16];
    snprintf(digits, sizeof(digits), ".%09u", draw(1000000000));
    int written = snprintf(to, size, "%s%02u:%02u:%02u%.*s%s", dates[date], hour, minute,
                           draw(limit + 1), (int)fraction, digits, suffixes[suffix]);
    if (draw(10) == 0) {
        to[draw((uint32_t)written)] = "0:9 .-/\x01"[draw(8)];
    }
    return (size_t)written - (draw(20) == 0);
}

static void expect_same(struct timestamp_cache *cache, const struct timestamp_rule *rule,
                        struct text text)
{
    int64_t cached_us = -1;
    int64_t plain_us = -1;
    bool cached_floored = true;
    bool plain_floored = true;
    enum reject_reason plain = timestamp_parse(rule, text, &plain_us, &plain_floored);
    enum reject_reason cached =
        timestamp_cache_parse(cache, rule, text, &cached_us, &cached_floored);
    cr_assert_eq(cached, plain, "%.*s", (int)text.size, text.bytes);
    cr_assert_eq(cached_floored, plain_floored, "%.*s", (int)text.size, text.bytes);
    cr_assert(plain != REJECT_NONE || cached_us == plain_us, "%.*s", (int)text.size, text.bytes);
}

Test(timestamp_cache, test_times_are_as_without_a_cache)
{
    static const enum timestamp_unit units[] = {TIMESTAMP_AUTO, TIMESTAMP_ISO, TIMESTAMP_SECONDS};
    for (size_t unit = 0; unit < 3; unit++) {
        struct timestamp_rule rule = rule_of(units[unit]);
        struct timestamp_cache cache = {0};
        for (uint32_t round = 0; round < 200000; round++) {
            char text[64];
            size_t size = put_time(text, sizeof(text));
            char *exact = malloc(size);
            memcpy(exact, text, size);
            expect_same(&cache, &rule, (struct text){exact, size});
            free(exact);
        }
    }
    arena_deinit(&arena);
}

Test(timestamp_cache, test_of_a_minute_only_the_second_is_read)
{
    struct timestamp_rule rule = rule_of(TIMESTAMP_AUTO);
    struct timestamp_cache cache = {0};
    expect_same(&cache, &rule, TEXT_LITERAL("2026-11-22T01:02:03.250Z"));
    cr_expect_eq(cache.minute.size, 0);
    expect_same(&cache, &rule, TEXT_LITERAL("2026-11-22T01:02:04.251Z"));
    cr_expect_eq(cache.minute.size, 24);
    static const char *const times[] = {
        "2026-11-22T01:02:59.999Z", "2026-11-22T01:02:60.000Z", "2026-11-22T01:02:61.000Z",
        "2026-11-22T01:02:00.00zZ", "2026-11-22T01:02:0/.000Z", "2026-11-22T01:02:0:.000Z",
        "2026-11-22T01:03:00.000Z", "2026-11-22T01:02:00,000Z", "2026-11-22T01:02:00.000z"};
    for (size_t index = 0; index < sizeof(times) / sizeof(times[0]); index++) {
        expect_same(&cache, &rule, text_from(times[index]));
    }
    arena_deinit(&arena);
}

Test(timestamp_cache, test_a_date_is_kept_with_its_suffix_only)
{
    struct timestamp_rule rule = rule_of(TIMESTAMP_AUTO);
    struct timestamp_cache cache = {0};
    expect_same(&cache, &rule, TEXT_LITERAL("2026-11-22T01:02:03.250Z"));
    cr_expect_eq(cache.clock_at, 11);
    expect_same(&cache, &rule, TEXT_LITERAL("2026-11-22T23:59:60Z"));
    expect_same(&cache, &rule, TEXT_LITERAL("2026-11-22T23:59:59+01:00"));
    expect_same(&cache, &rule, TEXT_LITERAL("22/Nov/2026:23:59:59 +0100"));
    cr_expect_eq(cache.clock_at, 12);
    expect_same(&cache, &rule, TEXT_LITERAL("22/Nov/2026:23:59:59.5 +0100"));
    expect_same(&cache, &rule, TEXT_LITERAL("2026-11-22T01:02:03"));
    cr_expect_eq(cache.clock_at, 0);
    arena_deinit(&arena);
}
