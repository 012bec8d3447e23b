// SPDX-License-Identifier: Apache-2.0
/// What all shards must agree on: as-of (T: the maximum over all events of min(time, received),
/// `future` ones left out) and the range of entries that it gives: everything, or the local day
/// that T lies in.
///
/// Thread: any.
#pragma once

#include "storage/zone/zone.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LIVE_TIME_NONE INT64_MIN

struct live_range {
    bool day;                ///< since the local midnight before T; else everything
    const struct zone *zone; ///< of the day; NULL means UTC
    atomic_int_least64_t as_of_us;
};

/// The range at one T: entries at or after from_us; another one begins when T reaches next_us.
struct live_day {
    int64_t from_us; ///< LIVE_TIME_NONE: everything
    int64_t next_us;
};

static inline int64_t live_range_as_of(const struct live_range *range)
{
    // Relaxed: what lies before a T that is seen late is looked at again with a later one.
    return atomic_load_explicit(&range->as_of_us, memory_order_relaxed);
}

/// T becomes `as_of_us` or later; returns what it is then.
static inline int64_t live_range_advance(struct live_range *range, int64_t as_of_us)
{
    int64_t known = live_range_as_of(range);
    // Relaxed: a maximum, which carries no other data.
    while (known < as_of_us &&
           !atomic_compare_exchange_weak_explicit(&range->as_of_us, &known, as_of_us,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
    return known < as_of_us ? as_of_us : known;
}

void live_range_init(struct live_range *range, bool day, const struct zone *zone);
struct live_day live_range_day(const struct live_range *range, int64_t as_of_us);
