// SPDX-License-Identifier: Apache-2.0
/// Times of one day, one after the other: the date and what follows the clock are compared with
/// those of the last time that was parsed, and only the clock is read.
/// Thread: a cache belongs to one thread.
#pragma once

#include "ingest/decode/timestamp_parse.h"

#include <stdint.h>

#define TIMESTAMP_SUFFIX_SIZE_MAX 7u

/// Zero-filled: nothing is known. It belongs to one rule.
struct timestamp_cache {
    int64_t midnight_us; ///< of the date, the suffix's offset taken away
    uint64_t head;       ///< the text's first eight bytes
    uint32_t tail;       ///< the four before the clock
    uint8_t clock_at;    ///< 11: "2026-11-22T"; 12: "22/Nov/2026:"; 0: nothing is known
    uint8_t suffix_size;
    char suffix[TIMESTAMP_SUFFIX_SIZE_MAX]; ///< behind the clock and its fraction: "Z", "+02:00"
};

/// As timestamp_parse() with the cache's rule.
enum reject_reason timestamp_cache_parse(struct timestamp_cache *cache,
                                         const struct timestamp_rule *rule, struct text text,
                                         int64_t *time_us_out, bool *floored_out);
