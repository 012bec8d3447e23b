// SPDX-License-Identifier: Apache-2.0
/// Time zones, for texts that carry none and for local days: UTC, a fixed offset, or a name of
/// /usr/share/zoneinfo (TZif, RFC 8536). Rules behind the last transition of the file are laid out
/// until 2200 when it is loaded. Thread: immutable once loaded.
#pragma once

#include "storage/base/arena.h"
#include "storage/base/error.h"

#include <stdint.h>

/// Period i holds from begins[i] (UTC seconds) until begins[i + 1]; offsets[i] is local minus UTC.
struct zone {
    struct text name;
    const int64_t *begins;
    const int32_t *offsets;
    uint32_t period_count; ///< at least 1; begins[0] is INT64_MIN
};

/// "UTC", "Z", "+02:00", "-0530" or "Europe/Berlin". Unknown names are CORONG_NOT_FOUND, damaged
/// files CORONG_CORRUPT. Memory: `arena`.
CORONG_MUST_CHECK enum corong_status zone_load(struct zone *zone_out, struct arena *arena,
                                               struct text name, struct corong_error *error);

/// The same from the bytes of a TZif file of unknown honesty.
CORONG_MUST_CHECK enum corong_status zone_parse_file(struct zone *zone_out, struct arena *arena,
                                                     struct text name, struct text bytes,
                                                     struct corong_error *error);

/// UTC seconds of a local time. A local time that happens twice is its first occurrence; one that
/// is skipped is read with the offset before the gap.
int64_t zone_to_utc(const struct zone *zone, int64_t local_seconds);

#define ZONE_DAY_SECONDS INT64_C(86400)
/// Local minus UTC at a moment.
int32_t zone_offset(const struct zone *zone, int64_t utc_seconds);
/// The moment at which the local day of a moment began, and the one at which the next begins: the
/// first moment of its date, which is not 00:00 where clocks skip it. A day whose midnight is
/// repeated begins once.
int64_t zone_day_begin(const struct zone *zone, int64_t utc_seconds, int64_t *next_out);
