// SPDX-License-Identifier: Apache-2.0
/// Decimal texts to scaled integers, exactly: no binary fractions anywhere. Thread: values.
#pragma once

#include "storage/base/text.h"

#include <stdbool.h>
#include <stdint.h>

/// Longer texts are refused: a hostile number must not cost time per event.
#define DECIMAL_SIZE_MAX 400u

/// (negative ? -1 : 1) * digits * 10^exponent; `inexact`: digits beyond the 38th were cut off, not
/// all 0.
struct decimal {
    unsigned __int128 digits;
    int32_t exponent;
    bool negative;
    bool inexact;
};

enum decimal_rounding { DECIMAL_FLOOR, DECIMAL_HALF_EVEN };

/// Optional spaces around, optional sign, digits with an optional point, optional exponent; at
/// least one digit. False for anything else.
bool decimal_parse(struct text text, struct decimal *decimal_out);

/// decimal * 10^scale as an integer. False where it does not fit into int64 (INT64_MIN is left to
/// "missing"). `rounded_out` tells whether anything was cut off.
bool decimal_scale(const struct decimal *decimal, int32_t scale, enum decimal_rounding rounding,
                   int64_t *value_out, bool *rounded_out);
