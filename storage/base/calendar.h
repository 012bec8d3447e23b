// SPDX-License-Identifier: Apache-2.0
/// Days of the proleptic Gregorian calendar. Thread: values.
#pragma once

#include <stdbool.h>
#include <stdint.h>

/// Days since 1970-01-01. Years 1 to 9999, month 1 to 12; `day` may exceed the month's length.
static inline int64_t calendar_days(int64_t year, unsigned month, unsigned day)
{
    // Years begin in March, so that the leap day is the last one: 400 years have 146097 days.
    int64_t shifted = month <= 2 ? year - 1 : year;
    int64_t era = shifted / 400;
    unsigned year_of_era = (unsigned)(shifted - era * 400);
    unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + (int64_t)day_of_era - 719468;
}

static inline bool calendar_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static inline unsigned calendar_month_days(int64_t year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && calendar_leap(year));
}
