// SPDX-License-Identifier: Apache-2.0
#include "engine/filter/filter_literal.h"

#include "storage/base/clock.h"
#include "storage/base/invariant.h"

#include <stdio.h>
#include <stdlib.h>

#define LITERAL_EXPONENT_READ_MAX 1000000
#define LITERAL_EXPONENT_MAX 100000 ///< of what is kept: one more digit or zero must not change it
#define LITERAL_PLAIN_ZEROS_MAX 20

/// digits × 10^exponent without leading or trailing zeros; no digits is zero.
struct literal_decimal {
    bool negative;
    uint32_t digit_count;
    char digits[FILTER_NUMBER_SIZE_MAX];
    int exponent;
};

static bool literal_is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/// The exponent behind an 'e', clamped: what is far beyond any integer stays so.
static int literal_read_exponent(struct text number, size_t at)
{
    bool negative = number.bytes[at] == '-';
    at += negative || number.bytes[at] == '+';
    int exponent = 0;
    for (; at < number.size; at++) {
        exponent = exponent * 10 + (number.bytes[at] - '0');
        exponent = exponent > LITERAL_EXPONENT_READ_MAX ? LITERAL_EXPONENT_READ_MAX : exponent;
    }
    return negative ? -exponent : exponent;
}

static void literal_read(struct text number, struct literal_decimal *decimal)
{
    ASSERT(number.size <= FILTER_NUMBER_SIZE_MAX);
    *decimal = (struct literal_decimal){.negative = number.bytes[0] == '-'};
    size_t at = decimal->negative || number.bytes[0] == '+';
    bool behind_point = false;
    for (; at < number.size && (literal_is_digit(number.bytes[at]) || number.bytes[at] == '.');
         at++) {
        if (number.bytes[at] == '.') {
            behind_point = true;
            continue;
        }
        decimal->exponent -= behind_point;
        if (decimal->digit_count > 0 || number.bytes[at] != '0') {
            decimal->digits[decimal->digit_count++] = number.bytes[at];
        }
    }
    if (at < number.size) {
        decimal->exponent += literal_read_exponent(number, at + 1);
    }
    while (decimal->digit_count > 0 && decimal->digits[decimal->digit_count - 1] == '0') {
        decimal->digit_count--;
        decimal->exponent++;
    }
    if (decimal->exponent > LITERAL_EXPONENT_MAX) {
        decimal->exponent = LITERAL_EXPONENT_MAX;
    } else if (decimal->exponent < -LITERAL_EXPONENT_MAX) {
        decimal->exponent = -LITERAL_EXPONENT_MAX;
    }
}

/// The integer part of the magnitude; false where it is beyond INT64_MAX.
static bool literal_whole(const struct literal_decimal *decimal, int exponent, int64_t *whole_out)
{
    int64_t whole = 0;
    int64_t count = (int64_t)decimal->digit_count + exponent;
    for (int64_t index = 0; index < count; index++) {
        int digit = index < decimal->digit_count ? decimal->digits[index] - '0' : 0;
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, digit, &whole)) {
            return false;
        }
    }
    *whole_out = whole;
    return true;
}

struct filter_cut filter_literal_cut(struct text number, int scale_digits)
{
    struct literal_decimal decimal;
    literal_read(number, &decimal);
    if (decimal.digit_count == 0) {
        return (struct filter_cut){0, false};
    }
    int exponent = decimal.exponent + scale_digits;
    int64_t whole;
    if (!literal_whole(&decimal, exponent, &whole)) {
        return (struct filter_cut){decimal.negative ? INT64_MIN : INT64_MAX, true};
    }
    bool fraction =
        exponent < 0; // trailing zeros are gone, so digits behind the point are not zero
    if (decimal.negative) {
        return (struct filter_cut){-whole - fraction, fraction};
    }
    return (struct filter_cut){whole, fraction};
}

double filter_literal_double(struct text number)
{
    char copy[FILTER_NUMBER_SIZE_MAX + 1];
    ASSERT(number.size <= FILTER_NUMBER_SIZE_MAX);
    memcpy(copy, number.bytes, number.size);
    copy[number.size] = '\0';
    return strtod(copy, NULL) + 0.0;
}

static void literal_append_zeros(struct text_buffer *out, int64_t count)
{
    for (int64_t index = 0; index < count; index++) {
        text_buffer_append_string(out, "0");
    }
}

/// Whether to write zeros rather than an exponent: the result must stay a legal number.
static bool literal_is_plain(const struct literal_decimal *decimal)
{
    int64_t whole_digits = (int64_t)decimal->digit_count + decimal->exponent;
    int64_t zeros = decimal->exponent > 0 ? decimal->exponent
                    : whole_digits <= 0   ? 1 - whole_digits
                                          : 0;
    return zeros <= LITERAL_PLAIN_ZEROS_MAX &&
           zeros + decimal->digit_count <= FILTER_DIGIT_COUNT_MAX;
}

