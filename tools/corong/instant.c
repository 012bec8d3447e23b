// SPDX-License-Identifier: Apache-2.0
#include "tools/corong/instant.h"

#include "storage/base/clock.h"

#define FRACTION_DIGIT_COUNT 6

/// Reads `size` digits off the front.
static bool take_number(struct text *text, size_t size, int *number_out)
{
    int number = 0;
    if (text->size < size) {
        return false;
    }
    for (size_t index = 0; index < size; index++) {
        char byte = text->bytes[index];
        if (byte < '0' || byte > '9') {
            return false;
        }
        number = number * 10 + (byte - '0');
    }
    text->bytes += size;
    text->size -= size;
    *number_out = number;
    return true;
}

static bool take_byte(struct text *text, const char *any_of)
{
    if (text->size == 0 || strchr(any_of, text->bytes[0]) == NULL || text->bytes[0] == '\0') {
        return false;
    }
    text->bytes++;
    text->size--;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return DAYS[month - 1] + (month == 2 && leap);
}

static int64_t days_since_epoch(int year, int month, int day)
{
    int64_t days = day - 1;
    for (int before = 1970; before < year; before++) {
        days += days_in_month(before, 2) == 29 ? 366 : 365;
    }
    for (int before = 1; before < month; before++) {
        days += days_in_month(year, before);
    }
    return days;
}

static bool take_date(struct text *text, int64_t *time_us_out)
{
    int year;
    int month;
    int day;
    if (!take_number(text, 4, &year) || !take_byte(text, "-") || !take_number(text, 2, &month) ||
        !take_byte(text, "-") || !take_number(text, 2, &day)) {
        return false;
    }
    if (year < 1970 || year > 2199 || month < 1 || month > 12 || day < 1 ||
        day > days_in_month(year, month)) {
        return false;
    }
    *time_us_out = days_since_epoch(year, month, day) * MICROSECONDS_PER_DAY;
    return true;
}

/// Digits behind the point; finer than microseconds is refused, not rounded.
static bool take_fraction(struct text *text, int64_t *time_us)
{
    int64_t scale = MICROSECONDS_PER_SECOND / 10;
    int digit;
    int count = 0;
    while (take_number(text, 1, &digit)) {
        *time_us += digit * scale;
        scale /= 10;
        count++;
    }
    return count > 0 && count <= FRACTION_DIGIT_COUNT;
}

static bool take_clock(struct text *text, int64_t *time_us)
{
    int hour;
    int minute;
    int second = 0;
    if (!take_number(text, 2, &hour) || !take_byte(text, ":") || !take_number(text, 2, &minute)) {
        return false;
    }
    if (take_byte(text, ":")) {
        if (!take_number(text, 2, &second) ||
            (take_byte(text, ".") && !take_fraction(text, time_us))) {
            return false;
        }
    }
    *time_us += hour * MICROSECONDS_PER_HOUR + minute * MICROSECONDS_PER_MINUTE +
                second * MICROSECONDS_PER_SECOND;
    return hour < 24 && minute < 60 && second < 60;
}

static bool take_zone(struct text *text, int64_t *time_us)
{
    int hours;
    int minutes;
    if (text->size == 0 || take_byte(text, "Zz")) {
        return true;
    }
    bool east = text->bytes[0] == '+';
    if (!take_byte(text, "+-") || !take_number(text, 2, &hours) ||
        (take_byte(text, ":"), !take_number(text, 2, &minutes)) || hours > 18 || minutes > 59) {
        return false;
    }
    int64_t offset_us = hours * MICROSECONDS_PER_HOUR + minutes * MICROSECONDS_PER_MINUTE;
    *time_us += east ? -offset_us : offset_us;
    return true;
}

enum corong_status instant_parse(struct text text, int64_t *time_us_out, struct corong_error *error)
{
    struct text rest = text;
    int64_t time_us = 0;
    bool good = take_date(&rest, &time_us);
    if (good && take_byte(&rest, "Tt ")) {
        good = take_clock(&rest, &time_us) && take_zone(&rest, &time_us);
    }
    if (!good || rest.size > 0) {
        return error_set(error, CORONG_INVALID,
                         "'%.*s' is not a time; 2026-01-02 or 2026-01-02T03:04:05Z is expected, "
                         "1970 to 2199",
                         (int)text.size, text.bytes);
    }
    *time_us_out = time_us;
    return CORONG_OK;
}
