// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/decimal.h"

#define DIGITS_LIMIT (((unsigned __int128)1 << 123) / 10) ///< one more digit still fits
#define EXPONENT_MAX 100000

static struct text trim_spaces(struct text text)
{
    while (text.size > 0 && *text.bytes == ' ') {
        text.bytes++;
        text.size--;
    }
    while (text.size > 0 && text.bytes[text.size - 1] == ' ') {
        text.size--;
    }
    return text;
}

static bool digit_at(const char *at, const char *end)
{
    return at < end && (unsigned char)(*at - '0') <= 9;
}

/// Adds a run of digits; those that no longer fit only move the exponent.
static const char *take_digits(const char *at, const char *end, bool fraction,
                               struct decimal *decimal)
{
    for (; digit_at(at, end); at++) {
        unsigned digit = (unsigned)(*at - '0');
        if (decimal->digits >= DIGITS_LIMIT) {
            decimal->inexact |= digit != 0;
            decimal->exponent += !fraction;
        } else {
            decimal->digits = decimal->digits * 10 + digit;
            decimal->exponent -= fraction;
        }
    }
    return at;
}

static const char *take_exponent(const char *at, const char *end, struct decimal *decimal)
{
    bool negative = at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+');
    if (!digit_at(at, end)) {
        return NULL;
    }
    int32_t exponent = 0;
    for (; digit_at(at, end); at++) {
        exponent = exponent > EXPONENT_MAX ? exponent : exponent * 10 + (*at - '0');
    }
    decimal->exponent += negative ? -exponent : exponent;
    return at;
}

bool decimal_parse(struct text text, struct decimal *decimal_out)
{
    text = trim_spaces(text);
    if (text.size == 0 || text.size > DECIMAL_SIZE_MAX) {
        return false;
    }
    const char *at = text.bytes;
    const char *end = text.bytes + text.size;
    struct decimal decimal = {.negative = *at == '-'};
    at += *at == '-' || *at == '+';
    const char *whole = at;
    at = take_digits(at, end, false, &decimal);
    size_t digit_count = (size_t)(at - whole);
    if (at < end && *at == '.') {
        const char *fraction = ++at;
        at = take_digits(at, end, true, &decimal);
        digit_count += (size_t)(at - fraction);
    }
    if (digit_count == 0) {
        return false;
    }
    if (at < end && (*at | 0x20) == 'e') {
        at = take_exponent(at + 1, end, &decimal);
    }
    *decimal_out = decimal;
    return at == end;
}

static unsigned __int128 power_of_ten(int32_t exponent)
{
    unsigned __int128 power = 1;
    for (; exponent > 0; exponent--) {
        power *= 10;
    }
    return power;
}

/// digits / 10^places, rounded towards zero; `rest_out` compares what was cut with a half: -1, 0 or
/// 1, and `rounded_out` says whether anything was.
static unsigned __int128 divide_by_power(const struct decimal *decimal, int32_t places,
                                         int *rest_out, bool *rounded_out)
{
    *rounded_out = decimal->digits != 0 || decimal->inexact;
    *rest_out = -1;
    if (places > 38) {
        return 0;
    }
    unsigned __int128 power = power_of_ten(places);
    unsigned __int128 rest = decimal->digits % power;
    unsigned __int128 half = power / 2;
    *rounded_out = rest != 0 || decimal->inexact;
    *rest_out = rest > half || (rest == half && decimal->inexact) ? 1 : rest == half ? 0 : -1;
    return decimal->digits / power;
}

static bool multiply_by_power(unsigned __int128 digits, int32_t places,
                              unsigned __int128 *product_out)
{
    *product_out = 0;
    if (digits == 0) {
        return true;
    }
    return places <= 19 && digits <= INT64_MAX &&
           (*product_out = digits * power_of_ten(places)) <= INT64_MAX;
}

bool decimal_scale(const struct decimal *decimal, int32_t scale, enum decimal_rounding rounding,
                   int64_t *value_out, bool *rounded_out)
{
    int32_t places = decimal->exponent + scale;
    unsigned __int128 magnitude = 0;
    *rounded_out = false;
    if (places >= 0) {
        if (!multiply_by_power(decimal->digits, places, &magnitude) || decimal->inexact) {
            return false;
        }
    } else {
        int rest;
        magnitude = divide_by_power(decimal, -places, &rest, rounded_out);
        bool away = rounding == DECIMAL_FLOOR ? decimal->negative && *rounded_out
                                              : rest > 0 || (rest == 0 && (magnitude & 1) != 0);
        magnitude += away;
    }
    if (magnitude > INT64_MAX) {
        return false;
    }
    *value_out = decimal->negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return true;
}
