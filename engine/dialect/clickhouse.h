// SPDX-License-Identifier: Apache-2.0
/// ClickHouse's windowFunnel: its modes, and the matcher of `strict_once` where another mode joins
/// it. Private to engine/dialect/. Thread: pure functions.
#pragma once

#include "engine/dialect/dialect_spec.h"

/// Bits of dialect_modes.
enum clickhouse_mode {
    CLICKHOUSE_DEDUPLICATION = 0,
    CLICKHOUSE_ORDER,
    CLICKHOUSE_INCREASE,
    CLICKHOUSE_ONCE,
    CLICKHOUSE_REENTRY,
};

/// strict_once together with strict_order or strict_deduplication.
void clickhouse_once_match(const struct funnel *funnel, const struct match_rule *rule,
                           const struct match_event *events, uint32_t event_count,
                           struct match_result *result);
uint64_t clickhouse_once_bytes(const struct funnel *funnel);
