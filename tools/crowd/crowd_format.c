// SPDX-License-Identifier: Apache-2.0
// Lines without printf: the generator must outrun what it feeds.
#include "storage/base/clock.h"
#include "storage/base/invariant.h"
#include "tools/crowd/crowd_private.h"

#include <string.h>
#include <time.h>

#define AMOUNT_ONE 10000

enum purpose {
    PURPOSE_USER = 1,
    PURPOSE_AMOUNT = 1000,
    PURPOSE_VALUE = 2000,
    PURPOSE_KEEP = 1 << 20,
    PURPOSE_DRAW = 1 << 30
};

static char *put(char *at, const char *bytes, size_t size)
{
    memcpy(at, bytes, size);
    return at + size;
}

static char *put_string(char *at, const char *string)
{
    return put(at, string, strlen(string));
}

static char *put_padded(char *at, uint64_t value, uint32_t digit_count)
{
    for (uint32_t digit = digit_count; digit > 0; digit--) {
        at[digit - 1] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + digit_count;
}

static uint32_t digits_of(uint64_t value)
{
    uint32_t count = 1;
    while (value >= 10) {
        value /= 10;
        count++;
    }
    return count;
}

/// 1/10000 as a decimal without trailing zeros.
static char *put_decimal(char *at, int64_t value)
{
    uint64_t size = value < 0 ? (uint64_t)-value : (uint64_t)value;
    if (value < 0) {
        *at++ = '-';
    }
    at = put_padded(at, size / AMOUNT_ONE, digits_of(size / AMOUNT_ONE));
    uint64_t rest = size % AMOUNT_ONE;
    if (rest > 0) {
        uint32_t digits = 4;
        for (; rest % 10 == 0; rest /= 10) {
            digits--;
        }
        *at++ = '.';
        at = put_padded(at, rest, digits);
    }
    return at;
}

static void turn_day(struct crowd *crowd, int64_t day)
{
    time_t seconds = (time_t)(day * (MICROSECONDS_PER_DAY / MICROSECONDS_PER_SECOND));
    struct tm parts;
    gmtime_r(&seconds, &parts);
    char *at = put_padded(crowd->date, (uint64_t)parts.tm_year + 1900, 4);
    *at++ = '-';
    at = put_padded(at, (uint64_t)parts.tm_mon + 1, 2);
    *at++ = '-';
    put_padded(at, (uint64_t)parts.tm_mday, 2);
    crowd->day = day;
}

static char *put_time(char *at, struct crowd *crowd, int64_t time_us)
{
    int64_t day = time_us / MICROSECONDS_PER_DAY;
    if (day != crowd->day) {
        turn_day(crowd, day);
    }
    uint64_t rest = (uint64_t)(time_us % MICROSECONDS_PER_DAY);
    uint64_t seconds = rest / (uint64_t)MICROSECONDS_PER_SECOND;
    at = put(at, crowd->date, 10);
    *at++ = 'T';
    at = put_padded(at, seconds / 3600, 2);
    *at++ = ':';
    at = put_padded(at, seconds / 60 % 60, 2);
    *at++ = ':';
    at = put_padded(at, seconds % 60, 2);
    if (crowd->shape.time_unit_us < MICROSECONDS_PER_SECOND) {
        *at++ = '.';
        at = put_padded(at, rest % (uint64_t)MICROSECONDS_PER_SECOND / 1000, 3);
    }
    *at++ = 'Z';
    return at;
}

/// Which of the values; buckets are ranks from the most frequent on.
static uint64_t rank_of(const struct crowd_attribute *attribute, uint64_t random)
{
    uint64_t rank = 0;
    uint32_t index = 0;
    while (index + 1 < attribute->bucket_count &&
           random >> 32 >= attribute->buckets[index].share_end) {
        rank += attribute->buckets[index++].value_count;
    }
    return rank + crowd_scale(crowd_mix(random), attribute->buckets[index].value_count);
}

static char *put_word(char *at, const char *prefix, size_t prefix_max, uint64_t number,
                      uint32_t size)
{
    uint32_t digits = digits_of(number);
    size_t prefix_size = strnlen(prefix, prefix_max);
    if (size > digits && size - digits < prefix_size) {
        prefix_size = size - digits;
    } else if (size <= digits) {
        prefix_size = 0;
    }
    at = put(at, prefix, prefix_size);
    return put_padded(at, number,
                      size > prefix_size + digits ? size - (uint32_t)prefix_size : digits);
}

/// The random bits behind a value: those of its user, its session, or the last event of the session
/// up to this one that did not keep the value of the one before.
static uint64_t seed_of(const struct crowd *crowd, const struct crowd_event *event,
                        const struct crowd_attribute *attribute, uint32_t index)
{
    if (attribute->level == CROWD_PER_USER) {
        return crowd_random_of(crowd->shape.seed << 32 ^ event->user, PURPOSE_USER);
    }
    uint32_t number = attribute->level == CROWD_PER_SESSION ? 0 : event->number;
    uint64_t seed = event->session_seed ^ (uint64_t)index << 32;
    while (number > 0 &&
           crowd_falls(crowd_random_of(seed, PURPOSE_KEEP + number), attribute->keep)) {
        number--;
    }
    return crowd_random_of(seed, PURPOSE_DRAW + number);
}

static char *put_value(char *at, const struct crowd_attribute *attribute, uint64_t random)
{
    if (attribute->type == COLUMN_STRING) {
        *at++ = '"';
        at = put_word(at, attribute->name, sizeof(attribute->name), rank_of(attribute, random),
                      attribute->value_size);
        *at++ = '"';
        return at;
    }
    int64_t number = crowd_spread_draw(&attribute->numbers, random);
    if (attribute->type == COLUMN_BOOLEAN) {
        return put_string(at, number >= AMOUNT_ONE / 2 ? "true" : "false");
    }
    return put_decimal(at, attribute->type == COLUMN_INTEGER
                               ? (number + AMOUNT_ONE / 2) / AMOUNT_ONE * AMOUNT_ONE
                               : number);
}

static char *put_attributes(char *at, struct crowd *crowd, const struct crowd_event *event)
{
    for (uint32_t index = 0; index < crowd->shape.attribute_count; index++) {
        const struct crowd_attribute *attribute = &crowd->shape.attributes[index];
        uint64_t presence = crowd_random_of(event->event_seed, PURPOSE_VALUE + 2 * index);
        if (!crowd_falls(presence, attribute->present[event->name])) {
            continue;
        }
        uint64_t random =
            crowd_random_of(seed_of(crowd, event, attribute, index), PURPOSE_VALUE + 2 * index + 1);
        *at++ = ',';
        *at++ = '"';
        at = put_string(at, attribute->name);
        *at++ = '"';
        *at++ = ':';
        at = put_value(at, attribute, random);
    }
    return at;
}

size_t crowd_user_id(const struct crowd *crowd, const struct crowd_event *event, char *bytes)
{
    uint32_t size =
        crowd->shape.user_size < CROWD_WORD_SIZE ? crowd->shape.user_size : CROWD_WORD_SIZE - 1;
    // Scattered, as ids of people are: neighbours in number are none in time.
    uint64_t scattered = event->user * UINT64_C(2654435761) & UINT32_MAX;
    return (size_t)(put_word(bytes, "user-", 5, scattered, size) - bytes);
}

static char *put_amount(char *at, const struct crowd *crowd, const struct crowd_event *event)
{
    uint64_t random = crowd_random_of(event->event_seed, PURPOSE_AMOUNT);
    if (!crowd_falls(random, crowd->shape.amount_share[event->name])) {
        return at;
    }
    at = put_string(at, ",\"revenue\":");
    at = put_decimal(at, crowd_spread_draw(&crowd->shape.amounts, crowd_mix(random)));
    if (crowd->shape.currency[0] != '\0') {
        at = put_string(put_string(at, ",\"currency\":\""), crowd->shape.currency);
        *at++ = '"';
    }
    return at;
}

static char *put_padding(char *at, const char *start, uint32_t line_size)
{
    static const char head[] = ",\"pad\":\"";
    size_t size = (size_t)(at - start);
    size_t fixed = sizeof(head) - 1 + 2; // the closing quote and brace
    if (size + fixed >= line_size) {
        return at;
    }
    at = put_string(at, head);
    memset(at, 'x', line_size - size - fixed);
    at += line_size - size - fixed;
    *at++ = '"';
    return at;
}

void crowd_format(struct crowd *crowd, const struct crowd_event *event, struct text_buffer *out)
{
    const struct crowd_shape *shape = &crowd->shape;
    char *start = text_buffer_reserve(out, CROWD_LINE_SIZE_MAX);
    char *at = put_string(start, "{\"time\":\"");
    at = put_time(at, crowd, event->time_us);
    at = put_string(put_string(at, "\",\"event\":\""), shape->names[event->name]);
    at = put_string(at, "\",\"user_id\":\"");
    at += crowd_user_id(crowd, event, at);
    *at++ = '"';
    if (shape->event_ids) {
        at = put_padded(put_string(at, ",\"event_id\":\"evt-"), event->index, 12);
        *at++ = '"';
    }
    at = put_attributes(at, crowd, event);
    at = put_amount(at, crowd, event);
    at = put_padding(at, start, shape->line_size);
    *at++ = '}';
    *at++ = '\n';
    ASSERT(at - start < CROWD_LINE_SIZE_MAX);
    out->size += (size_t)(at - start);
}
