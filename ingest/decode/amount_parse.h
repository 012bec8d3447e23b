// SPDX-License-Identifier: Apache-2.0
/// Amounts of money: 1/10000 of the currency's unit, half-even, exact. Thread: values.
#pragma once

#include "storage/base/text.h"

#include <stdbool.h>
#include <stdint.h>

/// "35.79", "-1e3", " 12 ": false for anything that is no decimal, or that does not fit.
/// `rounded_out`: digits beyond the fourth place were not all zero.
bool amount_parse(struct text text, int64_t *amount_out, bool *rounded_out);
