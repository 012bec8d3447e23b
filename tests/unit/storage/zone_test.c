// SPDX-License-Identifier: Apache-2.0
#include "storage/zone/zone.h"

#include "storage/base/memory.h"
#include "storage/file/file.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct arena arena;

static void check_year(const struct zone *zone, const char *name, time_t begin)
{
    for (int step = 0; step < 366 * 24; step += 7) {
        time_t utc = begin + (time_t)step * 3600;
        struct tm local;
        localtime_r(&utc, &local);
        int64_t found = zone_to_utc(zone, (int64_t)timegm(&(struct tm){.tm_sec = local.tm_sec,
                                                                       .tm_min = local.tm_min,
                                                                       .tm_hour = local.tm_hour,
                                                                       .tm_mday = local.tm_mday,
                                                                       .tm_mon = local.tm_mon,
                                                                       .tm_year = local.tm_year}));
        // A local time that happens twice is its first occurrence: at most three hours earlier.
        int64_t early = (int64_t)utc - found;
        struct tm other;
        time_t found_time = (time_t)found;
        localtime_r(&found_time, &other);
        cr_assert(early == 0 || (early > 0 && early <= 3 * 3600 && other.tm_hour == local.tm_hour &&
                                 other.tm_min == local.tm_min),
                  "%s: %" PRId64 " became %" PRId64, name, (int64_t)utc, found);
    }
}

Test(zone, test_agrees_with_the_c_library_in_past_and_future_years)
{
    static const char *const names[] = {
        "Europe/Berlin",     "America/New_York",  "Asia/Kolkata",       "Australia/Sydney",
        "America/Sao_Paulo", "Africa/Casablanca", "Asia/Tehran",        "America/St_Johns",
        "Pacific/Apia",      "Europe/Dublin",     "Australia/Lord_Howe"};
    static const time_t years[] = {0, 946684800, 1672531200, 2145916800, 4102444800, 7226582400};
    for (size_t name = 0; name < sizeof(names) / sizeof(names[0]); name++) {
        struct zone zone;
        struct corong_error error;
        cr_assert_eq(zone_load(&zone, &arena, text_from(names[name]), &error), CORONG_OK, "%s",
                     error.message);
        setenv("TZ", names[name], 1);
        tzset();
        for (size_t year = 0; year < sizeof(years) / sizeof(years[0]); year++) {
            check_year(&zone, names[name], years[year] + 3 * 86400);
        }
    }
}

Test(zone, test_names_outside_the_folder_are_refused)
{
    static const char *const wrong[] = {
        "",   "/etc/passwd", "../../etc/passwd", "Mars/Olympus", "+25:00",
        "+2", "+02:0",       "UTC+1 ",           "Europe"};
    for (size_t index = 0; index < sizeof(wrong) / sizeof(wrong[0]); index++) {
        struct zone zone;
        struct corong_error error = {0};
        cr_expect_neq(zone_load(&zone, &arena, text_from(wrong[index]), &error), CORONG_OK, "%s",
                      wrong[index]);
        cr_expect_gt(strlen(error.message), 0);
    }
}

Test(zone, test_a_name_with_a_zero_byte_is_refused)
{
    struct zone zone;
    struct corong_error error = {0};
    struct text name = {"Europe/Berlin\0x", 15};
    cr_assert_neq(zone_load(&zone, &arena, name, &error), CORONG_OK);
}

Test(zone, test_every_cut_and_flip_of_a_file_is_survived)
{
    char *bytes = NULL;
    size_t size = 0;
    struct corong_error error = {0};
    cr_assert_eq(
        file_read_whole("/usr/share/zoneinfo/Europe/Berlin", 1 << 20, &bytes, &size, &error),
        CORONG_OK);
    for (size_t cut = 0; cut < size; cut++) {
        char *copy = memory_allocate(cut);
        memcpy(copy, bytes, cut);
        struct zone zone;
        if (zone_parse_file(&zone, &arena, TEXT_LITERAL("x"), (struct text){copy, cut}, &error) ==
            CORONG_OK) {
            zone_to_utc(&zone, 1700000000);
        }
        memory_free(copy);
        arena_reset(&arena);
    }
    for (size_t at = 0; at < size; at++) {
        bytes[at] = (char)(bytes[at] ^ 0xff);
        struct zone zone;
        if (zone_parse_file(&zone, &arena, TEXT_LITERAL("x"), (struct text){bytes, size}, &error) ==
            CORONG_OK) {
            zone_to_utc(&zone, 1700000000);
            zone_to_utc(&zone, -62135596800);
        }
        bytes[at] = (char)(bytes[at] ^ 0xff);
        arena_reset(&arena);
    }
    memory_free(bytes);
}

static void expect_day(const char *name, int64_t at, int64_t begin, int64_t next)
{

    struct zone zone;
    cr_assert_eq(zone_load(&zone, &arena, text_from(name), NULL), CORONG_OK);
    int64_t next_found;
    cr_assert_eq(zone_day_begin(&zone, at, &next_found), begin, "%s at %ld", name, (long)at);
    cr_assert_eq(next_found, next, "%s at %ld: next day at %ld", name, (long)at, (long)next_found);
    arena_reset(&arena);
}

Test(zone, test_local_days_of_23_24_and_25_hours)
{
    // Berlin, 2026: clocks go forward on 29 March, back on 25 October.
    expect_day("Europe/Berlin", 1774738800, 1774738800, 1774738800 + 23 * 3600);
    expect_day("Europe/Berlin", 1774738800 + 23 * 3600 - 1, 1774738800, 1774738800 + 23 * 3600);
    expect_day("Europe/Berlin", 1774738799, 1774738800 - 86400, 1774738800);
    expect_day("Europe/Berlin", 1792879200 + 3600, 1792879200, 1792879200 + 25 * 3600);
    expect_day("+05:30", 1774738800, 1774722600, 1774722600 + 86400);
}

Test(zone, test_days_whose_midnight_is_skipped_or_repeated)
{
    // Santiago, 2025-09-07: 00:00 becomes 01:00. Azores, 2025-10-26: 01:00 becomes 00:00.
    expect_day("America/Santiago", 1757217600, 1757217600, 1757217600 + 23 * 3600);
    expect_day("Atlantic/Azores", 1761436800 + 3600, 1761436800, 1761436800 + 25 * 3600);
    // Samoa left out 2011-12-30: the 31st follows the 29th.
    expect_day("Pacific/Apia", 1325239200 - 1, 1325239200 - 86400, 1325239200);
    expect_day("Pacific/Apia", 1325239200, 1325239200, 1325239200 + 86400);
}
