// SPDX-License-Identifier: Apache-2.0
/// Timestamps to microseconds since the epoch, UTC. Finer digits are floored. Thread: values.
#pragma once

#include "storage/zone/zone.h"
#include "ingest/reject.h"
#include "storage/base/text.h"

#include <stdbool.h>
#include <stdint.h>

#define TIMESTAMP_SIZE_MAX 64 ///< bytes of a text that is a date and time

enum timestamp_unit {
    TIMESTAMP_AUTO =
        0, ///< text is ISO; numbers by magnitude: below 10^11 s, 10^14 ms, 10^17 us, else ns
    TIMESTAMP_SECONDS,
    TIMESTAMP_MILLISECONDS,
    TIMESTAMP_MICROSECONDS,
    TIMESTAMP_NANOSECONDS,
    TIMESTAMP_ISO,
};

/// How the times of one mapping are written.
struct timestamp_rule {
    enum timestamp_unit unit;
    struct zone zone; ///< of texts that carry none
};

/// A number, a numeric text, or a date and time: RFC 3339 (any offset; "T", "t" or a space
/// between), "YYYY-MM-DD HH:MM:SS[.ffffff][ UTC]", or an access log's "17/May/2015:10:05:03 +0000".
/// Returns REJECT_NONE, REJECT_TIME_FORMAT or REJECT_TIME_RANGE. `floored_out`: digits were cut
/// off.
enum reject_reason timestamp_parse(const struct timestamp_rule *rule, struct text text,
                                   int64_t *time_us_out, bool *floored_out);