void filter_literal_append_number(struct text number, struct text_buffer *out)
{
    struct literal_decimal decimal;
    literal_read(number, &decimal);
    if (decimal.digit_count == 0) {
        text_buffer_append_string(out, "0");
        return;
    }
    text_buffer_append_string(out, decimal.negative ? "-" : "");
    int64_t whole_digits = (int64_t)decimal.digit_count + decimal.exponent;
    if (!literal_is_plain(&decimal)) {
        text_buffer_append(out, decimal.digits, decimal.digit_count);
        text_buffer_printf(out, "e%d", decimal.exponent);
    } else if (decimal.exponent >= 0) {
        text_buffer_append(out, decimal.digits, decimal.digit_count);
        literal_append_zeros(out, decimal.exponent);
    } else if (whole_digits > 0) {
        text_buffer_append(out, decimal.digits, (size_t)whole_digits);
        text_buffer_append_string(out, ".");
        text_buffer_append(out, decimal.digits + whole_digits, (size_t)-decimal.exponent);
    } else {
        text_buffer_append_string(out, "0.");
        literal_append_zeros(out, -whole_digits);
        text_buffer_append(out, decimal.digits, decimal.digit_count);
    }
}

/// Reads exactly `digits` digits; -1 where they are not there.
static int literal_read_digits(struct text text, size_t *at, size_t digits)
{
    int value = 0;
    if (text.size - *at < digits) {
        return -1;
    }
    for (size_t end = *at + digits; *at < end; (*at)++) {
        if (!literal_is_digit(text.bytes[*at])) {
            return -1;
        }
        value = value * 10 + (text.bytes[*at] - '0');
    }
    return value;
}

static bool literal_read_byte(struct text text, size_t *at, char byte)
{
    bool there = *at < text.size && text.bytes[*at] == byte;
    *at += there;
    return there;
}

static int literal_days_in_month(int year, int month)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return DAYS[month - 1] + (leap && month == 2);
}

/// Days from 1970-01-01, by the proleptic Gregorian calendar.
static int64_t literal_days(int year, int month, int day)
{
    int64_t shifted = month <= 2 ? year - 1 : year; // years from March: the leap day comes last
    int64_t era = (shifted >= 0 ? shifted : shifted - 399) / 400;
    int64_t year_of_era = shifted - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static bool literal_read_date(struct text text, size_t *at, int64_t *time_us)
{
    int year = literal_read_digits(text, at, 4);
    bool sound = literal_read_byte(text, at, '-');
    int month = sound ? literal_read_digits(text, at, 2) : -1;
    sound = sound && literal_read_byte(text, at, '-');
    int day = sound ? literal_read_digits(text, at, 2) : -1;
    if (year < 1 || month < 1 || month > 12 || day < 1 ||
        day > literal_days_in_month(year, month)) {
        return false;
    }
    *time_us = literal_days(year, month, day) * MICROSECONDS_PER_DAY;
    return true;
}

/// One to six digits behind the point.
static bool literal_read_fraction(struct text text, size_t *at, int64_t *time_us)
{
    int64_t unit_us = MICROSECONDS_PER_SECOND / 10;
    size_t first = *at;
    for (; *at < text.size && literal_is_digit(text.bytes[*at]) && unit_us > 0; (*at)++) {
        *time_us += unit_us * (text.bytes[*at] - '0');
        unit_us /= 10;
    }
    return *at > first;
}

static bool literal_read_clock(struct text text, size_t *at, int64_t *time_us)
{
    int hour = literal_read_digits(text, at, 2);
    bool sound = literal_read_byte(text, at, ':');
    int minute = sound ? literal_read_digits(text, at, 2) : -1;
    sound = sound && literal_read_byte(text, at, ':');
    int second = sound ? literal_read_digits(text, at, 2) : -1;
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) {
        return false;
    }
    *time_us += hour * MICROSECONDS_PER_HOUR + minute * MICROSECONDS_PER_MINUTE +
                second * MICROSECONDS_PER_SECOND;
    return !literal_read_byte(text, at, '.') || literal_read_fraction(text, at, time_us);
}

/// Nothing and Z mean UTC.
static bool literal_read_zone(struct text text, size_t *at, int64_t *time_us)
{
    if (*at == text.size || literal_read_byte(text, at, 'Z')) {
        return true;
    }
    bool behind = literal_read_byte(text, at, '-');
    if (!behind && !literal_read_byte(text, at, '+')) {
        return false;
    }
    int hour = literal_read_digits(text, at, 2);
    bool sound = literal_read_byte(text, at, ':');
    int minute = sound ? literal_read_digits(text, at, 2) : -1;
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59) {
        return false;
    }
    int64_t ahead_us = hour * MICROSECONDS_PER_HOUR + minute * MICROSECONDS_PER_MINUTE;
    *time_us += behind ? ahead_us : -ahead_us;
    return true;
}

bool filter_literal_time(struct text text, int64_t *time_us_out)
{
    size_t at = 0;
    int64_t time_us = 0;
    if (!literal_read_date(text, &at, &time_us)) {
        return false;
    }
    if (at < text.size) {
        if (!literal_read_byte(text, &at, 'T') && !literal_read_byte(text, &at, ' ')) {
            return false;
        }
        if (!literal_read_clock(text, &at, &time_us) || !literal_read_zone(text, &at, &time_us)) {
            return false;
        }
    }
    *time_us_out = time_us;
    return at == text.size;
}
