// SPDX-License-Identifier: Apache-2.0
/// The POSIX rule at the end of a TZif file ("CET-1CEST,M3.5.0,M10.5.0/3"). Thread: values.
#pragma once

#include "storage/base/text.h"

#include <stdbool.h>
#include <stdint.h>

#define ZONE_RULE_END INT64_C(7258118400) ///< 2200-01-01: no event is later
#define ZONE_RULE_PERIOD_COUNT_MAX 480    ///< two a year from 1970 to 2199, and slack

/// Appends the periods that the rule makes behind the last one until 2200. False for a malformed
/// rule.
bool zone_rule_extend(struct text rule, int64_t *begins, int32_t *offsets, uint32_t *count);
