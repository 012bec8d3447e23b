// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/timestamp_parse.h"

#include "engine/event/event.h"
#include "storage/base/calendar.h"
#include "ingest/decode/decimal.h"

#include <string.h>

#define MICROSECONDS INT64_C(1000000)

struct date_time {
    int64_t local_seconds;
    int64_t microseconds;
    int64_t offset_seconds;
    bool has_offset;
    bool floored;
};

static bool number_at(const char *at, unsigned digits, unsigned *value_out)
{
    unsigned value = 0;
    for (unsigned index = 0; index < digits; index++) {
        unsigned digit = (unsigned)(unsigned char)at[index] - '0';
        if (digit > 9) {
            return false;
        }
        value = value * 10 + digit;
    }
    *value_out = value;
    return true;
}

/// "HH:MM:SS" of eight bytes. Second 60 is a leap second: the first of the next minute.
static bool parse_clock(const char *at, unsigned *seconds_out)
{
    unsigned hour, minute, second;
    if (!number_at(at, 2, &hour) || !number_at(at + 3, 2, &minute) ||
        !number_at(at + 6, 2, &second) || at[2] != ':' || at[5] != ':' || hour > 23 ||
        minute > 59 || second > 60) {
        return false;
    }
    *seconds_out = (hour * 60 + minute) * 60 + second;
    return true;
}

static bool set_local(struct date_time *time, unsigned year, unsigned month, unsigned day,
                      const char *clock)
{
    unsigned seconds;
    if (month < 1 || month > 12 || day < 1 || !parse_clock(clock, &seconds) || year < 1 ||
        day > calendar_month_days(year, month)) {
        return false;
    }
    time->local_seconds = calendar_days(year, month, day) * 86400 + seconds;
    return true;
}

static const char *parse_fraction(const char *at, const char *end, struct date_time *time)
{
    int64_t place = MICROSECONDS / 10;
    const char *begin = at;
    for (; at < end && (unsigned char)(*at - '0') <= 9; at++) {
        time->microseconds += (*at - '0') * place;
        time->floored |= place == 0 && *at != '0';
        place /= 10;
    }
    return at == begin ? NULL : at;
}

/// "", "Z", " UTC", "+02:00", " +0200", "+02".
static bool parse_suffix(const char *at, const char *end, struct date_time *time)
{
    at += at < end && *at == ' ';
    size_t size = (size_t)(end - at);
    if (size == 0) {
        return end[-1] != ' ';
    }
    time->has_offset = true;
    if ((size == 1 && (*at | 0x20) == 'z') ||
        (size == 3 && (memcmp(at, "UTC", 3) == 0 || memcmp(at, "GMT", 3) == 0))) {
        return true;
    }
    unsigned hours = 0;
    unsigned minutes = 0;
    size_t colon = size == 6 && at[3] == ':' ? 1 : 0;
    if ((*at != '+' && *at != '-') || (size != 3 && size != 5 + colon) ||
        !number_at(at + 1, 2, &hours) || (size > 3 && !number_at(at + 3 + colon, 2, &minutes)) ||
        hours > 23 || minutes > 59) {
        return false;
    }
    time->offset_seconds = (int64_t)(hours * 60 + minutes) * 60 * (*at == '-' ? -1 : 1);
    return true;
}

static bool parse_iso(const char *at, const char *end, struct date_time *time)
{
    unsigned year, month, day;
    if (end - at < 19 || !number_at(at, 4, &year) || !number_at(at + 5, 2, &month) ||
        !number_at(at + 8, 2, &day) || at[4] != '-' || at[7] != '-' ||
        (at[10] != ' ' && (at[10] | 0x20) != 't') || !set_local(time, year, month, day, at + 11)) {
        return false;
    }
    at += 19;
    if (at < end && *at == '.') {
        at = parse_fraction(at + 1, end, time);
    }
    return at != NULL && parse_suffix(at, end, time);
}

static bool parse_log(const char *at, const char *end, struct date_time *time)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    unsigned year, day;
    if (end - at < 20 || !number_at(at, 2, &day) || !number_at(at + 7, 4, &year) || at[2] != '/' ||
        at[6] != '/' || at[11] != ':') {
        return false;
    }
    for (unsigned month = 0; month < 12; month++) {
        if (memcmp(months + (size_t)month * 3, at + 3, 3) == 0) {
            return set_local(time, year, month + 1, day, at + 12) &&
                   parse_suffix(at + 20, end, time);
        }
    }
    return false;
}

static enum reject_reason check_range(int64_t time_us, int64_t *time_us_out)
{
    if (time_us < EVENT_TIME_MIN_US || time_us >= EVENT_TIME_MAX_US) {
        return REJECT_TIME_RANGE;
    }
    *time_us_out = time_us;
    return REJECT_NONE;
}

