// SPDX-License-Identifier: Apache-2.0
/// Times of one day, one after the other: the date and what follows the clock are compared with
/// those of the last time that was parsed, and only the clock is read; of times of one minute only
/// what follows the minute.
/// Thread: a cache belongs to one thread.
#pragma once

#include "ingest/decode/timestamp_parse.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define TIMESTAMP_SUFFIX_SIZE_MAX 7u
#define TIMESTAMP_MINUTE_SIZE_MIN 20u
#define TIMESTAMP_MINUTE_SIZE_MAX 32u
#define TIMESTAMP_MINUTE_WORDS 4u

/// A text of 20 to 32 bytes as four words that cover it: its first two and its last two. Those of
/// its bytes that are the digits of the second and of its fraction are 0 in `masks`.
struct timestamp_minute {
    uint64_t words[TIMESTAMP_MINUTE_WORDS]; ///< masked
    uint64_t masks[TIMESTAMP_MINUTE_WORDS];
    int64_t begin_us; ///< of the minute
    uint8_t size;     ///< of the text; 0: nothing is known
    uint8_t seconds_at;
    uint8_t fraction_size; ///< digits behind a full stop, at most six
};

/// Zero-filled: nothing is known. It belongs to one rule.
struct timestamp_cache {
    struct timestamp_minute minute;
    int64_t midnight_us; ///< of the date, the suffix's offset taken away
    uint64_t head;       ///< the text's first eight bytes
    uint32_t tail;       ///< the four before the clock
    uint8_t clock_at;    ///< 11: "2026-11-22T"; 12: "22/Nov/2026:"; 0: nothing is known
    uint8_t suffix_size;
    char suffix[TIMESTAMP_SUFFIX_SIZE_MAX]; ///< behind the clock and its fraction: "Z", "+02:00"
};

/// The words of a text of at least 16 bytes.
static inline void timestamp_minute_words(struct text text, uint64_t words_out[])
{
    memcpy(&words_out[0], text.bytes, sizeof(uint64_t));
    memcpy(&words_out[1], text.bytes + 8, sizeof(uint64_t));
    memcpy(&words_out[2], text.bytes + text.size - 16, sizeof(uint64_t));
    memcpy(&words_out[3], text.bytes + text.size - 8, sizeof(uint64_t));
}

/// A text that is the last one but for its second and fraction: true, with what
/// timestamp_cache_parse() would give. False: that has to look at it.
static inline bool timestamp_cache_minute(const struct timestamp_minute *minute, struct text text,
                                          int64_t *time_us_out)
{
    if (text.size != minute->size || text.size == 0) {
        return false;
    }
    uint64_t words[TIMESTAMP_MINUTE_WORDS];
    timestamp_minute_words(text, words);
    uint64_t other = 0;
    for (uint32_t word = 0; word < TIMESTAMP_MINUTE_WORDS; word++) {
        other |= (words[word] & minute->masks[word]) ^ minute->words[word];
    }
    const char *at = text.bytes + minute->seconds_at;
    unsigned tens = (unsigned char)(at[0] - '0');
    unsigned ones = (unsigned char)(at[1] - '0');
    bool sound = other == 0 && tens <= 5 && ones <= 9;
    int64_t place = 1000000;
    int64_t fraction = 0;
    at += 3;
    for (uint32_t digit = 0; digit < minute->fraction_size; digit++) {
        unsigned value = (unsigned char)(at[digit] - '0');
        sound &= value <= 9;
        place /= 10;
        fraction += value * place;
    }
    *time_us_out = minute->begin_us + (int64_t)(tens * 10 + ones) * 1000000 + fraction;
    return sound;
}

/// As timestamp_parse() with the cache's rule.
enum reject_reason timestamp_cache_parse(struct timestamp_cache *cache,
                                         const struct timestamp_rule *rule, struct text text,
                                         int64_t *time_us_out, bool *floored_out);
