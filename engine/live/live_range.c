// SPDX-License-Identifier: Apache-2.0
#include "engine/live/live_range.h"

#include "storage/base/clock.h"

void live_range_init(struct live_range *range, bool day, const struct zone *zone)
{
    *range = (struct live_range){.day = day, .zone = zone};
    atomic_init(&range->as_of_us, LIVE_TIME_NONE);
}

struct live_day live_range_day(const struct live_range *range, int64_t as_of_us)
{
    if (!range->day) {
        return (struct live_day){LIVE_TIME_NONE, INT64_MAX};
    }
    if (as_of_us == LIVE_TIME_NONE) {
        return (struct live_day){LIVE_TIME_NONE, LIVE_TIME_NONE + 1};
    }
    static const int64_t begins[] = {INT64_MIN};
    static const int32_t offsets[] = {0};
    static const struct zone utc = {.begins = begins, .offsets = offsets, .period_count = 1};
    int64_t seconds = as_of_us / MICROSECONDS_PER_SECOND - (as_of_us % MICROSECONDS_PER_SECOND < 0);
    int64_t next;
    int64_t begin = zone_day_begin(range->zone == NULL ? &utc : range->zone, seconds, &next);
    return (struct live_day){begin * MICROSECONDS_PER_SECOND, next * MICROSECONDS_PER_SECOND};
}
