// SPDX-License-Identifier: Apache-2.0
#include "engine/funnel/funnel.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void expect_parsed(const char *source, int64_t duration_us)
{
    int64_t parsed_us = -1;
    struct corong_error error = {0};
    cr_expect_eq(duration_parse(text_from(source), &parsed_us, &error), CORONG_OK, "'%s': %s",
                 source, error.message);
    cr_expect_eq(parsed_us, duration_us, "'%s' is %ld", source, parsed_us);
}

static void expect_refused(const char *source, const char *reason)
{
    int64_t parsed_us = 77;
    struct corong_error error = {0};
    cr_expect_eq(duration_parse(text_from(source), &parsed_us, &error), CORONG_INVALID, "'%s'",
                 source);
    cr_expect_not_null(strstr(error.message, reason), "'%s': %s", source, error.message);
    cr_expect_eq(parsed_us, 77, "'%s' must not write", source);
}

static void expect_formatted(int64_t duration_us, const char *expected)
{
    struct text_buffer out = {0};
    duration_format(duration_us, &out);
    cr_expect_str_eq(out.bytes, expected);
    text_buffer_deinit(&out);
}

Test(duration, parses_every_unit)
{
    expect_parsed("500us", 500);
    expect_parsed("20ms", 20000);
    expect_parsed("90s", 90000000);
    expect_parsed("30m", INT64_C(1800000000));
    expect_parsed("12h", INT64_C(43200000000));
    expect_parsed("7d", FUNNEL_WINDOW_DEFAULT_US);
    expect_parsed("2w", INT64_C(1209600000000));
    expect_parsed("1h30m", INT64_C(5400000000));
    expect_parsed("1d1h1m1s1ms1us", INT64_C(90061001001));
}

Test(duration, zero_needs_no_unit)
{
    expect_parsed("0", 0);
    expect_parsed("0s", 0);
    expect_refused("30", "lacks a known unit");
    expect_refused("1h30", "lacks a known unit");
    expect_refused("1h0", "lacks a known unit");
}

Test(duration, refuses_what_is_none)
{
    expect_refused("", "empty");
    expect_refused("-5m", "negative");
    expect_refused("none", "whole number");
    expect_refused("1.5h", "lacks a known unit");
    expect_refused("1 h", "lacks a known unit");
    expect_refused("h", "whole number");
    expect_refused("5y", "lacks a known unit");
    expect_refused("5mm", "lacks a known unit");
    expect_refused("5M", "lacks a known unit");
    expect_refused("1h ", "lacks a known unit");
}

Test(duration, longest_is_one_below_the_window_that_never_ends)
{
    expect_parsed("9223372036854775806us", INT64_MAX - 1);
    expect_refused("9223372036854775807us", "too long");
    expect_refused("9223372036854775808us", "too long");
    expect_refused("99999999999999999999999us", "too long");
    expect_parsed("15250284w", INT64_C(15250284) * 7 * 86400 * 1000000);
    expect_refused("15250285w", "too long");
    expect_refused("15250284w15250284w", "too long");
}

Test(duration, formats_the_shortest_exact_form)
{
    expect_formatted(FUNNEL_WINDOW_DEFAULT_US, "7d");
    expect_formatted(INT64_C(5400000000), "1h30m");
    expect_formatted(250000, "250ms");
    expect_formatted(0, "0s");
    expect_formatted(1, "1us");
    expect_formatted(-1500000, "-1s500ms");
    expect_formatted(FUNNEL_WINDOW_NONE, "none");
    expect_formatted(INT64_MIN, "-106751991d4h54s775ms808us");
}

Test(duration, parse_is_the_inverse_of_format)
{
    uint64_t state = 1;
    struct text_buffer out = {0};
    for (uint32_t round = 0; round < 2000; round++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        int64_t duration_us = (int64_t)(state >> 1 >> (round % 63));
        int64_t parsed_us = -1;
        text_buffer_reset(&out);
        duration_format(duration_us, &out);
        cr_assert_eq(duration_parse((struct text){out.bytes, out.size}, &parsed_us, NULL),
                     CORONG_OK);
        cr_assert_eq(parsed_us, duration_us, "%s", out.bytes);
    }
    text_buffer_deinit(&out);
}
