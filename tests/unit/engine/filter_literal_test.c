// SPDX-License-Identifier: Apache-2.0
#include "engine/filter/filter_literal.h"

#include <criterion/criterion.h>

static void expect_cut(const char *number, int scale, int64_t floor, bool fraction)
{
    struct filter_cut cut = filter_literal_cut(text_from(number), scale);
    cr_expect_eq(cut.floor, floor, "%s is %ld", number, cut.floor);
    cr_expect_eq(cut.fraction, fraction, "%s", number);
}

Test(filter_literal, cuts_decimals_to_the_integer_below)
{
    expect_cut("0", 0, 0, false);
    expect_cut("-0.000", 0, 0, false);
    expect_cut("0e99999", 0, 0, false);
    expect_cut("12.000", 0, 12, false);
    expect_cut("12.5", 0, 12, true);
    expect_cut("-12.5", 0, -13, true);
    expect_cut("-12", 0, -12, false);
    expect_cut("0.1", 0, 0, true);
    expect_cut("-0.1", 0, -1, true);
    expect_cut("125e-1", 0, 12, true);
    expect_cut("1.25e2", 0, 125, false);
    expect_cut("1e-999999999999", 0, 0, true);
    expect_cut("-1e-5", 0, -1, true);
}

Test(filter_literal, scales_exactly)
{
    expect_cut("19.99", 4, 199900, false);
    expect_cut("0.00005", 4, 0, true);
    expect_cut("-0.00005", 4, -1, true);
    expect_cut("922337203685477.5807", 4, INT64_MAX, false);
    expect_cut("922337203685477.5808", 4, INT64_MAX, true);
}

Test(filter_literal, decimals_beyond_the_integers_stay_beyond)
{
    expect_cut("9223372036854775807", 0, INT64_MAX, false);
    expect_cut("9223372036854775807.1", 0, INT64_MAX, true);
    expect_cut("9223372036854775808", 0, INT64_MAX, true);
    expect_cut("1e99999999999999", 0, INT64_MAX, true);
    expect_cut("-9223372036854775807", 0, -INT64_MAX, false);
    expect_cut("-9223372036854775807.5", 0, INT64_MIN, true);
    expect_cut("-9223372036854775808", 0, INT64_MIN, true);
    expect_cut("-1e30", 0, INT64_MIN, true);
}

Test(filter_literal, minus_zero_is_zero)
{
    double zero = filter_literal_double(TEXT_LITERAL("-0.0"));
    cr_expect_eq(zero, 0.0);
    cr_expect_not(__builtin_signbit(zero));
    cr_expect_eq(filter_literal_double(TEXT_LITERAL("+1.25e1")), 12.5);
}

static void expect_time(const char *source, int64_t time_us)
{
    int64_t read_us = -1;
    cr_expect(filter_literal_time(text_from(source), &read_us), "%s", source);
    cr_expect_eq(read_us, time_us, "%s is %ld", source, read_us);
}

static void expect_no_time(const char *source)
{
    int64_t read_us;
    cr_expect_not(filter_literal_time(text_from(source), &read_us), "%s", source);
}

Test(filter_literal, reads_dates_and_times)
{
    expect_time("1970-01-01", 0);
    expect_time("1969-12-31T23:59:59.999999Z", -1);
    expect_time("2026-01-02", INT64_C(1767312000000000));
    expect_time("2026-01-02T03:04:05Z", INT64_C(1767323045000000));
    expect_time("2026-01-02 03:04:05.5", INT64_C(1767323045500000));
    expect_time("2026-01-02T03:04:05.000001+00:00", INT64_C(1767323045000001));
    expect_time("2026-01-02T03:04:05-03:30", INT64_C(1767335645000000));
    expect_time("2000-02-29", INT64_C(951782400000000));
    expect_time("2024-02-29", INT64_C(1709164800000000));
    expect_time("0001-01-01", INT64_C(-62135596800000000));
    expect_time("9999-12-31", INT64_C(253402214400000000));
}

Test(filter_literal, refuses_what_no_calendar_has)
{
    static const char *const WRONG[] = {
        "",
        "2026",
        "2026-1-2",
        "2026-00-01",
        "2026-13-01",
        "2026-01-00",
        "2026-01-32",
        "2026-02-29",
        "1900-02-29",
        "0000-01-01",
        "2026-01-02T",
        "2026-01-02T03",
        "2026-01-02T03:04",
        "2026-01-02T24:00:00",
        "2026-01-02T03:60:00",
        "2026-01-02T03:04:60",
        "2026-01-02T03:04:05.",
        "2026-01-02T03:04:05.1234567",
        "2026-01-02T03:04:05z",
        "2026-01-02T03:04:05+1",
        "2026-01-02T03:04:05+24:00",
        "2026-01-02T03:04:05Z ",
        " 2026-01-02",
        "2026-01-02Z",
        "2026/01/02",
        "20260102",
    };
    for (size_t index = 0; index < sizeof(WRONG) / sizeof(WRONG[0]); index++) {
        expect_no_time(WRONG[index]);
    }
}
