// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/timestamp_parse.h"

#include <criterion/criterion.h>
#include <inttypes.h>

#define BAD_FORMAT (-1)
#define BAD_RANGE (-2)

static struct arena arena;

static int64_t parsed_with(enum timestamp_unit unit, const char *zone, const char *text,
                           bool *floored)
{
    struct timestamp_rule rule = {.unit = unit};
    struct corong_error error;
    cr_assert_eq(zone_load(&rule.zone, &arena, text_from(zone), &error), CORONG_OK, "%s",
                 error.message);
    int64_t time_us = 0;
    enum reject_reason reason = timestamp_parse(&rule, text_from(text), &time_us, floored);
    return reason == REJECT_NONE ? time_us : reason == REJECT_TIME_FORMAT ? BAD_FORMAT : BAD_RANGE;
}

static void expect_in(const char *zone, const char *text, int64_t expected)
{
    bool floored;
    int64_t found = parsed_with(TIMESTAMP_AUTO, zone, text, &floored);
    cr_expect_eq(found, expected, "%s %s: %" PRId64 ", expected %" PRId64, zone, text, found,
                 expected);
}

static void expect_unit(enum timestamp_unit unit, const char *text, int64_t expected)
{
    bool floored;
    int64_t found = parsed_with(unit, "UTC", text, &floored);
    cr_expect_eq(found, expected, "unit %d %s: %" PRId64 ", expected %" PRId64, (int)unit, text,
                 found, expected);
}

static void expect(const char *text, int64_t expected)
{
    expect_in("UTC", text, expected);
}

Test(timestamp_parse, test_rfc3339_with_every_kind_of_offset)
{
    expect("1970-01-01T00:00:00Z", 0);
    expect("2023-01-02T03:04:05Z", 1672628645000000);
    expect("2023-01-02t03:04:05z", 1672628645000000);
    expect("2023-01-02T04:04:05+01:00", 1672628645000000);
    expect("2023-01-01T21:34:05-0530", 1672628645000000);
    expect("2023-01-02T05:04:05+02", 1672628645000000);
    expect("2023-01-02T03:04:05.123456Z", 1672628645123456);
    expect("2023-01-02T03:04:05.1-00:00", 1672628645100000);
    expect("2024-02-29T00:00:00Z", 1709164800000000);
    expect("2016-12-31T23:59:60Z", 1483228800000000);
    expect("2199-12-31T23:59:59.999999Z", 7258118399999999);
}

Test(timestamp_parse, test_texts_without_zone_and_with_utc)
{
    expect("2019-10-01 00:00:00 UTC", 1569888000000000);
    expect("2016-09-24 17:42:27.839496", 1474738947839496);
    expect("2019-10-01 00:00:00", 1569888000000000);
    expect("2019-10-01 00:00:00 +0200", 1569880800000000);
    expect("17/May/2015:10:05:03 +0000", 1431857103000000);
    expect("17/May/2015:12:05:03 +0200", 1431857103000000);
}

Test(timestamp_parse, test_wrong_texts_are_refused)
{
    static const char *const wrong[] = {
        "",
        "x",
        "2023-02-29T00:00:00Z",
        "2023-13-01T00:00:00Z",
        "2023-00-01T00:00:00Z",
        "2023-01-32T00:00:00Z",
        "2023-01-00T00:00:00Z",
        "2023-01-02T24:00:00Z",
        "2023-01-02T03:60:00Z",
        "2023-01-02T03:04:61Z",
        "2023-01-02T03:04:05.Z",
        "2023-01-02T03:04:05X",
        "2023-01-02T03:04:05 ",
        "2023-01-02T03:04:05+24:00",
        "2023-01-02T03:04:05+01:60",
        "2023-01-02T03:04:05+1",
        "2023-01-02T03:04:05ZZ",
        "2023-01-02_03:04:05Z",
        "2023/01/02T03:04:05Z",
        "2023-01-02",
        "20230102T030405Z",
        "17/Foo/2015:10:05:03 +0000",
        "32/May/2015:10:05:03 +0000",
        "0000-01-01T00:00:00Z",
        "-",
        "1e",
        "0x10",
        "1_000",
        "2023-01-02T03:04:05.00000000000000000000000000000000000000000000000000Z",
    };
    for (size_t index = 0; index < sizeof(wrong) / sizeof(wrong[0]); index++) {
        expect(wrong[index], BAD_FORMAT);
    }
}

