// SPDX-License-Identifier: Apache-2.0
#include "storage/zone/zone_rule.h"

#include "storage/base/calendar.h"

#define SECONDS_PER_DAY 86400
#define YEAR_FIRST 1970
#define YEAR_LAST 2199

enum rule_day { RULE_MONTH_WEEK, RULE_JULIAN, RULE_ZERO_BASED };

/// When daylight saving begins or ends, in local time of before the change.
struct rule_change {
    enum rule_day kind;
    unsigned month;
    unsigned week; ///< 1 to 5, 5 is the last
    unsigned day;  ///< of the week (0 is Sunday), or of the year
    int32_t time;
};

struct zone_rule {
    int32_t standard_offset;
    int32_t summer_offset;
    bool has_summer;
    struct rule_change begin;
    struct rule_change end;
};

/// Reads forward; `failed` sticks.
struct rule_reader {
    const char *at;
    const char *end;
    bool failed;
};

static char peek(const struct rule_reader *reader)
{
    return reader->at < reader->end ? *reader->at : '\0';
}

static bool accept(struct rule_reader *reader, char byte)
{
    if (peek(reader) != byte) {
        return false;
    }
    reader->at++;
    return true;
}

static void expect(struct rule_reader *reader, char byte)
{
    reader->failed |= !accept(reader, byte);
}

static unsigned read_number(struct rule_reader *reader, unsigned most)
{
    unsigned value = 0;
    const char *begin = reader->at;
    while ((unsigned char)(peek(reader) - '0') <= 9 && value <= most) {
        value = value * 10 + (unsigned)(*reader->at++ - '0');
    }
    reader->failed |= reader->at == begin || value > most;
    return value;
}

/// [+-]hh[:mm[:ss]] in seconds.
static int32_t read_time(struct rule_reader *reader)
{
    int32_t sign = accept(reader, '-') ? -1 : 1;
    if (sign > 0) {
        accept(reader, '+');
    }
    unsigned seconds = read_number(reader, 167) * 3600;
    if (accept(reader, ':')) {
        seconds += read_number(reader, 59) * 60;
        if (accept(reader, ':')) {
            seconds += read_number(reader, 59);
        }
    }
    return sign * (int32_t)seconds;
}

/// "CET" or "<+03>": at least three letters, not used.
static void skip_name(struct rule_reader *reader)
{
    const char *begin = reader->at;
    if (accept(reader, '<')) {
        while (peek(reader) != '>' && peek(reader) != '\0') {
            reader->at++;
        }
        expect(reader, '>');
        return;
    }
    while ((unsigned char)((peek(reader) | 0x20) - 'a') <= 25) {
        reader->at++;
    }
    reader->failed |= reader->at - begin < 3;
}

static struct rule_change read_change(struct rule_reader *reader)
{
    struct rule_change change = {.time = 2 * 3600};
    if (accept(reader, 'M')) {
        change.kind = RULE_MONTH_WEEK;
        change.month = read_number(reader, 12);
        expect(reader, '.');
        change.week = read_number(reader, 5);
        expect(reader, '.');
        change.day = read_number(reader, 6);
        reader->failed |= change.month == 0 || change.week == 0;
    } else if (accept(reader, 'J')) {
        change.kind = RULE_JULIAN;
        change.day = read_number(reader, 365);
        reader->failed |= change.day == 0;
    } else {
        change.kind = RULE_ZERO_BASED;
        change.day = read_number(reader, 365);
    }
    if (accept(reader, '/')) {
        change.time = read_time(reader);
    }
    return change;
}

static bool rule_parse(struct text text, struct zone_rule *rule)
{
    struct rule_reader reader = {text.bytes, text.bytes + text.size, false};
    *rule = (struct zone_rule){0};
    skip_name(&reader);
    rule->standard_offset = -read_time(&reader);
    if (reader.failed || reader.at == reader.end) {
        return !reader.failed;
    }
    rule->has_summer = true;
    skip_name(&reader);
    rule->summer_offset = rule->standard_offset + 3600;
    if (peek(&reader) != ',') {
        rule->summer_offset = -read_time(&reader);
    }
    expect(&reader, ',');
    rule->begin = read_change(&reader);
    expect(&reader, ',');
    rule->end = read_change(&reader);
    return !reader.failed && reader.at == reader.end;
}

/// Local seconds at which a change happens in a year.
static int64_t change_local(const struct rule_change *change, int64_t year)
{
    int64_t day = calendar_days(year, 1, 1);
    if (change->kind == RULE_ZERO_BASED) {
        day += change->day;
    } else if (change->kind == RULE_JULIAN) {
        // 29 February is never counted.
        day += change->day - 1 + (calendar_leap(year) && change->day >= 60);
    } else {
        day = calendar_days(year, change->month, 1);
        unsigned first_weekday = (unsigned)((day + 4) % 7); // 1970-01-01 was a Thursday
        unsigned in_month = (change->day + 7 - first_weekday) % 7 + (change->week - 1) * 7;
        if (in_month >= calendar_month_days(year, change->month)) {
            in_month -= 7;
        }
        day += in_month;
    }
    return day * SECONDS_PER_DAY + change->time;
}

static void append_period(int64_t *begins, int32_t *offsets, uint32_t *count, uint32_t capacity,
                          int64_t begin, int32_t offset)
{
    if (begin > begins[*count - 1] && begin < ZONE_RULE_END && *count < capacity &&
        offset != offsets[*count - 1]) {
        begins[*count] = begin;
        offsets[(*count)++] = offset;
    }
}

bool zone_rule_extend(struct text text, int64_t *begins, int32_t *offsets, uint32_t *count)
{
    struct zone_rule rule;
    if (!rule_parse(text, &rule)) {
        return false;
    }
    uint32_t capacity = *count + ZONE_RULE_PERIOD_COUNT_MAX;
    if (!rule.has_summer) {
        return true;
    }
    for (int64_t year = YEAR_FIRST; year <= YEAR_LAST; year++) {
        int64_t summer = change_local(&rule.begin, year) - rule.standard_offset;
        int64_t winter = change_local(&rule.end, year) - rule.summer_offset;
        bool summer_first = summer < winter;
        append_period(begins, offsets, count, capacity, summer_first ? summer : winter,
                      summer_first ? rule.summer_offset : rule.standard_offset);
        append_period(begins, offsets, count, capacity, summer_first ? winter : summer,
                      summer_first ? rule.standard_offset : rule.summer_offset);
    }
    return true;
}
