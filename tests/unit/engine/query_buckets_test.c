// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_buckets.h"
#include "storage/base/calendar.h"
#include "storage/base/clock.h"

#include <criterion/criterion.h>
#include <string.h>

static int64_t at(int64_t year, unsigned month, unsigned day, int64_t minutes)
{
    return calendar_days(year, month, day) * MICROSECONDS_PER_DAY +
           minutes * MICROSECONDS_PER_MINUTE;
}

static void make(enum query_bucket kind, const char *zone_name, int64_t from_us, int64_t to_us,
                 struct arena *arena, struct query_buckets *buckets)
{
    struct corong_error error;
    struct zone zone;
    cr_assert_eq(zone_load(&zone, arena, text_from(zone_name), &error), CORONG_OK, "%s",
                 error.message);
    cr_assert_eq(query_buckets_init(buckets, kind, &zone, from_us, to_us, arena, &error), CORONG_OK,
                 "%s", error.message);
    for (uint32_t b = 0; b < buckets->count; b++) {
        int64_t begin_us = buckets->begins[b];
        int64_t end_us = buckets->begins[b + 1];
        cr_assert_lt(begin_us, end_us);
        cr_assert_eq(query_buckets_at(buckets, begin_us), b);
        cr_assert_eq(query_buckets_at(buckets, end_us - 1), b);
    }
    cr_assert_eq(query_buckets_at(buckets, buckets->begins[0] - 1), QUERY_BUCKETS_NONE);
    cr_assert_eq(query_buckets_at(buckets, buckets->begins[buckets->count]), QUERY_BUCKETS_NONE);
}

Test(query_buckets, days_have_23_and_25_hours_where_clocks_change)
{
    struct arena arena = {0};
    struct query_buckets buckets;
    make(QUERY_BUCKET_DAY, "Europe/Berlin", at(2026, 3, 28, 0), at(2026, 3, 30, 0), &arena,
         &buckets);
    cr_assert_eq(buckets.count, 3);
    cr_assert_eq(buckets.begins[1] - buckets.begins[0], 24 * MICROSECONDS_PER_HOUR);
    cr_assert_eq(buckets.begins[2] - buckets.begins[1], 23 * MICROSECONDS_PER_HOUR);
    make(QUERY_BUCKET_DAY, "Europe/Berlin", at(2026, 10, 25, 0), at(2026, 10, 25, 1), &arena,
         &buckets);
    cr_assert_eq(buckets.count, 1);
    cr_assert_eq(buckets.begins[1] - buckets.begins[0], 25 * MICROSECONDS_PER_HOUR);
    arena_deinit(&arena);
}

Test(query_buckets, hours_follow_the_zones_clocks)
{
    struct arena arena = {0};
    struct query_buckets buckets;
    // The repeated hour is two buckets.
    make(QUERY_BUCKET_HOUR, "Europe/Berlin", at(2026, 10, 25, 0), at(2026, 10, 25, 120), &arena,
         &buckets);
    cr_assert_eq(buckets.count, 2);
    make(QUERY_BUCKET_HOUR, "Asia/Kolkata", at(2026, 1, 1, 0), at(2026, 1, 1, 1), &arena, &buckets);
    cr_assert_eq(buckets.begins[0], at(2026, 1, 1, -30));
    // Clocks go back by half an hour at 02:00: the hour that begins at 01:00 lasts 90 minutes, cut
    // where the change is.
    make(QUERY_BUCKET_HOUR, "Australia/Lord_Howe", at(2026, 4, 4, 14 * 60), at(2026, 4, 4, 17 * 60),
         &arena, &buckets);
    int64_t change_us = at(2026, 4, 4, 15 * 60);
    uint32_t bucket = query_buckets_at(&buckets, change_us);
    cr_assert_eq(buckets.begins[bucket], change_us);
    cr_assert_eq(buckets.begins[bucket + 1] - change_us, 30 * MICROSECONDS_PER_MINUTE);
    arena_deinit(&arena);
}

Test(query_buckets, weeks_begin_on_monday_and_months_on_the_first)
{
    struct arena arena = {0};
    struct query_buckets buckets;
    make(QUERY_BUCKET_WEEK, "UTC", at(2026, 1, 1, 0), at(2026, 1, 12, 0), &arena, &buckets);
    cr_assert_eq(buckets.count, 2);
    cr_assert_eq(buckets.begins[0], at(2025, 12, 29, 0));
    make(QUERY_BUCKET_MONTH, "UTC", at(2024, 2, 29, 0), at(2024, 4, 1, 0), &arena, &buckets);
    cr_assert_eq(buckets.count, 2);
    cr_assert_eq(buckets.begins[0], at(2024, 2, 1, 0));
    cr_assert_eq(buckets.begins[1], at(2024, 3, 1, 0));
    make(QUERY_BUCKET_MONTH, "UTC", at(1969, 12, 31, 0), at(1970, 1, 1, 0), &arena, &buckets);
    cr_assert_eq(buckets.begins[0], at(1969, 12, 1, 0));
    arena_deinit(&arena);
}

Test(query_buckets, too_many_are_refused_and_none_are_none)
{
    struct arena arena = {0};
    struct query_buckets buckets;
    struct corong_error error;
    cr_assert_eq(query_buckets_init(&buckets, QUERY_BUCKET_HOUR, NULL, 0, 0, &arena, &error),
                 CORONG_OK);
    cr_assert_eq(buckets.count, 0);
    cr_assert_eq(query_buckets_at(&buckets, 0), QUERY_BUCKETS_NONE);
    int64_t most_us = (int64_t)QUERY_BUCKET_COUNT_MAX * MICROSECONDS_PER_HOUR;
    cr_assert_eq(query_buckets_init(&buckets, QUERY_BUCKET_HOUR, NULL, 0, most_us, &arena, &error),
                 CORONG_OK);
    cr_assert_eq(buckets.count, QUERY_BUCKET_COUNT_MAX);
    cr_assert_eq(
        query_buckets_init(&buckets, QUERY_BUCKET_HOUR, NULL, 0, most_us + 1, &arena, &error),
        CORONG_INVALID);
    cr_assert(strstr(error.message, "wider bucket") != NULL);
    arena_deinit(&arena);
}