Test(timestamp_parse, test_range_ends_are_1970_and_2199)
{
    expect("1969-12-31T23:59:59.999999Z", BAD_RANGE);
    expect("2200-01-01T00:00:00Z", BAD_RANGE);
    expect("1970-01-01T00:00:00+00:01", BAD_RANGE);
    expect_unit(TIMESTAMP_SECONDS, "-1", BAD_RANGE);
    expect_unit(TIMESTAMP_SECONDS, "-0.0000001", BAD_RANGE);
    expect_unit(TIMESTAMP_SECONDS, "-0", 0);
    expect_unit(TIMESTAMP_SECONDS, "7258118399", 7258118399000000);
    expect_unit(TIMESTAMP_SECONDS, "7258118400", BAD_RANGE);
    expect_unit(TIMESTAMP_MICROSECONDS, "7258118399999999", 7258118399999999);
    expect_unit(TIMESTAMP_MICROSECONDS, "7258118400000000", BAD_RANGE);
    expect_unit(TIMESTAMP_NANOSECONDS, "99999999999999999999999", BAD_RANGE);
    expect_unit(TIMESTAMP_SECONDS, "1e400", BAD_RANGE);
}

Test(timestamp_parse, test_auto_judges_integers_by_magnitude)
{
    expect("1600000000", 1600000000000000);
    expect("1600000000123", 1600000000123000);
    expect("1600000000123456", 1600000000123456);
    expect("1600000000123456789", 1600000000123456);
    expect("1600000000.5", 1600000000500000);
    expect("1600000000123.25", 1600000000123250);
    expect("1.6e9", 1600000000000000);
    expect("0", 0);
    expect("99999999999", BAD_RANGE);           // 10^11 - 1 are seconds
    expect("100000000000", 100000000000000);    // 10^11 are milliseconds
    expect("99999999999999", BAD_RANGE);        // 10^14 - 1 are milliseconds
    expect("100000000000000", 100000000000000); // 10^14 are microseconds
    expect("99999999999999999", BAD_RANGE);     // 10^17 - 1 are microseconds
    expect("100000000000000000", 100000000000000);
}

Test(timestamp_parse, test_declared_units_do_not_guess)
{
    expect_unit(TIMESTAMP_MILLISECONDS, "5", 5000);
    expect_unit(TIMESTAMP_MICROSECONDS, "5", 5);
    expect_unit(TIMESTAMP_NANOSECONDS, "5999", 5);
    expect_unit(TIMESTAMP_SECONDS, "5.25", 5250000);
    expect_unit(TIMESTAMP_SECONDS, "2023-01-02T03:04:05Z", BAD_FORMAT);
    expect_unit(TIMESTAMP_ISO, "1600000000", BAD_FORMAT);
    expect_unit(TIMESTAMP_ISO, "2023-01-02T03:04:05Z", 1672628645000000);
}

Test(timestamp_parse, test_finer_digits_are_floored_and_told)
{
    bool floored;
    cr_expect_eq(parsed_with(TIMESTAMP_AUTO, "UTC", "1970-01-01T00:00:00.0000019Z", &floored), 1);
    cr_expect(floored);
    cr_expect_eq(parsed_with(TIMESTAMP_AUTO, "UTC", "1970-01-01T00:00:00.0000010Z", &floored), 1);
    cr_expect_not(floored);
    cr_expect_eq(parsed_with(TIMESTAMP_SECONDS, "UTC", "1.9999999", &floored), 1999999);
    cr_expect(floored);
    cr_expect_eq(parsed_with(TIMESTAMP_NANOSECONDS, "UTC", "1001", &floored), 1);
    cr_expect(floored);
}

Test(timestamp_parse, test_zone_applies_to_texts_without_one_only)
{
    expect_in("+02:00", "2023-01-02 05:04:05", 1672628645000000);
    expect_in("-0530", "2023-01-01 21:34:05", 1672628645000000);
    expect_in("+02:00", "2023-01-02T03:04:05Z", 1672628645000000);
    expect_in("+02:00", "1672628645", 1672628645000000);
    expect_in("Europe/Berlin", "2023-01-02 04:04:05", 1672628645000000);
    expect_in("Europe/Berlin", "2023-07-02 05:04:05", 1688267045000000);
}

Test(timestamp_parse, test_zone_edges_of_daylight_saving)
{
    expect_in("Europe/Berlin", "2023-03-26 01:59:59", INT64_C(1679792399) * 1000000);
    expect_in("Europe/Berlin", "2023-03-26 03:00:00", INT64_C(1679792400) * 1000000);
    // 02:30 does not exist: read with the offset before the gap.
    expect_in("Europe/Berlin", "2023-03-26 02:30:00", INT64_C(1679794200) * 1000000);
    // 02:30 happens twice: the first.
    expect_in("Europe/Berlin", "2023-10-29 02:30:00", INT64_C(1698539400) * 1000000);
    expect_in("Europe/Berlin", "2023-10-29 03:00:00", INT64_C(1698544800) * 1000000);
}