static enum reject_reason parse_text(const struct timestamp_rule *rule, struct text text,
                                     int64_t *time_us_out, bool *floored_out)
{
    struct date_time time = {0};
    const char *end = text.bytes + text.size;
    if (text.size > TIMESTAMP_SIZE_MAX ||
        (!parse_iso(text.bytes, end, &time) && (time = (struct date_time){0}, true) &&
         !parse_log(text.bytes, end, &time))) {
        return REJECT_TIME_FORMAT;
    }
    int64_t seconds = time.has_offset ? time.local_seconds - time.offset_seconds
                                      : zone_to_utc(&rule->zone, time.local_seconds);
    *floored_out = time.floored;
    return check_range(seconds * MICROSECONDS + time.microseconds, time_us_out);
}

static enum timestamp_unit unit_of(int64_t magnitude)
{
    if (magnitude < INT64_C(100000000000)) {
        return TIMESTAMP_SECONDS;
    }
    if (magnitude < INT64_C(100000000000000)) {
        return TIMESTAMP_MILLISECONDS;
    }
    return magnitude < INT64_C(100000000000000000) ? TIMESTAMP_MICROSECONDS : TIMESTAMP_NANOSECONDS;
}

static int32_t unit_scale(enum timestamp_unit unit)
{
    return unit == TIMESTAMP_SECONDS        ? 6
           : unit == TIMESTAMP_MILLISECONDS ? 3
           : unit == TIMESTAMP_MICROSECONDS ? 0
                                            : -3;
}

/// Plain digits that surely fit: what nearly every log holds.
static enum reject_reason parse_integer(enum timestamp_unit unit, int64_t value,
                                        int64_t *time_us_out, bool *floored_out)
{
    unit = unit == TIMESTAMP_AUTO ? unit_of(value) : unit;
    int64_t time_us;
    if (unit == TIMESTAMP_NANOSECONDS) {
        *floored_out = value % 1000 != 0;
        time_us = value / 1000;
    } else {
        int64_t factor = unit == TIMESTAMP_SECONDS        ? MICROSECONDS
                         : unit == TIMESTAMP_MILLISECONDS ? 1000
                                                          : 1;
        if (__builtin_mul_overflow(value, factor, &time_us)) {
            return REJECT_TIME_RANGE;
        }
    }
    return check_range(time_us, time_us_out);
}

static enum reject_reason parse_decimal(enum timestamp_unit unit, const struct decimal *decimal,
                                        int64_t *time_us_out, bool *floored_out)
{
    int64_t whole;
    int64_t time_us;
    bool ignored;
    if (decimal->negative && decimal->digits != 0) {
        return REJECT_TIME_RANGE;
    }
    if (!decimal_scale(decimal, 0, DECIMAL_FLOOR, &whole, &ignored)) {
        return REJECT_TIME_RANGE;
    }
    unit = unit == TIMESTAMP_AUTO ? unit_of(whole) : unit;
    if (!decimal_scale(decimal, unit_scale(unit), DECIMAL_FLOOR, &time_us, floored_out)) {
        return REJECT_TIME_RANGE;
    }
    return check_range(time_us, time_us_out);
}

static bool plain_digits(struct text text, int64_t *value_out)
{
    if (text.size == 0 || text.size > 18) {
        return false;
    }
    int64_t value = 0;
    for (size_t index = 0; index < text.size; index++) {
        unsigned digit = (unsigned)(unsigned char)text.bytes[index] - '0';
        if (digit > 9) {
            return false;
        }
        value = value * 10 + digit;
    }
    *value_out = value;
    return true;
}

/// "2026-...": no number has a minus behind a digit.
static bool looks_like_date(struct text text)
{
    return text.size > 4 && text.bytes[4] == '-' && (unsigned char)(text.bytes[3] - '0') <= 9;
}

enum reject_reason timestamp_parse(const struct timestamp_rule *rule, struct text text,
                                   int64_t *time_us_out, bool *floored_out)
{
    *floored_out = false;
    int64_t value;
    struct decimal decimal;
    if (rule->unit != TIMESTAMP_ISO) {
        if (plain_digits(text, &value)) {
            return parse_integer(rule->unit, value, time_us_out, floored_out);
        }
        if (!looks_like_date(text) && decimal_parse(text, &decimal)) {
            return parse_decimal(rule->unit, &decimal, time_us_out, floored_out);
        }
    }
    if (rule->unit != TIMESTAMP_ISO && rule->unit != TIMESTAMP_AUTO) {
        return REJECT_TIME_FORMAT;
    }
    return parse_text(rule, text, time_us_out, floored_out);
}
