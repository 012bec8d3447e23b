// SPDX-License-Identifier: Apache-2.0
/// What each event of a history did, told from the reported attempts. It explains; it decides
/// nothing: levels and matched events come from the question's own pass. Private to
/// engine/query/people. Thread: values.
#pragma once

#include "engine/query/people/people_history.h"

struct people_because_rule {
    const struct query_funnel *query;
    struct query_range entries; ///< with its open ends filled in
    int64_t end_us;             ///< `range: inside`: what lies here or later cannot be matched
    int64_t as_of_us;
    bool in_sessions;
    const struct people_attempt *attempts; ///< by entry
    uint32_t attempt_count;
};

/// Numbers the entries: those that open an attempt, in canonical order. Sets people_record.attempt
/// of them and returns how many there are.
uint32_t people_because_number(const struct people_because_rule *rule,
                               struct people_history *history);
/// What record `index` did. Fills all of `event_out` but time, name, label, session and values.
void people_because_tell(const struct people_because_rule *rule,
                         const struct people_history *history, uint32_t index,
                         struct people_event *event_out);
