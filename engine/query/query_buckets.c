// SPDX-License-Identifier: Apache-2.0
#include "engine/query/query_buckets.h"

#include "storage/base/clock.h"
#include "storage/base/memory.h"

#define HOUR_SECONDS INT64_C(3600)

static const int64_t utc_begins[] = {INT64_MIN};
static const int32_t utc_offsets[] = {0};
static const struct zone utc = {{"UTC", 3}, utc_begins, utc_offsets, 1};

static int64_t floor_to(int64_t value, int64_t unit)
{
    int64_t rest = value % unit;
    return value - (rest < 0 ? rest + unit : rest);
}

/// Days since 1970-01-01 of the local date of a moment.
static int64_t local_date(const struct zone *zone, int64_t seconds)
{
    return floor_to(seconds + zone_offset(zone, seconds), ZONE_DAY_SECONDS) / ZONE_DAY_SECONDS;
}

/// Day of the month, from 1, of a date (the inverse of calendar_days(), after H. Hinnant's
/// civil_from_days).
static int64_t day_of_month(int64_t date)
{
    int64_t shifted = date + 719468;
    int64_t era = floor_to(shifted, 146097) / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    return day_of_year - (153 * month + 2) / 5 + 1;
}

/// Whether the local day that begins at a moment begins a bucket.
static bool begins_bucket(enum query_bucket kind, const struct zone *zone, int64_t seconds)
{
    int64_t date = local_date(zone, seconds);
    if (kind == QUERY_BUCKET_WEEK) {
        return (date + 3) % 7 == 0; // 1970-01-01 was a Thursday
    }
    return kind == QUERY_BUCKET_DAY || day_of_month(date) == 1;
}

/// The period of the zone in which a moment lies.
static uint32_t period_at(const struct zone *zone, int64_t seconds)
{
    uint32_t low = 0;
    for (uint32_t high = zone->period_count; high - low > 1;) {
        uint32_t middle = low + (high - low) / 2;
        if (zone->begins[middle] <= seconds) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/// The local hour of a moment. A change of the clocks by whole hours moves no hour's edge; one by
/// less cuts the hour it falls into.
static int64_t hour_begin(const struct zone *zone, int64_t seconds, int64_t *next_out)
{
    uint32_t period = period_at(zone, seconds);
    int64_t offset = zone->offsets[period];
    int64_t begin = floor_to(seconds + offset, HOUR_SECONDS) - offset;
    int64_t next = begin + HOUR_SECONDS;
    if (period > 0 && begin < zone->begins[period] &&
        (zone->offsets[period - 1] - offset) % HOUR_SECONDS != 0) {
        begin = zone->begins[period];
    }
    if (period + 1 < zone->period_count && zone->begins[period + 1] < next &&
        (zone->offsets[period + 1] - offset) % HOUR_SECONDS != 0) {
        next = zone->begins[period + 1];
    }
    *next_out = next;
    return begin;
}

static int64_t bucket_begin(enum query_bucket kind, const struct zone *zone, int64_t seconds,
                            int64_t *next_out)
{
    if (kind == QUERY_BUCKET_HOUR) {
        return hour_begin(zone, seconds, next_out);
    }
    int64_t next;
    int64_t begin = zone_day_begin(zone, seconds, &next);
    while (!begins_bucket(kind, zone, begin)) {
        int64_t ignored;
        begin = zone_day_begin(zone, begin - 1, &ignored);
    }
    while (!begins_bucket(kind, zone, next)) {
        (void)zone_day_begin(zone, next, &next);
    }
    *next_out = next;
    return begin;
}

struct query_range query_bucket_around(enum query_bucket kind, const struct zone *zone,
                                       int64_t time_us)
{
    int64_t next;
    int64_t begin =
        bucket_begin(kind, zone == NULL ? &utc : zone,
                     floor_to(time_us, MICROSECONDS_PER_SECOND) / MICROSECONDS_PER_SECOND, &next);
    return (struct query_range){begin * MICROSECONDS_PER_SECOND, next * MICROSECONDS_PER_SECOND};
}

enum corong_status query_buckets_init(struct query_buckets *buckets_out, enum query_bucket kind,
                                      const struct zone *zone, int64_t from_us, int64_t to_us,
                                      struct arena *arena, struct corong_error *error)
{
    *buckets_out = (struct query_buckets){0};
    zone = zone == NULL ? &utc : zone;
    int64_t *begins = NULL;
    size_t count = 0;
    size_t capacity = 0;
    if (from_us < to_us) {
        int64_t next;
        int64_t at = bucket_begin(
            kind, zone, floor_to(from_us, MICROSECONDS_PER_SECOND) / MICROSECONDS_PER_SECOND,
            &next);
        int64_t end = floor_to(to_us - 1, MICROSECONDS_PER_SECOND) / MICROSECONDS_PER_SECOND;
        for (; at <= end && count <= QUERY_BUCKET_COUNT_MAX;
             (void)bucket_begin(kind, zone, at, &next)) {
            if (count + 2 > capacity) {
                capacity = capacity == 0 ? 64 : capacity * 2;
                begins = memory_resize_array(begins, capacity, sizeof(*begins));
            }
            begins[count++] = at * MICROSECONDS_PER_SECOND;
            begins[count] = next * MICROSECONDS_PER_SECOND;
            at = next;
        }
    }
    if (count > QUERY_BUCKET_COUNT_MAX) {
        memory_free(begins);
        return error_set(error, CORONG_INVALID,
                         "the range has more than %u buckets; ask for a shorter range or a wider "
                         "bucket",
                         QUERY_BUCKET_COUNT_MAX);
    }
    int64_t *kept = arena_allocate(arena, (count + 1) * sizeof(*kept));
    if (count > 0) {
        memcpy(kept, begins, (count + 1) * sizeof(*kept));
    }
    memory_free(begins);
    *buckets_out = (struct query_buckets){kept, (uint32_t)count};
    return CORONG_OK;
}

uint32_t query_buckets_at(const struct query_buckets *buckets, int64_t time_us)
{
    if (buckets->count == 0 || time_us < buckets->begins[0] ||
        time_us >= buckets->begins[buckets->count]) {
        return QUERY_BUCKETS_NONE;
    }
    uint32_t low = 0;
    for (uint32_t high = buckets->count; high - low > 1;) {
        uint32_t middle = low + (high - low) / 2;
        if (buckets->begins[middle] <= time_us) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}
