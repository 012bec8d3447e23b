// SPDX-License-Identifier: Apache-2.0
#include "tools/report/report.h"

#include "storage/base/clock.h"
#include "tools/report/glyph.h"

#include <math.h>
#include <stdio.h>

void report_count(struct text_buffer *out, uint64_t count)
{
    char digits[24];
    int size = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);
    for (int index = 0; index < size; index++) {
        if (index > 0 && (size - index) % 3 == 0) {
            text_buffer_append(out, ",", 1);
        }
        text_buffer_append(out, &digits[index], 1);
    }
}

/// Two neighbouring units of whole seconds: "3d 4h", "3h 12m", "3m 2s".
static void append_two_units(struct text_buffer *out, int64_t seconds)
{
    long long minutes = seconds / 60;
    long long hours = seconds / 3600;
    if (hours >= 24) {
        text_buffer_printf(out, "%lldd %lldh", hours / 24, hours % 24);
    } else if (hours > 0) {
        text_buffer_printf(out, "%lldh %lldm", hours, minutes % 60);
    } else {
        text_buffer_printf(out, "%lldm %llds", minutes, (long long)seconds % 60);
    }
}

void report_duration(struct text_buffer *out, double duration_us)
{
    if (duration_us < 0) {
        text_buffer_append(out, "-", 1);
        duration_us = -duration_us;
    }
    if (duration_us == 0) {
        text_buffer_append_string(out, "0 s");
    } else if (duration_us < 999.5) {
        text_buffer_printf(out, "%.0f µs", duration_us < 1 ? 1.0 : duration_us);
    } else if (duration_us < 999.5e3) {
        text_buffer_printf(out, "%.0f ms", duration_us / 1e3);
    } else if (duration_us < 59.95e6) {
        text_buffer_printf(out, "%.1f s", duration_us / 1e6);
    } else {
        append_two_units(out, llround(duration_us / 1e6));
    }
}

void report_rate(struct text_buffer *out, uint64_t part, uint64_t whole)
{
    if (whole == 0) {
        text_buffer_append_string(out, "–");
        return;
    }
    double percent = 100.0 * (double)part / (double)whole;
    if (part == 0 || part >= whole) {
        text_buffer_printf(out, "%.1f %%", percent);
    } else if (percent >= 99.95) {
        // Neither a loss nor a win may be rounded away: 100 % is said only of all, 0 % only of
        // none.
        text_buffer_append_string(out, ">99.9 %");
    } else if (percent < 0.01) {
        text_buffer_append_string(out, "<0.01 %");
    } else {
        text_buffer_printf(out, percent < 0.995 ? "%.2f %%" : "%.1f %%", percent);
    }
}

void report_size(struct text_buffer *out, uint64_t size_bytes)
{
    static const char *const UNITS[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double size = (double)size_bytes;
    uint32_t unit = 0;
    while (size >= 1023.95 && unit < 4) {
        size /= 1024;
        unit++;
    }
    text_buffer_printf(out, unit == 0 ? "%.0f %s" : "%.1f %s", size, UNITS[unit]);
}

void report_text(struct text_buffer *out, struct text text)
{
    struct glyph glyph;
    while (glyph_next(&text, &glyph)) {
        if (!glyph_is_hostile(&glyph)) {
            text_buffer_append_text(out, glyph.bytes);
        } else if (glyph.valid && glyph.point > 0x7f) {
            text_buffer_printf(out, "\\u{%x}", glyph.point);
        } else if (glyph.point == '\n' || glyph.point == '\t' || glyph.point == '\r') {
            text_buffer_append_string(out, glyph.point == '\n'   ? "\\n"
                                           : glyph.point == '\t' ? "\\t"
                                                                 : "\\r");
        } else {
            text_buffer_printf(out, "\\x%02x", glyph.point);
        }
    }
}

/// Year, month and day of a day count since 1970 (proleptic Gregorian; Hinnant's algorithm).
static void civil_from_days(int64_t days, long long *year, unsigned *month, unsigned *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted_month = (5 * day_of_year + 2) / 153;
    *day = (unsigned)(day_of_year - (153 * shifted_month + 2) / 5 + 1);
    *month = (unsigned)(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

static void append_time(struct text_buffer *out, int64_t time_us, bool clock)
{
    int64_t days = time_us / MICROSECONDS_PER_DAY - (time_us % MICROSECONDS_PER_DAY < 0);
    int64_t rest_us = time_us - days * MICROSECONDS_PER_DAY;
    long long year;
    unsigned month;
    unsigned day;
    civil_from_days(days, &year, &month, &day);
    text_buffer_printf(out, "%04lld-%02u-%02u", year, month, day);
    if (rest_us == 0 && !clock) {
        return;
    }
    int64_t seconds = rest_us / MICROSECONDS_PER_SECOND;
    text_buffer_printf(out, "T%02d:%02d:%02d", (int)(seconds / 3600), (int)(seconds / 60 % 60),
                       (int)(seconds % 60));
    long long fraction = rest_us % MICROSECONDS_PER_SECOND;
    if (fraction % 1000 != 0) {
        text_buffer_printf(out, ".%06lld", fraction);
    } else if (fraction != 0) {
        text_buffer_printf(out, ".%03lld", fraction / 1000);
    }
    text_buffer_append(out, "Z", 1);
}

void report_time(struct text_buffer *out, int64_t time_us)
{
    append_time(out, time_us, false);
}

void report_instant(struct text_buffer *out, int64_t time_us)
{
    append_time(out, time_us, true);
}

void report_amount(struct text_buffer *out, int64_t amount)
{
    uint64_t magnitude = amount < 0 ? 0 - (uint64_t)amount : (uint64_t)amount;
    text_buffer_append_string(out, amount < 0 ? "-" : "");
    report_count(out, magnitude / 10000);
    unsigned fraction = (unsigned)(magnitude % 10000);
    if (fraction % 100 == 0) {
        text_buffer_printf(out, ".%02u", fraction / 100);
    } else {
        text_buffer_printf(out, ".%04u", fraction);
    }
}

int64_t report_average(int64_t sum, uint64_t count)
{
    if (count == 0) {
        return 0;
    }
    bool negative = sum < 0;
    uint64_t magnitude = negative ? 0 - (uint64_t)sum : (uint64_t)sum;
    uint64_t quotient = magnitude / count;
    uint64_t rest = magnitude % count;
    if (rest > count - rest || (rest == count - rest && quotient % 2 == 1)) {
        quotient++;
    }
    return negative ? (int64_t)(0 - quotient) : (int64_t)quotient;
}

void report_interval(uint64_t part, uint64_t whole, double *low_out, double *high_out)
{
    query_interval(part, whole, low_out, high_out);
}
