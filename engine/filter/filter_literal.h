// SPDX-License-Identifier: Apache-2.0
/// Literals as exact values: decimals against integers, timestamps. Private to engine/filter.
/// Thread: values.
#pragma once

#include "storage/base/text.h"

#include <stdbool.h>
#include <stdint.h>

#define FILTER_NUMBER_SIZE_MAX 64u ///< characters of a number
#define FILTER_DIGIT_COUNT_MAX 40u ///< digits of it, not counting the exponent's

/// A decimal as an integer sees it: the greatest integer not above it, and whether something is
/// left. A decimal beyond the integers is INT64_MAX or INT64_MIN with a fraction, which compares
/// right with every integer except INT64_MIN, and that one means missing.
struct filter_cut {
    int64_t floor;
    bool fraction;
};

/// `number` is what the tokenizer took for a number; `scale_digits` multiplies it by a power of
/// ten.
struct filter_cut filter_literal_cut(struct text number, int scale_digits);
/// The nearest double; -0 becomes 0.
double filter_literal_double(struct text number);
/// The shortest plain decimal ("1.50", "+1.5" and "15e-1" are all "1.5"); exponents beyond 20
/// digits stay.
void filter_literal_append_number(struct text number, struct text_buffer *out);
/// '2026-01-02' or '2026-01-02T03:04:05[.ffffff]', then nothing, Z or +hh:mm; false for anything
/// else.
bool filter_literal_time(struct text text, int64_t *time_us_out);
