// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/timestamp_cache.h"

#include "engine/event/event.h"

#include <string.h>

#define CLOCK_SIZE 8u
#define MICROSECONDS INT64_C(1000000)

static inline uint64_t load_word(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

static inline uint32_t load_half(const char *at)
{
    uint32_t half;
    memcpy(&half, at, sizeof(half));
    return half;
}

/// "HH:MM:SS", all eight bytes at once: each digit is checked and made a number in its own byte.
static inline bool clock_seconds(const char *at, int64_t *seconds_out)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t word = load_word(at) ^ UINT64_C(0x30303a30303a3030);
    uint64_t carried = word + UINT64_C(0x0606000606000606);
    if (((word | carried) & UINT64_C(0xf0f0fff0f0fff0f0)) != 0) {
        return false;
    }
    unsigned hour = (unsigned)((word & 15) * 10 + (word >> 8 & 15));
    unsigned minute = (unsigned)((word >> 24 & 15) * 10 + (word >> 32 & 15));
    unsigned second = (unsigned)((word >> 48 & 15) * 10 + (word >> 56 & 15));
    *seconds_out = (int64_t)(hour * 60 + minute) * 60 + second;
    return hour <= 23 && minute <= 59 && second <= 60;
#else
    (void)at;
    (void)seconds_out;
    return false;
#endif
}

/// What stands from the clock on, as microseconds of the day. Returns what follows the fraction, or
/// NULL where this is for timestamp_parse().
static inline const char *clock_us(const char *at, const char *end, int64_t *clock_us_out)
{
    int64_t seconds;
    if (end - at < (ptrdiff_t)CLOCK_SIZE || !clock_seconds(at, &seconds)) {
        return NULL;
    }
    at += CLOCK_SIZE;
    int64_t fraction = 0;
    if (at < end && *at == '.') {
        int64_t place = MICROSECONDS;
        for (at++; at < end && (unsigned char)(*at - '0') <= 9; at++) {
            if (place == 1) {
                return NULL; // digits beyond a microsecond
            }
            place /= 10;
            fraction += (*at - '0') * place;
        }
        if (place == MICROSECONDS) {
            return NULL;
        }
    }
    *clock_us_out = seconds * MICROSECONDS + fraction;
    return at;
}

/// Keeps the date of a text that was parsed. A text without an offset depends on the zone's clock
/// changes, and is not kept.
static void learn(struct timestamp_cache *cache, struct text text, int64_t time_us)
{
    const char *end = text.bytes + text.size;
    cache->clock_at = 0;
    if (text.size < 20) {
        return;
    }
    bool log = text.bytes[2] == '/';
    uint8_t clock_at = log ? 12 : 11;
    // A log's times have no fraction.
    int64_t of_day;
    const char *suffix = clock_us(text.bytes + clock_at, end, &of_day);
    if (suffix == NULL || suffix == end || end - suffix > (ptrdiff_t)TIMESTAMP_SUFFIX_SIZE_MAX ||
        (log && suffix != text.bytes + clock_at + CLOCK_SIZE) || (!log && text.bytes[4] != '-')) {
        return;
    }
    cache->clock_at = clock_at;
    cache->head = load_word(text.bytes);
    cache->tail = load_half(text.bytes + clock_at - 4);
    cache->suffix_size = (uint8_t)(end - suffix);
    memcpy(cache->suffix, suffix, cache->suffix_size);
    cache->midnight_us = time_us - of_day;
}

static inline bool suffix_equal(const struct timestamp_cache *cache, const char *at,
                                const char *end)
{
    size_t size = (size_t)(end - at);
    if (size != cache->suffix_size) {
        return false;
    }
    return size == 1 ? *at == cache->suffix[0] : memcmp(at, cache->suffix, size) == 0;
}

/// Keeps the minute of a text whose clock was just read.
static void learn_minute(struct timestamp_cache *cache, struct text text, const char *suffix,
                         int64_t time_us)
{
    struct timestamp_minute *minute = &cache->minute;
    uint32_t seconds_at = cache->clock_at + CLOCK_SIZE - 2u;
    const char *seconds = text.bytes + seconds_at;
    size_t digits_end = (size_t)(suffix - text.bytes);
    minute->size = 0;
    if (text.size > TIMESTAMP_MINUTE_SIZE_MAX || text.size < TIMESTAMP_MINUTE_SIZE_MIN) {
        return;
    }
    char mask[TIMESTAMP_MINUTE_SIZE_MAX];
    memset(mask, 0xff, sizeof(mask));
    memset(mask + seconds_at, 0, 2);
    minute->fraction_size = 0;
    if (digits_end > seconds_at + 2) {
        minute->fraction_size = (uint8_t)(digits_end - seconds_at - 3);
        memset(mask + seconds_at + 3, 0, minute->fraction_size);
    }
    timestamp_minute_words((struct text){mask, text.size}, minute->masks);
    timestamp_minute_words(text, minute->words);
    for (uint32_t word = 0; word < TIMESTAMP_MINUTE_WORDS; word++) {
        minute->words[word] &= minute->masks[word];
    }
    int64_t of_minute = ((seconds[0] - '0') * 10 + (seconds[1] - '0')) * MICROSECONDS;
    for (int64_t place = MICROSECONDS / 10, digit = 0; digit < minute->fraction_size;
         digit++, place /= 10) {
        of_minute += (seconds[3 + digit] - '0') * place;
    }
    minute->begin_us = time_us - of_minute;
    minute->seconds_at = (uint8_t)seconds_at;
    bool inside = minute->begin_us >= EVENT_TIME_MIN_US &&
                  minute->begin_us + 60 * MICROSECONDS <= EVENT_TIME_MAX_US;
    minute->size = inside ? (uint8_t)text.size : 0;
}

enum reject_reason timestamp_cache_parse(struct timestamp_cache *cache,
                                         const struct timestamp_rule *rule, struct text text,
                                         int64_t *time_us_out, bool *floored_out)
{
    if (timestamp_cache_minute(&cache->minute, text, time_us_out)) {
        *floored_out = false;
        return REJECT_NONE;
    }
    uint32_t clock_at = cache->clock_at;
    if (clock_at != 0 && text.size >= 20 && load_word(text.bytes) == cache->head &&
        load_half(text.bytes + clock_at - 4) == cache->tail) {
        const char *end = text.bytes + text.size;
        int64_t of_day;
        const char *suffix = clock_us(text.bytes + clock_at, end, &of_day);
        bool plain = clock_at == 11 || suffix == text.bytes + clock_at + CLOCK_SIZE;
        if (suffix != NULL && plain && suffix_equal(cache, suffix, end)) {
            int64_t time_us = cache->midnight_us + of_day;
            *floored_out = false;
            if (time_us < EVENT_TIME_MIN_US || time_us >= EVENT_TIME_MAX_US) {
                return REJECT_TIME_RANGE;
            }
            *time_us_out = time_us;
            learn_minute(cache, text, suffix, time_us);
            return REJECT_NONE;
        }
    }
    enum reject_reason reason = timestamp_parse(rule, text, time_us_out, floored_out);
    bool written = rule->unit == TIMESTAMP_ISO || rule->unit == TIMESTAMP_AUTO;
    if (written && reason == REJECT_NONE && !*floored_out) {
        learn(cache, text, *time_us_out);
    }
    return reason;
}
