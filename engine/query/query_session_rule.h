// SPDX-License-Identifier: Apache-2.0
/// Where a person's events are cut into sessions (SEMANTICS 2): before an event more than the
/// timeout after the one before, and at a UTC midnight M where the chain of events without such a
/// gap began at M - 24 h or earlier. So a session is shorter than 48 h, and looking back that far
/// is enough. Thread: values.
#pragma once

#include "storage/base/clock.h"

#include <stdbool.h>
#include <stdint.h>

struct query_session_rule {
    int64_t timeout_us;
    bool any;         ///< some event was seen
    int64_t chain_us; ///< start of the chain that the midnight rule looks at
    int64_t start_us; ///< of the present session
    int64_t last_us;  ///< its last event
};

/// Rows this much before a range decide which sessions start in it.
#define QUERY_SESSION_LOOK_BACK_US(timeout_us) (MICROSECONDS_PER_DAY + 2 * (timeout_us) + 1)
/// And rows this much after it end them.
#define QUERY_SESSION_LOOK_AHEAD_US (3 * MICROSECONDS_PER_DAY)

static inline int64_t query_session_midnight(int64_t time_us)
{
    int64_t into_day = time_us % MICROSECONDS_PER_DAY;
    return time_us - (into_day < 0 ? into_day + MICROSECONDS_PER_DAY : into_day);
}

/// True where an event at `time_us`, not before the last one, would belong to the present session.
static inline bool query_session_joins(const struct query_session_rule *rule, int64_t time_us)
{
    if (!rule->any || time_us - rule->last_us > rule->timeout_us) {
        return false;
    }
    int64_t midnight_us = query_session_midnight(time_us);
    return rule->last_us >= midnight_us || midnight_us - rule->chain_us < MICROSECONDS_PER_DAY;
}

/// Where the present session ends at the latest, however events follow: the first midnight after
/// its last event that splits its chain.
static inline int64_t query_session_latest_end(const struct query_session_rule *rule)
{
    int64_t split_us = query_session_midnight(rule->chain_us + 2 * MICROSECONDS_PER_DAY - 1);
    int64_t next_us = query_session_midnight(rule->last_us) + MICROSECONDS_PER_DAY;
    return split_us > next_us ? split_us : next_us;
}

/// Takes the next event; true where it starts a session.
static inline bool query_session_step(struct query_session_rule *rule, int64_t time_us)
{
    bool joins = query_session_joins(rule, time_us);
    if (!joins) {
        bool chained = rule->any && time_us - rule->last_us <= rule->timeout_us;
        rule->chain_us = chained ? rule->chain_us : time_us;
        rule->start_us = time_us;
        rule->any = true;
    }
    rule->last_us = time_us;
    return !joins;
}
